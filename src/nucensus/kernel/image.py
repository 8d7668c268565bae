"""Images and volumes as the kernel takes them: where they lie, and what one pixel is."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .binding import address, constant, packed

_TYPES = {
    "b1": "bool", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "f2": "float16", "f4": "float32", "f8": "float64",
}  # fmt: skip


def described(array: NDArray[Any]) -> bytes:
    """Return an image as `Image` of `kernel/abi.h`, and a volume as `Volume`."""
    return _described(address(array), array.shape, array.strides, array.dtype)


@functools.lru_cache  # several functions are called with each image
def _described(
    pixels: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]
) -> bytes:
    kind, is_swapped = pixel_type(dtype), not dtype.isnative
    if len(shape) == 2:
        (height, width), (row, column) = shape, strides
        return packed(
            "Image", height=height, width=width, row_stride=row, column_stride=column,
            pixels=pixels, pixel_type=kind, byte_swapped=is_swapped,
        )  # fmt: skip
    (depth, height, width), (plane, row, column) = shape, strides
    return packed(
        "Volume", depth=depth, height=height, width=width,
        plane_stride=plane, row_stride=row, column_stride=column,
        pixels=pixels, pixel_type=kind, byte_swapped=is_swapped,
    )  # fmt: skip


@functools.cache
def pixel_type(dtype: np.dtype[Any]) -> int:
    """Return the number that the kernel has for a type of pixels."""
    return constant(f"pixel_{_TYPES[dtype.str[1:]]}")
