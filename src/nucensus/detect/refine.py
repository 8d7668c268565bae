"""Subpixel centres: the summit of a parabola through the smoothed values around each centre."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..values import Points


def refine_centres(image: NDArray[Any], points: Points, *, sigma: float) -> NDArray[np.float64]:
    """Return each centre to a fraction of a pixel.

    The image is smoothed around each centre only. Along each axis a parabola
    goes through the smoothed values at the centre and beside it; its summit is
    the centre, if it is within half a pixel. Where the centre is not a maximum
    along an axis (a plateau, the edge) it stays where it is.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Grey levels.
    points : ndarray of int64, shape (N, 2)
        (row, column) of each centre, in pixels.
    sigma : float
        Standard deviation of the Gaussian, in pixels.

    Returns
    -------
    ndarray of float64, shape (N, 2)

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:21, :21]
    >>> image = np.exp(-((y - 10.25) ** 2 + (x - 9.75) ** 2) / 18)
    >>> refine_centres(image, np.array([[10, 10]]), sigma=1).round(2)
    array([[10.25,  9.75]])
    """
    return points + offsets_of_summits(image, points, sigma=sigma)


def offsets_of_summits(image: NDArray[Any], points: Points, *, sigma: float) -> NDArray[np.float64]:
    """Return how far the summit at each centre is from it, along both axes."""
    if not len(points):
        return np.empty((0, 2))
    middle = smoothed_at(image, points, sigma)
    offsets = np.zeros((len(points), 2))
    for axis in (0, 1):
        step = np.eye(2, dtype=np.int64)[axis]
        before = smoothed_at(image, points - step, sigma)
        after = smoothed_at(image, points + step, sigma)
        bend = before - 2 * middle + after
        shift = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
        inside = (points[:, axis] > 0) & (points[:, axis] < image.shape[axis] - 1)
        offsets[:, axis] = np.where(inside & (np.abs(shift) <= 0.5), shift, 0)
    return offsets


def smoothed_at(image: NDArray[Any], points: Points, sigma: float) -> NDArray[np.float64]:
    """Return the Gaussian mean around each point; the image repeats mirrored beyond its edges."""
    reach = int(4 * sigma + 0.5)
    around = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (around / sigma) ** 2) if sigma > 0 else np.ones(1)
    weights /= weights.sum()
    rows = _mirrored(points[:, :1] + around, image.shape[0])
    columns = _mirrored(points[:, 1:] + around, image.shape[1])
    means = np.empty(len(points))
    for place, (row, column) in enumerate(zip(rows, columns, strict=True)):
        means[place] = weights @ image[np.ix_(row, column)].astype(np.float64) @ weights
    return means


def _mirrored(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    period = places % (2 * size)
    return np.where(period < size, period, 2 * size - 1 - period)
