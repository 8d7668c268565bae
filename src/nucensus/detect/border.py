"""Leave out the nuclei at the edge of an image that do not count."""

import numpy as np
from numpy.typing import NDArray

from ..values import Centres, Settings
from .frame import counting_box, within_box, within_frame
from .parameters import parameters
from .pooled import Resolved
from .table import detector_named

_SEEN_CUT = 0.9
"""A nucleus whose centre is farther beyond an edge, in radii, shows too little to be found: with
this the parts of a large field hold as many nuclei as the whole, within 1 %."""


def within_border(
    centres: Centres, shape: tuple[int, ...], settings: Settings, resolved: Resolved | None
) -> Centres:
    """Leave out the nuclei that `settings.border` does not count, unless the detector did."""
    detector = detector_named(settings.detector)
    if settings.border == "keep" or (settings.border == "drop" and detector.drops_at_edge):
        return centres
    kept: NDArray[np.bool]
    if settings.border == "count":
        known_px = resolved.radius_px if resolved else 0.0
        # 0 is blank to the eye of `auto`
        radius_px = known_px or detector.radius_px(settings, resolved)
        kept = within_frame(centres.points, shape=shape, radius_px=_SEEN_CUT * radius_px)
    else:
        box = counting_box(shape, "drop", reach_px(settings, resolved))
        kept = within_box(centres.points, box)
    return centres.where(kept)


def reach_px(settings: Settings, resolved: Resolved | None) -> float:
    """Return how far from an edge centres are dropped."""
    if resolved is not None and not detector_named(settings.detector).drops_at_edge:
        return resolved.radius_px
    return parameters(settings, resolved).min_distance
