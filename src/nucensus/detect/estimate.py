"""Estimate what the nuclei of an image look like: their size, contrast and noise."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pooled import BLANK, Estimate, Resolved, pool, weighted_median
from .regions import Floats, Levels, Regions, as_levels, find_regions

__all__ = ["BLANK", "Estimate", "Resolved", "crest_smoothing", "estimate", "pool"]

# Each with its unit, and what a larger one does. docs/method.md tells how they work together. Some
# of those that tell nuclei from noise and from their negative were chosen on the drawn fields of
# benchmarks/plain.py; where no source is named, the value was set by hand.

_LARGEST_RADIUS_PX = 62.0
"""Pixels; the first radius that is tried. Larger: larger nuclei are found, and it takes longer."""
_LEAST_RADIUS_PX = 2.4
"""Pixels; the last radius that is tried. Larger: nuclei of 7 pixels across are missed."""
_SCALE_RATIO = 1.5
"""From one radius that is tried to the next. Larger: faster, and a radius may be stepped over."""
_SEARCH_SMOOTHING, _STRONG_SMOOTHING = 0.2, 0.35
"""Radii; sigma of the search, and of the last one under noise. Larger: noise makes round hills."""
_SEARCH_GRID_RADIUS_PX = 3.2
"""Grid pixels in a radius, at least, while searching. Larger: slower, with finer outlines."""
_LEAST_SUPPORT = 0.15
"""Share of the area that ellipses must have, 0 to 1. Larger: fewer radii are considered."""
_NEAR, _FAR_OFF = 0.9, 2.5
"""Found over assumed radius, between which the two agree. Wider: more radii are considered."""
_DOUBTFUL = 0.01
"""Factor on what speaks for a radius whose nuclei come out smaller. Larger: it wins more often."""
_ENOUGH_NUCLEI = 20
"""Nuclei that end the search. Larger: smaller radii are tried more often, which takes longer."""
_EVENED_RADII, _MOST_FOREGROUND = 24, 0.62
"""Radii across an image below which uneven light stays in it, and the share that may be foreground
there, 0 to 1. Larger: more small images are refused a radius; fewer are."""
_FEW_RADII, _ENOUGH_CUT_OFF = 12, 5
"""Radii across an image below which nuclei at its edge count, if there are so many regions. Larger:
more crops are learned from cut nuclei; fewer are."""
_MOST_STRETCH = 1.1
"""Area of the ellipse over that of a region: 1 for an ellipse, 1.12 for two discs side by side.
Larger: pairs that touch are taken for nuclei."""
_LEAST_SNR = 10.0
"""Contrast over noise that is believed. Larger: dim fields are called blank."""
_WIDE_EDGE_RADII, _WIDE_EDGE_SNR = 3.0, 25.0
"""Radii over which an edge is that of uneven light, and contrast over noise asked for then. Larger:
light far from the middle passes for nuclei; blurred nuclei are called blank."""
_LIKE_NEGATIVE = 1.12
"""How much better than its negative an image must be. Larger: dim crowds are called blank."""
_LIKE_NEGATIVE_SNR = 120.0
"""Contrast over noise above which the negative is not asked. Larger: slower, more are blank."""
_PLAIN_SUPPORT = 0.76
"""Share of the area, 0 to 1, that is ellipses in a plain case. Larger: more are called blank."""
_MANY_ELLIPSES = 10
"""Ellipses asked for after strong smoothing. Larger: sparse fields under noise are blank."""
_BELIEVED_NOISE = 1 / 2.3
"""Of what noise is allowed for in a single image: here the negative tells correlated noise. Larger:
crowds of small nuclei are called blank."""
_SMOOTH_TEXTURE, _COARSE_TEXTURE = 1.40, 1.55
"""Greatest over mean height at which extra smoothing begins and is full: smooth nuclei have 1.3,
those of BBBC039 1.36. Larger: textured nuclei are cut by their spots."""
_LEAST_CREST_SMOOTHING, _MOST_CREST_SMOOTHING = 0.25, 0.45
"""Radii; sigma of the heights that nuclei are cut at half of. Larger: neighbours run together."""


def estimate(image: NDArray[Any] | Levels) -> Estimate:
    """Estimate the size and the contrast of the nuclei in one image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns), or Levels
        Grey levels of any real dtype; what `as_levels` made of them.

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
    # In a crowd the noise seen between nuclei is their own; what pixels differ by bounds it. That
    # comes second, because structure of the background would not count as noise any more. At last
    # comes what shows only through more smoothing, which also makes nuclei of noise.
    plain, strong = _View(levels, _SEARCH_SMOOTHING), _View(levels, _STRONG_SMOOTHING)
    unbounded = replace(plain, levels=replace(levels, noise=np.inf))
    for searched, view in ((unbounded, plain), (plain, plain), (strong, strong)):
        found = _estimate(view, searched)
        if not found.is_blank:
            break
    return found


