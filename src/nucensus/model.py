"""The values that cross from one room to another."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import SettingsError

Points: TypeAlias = NDArray[np.int64]
"""Coordinates, shape (N, ndim), int64, in axis order: (row, column) in 2-D."""

Intensities: TypeAlias = NDArray[np.float64]
"""The smoothed value at each point, shape (N,), float64, in grey levels of the image."""

Border: TypeAlias = Literal["drop", "keep"]
Stage: TypeAlias = Literal["read", "detect", "worker"]

RUN_FILE = "run.sqlite"
"""The name of the run file in the folder of a run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How nuclei are detected.

    Attributes
    ----------
    sigma : float or tuple of float
        Standard deviation of the Gaussian that smooths the image, in pixels:
        one number, or one per axis (row, column). 0 does not smooth.
    min_distance : int
        Least distance of two centres along either axis, in pixels.
    threshold : float or None
        Centres are above this smoothed value, in grey levels of the image.
        None stands for the least smoothed value of the image.
    border : {"drop", "keep"}
        Whether centres closer than `min_distance` to the edge are dropped.

    Examples
    --------
    >>> Settings(threshold=300, border="keep").sigma
    4
    """

    sigma: float | tuple[float, ...] = 4
    min_distance: int = 6
    threshold: float | None = 1000
    border: Border = "drop"

    def __post_init__(self) -> None:
        sigmas = self.sigma if isinstance(self.sigma, tuple) else (self.sigma,)
        if not all(np.isfinite(sigma) and sigma >= 0 for sigma in sigmas):
            raise SettingsError(
                f"sigma is {self.sigma}; expected a finite number of pixels, 0 or more"
            )
        if self.min_distance < 0 or self.min_distance != int(self.min_distance):
            raise SettingsError(
                f"min_distance is {self.min_distance}; expected a whole number of pixels, 0 or more"
            )
        if self.threshold is not None and np.isnan(self.threshold):
            raise SettingsError("threshold is NaN; expected a number of grey levels, or None")
        if self.border not in ("drop", "keep"):
            raise SettingsError(f"border is {self.border!r}; expected 'drop' or 'keep'")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary of plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Return the settings that `as_dict` turned into a dictionary."""
        sigma = values["sigma"]
        return cls(**{**values, "sigma": tuple(sigma) if isinstance(sigma, list) else sigma})


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take, and when it gives up.

    Attributes
    ----------
    max_pixels : int
        An image that claims more pixels is refused before memory is taken.
    max_memory_bytes : int or None
        The most that images in memory may take together. None stands for half
        of what is available when the run starts.
    max_failures : int or None
        The run stops once more images than this failed. None never stops.
    timeout_s : float or None
        The longest that an isolated worker may take for one image, in seconds.
    """

    max_pixels: int = 1_000_000_000
    max_memory_bytes: int | None = None
    max_failures: int | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its image before the pixels are decoded.

    Attributes
    ----------
    pixels : int
        Samples of all planes.
    size_bytes : int
        What the decoded image takes in memory.
    compression : str
        The name of the compression; "" for none.
    """

    pixels: int
    size_bytes: int
    compression: str = ""


@dataclass(frozen=True, slots=True)
class Centres:
    """The nuclei of one image, brightest first.

    Attributes
    ----------
    points : ndarray of int64, shape (N, ndim)
        (row, column) of each centre, in pixels.
    intensities : ndarray of float64, shape (N,)
        The smoothed value at each centre, in grey levels of the image.
    """

    points: Points
    intensities: Intensities

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image that was asked for, not yet read.

    Attributes
    ----------
    name : str
        What the image is called in every output: unique in its run.
    path : str
        Where it is: a path of the file system. Bytes that are not UTF-8 are
        kept as `os.fsdecode` keeps them.
    size_bytes, mtime_ns : int
        Size and time of last change when it was listed; -1 if it could not be
        looked at.
    """

    name: str
    path: str
    size_bytes: int = -1
    mtime_ns: int = -1


@dataclass(frozen=True, slots=True)
class Found:
    """An image whose nuclei were found (none is an answer too).

    Of `read_ms`, `read_cpu_ms` went into decoding; the rest was waiting.
    `content` is the hash of the file, where it was asked for.
    """

    centres: Centres
    shape: tuple[int, ...]
    dtype: str
    read_ms: float
    detect_ms: float
    read_cpu_ms: float = 0.0
    compression: str = ""
    content: str | None = None

    @property
    def size_bytes(self) -> int:
        """The size of the image in memory."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that could not be done: at which stage, and why."""

    stage: Stage
    reason: str
    content: str | None = None


Outcome: TypeAlias = Found | Failed
"""What became of one image: every image ends as exactly one of these."""
