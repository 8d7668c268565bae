"""Read a plane of a Zarr array part by part: by its chunks, also by those not written."""

import os
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
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
    chunks = _Chunks(array, axes)
    if not chunks.are_files or array.fill_value is None:
        return lambda _: None

    def fill_of(area: Area) -> Any:
        return None if any(map(chunks.is_there, chunks.of(area, index))) else array.fill_value

    return fill_of


class _Chunks:
    """The chunks of an array as they are stored, by their places."""

    def __init__(self, array: "Array[Any]", axes: list[str]) -> None:
        from .zarr_folder import ZarrFolder

        self.are_files = isinstance(array.store, ZarrFolder)
        self._array, self._axes = array, axes
        self._stored = array.shards or array.chunks
        self._folder = array.store.root / array.path if self.are_files else None

    def of(self, area: Area, index: Index) -> Iterator[tuple[int, ...]]:
        """Return the places of the chunks that hold an area of a plane."""
        spans = {"y": (area.top, area.bottom), "x": (area.left, area.right)}
        return product(*(
            range(first // size, (beyond - 1) // size + 1)
            for (first, beyond), size in (
                (spans.get(axis, (index.get(axis, 0), index.get(axis, 0) + 1)), size)
                for axis, size in zip(self._axes, self._stored, strict=True)
            )
        ))  # fmt: skip

    def is_there(self, place: tuple[int, ...]) -> bool:
        """Tell whether a chunk was written."""
        return os.path.exists(self._folder / self._array.metadata.encode_chunk_key(place))

    def pixels(self, place: tuple[int, ...]) -> int:
        """Return how many pixels of a plane a chunk has."""
        sides = (self._axes.index(axis) for axis in "yx")
        return prod(
            min(self._stored[n], self._array.shape[n] - place[n] * self._stored[n]) for n in sides
        )


class Lost:
    """The chunks that the planes which were read lack, as after half a copy."""

    def __init__(self, array: "Array[Any]", axes: list[str]) -> None:
        self._chunks, self._fill = _Chunks(array, axes), array.fill_value or 0
        self._seen = self._lost = 0

    def checked(self, plane: NDArray[Any], index: Index) -> NDArray[Any]:
        """Return a plane, once the chunks that it lacks are counted.

        Who writes a Zarr may leave out chunks of nothing but the fill value: where a plane has that
        in other chunks, too, those that are not there are not doubtful.
        """
        if not self._chunks.are_files:
            return plane
        places = list(self._chunks.of(Area(0, plane.shape[0], 0, plane.shape[1]), index))
        lost = [place for place in places if not self._chunks.is_there(place)]
        filled = np.count_nonzero(plane == self._fill) if lost else 0
        self._lost += len(lost) * (filled == sum(map(self._chunks.pixels, lost)))
        self._seen += len(places)
        return plane

    def note(self) -> str:
        """Return what to say of the chunks that are lacking; "" of none."""
        if not self._lost:
            return ""
        return (
            f"{self._lost:,} of {self._seen:,} chunks of the image are not in its folder, and are "
            f"counted as {self._fill}, which no other pixel is; if they were "
            f"recorded, copy the folder again"
        )
