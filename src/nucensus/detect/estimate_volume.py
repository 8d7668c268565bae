"""Estimate what the nuclei of a volume look like, from its planes and from what is between them."""

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from .estimate_image import estimate
from .pooled import Estimate, Resolved, pool
from .rules import Rules

_PLANES = 9
"""Planes that are estimated, evenly spread. Larger: slower."""
_TELLING = 0.3
"""Of the nuclei of the fullest plane: one with fewer tells nothing. Larger: fewer planes do."""
_LEAST_SIDE = 5
"""Planes, rows and columns of a volume: what has fewer may be colours. Larger: more are refused."""
_MOST_REACH = 0.5
"""Of the volume: how far half of a nucleus may reach along an axis. Larger: fewer volumes are
refused that hold no nucleus from end to end."""
_MOST_SIDE_PX = 512
"""Of what is looked at of a plane. Larger: slower, and more memory."""


def estimate_volume(volume: NDArray[np.generic], rules: Rules) -> Estimate:
    """Estimate the size and the contrast of the nuclei of a volume.

    Parameters
    ----------
    volume : ndarray, shape (planes, rows, columns)
        Grey levels of any real dtype.
    rules : Rules
        The version of the counts.

    Returns
    -------
    Estimate
        What its planes show, and how far nuclei reach across planes (`axial`); with `radius_px` 0
        if nothing looks like nuclei.

    Raises
    ------
    SettingsError
        There are hardly any planes, or how deep nuclei are cannot be seen in them.
    """
    if min(volume.shape) < _LEAST_SIDE:
        raise SettingsError(
            f"the image has three axes, {' x '.join(map(str, volume.shape))}; expected a volume of "
            f"at least {_LEAST_SIDE} planes, rows and columns; pick one plane or colour, or give "
            f"numbers for sigma, min_distance and threshold"
        )
    places = np.linspace(0, len(volume) - 1, min(_PLANES, len(volume))).round().astype(int)
    planes = [estimate(volume[place], rules) for place in places]
    most = max(plane.count for plane in planes)
    look = pool([plane for plane in planes if plane.count >= _TELLING * most])
    return look.as_estimate(
        count=most,
        foreground=float(np.median([plane.foreground for plane in planes])),
        size_px=planes[0].size_px,
        axial=1.0 if look.is_blank else _axial(volume, look),
    )


def _axial(volume: NDArray[np.generic], look: Resolved) -> float:
    """Return how many planes a nucleus reaches through for each pixel that it does in a plane."""
    bodies = _middle(volume).astype(np.float32)
    bodies -= look.background
    bodies /= look.contrast
    np.clip(bodies, 0, 1, out=bodies)
    bodies -= bodies.mean(axis=(1, 2), keepdims=True)
    # A parabola through the next shifts tells what is common without one, and without noise.
    whole = sum(4 * _common(bodies, axis, 1) - _common(bodies, axis, 2) for axis in (1, 2)) / 6
    through, down, along = (_reach(bodies, axis, whole) for axis in range(3))
    if np.isnan((through, down, along)).any():
        raise SettingsError(
            f"the nuclei of a volume of {' x '.join(map(str, volume.shape))} (planes, rows, "
            f"columns) are not seen from end to end, so how deep they are is not known; expected "
            f"more planes; give --sigma, --min-distance and --threshold, or count one plane (--z)"
        )
    return 2 * through / (down + along)


def _middle(volume: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the middle of all planes of a volume."""
    rows, columns = (max(0, (side - _MOST_SIDE_PX) // 2) for side in volume.shape[1:])
    return volume[:, rows : rows + _MOST_SIDE_PX, columns : columns + _MOST_SIDE_PX]


def _reach(bodies: NDArray[np.float32], axis: int, whole: float) -> float:
    """Return the shift along an axis at which bodies have half as much in common; NaN if none."""
    before = whole
    for shift in range(1, int(_MOST_REACH * bodies.shape[axis]) + 1):
        common = _common(bodies, axis, shift)
        if common < whole / 2:
            return shift - (whole / 2 - common) / (before - common)
        before = common
    return np.nan


def _common(bodies: NDArray[np.float32], axis: int, shift: int) -> float:
    """Return what bodies have in common with themselves, shifted along an axis."""
    lines = np.moveaxis(bodies, axis, 0)
    return float((lines[shift:] * lines[:-shift]).mean())
