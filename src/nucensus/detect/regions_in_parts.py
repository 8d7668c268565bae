"""Find nuclei as regions of an image part by part: those of the undivided one, to the last bit."""

import math
from dataclasses import replace

from ..values import Centres, Settings
from ..values.parts import Parts
from .alone import counts_alone, looks_of
from .automatic import detect_levels
from .border import within_border
from .frame import counting_box
from .levels_in_parts import LevelsInParts, bytes_in_parts
from .pooled import Estimate, Resolved
from .rules import rules_of
from .table import DETECTORS

_USUAL_RADIUS_PX = 12.0
"""Of nuclei that are not known yet, for the memory that is taken."""


def takes_regions_in_parts(settings: Settings) -> bool:
    """Tell whether nuclei are found as regions, without outlines, and large images by fields."""
    finds_regions = (
        settings.detector in DETECTORS and DETECTORS[settings.detector].finds == "regions"
    )
    is_outlined = settings.outlines or settings.subpixel
    return finds_regions and not is_outlined and rules_of(settings.detector).looks_at_fields


def regions_bytes(plane: Parts, resolved: Resolved | None, threads: int) -> int:
    """Return about how much memory that takes."""
    radius_px = resolved.radius_px if resolved else 0.0
    return bytes_in_parts(plane, radius_px or _USUAL_RADIUS_PX, threads)


def estimate_in_parts(plane: Parts, settings: Settings, *, threads: int = 1) -> Estimate:
    """Estimate what the nuclei of an image are like that need not fit in memory.

    Raises
    ------
    WholeNeededError
        It has to be read whole.
    """
    return LevelsInParts(plane, settings, threads=threads).estimate(rules_of(settings.detector))


def find_regions_in_parts(
    plane: Parts,
    settings: Settings,
    resolved: Resolved | None = None,
    *,
    threads: int = 1,
    part: tuple[int, int] | None = None,
    halo: int | None = None,
) -> Centres:
    """Find nuclei as regions of an image that need not fit in memory.

    The parameters are those of `find_nuclei_in_parts`; `halo` is how far a part is looked beyond at
    first, in pixels of the working grid.

    Raises
    ------
    WholeNeededError
        The image has to be read whole.

    Notes
    -----
    The background, the noise and the threshold are learned from samples of the whole image, which
    parts take one after the other. A region belongs to the part that its summit is in. Whether a
    region is known whole is told by its distance from what is not known, with all regions that it
    touches; where it is not, more around the part is read.
    """
    rules = rules_of(settings.detector)
    levels = LevelsInParts(plane, settings, threads=threads, part=part, halo=halo)
    if resolved is None or counts_alone(settings, resolved):
        resolved = looks_of(levels.estimate(rules))
    centres = detect_levels(levels, resolved, rules)
    box = counting_box(plane.shape, settings.border, resolved.radius_px)
    area_px = math.prod(each.stop - each.start for each in box)
    found = within_border(replace(centres, area_px=area_px), plane.shape, settings, resolved)
    return replace(found, subpixel=None)
