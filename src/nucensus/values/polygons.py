"""Outlines as polygons, along the sides of their pixels."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .outlines import Outlines

Ring: TypeAlias = NDArray[np.int64]
"""Corners (x, y) of pixels, counted from the corner of the first pixel, shape (N, 2): around a body
with a positive area, around a hole with a negative one; the first is not repeated."""

_END, _START = 0, 1


def polygons_of(outlines: Outlines) -> list[list[Ring]]:
    """Return the rings of each nucleus: one, unless it has holes or several bodies.

    The left and the right side of each run are edges from its top to its bottom; what lies between
    the ends of edges on one line, two and two, is the rest of the outline. Bodies whose corners
    touch are apart.
    """
    nucleus, line, x, linked, is_straight = _linked_ends(outlines)
    rings: list[list[Ring]] = [[] for _ in range(len(outlines))]
    seen = bytearray(len(x) // 2)
    for edge in range(0, len(x) // 2, 2):  # the left sides, from bottom to top
        corners: list[tuple[int, int]] = []
        end = 2 * edge
        while not seen[end // 2]:
            seen[end // 2] = True
            other = linked[end]
            if not is_straight[end]:
                corners += ((x[end], line[end]), (x[other], line[other]))
            end = other ^ 1
        if corners:
            rings[nucleus[edge // 2]].append(np.array(corners))
    return rings


def signed_area(ring: Ring) -> float:
    """Return the area of a ring, below 0 around a hole."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _linked_ends(
    outlines: Outlines,
) -> tuple[list[int], list[int], list[int], list[int], list[bool]]:
    """Return the nucleus of each run, and of each end of an edge where it is and what it meets.

    A run has four ends: top and bottom of its left side, then of its right side. Two that meet are
    on one edge straight on, or at the ends of a horizontal one.
    """
    runs, nuclei = len(outlines.rows), outlines.nuclei
    line = np.repeat(outlines.rows, 4) + np.tile([0, 1, 0, 1], runs)
    x = np.stack([outlines.starts, outlines.starts, outlines.ends, outlines.ends], axis=1).ravel()
    kind = np.tile([_START, _START, _END, _END], runs)
    owner = np.repeat(nuclei, 4)
    order = np.lexsort((kind, x, line, owner))
    key = np.stack([owner, line, x, kind], axis=1)[order]
    same = (key[1:] == key[:-1]).all(axis=1)
    linked, is_straight = np.empty(4 * runs, np.int64), np.zeros(4 * runs, np.bool_)
    first = np.flatnonzero(same)
    linked[order[first]], linked[order[first + 1]] = order[first + 1], order[first]
    is_straight[order[first]] = is_straight[order[first + 1]] = True
    turning = order[~is_straight[order]]
    linked[turning[::2]], linked[turning[1::2]] = turning[1::2], turning[::2]
    columns: Any = (each.tolist() for each in (nuclei, line, x, linked, is_straight))
    return tuple(columns)
