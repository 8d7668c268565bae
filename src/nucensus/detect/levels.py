"""The pixels of an image as the kernel takes them, without padding, and the noise of a pixel."""

import functools
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass, replace
from ..kernel import RegionTable, measure_noise
from .padding import Mask, bounding_box, fill_padding, is_exact, picture_mask
from .pooled import Estimate
from .rules import Rules

_ROWS_BYTES = 1 << 18
"""Of an image that is converted, in double precision, at a time. Larger: more memory."""

# The noise of a pixel, as kernel/regions/samples.cpp measures it.
_NOISE_APART = 2
"""Pixels between those that are compared. Larger: slopes and small nuclei count as noise."""
_NOISE_ROWS, _NOISE_COLUMNS = 16, 64  # what lies side by side is read as fast as one
"""Samples along each axis. Larger: a steadier figure, which takes longer."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Pixels as the kernel takes them, and the noise of one of them.

    Attributes
    ----------
    pixels : ndarray, shape (rows, columns)
        Contiguous uint8, uint16 or float32; grey levels are `zero + unit * pixels`.
    zero, unit : float
        In grey levels.
    noise : float
        Standard deviation of the noise of a pixel, in units; infinite if not known.
    rounding : float
        Standard deviation of the error of rounding to whole levels, in units, where there is so
        little noise that averaging pixels does not lessen it; else 0.
    origin : (int, int)
        Row and column of the image where the pixels begin: a margin around them is cut off.
    picture : ndarray of bool, shape (rows, columns), optional
        Which pixels are the picture, if others had to be filled.
    shape : (int, int), optional
        Height and width of the image, if a margin is cut off.
    """

    pixels: NDArray[Any]
    zero: float = 0.0
    unit: float = 1.0
    noise: float = np.inf
    rounding: float = 0.0
    origin: tuple[int, int] = (0, 0)
    picture: Mask | None = None
    shape: tuple[int, int] | None = None

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the pixels."""
        rows, columns = self.pixels.shape
        return rows, columns

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the image, the margin included."""
        height, width = self.pixels.shape
        return self.shape or (height, width)

    @property
    def size_px(self) -> int:
        """Pixels of the picture."""
        return self.pixels.size if self.picture is None else int(np.count_nonzero(self.picture))

    def size_within(self, box: tuple[slice, ...]) -> int:
        """Return how many pixels of the picture lie in these rows and columns of the image."""
        rows, columns = (
            slice(max(0, each.start - first), max(0, each.stop - first))
            for each, first in zip(box, self.origin, strict=True)
        )
        if self.picture is None:
            return self.pixels[rows, columns].size
        return int(np.count_nonzero(self.picture[rows, columns]))

    def negative(self) -> "Levels":
        """Return the levels of the negative: what was dark is bright."""
        return replace(self, pixels=self.pixels.max() - self.pixels)


class DividedLevels:
    """What `Levels` says of an image, of one of which no more than parts are held at a time.

    Attributes
    ----------
    extent, image_shape : (int, int)
        Rows and columns, of what is looked at and of the image.
    size_px : int
        Pixels of the picture.
    noise, rounding : float
        As of `Levels`, of one picture.
    """

    zero, unit = 0.0, 1.0
    origin: tuple[int, int] = 0, 0
    picture: Mask | None = None
    extent: tuple[int, int]
    image_shape: tuple[int, int]
    size_px: int
    noise: float
    rounding: float

    def size_within(self, box: tuple[slice, ...]) -> int:
        """Return how many pixels of the picture lie in these rows and columns of the image."""
        raise NotImplementedError

    def estimate(self, rules: Rules) -> Estimate:
        """Estimate what the nuclei are like."""
        raise NotImplementedError

    def find_table(
        self,
        radius_px: float,
        numbers: dict[str, Any],
        *,
        level: str | None,
        shapes: str,
        outline: dict[str, float] | None,
    ) -> RegionTable:
        """Find the regions of one picture as `find_region_table` does; each with its ridge."""
        raise NotImplementedError


AnyLevels: TypeAlias = Levels | DividedLevels


def check_plane(image: NDArray[Any]) -> None:
    """Raise if the image is not one plane of real numbers."""
    if image.ndim != 2:
        raise ValueError(
            f"the image has shape {image.shape}; expected two axes (row, column); pick one plane"
        )
    if image.dtype.kind not in "biuf":
        raise TypeError(
            f"the image has dtype {image.dtype}; expected grey levels: bool, integers or real "
            "floating point; convert it first"
        )


def as_levels(image: NDArray[Any]) -> Levels:
    """Return the levels of an image contiguous, in a type the kernel takes, and their noise.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Grey levels. uint8 and uint16 go in as they are; other types are
        converted. What is not finite, and a margin, is left out.

    Raises
    ------
    ValueError
        The image does not have two axes.
    TypeError
        The image is not one of real numbers.
    """
    check_plane(image)
    if image.size == 0:
        return Levels(image)
    levels, picture = as_pixels(image)
    if picture is not None and picture.any():
        levels = _cropped(levels, picture)
    return _with_noise(levels)


def _cropped(levels: Levels, picture: Mask) -> Levels:
    box = bounding_box(picture)
    pixels, picture = np.ascontiguousarray(levels.pixels[box]), picture[box]
    whole = levels.image_shape
    levels = replace(levels, pixels=pixels, origin=(box[0].start, box[1].start), shape=whole)
    if picture.all():
        return levels
    return replace(levels, pixels=fill_padding(pixels, picture), picture=picture)


