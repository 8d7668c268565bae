"""Nuclei as regions of one image, found with the numbers that are given."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .binding import Record, call, constant, isa_number, record, structure_dtype

_PIXEL_TYPES = {"uint8": "pixel_uint8", "uint16": "pixel_uint16", "float32": "pixel_float32"}
_LEAST_CAPACITY = 256


@dataclass(frozen=True, slots=True)
class RegionTable:
    """The regions of one image, and what was measured on the way.

    Attributes
    ----------
    regions : structured ndarray, shape (N,)
        The fields of `RegionRecord` in `kernel/abi.h`, in reading order of their seeds.
    measure : structured ndarray, shape ()
        The fields of `RegionMeasure`.
    """

    regions: Record
    measure: Record


def find_region_table(
    pixels: NDArray[Any], *, level: str | None = None, **settings: float
) -> RegionTable:
    """Find the regions of a contiguous image of uint8, uint16 or float32.

    `settings` are the fields of `RegionSettings` in `kernel/abi.h`, one each; `level` is an
    instruction set, one of `levels()`: all give the same regions.
    """
    numbers = record("RegionSettings", **settings)
    image = record(
        "Image",
        pixels=pixels.ctypes.data,
        height=pixels.shape[0],
        width=pixels.shape[1],
        row_stride=pixels.strides[0],
        column_stride=pixels.strides[1],
        pixel_type=constant(_PIXEL_TYPES[pixels.dtype.name]),
        byte_swapped=0,
    )
    measure = np.zeros((), structure_dtype("RegionMeasure"))
    # Room for typical nuclei side by side; more are found again with the room they need.
    area_px = np.pi * (settings["radius"] * settings["step"]) ** 2
    capacity = max(_LEAST_CAPACITY, int(pixels.size / area_px))
    count = np.zeros((), np.int64)
    while True:
        regions = np.empty(capacity, structure_dtype("RegionRecord"))
        call(
            "nucensus_find_regions", f"find the nuclei of an image of shape {pixels.shape}",
            image, numbers, isa_number(level), measure, regions, capacity, count,
        )  # fmt: skip
        if count <= capacity:
            return RegionTable(regions[: int(count)].copy(), measure)
        capacity = int(count)