@dataclass(frozen=True, slots=True)
class _View:
    """An image as it is searched: its levels, and the smoothing in radii."""

    levels: Levels
    smoothing: float

    def regions(self, radius: float) -> Regions:
        """Find the regions of a size."""
        return find_regions(self.levels, radius_px=radius, smoothing=self.smoothing)


def _estimate(view: _View, searched: _View) -> Estimate:
    """Estimate the size and the contrast if there are nuclei in what is searched."""
    levels = view.levels
    radius = _search_radius(view, searched)
    if radius is None:
        return _blank(levels, None)
    regions = view.regions(radius)
    full = _is_full(regions, radius)
    texture = float(np.median((regions.height / regions.mean_height)[full])) if full.any() else 0.0
    if texture > _SMOOTH_TEXTURE:
        radius, regions = _grown(view, radius, crest_smoothing(texture))
    measure, contrast = regions.measure, _contrast(regions, radius)
    if contrast <= _LEAST_SNR * measure.noise:
        return _blank(levels, regions)
    return Estimate(
        radius_px=radius,
        count=int(_is_full(regions, radius).sum()),
        contrast=contrast,
        noise=measure.noise,
        grain=measure.grain,
        background=measure.background,
        edge_width_px=measure.edge_width_px,
        foreground=measure.foreground,
        size_px=levels.size_px,
        texture=texture,
    )


def crest_smoothing(texture: float) -> float:
    """Return how much to smooth the heights that an object is measured by, in radii.

    The brightest spots of a nucleus are not its height, and the coarser its
    texture, the less they are.
    """
    grades = (_SMOOTH_TEXTURE, _COARSE_TEXTURE)
    return float(np.interp(texture, grades, (_LEAST_CREST_SMOOTHING, _MOST_CREST_SMOOTHING)))


def _grown(view: _View, radius: float, crest: float) -> tuple[float, Regions]:
    """Return the radius and the regions once textured nuclei are no longer divided."""
    for _ in range(2):
        regions = find_regions(
            view.levels, radius_px=radius, smoothing=view.smoothing, crest_smoothing=crest
        )
        shown = _ellipses(regions, cut_off=False)
        if not len(shown):
            break
        radius = max(radius, weighted_median(np.sqrt(shown / np.pi), shown))
    return radius, regions


def _search_radius(view: _View, searched: _View) -> float | None:
    """Return the radius at which the assumed and the found one agree, in pixels.

    A long bright fibre can agree with itself at a large radius, so where few
    nuclei are found the search goes on, and the radius that explains the most
    foreground with the most nuclei wins.
    """
    assumed = min(_LARGEST_RADIUS_PX, min(view.levels.pixels.shape) / 3)
    best, best_score, agreed = None, 0.0, False
    while assumed >= _LEAST_RADIUS_PX:
        radius, support, _ = _found_radius(searched, assumed)
        agrees = support >= _LEAST_SUPPORT and _NEAR * assumed <= radius <= _FAR_OFF * assumed
        if agrees and not agreed:
            radius, count, score, agrees = _settle(view, assumed)
            if score > best_score and _shows_nuclei(view, radius):
                best, best_score = radius, score
                if agrees and count >= _ENOUGH_NUCLEI:
                    break
        agreed = agrees
        assumed /= _SCALE_RATIO
    return best


def _settle(view: _View, assumed: float) -> tuple[float, int, float, bool]:
    """Return the agreed radius near `assumed`, and the nuclei that show it.

    Then how much speaks for it, and whether it is as good as the first one: nuclei that are smaller
    than assumed speak for little.
    """
    radius, agrees = assumed, False
    count, area = 0, 0.0
    for _ in range(2):
        found, _, shown = _found_radius(view, radius)
        if not len(shown) or found > _FAR_OFF * radius:
            break
        count, area = len(shown), float(shown.sum())
        agrees = found >= _NEAR * radius
        radius = min(max(found, _NEAR * assumed), assumed * _SCALE_RATIO)
    score = area * max(count, 1) ** 0.25
    return radius, count, score if agrees else _DOUBTFUL * score, agrees


