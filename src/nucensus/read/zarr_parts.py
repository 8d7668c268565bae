"""Read a plane of a Zarr array part by part: by its chunks, also by those not written."""

import os
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..values.parts import Area, Parts
from .scene import Index
from .vendor import explained

if TYPE_CHECKING:
    from zarr import Array

_MOST_STEP_BYTES = 64 << 20
"""Bytes of a chunk above which its array is read whole. Larger: more memory."""


def divide_array(array: "Array[Any]", axes: list[str], index: Index) -> Parts | None:
    """Return the parts of a plane of an array; None if its chunks are too large."""
    y, x = axes.index("y"), axes.index("x")
    step = min(array.chunks[y], array.shape[y]), min(array.chunks[x], array.shape[x])
    if array.nbytes // max(1, array.size) * np.prod(array.chunks) > _MOST_STEP_BYTES or x < y:
        return None

    def read(area: Area) -> NDArray[Any]:
        spans = {"y": slice(area.top, area.bottom), "x": slice(area.left, area.right)}
        with explained("OME-Zarr"):
            return np.asarray(array[tuple(spans.get(axis, index.get(axis)) for axis in axes)])

    shape = array.shape[y], array.shape[x]
    return Parts(shape, array.dtype, step, read, _fill(array, axes, index))


def _fill(array: "Array[Any]", axes: list[str], index: Index) -> Callable[[Area], Any]:
    """Return a function of an area: the fill value if no chunk of it is there, else None."""
    from .zarr_folder import ZarrFolder

    store, fill = array.store, array.fill_value
    if not isinstance(store, ZarrFolder) or fill is None:
        return lambda _: None
    folder, stored = store.root / array.path, array.shards or array.chunks

    def fill_of(area: Area) -> Any:
        spans = {"y": (area.top, area.bottom), "x": (area.left, area.right)}
        places = (
            range(first // size, (beyond - 1) // size + 1)
            for (first, beyond), size in (
                (spans.get(axis, (index.get(axis, 0), index.get(axis, 0) + 1)), size)
                for axis, size in zip(axes, stored, strict=True)
            )
        )
        keys = map(array.metadata.encode_chunk_key, product(*places))
        return None if any(os.path.exists(folder / key) for key in keys) else fill

    return fill_of
