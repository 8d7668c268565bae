"""The radius of a ring that lies around a nucleus, the same wherever nuclei are shown."""

from collections.abc import Iterable

from ..values import Settings
from .pooled import Resolved
from .table import detector_named

_LEAST_PX = 4.0
_UNKNOWN_PX = 12.0
_WIDER = 1.15
"""A ring in radii of a nucleus that was measured: it lies outside of it."""


def ring_radius(settings: Settings, learned: Iterable[Resolved] = ()) -> float:
    """Return the radius of a ring around a nucleus, in pixels.

    Parameters
    ----------
    settings : Settings
        What the nuclei were found with.
    learned : iterable of Resolved
        What the images look like, if anything was estimated from them; rings
        are wide enough for the largest of the nuclei. Blank images say nothing.

    Returns
    -------
    float
        By the size of nuclei that was learned, else by the one that the numbers
        of the detector are for.
    """
    known = [each.radius_px for each in learned if not each.is_blank]
    if known:
        return max(_LEAST_PX, _WIDER * max(known))
    if isinstance(settings.sigma, str):
        return _UNKNOWN_PX
    return max(_LEAST_PX, detector_named(settings.detector).ring_px(settings))