def _found_radius(view: _View, assumed: float) -> tuple[float, float, Floats]:
    """Return the radius of the regions found, the share of their area that shows it, and areas.

    Only whole ellipses show it; the median is by area, so that debris does not count.
    """
    regions = find_regions(
        view.levels,
        radius_px=assumed,
        smoothing=view.smoothing,
        grid_radius_px=_SEARCH_GRID_RADIUS_PX,
    )
    across = min(view.levels.pixels.shape) / assumed
    # Where few nuclei fit, most of them may touch the edge.
    few = across < _FEW_RADII and len(regions) >= _ENOUGH_CUT_OFF
    shown = _ellipses(regions, cut_off=few)
    # Where few tiles fit, uneven light stays, and would be large regions.
    uneven = across < _EVENED_RADII and regions.measure.foreground > _MOST_FOREGROUND
    if uneven or not len(shown):
        return 0.0, 0.0, shown[:0]
    radius = weighted_median(np.sqrt(shown / np.pi), shown)
    return radius, _support(regions, shown), shown


def _support(regions: Regions, shown: Floats) -> float:
    """Return the share of the area of the regions that shows the radius."""
    return float(shown.sum() / regions.area_px.sum()) if len(shown) else 0.0


def _shows_nuclei(view: _View, radius: float) -> bool:
    """Whether the regions of a size are nuclei: not noise, and not the unevenness of the light."""
    regions = view.regions(radius)
    noise, edge_width = regions.measure.noise, regions.measure.edge_width_px
    contrast = _contrast(regions, radius)
    wide = edge_width > _WIDE_EDGE_RADII * radius
    if contrast <= (_WIDE_EDGE_SNR if wide else _LEAST_SNR) * noise:
        return False
    if view.smoothing > _SEARCH_SMOOTHING and (wide or not _are_plain(regions)):
        return False  # noise that is smoothed as much has hills like nuclei
    clear = contrast > _LIKE_NEGATIVE_SNR * noise
    return clear or not _looks_like_negative(view, radius, regions)


def _looks_like_negative(view: _View, radius: float, regions: Regions) -> bool:
    """Whether the negative shows ellipses of the size just as well.

    Noise, however correlated, and uneven light have as many pits as hills; gaps between nuclei are
    not the ellipses that nuclei are. The fewer of the regions are ellipses, the more they have to
    differ from their negative: chance makes some of the few.
    """
    pits = replace(view, levels=view.levels.negative()).regions(radius)
    depth = _contrast(pits, radius)
    if depth == 0:
        return False
    higher = max(1.0, _contrast(regions, radius) / depth)
    support, of_pits = (_support(one, _ellipses(one, cut_off=False)) for one in (regions, pits))
    plain = min(support / _PLAIN_SUPPORT, 1.0)
    return support * plain * higher < _LIKE_NEGATIVE * of_pits


def _are_plain(regions: Regions) -> bool:
    """Whether there are many ellipses, and little else."""
    shown = _ellipses(regions, cut_off=False)
    return len(shown) >= _MANY_ELLIPSES and _support(regions, shown) >= _PLAIN_SUPPORT


def _contrast(regions: Regions, radius: float) -> float:
    """Return the median height of the regions of about a size, in grey levels; 0 if none is."""
    full = _is_full(regions, radius)
    return float(np.median(regions.height[full])) if full.any() else 0.0


def _is_full(regions: Regions, radius: float) -> NDArray[np.bool_]:
    return regions.area_px > np.pi * radius**2 / 4


def _ellipses(regions: Regions, *, cut_off: bool) -> Floats:
    """Return the areas of the regions that are ellipses, in pixels."""
    ellipse = regions.stretch < _MOST_STRETCH
    return regions.area_px[ellipse if cut_off else ellipse & ~regions.touches_edge]


def _blank(levels: Levels, regions: Regions | None) -> Estimate:
    noise = regions.measure.noise if regions else 0.0
    background = regions.measure.background if regions else 0.0
    return Estimate(0.0, 0, 0.0, noise, 0.0, background, 0.0, 0.0, levels.size_px)
