"""What is within outlines, or in regions -> what the tables of nuclei have of it."""

import numpy as np
from numpy.typing import NDArray

from ..kernel import Record
from ..values import MEASURED


def measured_of(shapes: Record, unit: float) -> Record:
    """Return what was measured of nuclei.

    Parameters
    ----------
    shapes : structured ndarray, shape (N,)
        The fields of `ShapeRecord` in `kernel/abi.h`.
    unit : float
        What a difference of 1 of the pixels is, in grey levels.

    Returns
    -------
    ndarray of `MEASURED`, shape (N,)
        Areas, axes, orientations and solidities are those of
        `skimage.measure.regionprops`; heights are above the background.
    """
    area = shapes["area"]
    measured = np.empty(len(shapes), MEASURED)
    with np.errstate(invalid="ignore", divide="ignore"):  # what padding cut away has no pixels
        mean = shapes["sum"] / area
        variance = np.maximum(shapes["squares"] / area - mean**2, 0)
        measured["solidity"] = area / shapes["convex_area"]
    measured["area_px"] = area
    measured["mean"] = unit * (mean - shapes["background"])
    measured["integrated"] = measured["mean"] * area
    measured["std"] = unit * np.sqrt(variance)
    measured["major_px"], measured["minor_px"] = _axes(shapes)
    measured["orientation"] = _orientation(shapes)
    measured["touches_edge"] = shapes["edges"] > 0
    return measured


def _axes(shapes: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the axes of the ellipses with the same second moments."""
    middle = (shapes["yy"] + shapes["xx"]) / 2
    apart = np.hypot((shapes["yy"] - shapes["xx"]) / 2, shapes["xy"])
    return 4 * np.sqrt(middle + apart), 4 * np.sqrt(np.maximum(middle - apart, 0))


def _orientation(shapes: Record) -> NDArray[np.float64]:
    """Return the angles from down to the major axis, towards the right, in radians."""
    turned = np.where(shapes["xy"] > 0, np.pi / 4, -np.pi / 4)
    straight = shapes["yy"] - shapes["xx"]
    angles = 0.5 * np.arctan2(2 * shapes["xy"], straight)
    return np.where(straight == 0, turned, angles)