def as_pixels(image: NDArray[Any]) -> tuple[Levels, Mask | None]:
    """Return the levels of all pixels, and which of them are the picture, unless all are."""
    if is_exact(image.dtype):
        levels = Levels(np.ascontiguousarray(image, image.dtype.newbyteorder("=")))
    elif image.dtype.kind == "b":
        levels = Levels(np.ascontiguousarray(image).view(np.uint8))
    else:
        levels, finite = _as_single(image)
        if not finite.all():
            return levels, finite
    return levels, picture_mask(levels.pixels)


@dataclass(frozen=True, slots=True)
class NoiseSamples:
    """Samples of an image that tell the noise of a pixel, each with its neighbours.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the image.
    pixels : ndarray, shape (3, 3, rows, columns)
        Every so many rows and columns, from the first, second and third on; what is beyond the edge
        is not looked at.
    """

    shape: tuple[int, int]
    pixels: NDArray[Any]

    @classmethod
    def empty(cls, shape: tuple[int, int], dtype: np.dtype[Any]) -> "NoiseSamples":
        """Return room for the samples of an image."""
        rows, columns = (-(-n // step) for n, step in zip(shape, strides(shape), strict=True))
        return cls(shape, np.zeros((_OFFSETS, _OFFSETS, rows, columns), dtype))

    def add(self, top: int, left: int, pixels: NDArray[Any]) -> None:
        """Take those that lie in pixels which begin there."""
        self.put(noise_samples_in(self.shape, top, left, pixels))

    def put(self, found: "list[PlacedSamples]") -> None:
        """Take samples, each with the place of the first."""
        for (y, x, row, column), pixels in found:
            rows, columns = pixels.shape
            self.pixels[y, x, row : row + rows, column : column + columns] = pixels


_OFFSETS = _NOISE_APART + 1
PlacedSamples: TypeAlias = tuple[tuple[int, int, int, int], NDArray[Any]]


def noise_samples_in(
    shape: tuple[int, int], top: int, left: int, pixels: NDArray[Any]
) -> list[PlacedSamples]:
    """Return the samples of an image of a shape that lie in pixels which begin there."""
    down, across = strides(shape)
    found: list[PlacedSamples] = []
    for y, x in product(range(_OFFSETS), repeat=2):
        row, column = (
            max(0, -(-(first - offset) // step))
            for first, offset, step in ((top, y, down), (left, x, across))
        )
        own = pixels[row * down + y - top :: down, column * across + x - left :: across]
        found.append(((y, x, row, column), own.copy()))
    return found


@functools.lru_cache
def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return from how many rows and columns one is a sample of the noise."""
    return max(1, shape[0] // _NOISE_ROWS), max(1, shape[1] // _NOISE_COLUMNS)


def _with_noise(levels: Levels) -> Levels:
    noise, rounding = _noise_in(levels.pixels, levels.extent)
    return replace(levels, noise=noise, rounding=rounding)


def noise_of(samples: NoiseSamples) -> tuple[float, float]:
    """Return the noise of a pixel, and that of rounding, as `Levels` has them."""
    return _noise_in(samples.pixels, samples.shape)


def _noise_in(pixels: NDArray[Any], shape: tuple[int, int]) -> tuple[float, float]:
    """Return the noise of a pixel, and that of rounding, by an image or by samples of it.

    From the second differences of squares of four pixels: neither slopes nor straight edges along
    an axis have any (Immerkaer, Computer Vision and Image Understanding 64, 1996), and the lower
    fifth are those that other structure reaches least. Noise of neighbours may be correlated, so
    pixels two apart are compared; but where small nuclei are everywhere, which shows in the
    greatest differences, neighbours are.
    """
    if min(shape) <= 2 * _NOISE_APART:
        return np.inf, 0.0
    return measure_noise(pixels, shape=shape, steps=strides(shape), apart=_NOISE_APART)


def _as_single(image: NDArray[Any]) -> tuple[Levels, Mask]:
    """Return float32 levels from 0 to 1, of which the least and the greatest are remembered.

    Then which of them are finite; the others become the median.
    """
    step = max(1, _ROWS_BYTES // max(1, 8 * image.shape[1]))
    bands = [slice(top, top + step) for top in range(0, image.shape[0], step)]
    finite, extents = np.empty(image.shape, np.bool_), []
    for rows in bands:
        values = image[rows].astype(np.float64)
        finite[rows] = np.isfinite(values)
        values = values if finite[rows].all() else values[finite[rows]]
        extents += [values.min(), values.max()] if values.size else []
    zero, most = float(min(extents, default=0.0)), float(max(extents, default=0.0))
    unit = most - zero
    if not np.isfinite(unit):
        raise ValueError(
            f"the image spans {zero} to {most}, more than a number can hold; "
            "expected grey levels; scale it first"
        )
    unit = unit if unit > 0 else 1.0
    pixels = np.empty(image.shape, np.float32)
    for rows in bands:
        pixels[rows] = (image[rows].astype(np.float64) - zero) / unit
    if not finite.all():
        some = image[finite].astype(np.float64)
        median = np.median(some, overwrite_input=True) if len(some) else 0.0
        pixels[~finite] = (median - zero) / unit
    return Levels(pixels, zero, unit), finite
