"""Outlines in an image -> what is within them, as the tables of nuclei have it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernel import Record, measure_outlines
from ..values import MEASURED, Outlines


def measure(
    pixels: NDArray[Any],
    outlines: Outlines,
    *,
    backgrounds: NDArray[np.float64],
    unit: float = 1.0,
) -> Record:
    """Measure nuclei; but for `touches_edge`, which is left 0.

    Parameters
    ----------
    pixels : ndarray, shape (height, width)
        Contiguous uint8, uint16 or float32; a difference of 1 is `unit` grey levels.
    outlines : Outlines
    backgrounds : ndarray of float64, shape (N,)
        The level under each nucleus, as `pixels` has it.
    unit : float
        In grey levels.

    Returns
    -------
    ndarray of `MEASURED`, shape (N,)
        Areas, axes, orientations and solidities are those of
        `skimage.measure.regionprops`; heights are above the background.
    """
    shapes = measure_outlines(pixels, outlines)
    area = shapes["area"]
    measured = np.zeros(len(outlines), MEASURED)
    with np.errstate(invalid="ignore", divide="ignore"):  # what padding cut away has no pixels
        mean = shapes["sum"] / area
        variance = np.maximum(shapes["squares"] / area - mean**2, 0)
        measured["solidity"] = area / shapes["convex_area"]
    measured["area_px"] = area
    measured["mean"] = unit * (mean - backgrounds)
    measured["integrated"] = measured["mean"] * area
    measured["std"] = unit * np.sqrt(variance)
    measured["major_px"], measured["minor_px"] = _axes(shapes)
    measured["orientation"] = _orientation(shapes)
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
