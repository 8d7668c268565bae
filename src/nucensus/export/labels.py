"""Label images: each nucleus a pixel or a disc with a number of its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import ImageRow, Nuclei


def draw_labels(row: ImageRow, nuclei: Nuclei, radius: int) -> NDArray[Any]:
    """Return an image in which the k-th brightest nucleus has the value k, and the ground 0.

    Where discs overlap, a pixel belongs to the nearest centre, so that every
    nucleus keeps at least its own.
    """
    height, width = row["height"], row["width"]
    labels = np.zeros((height, width), np.uint16 if len(nuclei) < 1 << 16 else np.uint32)
    dimmest_first = np.arange(len(nuclei), 0, -1)
    y, x = nuclei["y"][::-1], nuclei["x"][::-1]
    for dy, dx in _farthest_first(radius):
        inside = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
        labels[(y + dy)[inside], (x + dx)[inside]] = dimmest_first[inside]
    return labels


def _farthest_first(radius: int) -> NDArray[np.int64]:
    """Return the (row, column) offsets of a disc, the centre last."""
    reach = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    squared = (offsets**2).sum(axis=1)
    inside = np.flatnonzero(squared <= radius**2)
    return offsets[inside[np.argsort(-squared[inside], kind="stable")]]
