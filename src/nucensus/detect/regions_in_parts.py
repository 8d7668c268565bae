"""Find nuclei as regions of an image part by part: those of the undivided one, to the last bit."""

from dataclasses import replace
from typing import Any, NamedTuple

from ..values import Centres, Settings
from ..values.parts import Area, Parts, WholeNeededError, part_of
from .alone import counts_alone, looks_of
from .automatic import detect_levels, how_to_look
from .border import within_border
from .fields import even_fields
from .frame import counting_box
from .levels import AnyLevels
from .levels_in_parts import LevelsInParts, bytes_in_parts, looking_at
from .padding import is_exact
from .pictures import BYTES_HELD, MASKED_PX, SMALL_PX, Pictures, find_pictures, levels_at
from .pooled import Estimate, Resolved, pool
from .region_numbers import region_numbers
from .rules import Rules, rules_of
from .table import DETECTORS

_USUAL_RADIUS_PX = 12.0
"""Of nuclei that are not known yet, for the memory that is taken."""


_MARGIN = "it may have a black or white margin that is no frame"


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


def picture_bytes(plane: Parts, settings: Settings) -> int:
    """Return how much more it takes if a picture with a margin in it has to be held alone."""
    is_large = plane.whole.size > rules_of(settings.detector).large_px
    return is_large * BYTES_HELD * min(MASKED_PX, plane.whole.size)


def _masked_px(spare_bytes: int | None) -> int:
    """Return how many pixels such a picture may have where there is so much more memory."""
    return MASKED_PX if spare_bytes is None else min(MASKED_PX, spare_bytes // BYTES_HELD)


class SeenInParts(NamedTuple):
    """What an image that is read part by part says of its nuclei.

    Attributes
    ----------
    estimate : Estimate
    levels : LevelsInParts or None
        What it takes to find them without looking at all pixels again; None where that is not kept.
    """

    estimate: Estimate
    levels: LevelsInParts | None


def estimate_in_parts(
    plane: Parts, settings: Settings, *, threads: int = 1, is_counted_next: bool = False,
    spare_bytes: int | None = None,
) -> SeenInParts:  # fmt: skip
    """Estimate what the nuclei of an image are like that need not fit in memory.

    With `is_counted_next` more is looked at, for those who find them in the same image;
    `spare_bytes` is as of `find_nuclei_in_parts`.

    Raises
    ------
    WholeNeededError
        It has to be read whole.
    """
    rules = rules_of(settings.detector)
    looks = guessed_looks(plane, settings, rules, threads) if is_counted_next else None
    levels = levels_of_parts(
        plane, settings, rules, threads=threads, masked_px=_masked_px(spare_bytes),
        expected=_expected(looks, rules),
    )  # fmt: skip
    kept = levels if is_counted_next and isinstance(levels, LevelsInParts) else None
    return SeenInParts(levels.estimate(rules), kept)


def find_regions_in_parts(
    plane: Parts,
    settings: Settings,
    resolved: Resolved | None = None,
    *,
    threads: int = 1,
    part: tuple[int, int] | None = None,
    halo: int | None = None,
    seen: LevelsInParts | None = None,
    spare_bytes: int | None = None,
) -> Centres:
    """Find nuclei as regions of an image that need not fit in memory.

    The parameters are those of `find_nuclei_in_parts`; `halo` is how far a part is looked beyond at
    first, in pixels of the working grid, and `seen` the levels that `estimate_in_parts` kept.

    Raises
    ------
    WholeNeededError
        The image has to be read whole.

    Notes
    -----
    The background, the noise and the threshold are learned from samples of the whole image, which
    parts take one after the other; which ones suit the nuclei is known only then, so it is guessed
    from some fields, and they are taken again if that was wrong. A region belongs to the part that
    its summit is in. Whether a region is known whole is told by its distance from what is not
    known, with all regions that it touches; where it is not, more around the part is read.
    """
    rules = rules_of(settings.detector)
    if resolved is not None and counts_alone(settings, resolved):
        resolved = None
    levels: LevelsInParts | Pictures
    if seen is not None:
        levels = seen.of(plane, settings, threads)
    else:
        looks = guessed_looks(plane, settings, rules, threads) if resolved is None else resolved
        levels = levels_of_parts(
            plane, settings, rules, threads=threads, part=part, halo=halo,
            masked_px=_masked_px(spare_bytes), expected=_expected(looks, rules),
        )  # fmt: skip
    if resolved is None:
        resolved = looks_of(levels.estimate(rules))
    centres = detect_levels(levels, resolved, rules)
    area_px = levels.size_within(counting_box(plane.shape, settings.border, resolved.radius_px))
    found = within_border(replace(centres, area_px=area_px), plane.shape, settings, resolved)
    return replace(found, subpixel=None)


def guessed_looks(plane: Parts, settings: Settings, rules: Rules, threads: int) -> Resolved | None:
    """Return what a large image probably looks like, by few fields; None of others.

    Where nothing is decoded, going through it once more takes no longer than that.
    """
    if plane.whole.size <= rules.large_px or not plane.is_decoded or not is_exact(plane.dtype):
        return None
    look = looking_at(plane, settings, rules, threads=threads)
    return pool(list(look(even_fields(plane.shape))))


def _expected(looks: Resolved | None, rules: Rules) -> dict[str, Any] | None:
    """Return with which numbers regions are probably found in an image that looks like that."""
    if looks is None or looks.is_blank:
        return None
    return region_numbers(**how_to_look(looks, looks.contrast, rules))


def levels_of_parts(
    plane: Parts, settings: Settings, rules: Rules, *, threads: int, small_px: int = SMALL_PX,
    masked_px: int = MASKED_PX, **more: Any,
) -> LevelsInParts | Pictures:  # fmt: skip
    """Return the levels of an image; of a large one with margins those of its pictures.

    Those of up to `small_px` pixels are held in memory, and of up to `masked_px`, one at a time, if
    there is a margin in them. `more` is for `LevelsInParts`.
    """
    if not is_exact(plane.dtype):
        raise WholeNeededError(f"its pixels are {plane.dtype}, not uint8 or uint16")
    levels = LevelsInParts(plane, settings, threads=threads, **more)
    if not levels.may_have_margin:
        return levels
    areas = None
    if levels.size_px > rules.large_px:
        areas = find_pictures(levels.lines, levels.heights, levels.read)
    if not areas or areas == [plane.whole]:
        raise WholeNeededError(_MARGIN)

    def open_levels(area: Area) -> AnyLevels:
        if area.size > small_px:
            part = LevelsInParts(
                part_of(plane, area), settings, threads=threads, origin=(area.top, area.left),
                image_shape=plane.shape, **more,
            )  # fmt: skip
            if not part.may_have_margin:
                return part
            if area.size > masked_px:
                raise WholeNeededError(_MARGIN)
        return levels_at(levels.read(area), area, plane.shape)

    return Pictures(
        plane.shape, areas, levels.heights, levels.looking, open_levels, threads=threads,
        small_px=small_px,
    )  # fmt: skip
