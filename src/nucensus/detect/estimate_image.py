"""Estimate what the nuclei of an image look like: their size, contrast and noise."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evidence import are_outshone, by_itself, typical
from .median import median
from .pooled import BLANK, BLANK_ITSELF, Estimate, Resolved, pool, weighted_median
from .region_numbers import LEAST_UNION
from .regions import Floats, Levels, Regions, as_levels
from .rules import NEWEST, VERSIONS, Rules
from .search import (
    BELIEVED,
    LEAST_SNR,
    LIKE_NEGATIVE_SNR,
    SEARCH_SMOOTHING,
    STRONG_SMOOTHING,
    WIDE_EDGE_RADII,
    Found,
    View,
    contrast_of,
    ellipses,
    is_full,
    looks_like_negative,
    search,
)

__all__ = [
    "BLANK", "BLANK_ITSELF", "Estimate", "Resolved", "crest_smoothing", "estimate", "least_union",
    "pool",
]  # fmt: skip

# Each with its unit, and what a larger one does. docs/method.md tells how they work together. Some
# of those that tell nuclei from noise and from their negative were chosen on the drawn fields of
# benchmarks/plain.py; where no source is named, the value was set by hand.

_BELIEVED_NOISE = 1 / 2.3
"""Of what noise is allowed for in a single image: here the negative tells correlated noise. Larger:
crowds of small nuclei are called blank."""
_CLEARLY_MORE, _CROWD = 1.3, 20
"""Times what speaks for the radius of the search without a bound on noise, and nuclei, for which
that of the search with it is taken. Larger: sections are counted by pieces of their noise."""
_LEAST_BLUR = 1e-6
"""Squared radii: 0 says that it is not known."""
_LIKELY = 0.5
"""Nuclei, as the sum of squares of what is likely, that tell the contrast. Larger: more are."""
_SURE = 0.8
"""Probability of a typical region below which the negative is asked however high it is above its
noise, and an image is blank if it was smoothed strongly: where noise rises with the light it is up
to 0.7. Larger: more images are called blank."""
_SMOOTH_TEXTURE, _COARSE_TEXTURE = 1.40, 1.55
"""Greatest over mean height at which extra smoothing begins and is full: smooth nuclei have 1.3,
those of BBBC039 1.36. Larger: textured nuclei are cut by their spots."""
TEXTURED, _FULLY_TEXTURED = 1.36, 1.39
"""Greatest over mean height from which the dips of nuclei tell less, and tell least. Larger: fewer
are textured."""
_LEAST_UNION_OF_TEXTURED = -0.5
"""`LEAST_UNION` of textured nuclei. Larger: more stays apart."""
_LEAST_CREST_SMOOTHING, _MOST_CREST_SMOOTHING = 0.25, 0.45
"""Radii; sigma of the heights that nuclei are cut at half of. Larger: neighbours run together."""


def estimate(image: NDArray[Any] | Levels, rules: Rules = VERSIONS[NEWEST]) -> Estimate:
    """Estimate the size and the contrast of the nuclei in one image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns), or Levels
        Grey levels of any real dtype; what `as_levels` made of them.
    rules : Rules
        The version of the counts.

    Returns
    -------
    Estimate
        With `radius_px` 0 if nothing in the image looks like nuclei.

    Notes
    -----
    The regions are found for one assumed radius after the other, from large to
    small. Their own radius hardly depends on the assumed one, so the two agree
    at one place: that is the radius. docs/method.md says more.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> image = 100 + 900.0 * ((y % 50 - 25) ** 2 + (x % 50 - 25) ** 2 < 12**2)
    >>> 10 < estimate(image).radius_px < 14
    True
    """
    levels = image if isinstance(image, Levels) else as_levels(image)
    if levels.pixels.size == 0:
        return _blank(levels, None)
    levels = replace(levels, noise=_BELIEVED_NOISE * levels.noise)
    found = _search(levels, rules)
    if rules.most_hole and not found.is_blank and found.signal_to_noise < LIKE_NEGATIVE_SNR:
        # Filled holes make ellipses of noise.
        unfilled = _search(levels, replace(rules, most_hole=0.0))
        return unfilled if unfilled.is_blank else found
    return found


def _search(levels: Levels, rules: Rules) -> Estimate:
    """Estimate the nuclei by one search after the other."""
    # In a crowd the noise seen between nuclei is their own; what pixels differ by bounds it. That
    # comes second, because structure of the background would not count as noise any more. At last
    # comes what shows only through more smoothing, which also makes nuclei of noise.
    # What was learned of pieces holds for nuclei of the assumed size; rules hold for any.
    plain = View(levels, SEARCH_SMOOTHING, replace(rules, union=()))
    strong = replace(plain, smoothing=STRONG_SMOOTHING)
    unbounded = replace(plain, levels=replace(levels, noise=np.inf))
    first = search(plain, unbounded, rules)
    found = _estimate(plain, first, rules)
    if found.is_blank or (rules.compares_searches and not (first and first.is_plain)):
        second = search(plain, plain, rules)
        if found.is_blank or is_clearly_more(second, first):
            bounded = _estimate(plain, second, rules)
            found = found if bounded.is_blank else bounded
    if found.is_blank:
        found = _estimate(strong, search(strong, strong, rules), rules)
    return found


def is_clearly_more(second: Found | None, first: Found | None) -> bool:
    """Whether the search with the bound found clearly more, and a crowd of it."""
    if second is None or len(second.shown) < _CROWD:
        return False
    return first is None or second.score > _CLEARLY_MORE * first.score


def _estimate(view: View, found: Found | None, rules: Rules) -> Estimate:
    """Estimate the size and the contrast of the nuclei that were found."""
    levels = view.levels
    if found is None:
        return _blank(levels, None)
    radius = found.radius_px
    regions = view.regions(radius)
    full = is_full(regions, radius)
    texture = median((regions.height / regions.mean_height)[full]) if full.any() else 0.0
    if texture > (TEXTURED if rules.union else _SMOOTH_TEXTURE):
        grown, of_grown = _grown(replace(view, rules=rules), radius, texture)
        if grown <= rules.most_growth * radius:
            radius, regions = grown, of_grown
    measure, contrast = regions.measure, contrast_of(regions, radius)
    if rules.is_learned:
        likely = by_itself(regions, radius)
        if is_light(view, radius, regions, likely):
            return _blank(levels, regions)
        contrast = likely_contrast(regions, radius, likely) or contrast
    if contrast <= LEAST_SNR * measure.noise:
        return _blank(levels, regions)
    return Estimate(
        radius_px=radius,
        count=int(is_full(regions, radius).sum()),
        contrast=contrast,
        noise=measure.noise,
        grain=measure.grain,
        background=measure.background,
        edge_width_px=measure.edge_width_px,
        foreground=measure.foreground,
        size_px=levels.size_px,
        texture=texture,
        blur=max(regions.blur(is_full(regions, radius)), _LEAST_BLUR),
    )


def is_light(view: View, radius: float, regions: Regions, likely: Floats) -> bool:
    """Whether regions are unevenness of the light, or noise that rises with it, not nuclei."""
    sure, edge_px = typical(likely), regions.measure.edge_width_px
    if sure < (_SURE if view.smoothing > SEARCH_SMOOTHING else BELIEVED):
        return True
    if edge_px > WIDE_EDGE_RADII * radius and likely.mean() < BELIEVED:
        return True
    return sure < _SURE and looks_like_negative(view, radius, regions, view.rules)


def likely_contrast(regions: Regions, radius: float, likely: Floats) -> float:
    """Return the median height of regions of about a size, by how likely each is a nucleus.

    It is 0 if none is likely. Fibres and haze may be more than the nuclei, but are less likely; and
    pieces of a cell body may be more, and as likely, but its nucleus outshines them.
    """
    weights = likely**2 * (is_full(regions, radius) & ~are_outshone(regions, radius))
    return weighted_median(regions.height, weights) if weights.sum() > _LIKELY else 0.0


def crest_smoothing(texture: float) -> float:
    """Return how much to smooth the heights that an object is measured by, in radii.

    The brightest spots of a nucleus are not its height, and the coarser its
    texture, the less they are.
    """
    grades = (_SMOOTH_TEXTURE, _COARSE_TEXTURE)
    return float(np.interp(texture, grades, (_LEAST_CREST_SMOOTHING, _MOST_CREST_SMOOTHING)))


def least_union(texture: float) -> float:
    """Return the logarithm of the odds with which pieces are one nucleus, of so much texture."""
    ends = LEAST_UNION, _LEAST_UNION_OF_TEXTURED
    return float(np.interp(texture, (TEXTURED, _FULLY_TEXTURED), ends))


def _grown(view: View, radius: float, texture: float) -> tuple[float, Regions]:
    """Return the radius and the regions once textured nuclei are no longer divided."""
    crest, union = crest_smoothing(texture), least_union(texture)
    for _ in range(2):
        regions = view.regions(radius, crest_smoothing=crest, least_union=union)
        shown = ellipses(regions, cut_off=False)
        if not len(shown):
            break
        radius = max(radius, weighted_median(np.sqrt(shown.area_px / np.pi), shown.area_px))
    return radius, regions


def _blank(levels: Levels, regions: Regions | None) -> Estimate:
    noise = regions.measure.noise if regions else 0.0
    background = regions.measure.background if regions else 0.0
    return Estimate(0.0, 0, 0.0, noise, 0.0, background, 0.0, 0.0, levels.size_px)
