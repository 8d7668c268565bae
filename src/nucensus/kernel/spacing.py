"""The spacing of maxima that were found in the parts of one image."""

import numpy as np
from numpy.typing import NDArray

from ..values import Points
from .binding import call


def space_maxima(points: Points, *, width: int, min_distance: int) -> NDArray[np.bool_]:
    """Return which of the maxima of the parts of an image stay, as scikit-image spaces them.

    Parameters
    ----------
    points : ndarray of int64, shape (N, 2)
        (row, column) of each in the image, row by row, left to right: all that
        `find_maxima_many` finds in parts of it.
    width : int
        Of the image, in pixels.
    min_distance : int
        As for `find_maxima`.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    kept = np.empty(len(points), np.bool_)
    call(
        "nucensus_space_maxima", f"space {len(points)} maxima",
        np.ascontiguousarray(points, np.int64), len(points), width,
        min_distance, kept,
    )  # fmt: skip
    return kept
