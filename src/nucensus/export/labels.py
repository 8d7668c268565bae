"""Label images: each nucleus its outline, or a pixel, disc or ball, with a number of its own."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..store import ImageRow, Nuclei, Run, as_volume
from ..values import Outlines

_BAND_PX = 1 << 24
"""Pixels of a plane that are drawn at a time. Larger: more memory."""
_BAND_STEP = 1024
"""Rows of a band are a multiple of so many. Larger: more memory."""
_MOST_PIXELS = 1 << 32
"""Pixels of a label image: 8 GB or more. Larger: a slip in a size fills the disk."""


def label_shape(row: ImageRow) -> tuple[int, ...]:
    """Return the shape of the label image of an image or of a volume."""
    shape = tuple(row[axis] for axis in ("depth", "height", "width") if row[axis] is not None)
    if math.prod(shape) > _MOST_PIXELS:
        raise InputError(
            f"{row['name']!r} has {' x '.join(map(str, shape))} pixels, too many for a label "
            f"image; expected at most {_MOST_PIXELS:,}; export points: geojson, imagej or csv"
        )
    return shape


def label_dtype(nuclei: Nuclei) -> np.dtype[Any]:
    """Return the type of pixels that numbers every nucleus."""
    return np.dtype(np.uint16 if len(nuclei) < 1 << 16 else np.uint32)


def drawn_as(run: Run, radius: int) -> str:
    """Say how the nuclei of a run are drawn."""
    if run.has_outlines:
        return "nuclei as their outlines"
    if radius == 0:
        return "nuclei as the pixels of their centres"
    return f"nuclei as discs of radius {radius} px, which are not their outlines"


def band_rows(row: ImageRow) -> int:
    """Return how many rows of a label image are drawn at a time: all, unless it is large."""
    height, width = int(row["height"]), int(row["width"])
    if height * width <= _BAND_PX:
        return max(1, height)
    return max(_BAND_STEP, _BAND_PX // width // _BAND_STEP * _BAND_STEP)


def draw_labels(
    row: ImageRow, nuclei: Nuclei, radius: int, outlines: Outlines | None = None,
    rows: int | None = None,
) -> Iterator[NDArray[Any]]:  # fmt: skip
    """Yield the planes in which the k-th brightest nucleus has the value k, and the ground 0.

    With `rows` bands of so many rows of each, from top to bottom. Without outlines, where discs or
    balls overlap, a pixel belongs to the nearest centre, so that every nucleus keeps at least its
    own.
    """
    height = row["height"]
    spans = [(top, min(height, top + rows)) for top in range(0, height, rows)] if rows else []
    spans = spans or [(0, height)]
    if outlines is not None:
        for top, bottom in spans:
            yield outlines.labels(top, bottom).astype(label_dtype(nuclei))
        return
    is_volume = row["depth"] is not None
    z = as_volume(nuclei)["z"] if is_volume else np.zeros(len(nuclei), np.int64)
    offsets = _farthest_first(radius, axes=3 if is_volume else 2)
    for plane, (top, bottom) in product(range(row["depth"] if is_volume else 1), spans):
        labels = np.zeros((bottom - top, row["width"]), label_dtype(nuclei))
        near = (nuclei["y"] >= top - radius) & (nuclei["y"] < bottom + radius)
        at_distance = {
            dz: np.flatnonzero((z + dz == plane) & near)[::-1] for dz in range(-radius, radius + 1)
        }
        for dz, dy, dx in offsets:
            number = at_distance[dz]
            if len(number):
                y, x = nuclei["y"][number] + dy - top, nuclei["x"][number] + dx
                inside = (y >= 0) & (y < labels.shape[0]) & (x >= 0) & (x < labels.shape[1])
                labels[y[inside], x[inside]] = number[inside] + 1
        yield labels


def _farthest_first(radius: int, *, axes: int) -> list[tuple[int, ...]]:
    """Return the (plane, row, column) offsets of a disc or a ball, the centre last."""
    reach = np.arange(-radius, radius + 1)
    each = [reach if axis < axes else np.zeros(1, np.int64) for axis in (2, 1, 0)]
    offsets = np.stack(np.meshgrid(*each, indexing="ij"), axis=-1).reshape(-1, 3)
    squared = (offsets**2).sum(axis=1)
    inside = np.flatnonzero(squared <= radius**2)
    ordered = offsets[inside[np.argsort(-squared[inside], kind="stable")]]
    return [tuple(offset) for offset in ordered.tolist()]
