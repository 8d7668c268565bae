"""The detector that needs no parameters: it is told what the set looks like, and finds nuclei."""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass, replace
from ..values import MEASURED, Centres, Flag, Outlines, Settings
from .detector import Detector
from .estimate_image import TEXTURED, crest_smoothing, least_union
from .evidence import among, are_outshone, beside_others, least_confidence, mean
from .fields import estimate_levels
from .flags import FEW, expected_count, flag_of, is_more_blurred, is_softer, with_ridges
from .fragments import are_divided, are_dust, are_lobes, has_fragments, has_specks
from .frame import counting_box
from .levels import AnyLevels
from .measure import measured_of
from .padding import is_exact
from .pictures import Pictures, levels_of
from .pooled import BLANK_ITSELF, Estimate, Resolved, pool, weighted_median
from .region_numbers import grid_radius
from .regions import Regions, Shapes, find_regions
from .rules import NEWEST, VERSIONS, Rules, rules_of
from .search import are_ellipses

Outlined: TypeAlias = Literal["", "centres", "nuclei"]
"""What outlines are found for: nothing, better centres, or to be kept and measured."""

_BYTES_CONVERTED = 5
"""Of memory for each pixel that the kernel does not take as it is."""
_LEAST_CONTRAST = 0.15
"""Of the contrast of the set: least height of a nucleus. Larger: dim nuclei are lost."""
_CROWD = 0.4, 0.55
"""Share of the images of a set that is nuclei up to which they are sparse, and from which they are
a crowd (benchmarks/tissues.py). Larger: sections are counted as cultures are."""

# Of those that are two numbers the first is for sparse nuclei, the second for a crowd.
_MOST_NOISE, _AS_NOISY = (0.05, 0.02), 1.7
"""Of the contrast of the set: most noise of an image; if its pixels have at most so many times the
noise of the set's. Larger: in crowds dim nuclei are lost; noisier images are held to the set."""
_LEAST_SMOOTHING, _MOST_SMOOTHING = (0.1, 0.05), 0.35
"""Radii; least and greatest sigma. Larger: nuclei that touch are one."""
_PLENTY_SNR = 25.0, 10.0
"""Contrast over noise that smoothing aims at. Larger: noisy images are smoothed more."""
_WHOLE_AREA, _WHOLE_HEIGHT = 0.8, 0.5
"""Of a typical nucleus and of the contrast: what is more counts, however unlike a nucleus it is.
Larger: more clumps are lost, and fewer fibres counted."""
_CONVINCING_SNR, _CONVINCING_COUNT, _CONVINCING_RADIUS = 20.0, 5, 1.5
"""Contrast over noise, nuclei and ratio to the radius of the set with which an image is counted by
its own contrast. Larger: fewer are, fewer are, more are."""
_OTHER_SIZE, _OTHER_COVER, _OTHER_CONTRAST = 1.6, 0.3, 0.2
"""Ratios of the radius of the regions of an image to that of the set, and of the area and the
contrast of its own nuclei to those of the set, from which it is counted by its own: what is both
dimmer and of another size may be haze. Larger: fewer are."""
_SOMETHING_ABOVE_NOISE = 10.0
"""Heights over noise with which an image of too few nuclei is looked at alone. Larger: fewer."""
_OUTLINE_SMOOTHING_PX, _MOST_OUTLINE_SMOOTHING = 0.7, 0.2
"""Pixels and radii; least and greatest sigma of outlines, as their noise asks for. Larger: their
corners are cut."""
_DOUBTFUL, _UNLIKE, _SURE_BY_AREA = 0.85, 0.8, 0.75
"""Mean probability of the regions of an image below which their neighbours are looked at; below
which, and that by area above which, nuclei may be in pieces. Larger: slower, and fewer pieces of
cell bodies count; more images are looked at twice; fewer are."""
_IN_CELLS, _OUTSHONE_IN_CELLS, _LEAST_IN_CELLS = 0.22, 1.5, 0.9
"""Share of the regions that a neighbour outshines, from which cells are taken to glow; there, what
is lower than a neighbour by this ratio has to be a nucleus with such a probability: bright nuclei
lie in bright cells (benchmarks/tissues.py). Larger: more pieces count; more do; fewer do."""
_SMALLER, _IF_UNLIKE, _IF_TOUCHING = 1.5, 1.6, 1.2
"""Ratio of the radius of the set to that of the second look; and of the nuclei that it has to show,
to count, to those of the first, where most of the area but few of the regions look like nuclei, and
where small regions touch. Larger: smaller pieces count; fewer do."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look shows, its flag, and how many times as many nuclei a second one has to show."""

    regions: Regions
    flag: Flag | None = None
    wanted: float = math.inf


