"""The outcome of an image: its nuclei, or why it could not be done."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import MissingPackageError, NucensusError
from .outlines import Outlines
from .pixel_size import NO_SIZE, PixelSize

if TYPE_CHECKING:
    import pandas

Points: TypeAlias = NDArray[np.int64]
"""Coordinates, shape (N, ndim), int64, in axis order: (row, column) in 2-D."""

Intensities: TypeAlias = NDArray[np.float64]
"""The smoothed value at each point, shape (N,), float64, in grey levels of the image."""

Flag: TypeAlias = Literal[
    "blank", "disagrees", "debris", "fragments", "saturated", "out-of-focus", "unsure", "crowded",
    "sparse",
]  # fmt: skip
"""A flag of an odd image, as the automatic detector sees it."""

Stage: TypeAlias = Literal["discover", "read", "detect", "worker"]


@dataclass(frozen=True, slots=True)
class Header:
    """The header of an image, known before the pixels are decoded.

    Attributes
    ----------
    pixels : int
        Samples of all planes.
    size_bytes : int
        What the decoded image takes in memory.
    compression : str
        The name of the compression; "" for none.
    has_parts : callable
        `has_parts()` tells whether the image can be read part by part.
    dtype : str
        Of a sample; "" where that is not said.
    """

    pixels: int
    size_bytes: int
    compression: str = ""
    has_parts: Callable[[], bool] = field(default=bool, compare=False, repr=False)
    dtype: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Centres:
    """The nuclei of one image, brightest first; to NumPy, their points.

    Attributes
    ----------
    points : ndarray of int64, shape (N, ndim)
        (row, column) of each centre, in pixels; of a volume (plane, row, column).
    intensities : ndarray of float64, shape (N,)
        The smoothed value at each centre, in grey levels of the image.
    subpixel : ndarray of float64, shape (N, ndim), or None
        The same centres to a fraction of a pixel, where they were asked for.
    flag : str or None
        What is odd about the image.
    area_px : int or None
        Pixels of a plane in which centres count: without padding that
        `auto` finds, and with the border "drop" without the edge. None stands for
        all that the border leaves.
    contrasts : ndarray of float64, shape (N,), or None
        How much brighter than its surroundings each is, in grey levels, where
        the detector measures that (`log`).
    outlines : Outlines or None
        Which pixels each is, where outlines were asked for.
    measured : ndarray of `nucensus.values.MEASURED`, shape (N,), or None
        What is within each outline, or without outlines within each region of `auto`: area, heights
        above the background, form.
    channels : ndarray of float32, shape (N, M), or None
        What `OtherChannels.columns` say, where other channels are measured.
    confidences : ndarray of float64, shape (N,), or None
        How likely each is a nucleus, 0 to 1, where the detector tells (`auto`).
    """

    points: Points
    intensities: Intensities
    subpixel: NDArray[np.float64] | None = None
    flag: Flag | None = None
    area_px: int | None = None
    contrasts: Intensities | None = None
    outlines: Outlines | None = None
    measured: NDArray[np.void] | None = None
    channels: NDArray[np.float32] | None = None
    confidences: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return iter(self.points)

    def __repr__(self) -> str:
        """Return how many nuclei they are, and what is known of each."""
        known = [
            each.name for each in fields(self) if isinstance(getattr(self, each.name), np.ndarray)
        ]
        known += ["outlines"] * (self.outlines is not None)
        odd = f", {self.flag}" if self.flag else ""
        count = f"{len(self)} {'nucleus' if len(self) == 1 else 'nuclei'}"
        return f"<Centres: {count}{odd}; {', '.join(known)}>"

    def __getitem__(self, index: Any) -> Any:
        """Return what `points` holds there."""
        return self.points[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return `points`."""
        return np.array(self.points, dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        """Tell whether these are the same nuclei, in all that is known of them."""
        if not isinstance(other, Centres):
            return NotImplemented
        return all(
            _are_same(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # as of arrays

    def where(self, places: NDArray[Any]) -> "Centres":
        """Return the nuclei at these places, or for which a claim is true, in that order."""
        if places.dtype == np.bool_:
            places = np.flatnonzero(places)
        names = (
            "points", "intensities", "subpixel", "contrasts", "measured", "channels", "confidences",
        )  # fmt: skip
        parts = {name: part[places] for name in names if (part := getattr(self, name)) is not None}
        if self.outlines is not None:
            parts["outlines"] = self.outlines.take(places)
        return replace(self, **parts)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return one row per nucleus: its place, in pixels, and all else that is known of it."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError("pandas", "A data frame", "pandas") from error
        axes = ("z", "y", "x")[-self.points.shape[1] :]
        columns: dict[str, NDArray[Any]] = dict(zip(axes, self.points.T, strict=True))
        columns["intensity"] = self.intensities
        if self.contrasts is not None:
            columns["contrast"] = self.contrasts
        if self.subpixel is not None:
            named = (f"{axis}_subpixel" for axis in axes)
            columns |= zip(named, self.subpixel.T, strict=True)
        if self.measured is not None:
            columns |= {name: self.measured[name] for name in self.measured.dtype.names or ()}
        if self.confidences is not None:
            columns["confidence"] = self.confidences
        return pandas.DataFrame(columns)


def _are_same(one: Any, other: Any) -> bool:
    if not isinstance(one, np.ndarray):
        return not isinstance(other, np.ndarray) and bool(one == other)
    if not isinstance(other, np.ndarray):
        return False
    if one.dtype.names and one.dtype == other.dtype:
        return all(_are_same(one[name], other[name]) for name in one.dtype.names)
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@dataclass(frozen=True, slots=True)
class Found:
    """An image whose nuclei were found (none is an answer too).

    Of `read_ms`, `read_cpu_ms` went into decoding; the rest was waiting.
    `content` is the hash of the file, where it was asked for; `unmeasured` is why
    other channels of the field could not be measured. `downsample` is how many rows and
    columns of the image at full size are one of its pixels. `parts_at_a_time` is how many parts
    of it were worked on at once, 0 of an image that was read whole.
    """

    centres: Centres
    shape: tuple[int, ...]
    dtype: str
    read_ms: float
    detect_ms: float
    read_cpu_ms: float = 0.0
    compression: str = ""
    content: str | None = None
    pixel_size: PixelSize = NO_SIZE
    unmeasured: str = ""
    downsample: tuple[float, float] = (1.0, 1.0)
    parts_at_a_time: int = 0

    @property
    def size_bytes(self) -> int:
        """The size of the image in memory."""
        return math.prod(self.shape) * _pixel_bytes(self.dtype)


@functools.cache
def _pixel_bytes(dtype: str) -> int:
    return np.dtype(dtype).itemsize


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that could not be done: at which stage, and why."""

    stage: Stage
    reason: str
    content: str | None = None

    @classmethod
    def unread(cls, error: Exception, content: str | None = None) -> "Failed":
        """Return the outcome of an image that could not be read."""
        known = isinstance(error, NucensusError)
        return cls("read", str(error) if known else f"{type(error).__name__}: {error}", content)


Outcome: TypeAlias = Found | Failed
"""The outcome of one image: every image ends as exactly one of these."""
