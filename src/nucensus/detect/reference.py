"""The definition of a nucleus centre, through scikit-image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingPackageError
from ..values import Intensities, Points


def find_maxima(
    image: NDArray[Any],
    *,
    sigma: Sequence[float],
    min_distance: int,
    threshold_abs: float | None,
    exclude_border: int,
) -> tuple[Points, Intensities]:
    """Smooth `image` and return its local maxima, brightest first, with their smoothed values.

    Parameters
    ----------
    image : ndarray
        Grey levels, any number of axes and any real dtype.
    sigma : sequence of float
        Standard deviation of the Gaussian along each axis, in pixels.
    min_distance : int
        Half-width of the square window in which a centre is the maximum, in pixels.
    threshold_abs : float or None
        Centres are above this smoothed value; None stands for the least smoothed value.
    exclude_border : int
        Centres closer than this to the edge are dropped, in pixels.

    Returns
    -------
    points : ndarray of int64, shape (N, ndim)
    intensities : ndarray of float64, shape (N,)

    References
    ----------
    `skimage.filters.gaussian` and `skimage.feature.peak_local_max` of scikit-image 0.26.
    """
    try:
        from skimage.feature import peak_local_max
        from skimage.filters import gaussian
    except ImportError as error:
        raise MissingPackageError("scikit-image", "The reference detector", "bench") from error
    smoothed = gaussian(image, sigma=tuple(sigma), preserve_range=True)
    points = peak_local_max(
        smoothed,
        min_distance=min_distance,
        threshold_abs=threshold_abs,
        exclude_border=exclude_border,
    )
    return points.astype(np.int64, copy=False), smoothed[tuple(points.T)].astype(np.float64)
