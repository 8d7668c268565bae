"""The outcome of an image: its nuclei, or why it could not be done."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .pixel_size import NO_SIZE, PixelSize

Points: TypeAlias = NDArray[np.int64]
"""Coordinates, shape (N, ndim), int64, in axis order: (row, column) in 2-D."""

Intensities: TypeAlias = NDArray[np.float64]
"""The smoothed value at each point, shape (N,), float64, in grey levels of the image."""

Flag: TypeAlias = Literal["blank", "saturated", "out-of-focus", "sparse", "crowded", "disagrees"]
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
        Pixels of a plane in which centres count: without padding that
        `auto` finds, and with the border "drop" without the edge. None stands for
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
"""The outcome of one image: every image ends as exactly one of these."""
