"""The unbiased counting frame: which centres near the edge of an image count."""

import numpy as np
from numpy.typing import NDArray

from ..model import Points


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