def find_regions_of_nuclei(
    image: NDArray[Any],
    settings: Settings,
    resolved: Resolved | None,
) -> Centres:
    """Find nuclei as regions: the detector `auto`."""
    rules = rules_of(settings.detector)
    levels = levels_of(image, rules)
    box = counting_box(image.shape, settings.border, resolved.radius_px if resolved else 0)
    outlined: Outlined = "nuclei" if settings.outlines else "centres" if settings.subpixel else ""
    centres = detect_levels(levels, resolved, rules, outlined)
    subpixel = centres.subpixel if settings.subpixel else None
    return replace(centres, area_px=levels.size_within(box), subpixel=subpixel)


def detect_auto(image: NDArray[Any], resolved: Resolved | None = None) -> Centres:
    """Find the nuclei of an image without any parameter.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Grey levels of any real dtype.
    resolved : Resolved, optional
        What the set of images looks like; the image is a set of its own if None.

    Returns
    -------
    Centres
        With the centroids as `subpixel`, and a flag: "blank": no nuclei; "fragments": many nuclei
        are in pieces, which may count; "debris": many specks, which do; "disagrees": much dimmer
        than the rest of the set, or of another size, so its own contrast or radius was used;
        "debris": a bright fibre, of which pieces may count; "saturated": nuclei flat at the
        greatest level; "out-of-focus": outlines much less sharp than in the set; "unsure": some is
        expected to be none, less than 6 pixels across, or very soft; "crowded": nearly half of the
        image is nuclei; "sparse": less than a tenth of the nuclei of the set's other images. The
        first that holds.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> image = 100 + 900.0 * ((y % 50 - 25) ** 2 + (x % 50 - 25) ** 2 < 12**2)
    >>> len(detect_auto(image).points)
    16
    """
    rules = VERSIONS[NEWEST]
    return detect_levels(levels_of(image, rules), resolved, rules)


def detect_levels(
    levels: AnyLevels, resolved: Resolved | None, rules: Rules, outlined: Outlined = ""
) -> Centres:
    """Find nuclei by the levels of an image, in memory or in parts: as `detect_auto`."""
    if resolved is BLANK_ITSELF:
        return _no_centres(levels, rules, outlined)
    own = _once(lambda: estimate_levels(levels, rules))
    if resolved is None or resolved.is_blank:
        resolved = pool([own()])
    if resolved.is_blank:
        return _no_centres(levels, rules, outlined)
    found = _find(levels, resolved, resolved.contrast, rules, outlined)
    regions = found.regions
    disagrees, is_suspicious = False, _is_suspicious(regions, levels, resolved)
    is_odd = is_suspicious or _is_of_other_size(regions, resolved)
    if rules.splits_sizes and is_odd and _has_other_size(own(), levels, resolved):
        return replace(detect_levels(levels, pool([own()]), rules, outlined), flag="disagrees")
    if is_suspicious and _is_convincing(own(), resolved):
        found, disagrees = _find(levels, resolved, own().contrast, rules, outlined), True
        regions = found.regions
    if not len(regions):
        is_blurred = is_suspicious and is_more_blurred(own(), resolved)
        return _no_centres(levels, rules, outlined, "out-of-focus" if is_blurred else "blank")
    flag = found.flag or flag_of(regions, levels, resolved, own, disagrees=disagrees)
    return _as_centres(regions, flag, levels.unit, outlined)


def _once(estimate: Callable[[], Estimate]) -> Callable[[], Estimate]:
    """Return a function that estimates once, when it is asked; `functools.cache` takes longer."""
    known: list[Estimate] = []

    def own() -> Estimate:
        if not known:
            known.append(estimate())
        return known[0]

    return own


def _find(
    levels: AnyLevels, resolved: Resolved, contrast: float, rules: Rules, outlined: Outlined
) -> _Found:
    """Find the regions of an image that are nuclei, or pieces of them."""
    radius_px = resolved.radius_px
    found = _look(levels, resolved, contrast, rules, outlined)
    if found.wanted < math.inf and levels.size_px <= rules.large_px:
        smaller = replace(resolved, radius_px=radius_px / _SMALLER)
        pieces = _look(levels, smaller, contrast, rules, outlined).regions
        first, second = (
            len(each) - np.count_nonzero(are_outshone(each, radius_px))
            for each in (found.regions, pieces)
        )
        if second > found.wanted * first:
            return _Found(pieces, "fragments")
    return found


