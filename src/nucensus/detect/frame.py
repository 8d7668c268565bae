"""The edge of an image: which centres near it count, and in how large an area."""

import functools
import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..values import Auto, Border, Points

Box: TypeAlias = tuple[slice, ...]
"""From the first to the last pixel along each axis."""


@functools.lru_cache
def counting_box(shape: tuple[int, ...], border: Border | Auto, reach_px: float) -> Box:
    """Return the part of an image in which centres count.

    With "drop" they are at least `reach_px` from every edge. With "count" the
    frame reaches as far beyond two of the edges as it stays within the others:
    it is as large as the image, and stands for it here.

    Examples
    --------
    >>> counting_box((100, 120), "drop", 5.5)
    (slice(6, 94, None), slice(6, 114, None))
    """
    first = math.ceil(reach_px) if border == "drop" else 0
    return tuple(slice(first, max(first, size - first)) for size in shape)


def within_box(points: Points, box: Box) -> NDArray[np.bool_]:
    """Say which points lie in a box."""
    first, beyond = np.array([(each.start, each.stop) for each in box]).T
    inside: NDArray[np.bool_] = ((points >= first) & (points < beyond)).all(axis=1)
    return inside


def within_frame(points: Points, *, shape: tuple[int, ...], radius_px: float) -> NDArray[np.bool_]:
    """Say which nuclei count: those cut by the top or left edge do, by the bottom or right not.

    A nucleus cut by an edge is seen in two neighbouring fields, and would be
    counted twice or, if dropped on all sides, never. Counting it on two of the
    four edges counts every nucleus once.

    Parameters
    ----------
    points : ndarray of int64, shape (N, 2)
        (row, column) of each centre, in pixels.
    shape : tuple of int
        Rows and columns of the image.
    radius_px : float
        Radius of a nucleus: closer to an edge than this, it is cut, in pixels.

    Returns
    -------
    ndarray of bool, shape (N,)

    References
    ----------
    Gundersen, "Notes on the estimation of the numerical density of arbitrary
    profiles: the edge effect", Journal of Microscopy 111, 1977.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[1, 50], [98, 50], [50, 1], [50, 98], [50, 50]])
    >>> within_frame(points, shape=(100, 100), radius_px=5)
    array([ True, False,  True, False,  True])
    """
    # The last pixel's far side is half a pixel beyond its centre.
    edges = np.array(shape) - 0.5
    rows, columns = points.T
    counted: NDArray[np.bool_] = (rows <= edges[0] - radius_px) & (columns <= edges[1] - radius_px)
    return counted
