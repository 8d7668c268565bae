"""The values that cross from one room to another."""

import hashlib
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, SettingsError
from .check_settings import check_detector, check_names, check_scales, checked
from .pixel_size import NO_SIZE, PixelSize

Points: TypeAlias = NDArray[np.int64]
"""Coordinates, shape (N, ndim), int64, in axis order: (row, column) in 2-D."""

Intensities: TypeAlias = NDArray[np.float64]
"""The smoothed value at each point, shape (N,), float64, in grey levels of the image."""

Auto: TypeAlias = Literal["auto"]
"""Stands for a number that is estimated from the images."""

Border: TypeAlias = Literal["drop", "keep", "count"]
Flag: TypeAlias = Literal["blank", "saturated", "out-of-focus", "sparse", "crowded", "disagrees"]
"""What is odd about an image, as the automatic detector sees it."""

Stage: TypeAlias = Literal["discover", "read", "detect", "worker"]

RUN_FILE = "run.sqlite"
"""The name of the run file in the folder of a run."""


PUBLISHED_SIGMA, PUBLISHED_MIN_DISTANCE, PUBLISHED_THRESHOLD = 4, 6, 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """How nuclei are detected.

    Without a number everything is estimated from the images. Whoever gives a
    number for sigma, min_distance or threshold gets the published detector,
    `maxima`, and for what is left out its published numbers: sigma 4,
    min_distance 6, threshold 1000, border "drop".

    Attributes
    ----------
    detector : str
        "auto" finds nuclei by shape and brightness, "maxima" is the published
        detector, "log" looks for blobs over scales; or one that is registered
        under the entry point `nucensus.detectors`.
    sigma : float or tuple of float or "auto"
        Standard deviation of the Gaussian that smooths the image, in pixels:
        one number, or one per axis (row, column; of a volume plane, row,
        column). 0 does not smooth.
    min_distance : int or "auto"
        Least distance of two centres along either axis, in pixels.
    threshold : float or None or "auto"
        Centres are above this smoothed value, in grey levels of the image.
        None stands for the least smoothed value of the image. An image whose
        pixels cannot be above it is refused.
    border : {"drop", "keep", "count"}
        What becomes of centres near the edge: those closer than `min_distance`
        are dropped, all are kept, or those on two of the four edges count (the
        unbiased counting frame).
    subpixel : bool
        Whether centres are also given to a fraction of a pixel.
    sigma_um : float or None
        `sigma` in micrometres, for files that state the size of their pixels
        and the distance of their planes; it takes the place of `sigma`.
    invert : bool
        Whether nuclei are dark on bright ground. Grey levels are turned over
        as `skimage.util.invert` does: the largest of the dtype less each pixel
        (of signed integers -1, of floating point 1 less it). The threshold and
        the intensities are those of the image turned over.

    Examples
    --------
    >>> Settings().detector
    'auto'
    >>> Settings(threshold=300).as_dict()["sigma"]
    4

    Raises
    ------
    SettingsError
        A value is none of its setting: another type, not finite, out of range.
    """

    detector: str = "auto"
    sigma: float | tuple[float, ...] | Auto = "auto"
    min_distance: int | Auto = "auto"
    threshold: float | Auto | None = "auto"
    border: Border | Auto = "auto"
    subpixel: bool = False
    sigma_um: float | None = None
    invert: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, checked(each.name, getattr(self, each.name)))
        check_detector(self.detector)
        numbers = (self.sigma, self.min_distance, self.threshold, self.sigma_um or "auto")
        published = self.detector == "auto" and any(each != "auto" for each in numbers)
        if published:
            self._set_where_auto(
                detector="maxima",
                sigma=PUBLISHED_SIGMA,
                min_distance=PUBLISHED_MIN_DISTANCE,
                threshold=PUBLISHED_THRESHOLD,
            )
        self._set_where_auto(border="drop" if published else "keep")
        if self.detector == "log":
            check_scales(self.sigma)

    @classmethod
    def published(cls) -> "Settings":
        """Return the settings of the published detector."""
        return cls(threshold=PUBLISHED_THRESHOLD)

    @property
    def are_numbers(self) -> bool:
        """Whether nothing has to be estimated from the images.

        With the border "count" the radius of the nuclei has to be.
        """
        given = (self.detector, self.sigma, self.min_distance, self.threshold)
        return "auto" not in given and self.border != "count"

    def in_pixels(self, size: PixelSize, ndim: int) -> "Settings":
        """Return the settings for an image of so many axes, whose pixels have that size."""
        if self.sigma_um is None:
            return self
        lengths_um = (size.z, size.y, size.x)[-ndim:]
        known_um = [each for each in lengths_um if each]
        if len(known_um) < len(lengths_um):
            planes = " and the distance of its planes" if ndim > 2 else ""
            why = size.note or f"the file does not state the size of its pixels{planes}"
            raise SettingsError(
                f"sigma is {self.sigma_um} micrometres, and {why}; give sigma in pixels"
            )
        if self.detector == "log":  # a pair of numbers would be a range of scales
            return replace(
                self, sigma=self.sigma_um / math.prod(known_um) ** (1 / ndim), sigma_um=None
            )
        return replace(self, sigma=tuple(self.sigma_um / um for um in known_um), sigma_um=None)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary of plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Return the settings that `as_dict` turned into a dictionary."""
        check_names(values)
        return cls(**values)

    @classmethod
    def of_run(cls, values: dict[str, Any]) -> "Settings":
        """Return the settings of an earlier run, whose detector need not be installed here."""
        settings = cls.from_dict({**values, "detector": "maxima"})
        object.__setattr__(settings, "detector", values["detector"])
        return settings

    def _set_where_auto(self, **values: Any) -> None:
        for name, value in values.items():
            if getattr(self, name) == "auto":
                object.__setattr__(self, name, value)


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
class Shard:
    """One of the parts that the images of a run are divided into, each a run of its own.

    Which part an image belongs to follows from its name alone: images that are
    added or removed do not move the others.

    Attributes
    ----------
    index : int
        Which part, from 1 to `count`.
    count : int
        How many parts there are.

    Examples
    --------
    >>> str(Shard(3, 7))
    '3/7'
    >>> [Shard(index, 3).holds("A01_s1.tif") for index in (1, 2, 3)]
    [False, False, True]
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(
                f"the shard is {self}; expected I/N with I from 1 to N, as in 3/7; shards are "
                f"counted from 1"
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that is written as I/N."""
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal()):
            raise InputError(f"the shard is {text!r}; expected I/N with I from 1 to N, as in 3/7")
        return cls(int(index), int(count))

    def holds(self, name: str) -> bool:
        """Tell whether the image called `name` is in this part."""
        return self.index == shard_index(name, self.count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def shard_index(name: str, count: int) -> int:
    """Return which of `count` shards the image called `name` belongs to, from 1."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest) % count + 1


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
        (row, column) of each centre, in pixels; of a volume (plane, row, column).
    intensities : ndarray of float64, shape (N,)
        The smoothed value at each centre, in grey levels of the image.
    subpixel : ndarray of float64, shape (N, ndim), or None
        The same centres to a fraction of a pixel, where they were asked for.
    flag : str or None
        What is odd about the image.
    area_px : int or None
        Pixels of a plane in which centres count: without a margin that no
        camera saw, and with the border "drop" without the edge. None stands for
        all that the border leaves.
    contrasts : ndarray of float64, shape (N,), or None
        How much brighter than its surroundings each is, in grey levels, where
        the detector measures that (`log`).
    """

    points: Points
    intensities: Intensities
    subpixel: NDArray[np.float64] | None = None
    flag: Flag | None = None
    area_px: int | None = None
    contrasts: Intensities | None = None

    def __len__(self) -> int:
        return len(self.points)


class _Pickled:
    """Pickled by its fields in a row: a listing is kept in a third of the time."""

    __slots__: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), tuple([getattr(self, name) for name in self.__slots__])


@dataclass(frozen=True, slots=True)
class Plane(_Pickled):
    """Which plane of a file is meant; None leaves the choice to the file, which must hold one.

    Attributes
    ----------
    scene : int, str or None
        Index (from 0) or name of an image in a file of several.
    channel : int, str or None
        Index (from 0) or name of the channel. Of colours, 0 is red.
    z : int, "max", "volume" or None
        Index of the plane from 0, the maximum over all planes, or all of them
        as one volume.
    time : int or None
        Index of the time point from 0.

    "each" stands for every scene, channel, plane or time point, as an image of
    its own.

    Examples
    --------
    >>> str(Plane(channel="DAPI", z=3))
    'c=DAPI,z=3'
    """

    scene: int | str | None = None
    channel: int | str | None = None
    z: int | Literal["max", "volume", "each"] | None = None
    time: int | Literal["each"] | None = None

    @property
    def as_shown(self) -> "Plane":
        """The plane as it is drawn: of a volume the maximum over its planes."""
        return replace(self, z="max") if self.z == "volume" else self

    def __str__(self) -> str:
        parts = {"s": self.scene, "c": self.channel, "z": self.z, "t": self.time}
        return ",".join(f"{axis}={value}" for axis, value in parts.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Place(_Pickled):
    """Where on a plate an image was taken, as its name or an index file says; "" is not known.

    Attributes
    ----------
    plate : str
    well : str
        Row letters and two digits, as in B02.
    site, channel, z, time : str
        Numbers as they are written, without leading zeros; a channel may be a name.
    stain : str
        The name of the channel, where an index file gives one.
    """

    plate: str = ""
    well: str = ""
    site: str = ""
    channel: str = ""
    z: str = ""
    time: str = ""
    stain: str = ""


@dataclass(frozen=True, slots=True)
class ImageRef(_Pickled):
    """One image that was asked for, not yet read: one plane of one file.

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
    plane : Plane
        Which plane of the file.
    place : Place
        Where on its plate it was taken.
    pixel_size : PixelSize
        The size of a pixel as the index file of the plate states it.
    extra : str
        What the manifest says of it beside these, as a JSON object; "" is nothing.
    problem : str
        Why it cannot be read, if that is known beforehand.
    """

    name: str
    path: str
    size_bytes: int = -1
    mtime_ns: int = -1
    plane: Plane = Plane()
    place: Place = Place()
    pixel_size: PixelSize = NO_SIZE
    extra: str = ""
    problem: str = ""

    @property
    def channel(self) -> str:
        """The channel as the tables name it; "" is not known."""
        channel = self.place.stain or self.place.channel or self.plane.channel
        return "" if channel is None else str(channel)


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
    pixel_size: PixelSize = NO_SIZE

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