def _look(
    levels: AnyLevels, resolved: Resolved, contrast: float, rules: Rules, outlined: Outlined
) -> _Found:
    """Find the regions that are nuclei of such a radius."""
    radius_px = resolved.radius_px
    regions = find_candidates(
        levels, resolved, contrast, rules,
        shapes="outlines" if outlined == "nuclei" else "regions", outlined=bool(outlined),
    )  # fmt: skip
    if not (rules.is_learned and len(regions)):
        return _Found(regions)
    known = beside_others(regions, radius_px, contrast)
    likely = among(known)
    least, share = least_confidence(likely), mean(likely)
    counts = (likely >= least) | _is_whole(regions, radius_px, contrast)
    if share < _DOUBTFUL:
        outshone = are_outshone(regions, radius_px)
        if outshone.mean() > _IN_CELLS:
            outshone = are_outshone(regions, radius_px, _OUTSHONE_IN_CELLS)
            least = max(least, _LEAST_IN_CELLS)
        counts &= (likely >= least) | ~outshone
    nuclei = regions.where(counts, likely=likely)
    if has_fragments(nuclei, radius_px):
        return _Found(nuclei, "fragments", _IF_TOUCHING)
    flag: Flag | None = "debris" if has_specks(nuclei, radius_px, contrast) else None
    is_divided = resolved.texture > TEXTURED and are_divided(nuclei, radius_px)
    if flag is None and (is_divided or are_lobes(nuclei, radius_px)):
        flag = "fragments"
    is_unlike = share < _UNLIKE and np.average(known, weights=regions.area_px) > _SURE_BY_AREA
    wanted = _IF_UNLIKE if is_unlike else math.inf
    return _Found(nuclei, flag, wanted)


def _is_whole(regions: Regions, radius_px: float, contrast: float) -> NDArray[np.bool_]:
    """Return which regions are as large and as high as a nucleus: a clump is at least one."""
    large = regions.area_px > _WHOLE_AREA * np.pi * radius_px**2
    return large & (regions.height > _WHOLE_HEIGHT * contrast)


def find_candidates(
    levels: AnyLevels,
    resolved: Resolved,
    contrast: float,
    rules: Rules,
    *,
    shapes: Shapes = "",
    outlined: bool = False,
) -> Regions:
    """Find what may be nuclei by the rules, smoothed as much as the noise asks for."""
    if isinstance(levels, Pictures):
        return levels.find(
            lambda one: with_ridges(
                find_candidates(one, resolved, contrast, rules, shapes=shapes, outlined=outlined),
                one,
                resolved.radius_px,
            )
        )
    how, most_noise, usual_noise, outline_px = _asked_of_set(resolved, contrast, rules)
    is_as_noisy = levels.noise * levels.unit <= usual_noise  # so the nuclei are known to show
    regions = find_regions(
        levels,
        **how,
        most_noise=most_noise if is_as_noisy else np.inf,
        shapes=shapes,
        outline_sigma_px=outline_px if outlined else None,
    )
    return regions.where(~are_dust(regions, resolved.radius_px, contrast))


@functools.lru_cache(maxsize=64)
def _asked_of_set(
    resolved: Resolved, contrast: float, rules: Rules
) -> tuple[dict[str, Any], float, float, float]:
    """Return how to look for such nuclei, the most noise, and the sigma of outlines in pixels.

    The third is the noise of a pixel up to which an image is as noisy as the set, and the most
    noise holds. They are the same for all images of a set.
    """
    most_px = max(_OUTLINE_SMOOTHING_PX, _MOST_OUTLINE_SMOOTHING * resolved.radius_px)
    smoothing_px = _wanted_smoothing(resolved, contrast, rules) * resolved.radius_px
    most_noise = _in_crowd(_MOST_NOISE, resolved, rules) * contrast
    outline_px = min(max(smoothing_px, _OUTLINE_SMOOTHING_PX), most_px)
    step = resolved.radius_px / grid_radius(resolved.radius_px)
    usual_noise = _AS_NOISY * step * resolved.grain
    return how_to_look(resolved, contrast, rules), most_noise, usual_noise, outline_px


def how_to_look(resolved: Resolved, contrast: float, rules: Rules) -> dict[str, Any]:
    """Return how `find_regions` looks for such nuclei, whatever the noise of an image."""
    least, most = _in_crowd(_LEAST_SMOOTHING, resolved, rules), _MOST_SMOOTHING
    return {
        "radius_px": resolved.radius_px,
        "smoothing": min(max(_wanted_smoothing(resolved, contrast, rules), least), most),
        "crest_smoothing": crest_smoothing(resolved.texture),
        "least_union": least_union(resolved.texture),
        "least_threshold": _LEAST_CONTRAST * contrast,
        "rules": rules,
    }


def _in_crowd(ends: tuple[float, float], resolved: Resolved, rules: Rules) -> float:
    """Return a number between that for sparse nuclei and that for a crowd, as the set is one."""
    cover = np.pi * resolved.radius_px**2 * resolved.density if rules.sees_crowds else 0.0
    return float(np.interp(cover, _CROWD, ends))


