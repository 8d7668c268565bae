"""What is within outlines, or in regions -> what the tables of nuclei have of it."""

import numpy as np
from numpy.typing import NDArray

from ..kernel import Record, describe_shapes
from ..values import MEASURED


def measured_of(shapes: Record, unit: float, places: NDArray[np.int64] | None = None) -> Record:
    """Return what was measured of nuclei.

    Parameters
    ----------
    shapes : structured ndarray, shape (N,)
        The fields of `ShapeRecord` in `kernel/abi.h`.
    unit : float
        What a difference of 1 of the pixels is, in grey levels.
    places : ndarray of int64, shape (M,), optional
        Of which of them, in which order; by default of all of them, as they are.

    Returns
    -------
    ndarray of `MEASURED`, shape (M,)
        Areas, axes, orientations and solidities are those of
        `skimage.measure.regionprops`, to single precision; heights are above the
        background. What padding cut away has no pixels, and NaN.
    """
    places = np.arange(len(shapes)) if places is None else places
    return np.ndarray(len(places), MEASURED, describe_shapes(shapes, places, unit))
