"""Images and volumes as the kernel takes them: where they lie, and what one pixel is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .binding import Record, constant, record

_TYPES = {
    "b1": "bool", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "f2": "float16", "f4": "float32", "f8": "float64",
}  # fmt: skip


def described(array: NDArray[Any]) -> Record:
    """Return an image as `Image` of `kernel/abi.h`, and a volume as `Volume`."""
    axes = ("depth", "height", "width")[-array.ndim :]
    strides = ("plane_stride", "row_stride", "column_stride")[-array.ndim :]
    return record(
        "Volume" if array.ndim == 3 else "Image",
        pixels=array.ctypes.data,
        **dict(zip(axes, array.shape, strict=True)),
        **dict(zip(strides, array.strides, strict=True)),
        pixel_type=pixel_type(array.dtype),
        byte_swapped=not array.dtype.isnative,
    )


def pixel_type(dtype: np.dtype[Any]) -> int:
    """Return the number that the kernel has for a type of pixels."""
    return constant(f"pixel_{_TYPES[dtype.str[1:]]}")