def _wanted_smoothing(resolved: Resolved, contrast: float, rules: Rules) -> float:
    """Return the sigma that the noise asks for, in radii."""
    # A Gaussian of this many grid pixels leaves 1 / (2 sqrt(pi) sigma) of the grain.
    plenty = _in_crowd(_PLENTY_SNR, resolved, rules)
    wanted = plenty * resolved.grain / (contrast * 2 * np.sqrt(np.pi))
    return float(wanted / grid_radius(resolved.radius_px))


def _is_suspicious(regions: Regions, levels: AnyLevels, resolved: Resolved) -> bool:
    """Whether nearly nothing was found although something rises well above the noise."""
    measure = regions.measure
    return (
        len(regions) < FEW * expected_count(levels, resolved)
        and measure.upper > _SOMETHING_ABOVE_NOISE * measure.noise
    )


def _is_of_other_size(regions: Regions, resolved: Resolved) -> bool:
    """Whether the regions of an image are larger, or smaller, than the nuclei of its set."""
    area_px, usual_px = regions.area_px, np.pi * resolved.radius_px**2
    least, most = usual_px / _OTHER_SIZE**2, usual_px * _OTHER_SIZE**2
    if 2 * area_px[(area_px > least) & (area_px < most)].sum() > area_px.sum():
        return False  # as in nearly every image, and quickly told
    whole = area_px[are_ellipses(regions)]
    return len(whole) >= _CONVINCING_COUNT and not least < weighted_median(whole, whole) < most


def _has_other_size(own: Estimate, levels: AnyLevels, resolved: Resolved) -> bool:
    """Whether an image shows nuclei of another size than its set, and as much of them.

    Those that are larger because they are blurred are none.
    """
    area, usual = (radius_px**2 * count for radius_px, count in (
        (own.radius_px, own.count), (resolved.radius_px, expected_count(levels, resolved)),
    ))  # fmt: skip
    is_blurred = own.radius_px > resolved.radius_px and is_softer(own, resolved)
    is_other = _is_clear(own) and not _is_alike(own, resolved) and not is_blurred
    bright = own.contrast > _OTHER_CONTRAST * resolved.contrast
    return is_other and bright and area > _OTHER_COVER * usual


def _is_convincing(own: Estimate, resolved: Resolved) -> bool:
    """Whether an image may use its own contrast: it shows nuclei of the set's size, clearly."""
    return _is_clear(own) and _is_alike(own, resolved)


def _is_clear(own: Estimate) -> bool:
    return own.count >= _CONVINCING_COUNT and own.signal_to_noise >= _CONVINCING_SNR


def _is_alike(own: Estimate, resolved: Resolved) -> bool:
    ratio = own.radius_px / resolved.radius_px
    return 1 / _CONVINCING_RADIUS <= ratio <= _CONVINCING_RADIUS


def _no_centres(
    levels: AnyLevels, rules: Rules, outlined: Outlined, flag: Flag = "blank"
) -> Centres:
    none = np.empty(0, np.int32)
    outlines = Outlines(levels.image_shape, none.astype(np.int64), none, none, none)
    return Centres(
        np.empty((0, 2), np.int64), np.empty(0), np.empty((0, 2)), flag,
        confidences=np.empty(0) if rules.is_learned else None,
        outlines=outlines if outlined == "nuclei" else None,
        measured=np.empty(0, MEASURED),
    )  # fmt: skip


def _as_centres(regions: Regions, flag: Flag | None, unit: float, outlined: Outlined) -> Centres:
    order = (-regions.intensity).argsort()
    intensities = regions.intensity[order]
    if (intensities[1:] == intensities[:-1]).any():
        order = np.lexsort((regions.x, regions.y, -regions.intensity))
    centroids = np.array((regions.y, regions.x))[:, order].T.copy()
    refined, shapes = regions.refined, regions.shapes
    outlines = regions.outlines if outlined == "nuclei" else None
    return Centres(
        np.floor(centroids + 0.5).astype(np.int64), intensities,
        centroids if refined is None else refined[order], flag,
        confidences=None if regions.likely is None else regions.likely[order],
        outlines=None if outlines is None else outlines.take(order),
        measured=None if shapes is None else measured_of(shapes, unit, order),
    )  # fmt: skip


def _bytes_a_pixel(_settings: Settings, _resolved: Resolved | None, dtype: np.dtype[Any]) -> float:
    """Return what it takes: pixels that the kernel does not take as they lie are converted."""
    return 0 if is_exact(dtype) and dtype.isnative else _BYTES_CONVERTED


DETECTOR = Detector(
    find_regions_of_nuclei,
    summary="by shape and brightness",
    about="By shape and brightness; nothing to set.",
    finds="regions",
    needs_estimates=True,
    divides_mixed_sets=True,
    has_outlines=True,
    threshold="level",
    bytes_a_pixel=_bytes_a_pixel,
)
