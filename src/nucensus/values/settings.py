"""How nuclei are detected, and what a run may take."""

import math
from dataclasses import asdict, fields, replace
from numbers import Real
from typing import Any, Literal, TypeAlias

from .._dataclass import dataclass
from ..errors import SettingsError
from .check_settings import (
    DEFAULT_DETECTOR,
    PUBLISHED_DETECTOR,
    check_detector,
    check_names,
    check_scales,
    checked,
    takes_scales,
)
from .pixel_size import PixelSize

Auto: TypeAlias = Literal["auto"]
"""Stands for a number that is estimated from the images."""

Border: TypeAlias = Literal["drop", "keep", "count"]

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
        detector, "log" finds blobs over scales; or one that is registered
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
    outlines : bool
        Whether the outlines of nuclei are found, too, by the detectors that have
        them.

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

    detector: str = DEFAULT_DETECTOR
    sigma: float | tuple[float, ...] | Auto = "auto"
    min_distance: int | Auto = "auto"
    threshold: float | Auto | None = "auto"
    border: Border | Auto = "auto"
    subpixel: bool = False
    sigma_um: float | None = None
    invert: bool = False
    outlines: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, checked(each.name, getattr(self, each.name)))
        check_detector(self.detector)
        numbers = (self.sigma, self.min_distance, self.threshold, self.sigma_um or "auto")
        is_left_open = self.detector == DEFAULT_DETECTOR
        published = is_left_open and any(each != "auto" for each in numbers)
        if published:
            self._set_where_auto(
                detector=PUBLISHED_DETECTOR,
                sigma=PUBLISHED_SIGMA,
                min_distance=PUBLISHED_MIN_DISTANCE,
                threshold=PUBLISHED_THRESHOLD,
            )
        self._set_where_auto(border="drop" if published else "keep")
        if takes_scales(self.detector):
            check_scales(self.detector, self.sigma)

    @classmethod
    def published(cls) -> "Settings":
        """Return the settings of the published detector."""
        return cls(threshold=PUBLISHED_THRESHOLD)

    @property
    def are_numbers(self) -> bool:
        """Whether nothing has to be estimated from the images.

        With the border "count" the radius of the nuclei has to be.
        """
        given = (self.detector, self.sigma_um or self.sigma, self.min_distance, self.threshold)
        return "auto" not in given and self.border != "count"

    def in_pixels(self, size: PixelSize, ndim: int) -> "Settings":
        """Return the settings for an image of so many axes, whose pixels have that size."""
        if self.sigma_um is None:
            return self
        lengths_um = (size.z, size.y, size.x)[-ndim:]
        known_um = [each for each in lengths_um if each]
        if len(known_um) < len(lengths_um):
            planes = " and the distance of its planes" if ndim > 2 else ""
            why = size.size_note or f"the file does not state the size of its pixels{planes}"
            raise SettingsError(
                f"sigma is {self.sigma_um} micrometres, and {why}; give sigma in pixels"
            )
        if takes_scales(self.detector):  # a pair of numbers would be a range of scales
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
        settings = cls.from_dict({**values, "detector": PUBLISHED_DETECTOR})
        object.__setattr__(settings, "detector", values["detector"])
        return settings

    def _set_where_auto(self, **values: Any) -> None:
        for name, value in values.items():
            if getattr(self, name) == "auto":
                object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of time, memory, pixels and failures.

    Attributes
    ----------
    max_pixels : int
        An image that claims more pixels is refused before memory is taken; of one that is
        read part by part, a hundred times as many.
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

    def __post_init__(self) -> None:
        least = {"max_pixels": 1, "max_memory_bytes": 1, "max_failures": 0, "timeout_s": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and float(value) >= low):
                raise SettingsError(f"{name} is {value!r}; expected a number, {low} or more")
