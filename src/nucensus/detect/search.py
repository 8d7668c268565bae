"""Search for the radius of the nuclei: the one at which the assumed and the found radius agree."""

from dataclasses import field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from .evidence import by_itself, typical
from .median import median
from .pooled import weighted_median
from .region_numbers import GRID_RADIUS_PX, on_grid
from .regions import Levels, Regions, find_regions, noise_left
from .rules import Rules

# Each with its unit, and what a larger one does. docs/method.md tells how they work together. Some
# of those that tell nuclei from noise and from their negative were chosen on the drawn fields of
# benchmarks/plain.py; where no source is named, the value was set by hand.

_LARGEST_RADIUS_PX = 62.0
"""Pixels; the first radius that is tried. Larger: larger nuclei are found, and it takes longer."""
_LEAST_RADIUS_PX = 2.4
"""Pixels; the last radius that is tried. Larger: nuclei of 7 pixels across are missed."""
_SCALE_RATIO = 1.5
"""From one radius that is tried to the next. Larger: faster, and a radius may be stepped over."""
SEARCH_SMOOTHING, STRONG_SMOOTHING = 0.2, 0.35
"""Radii; sigma of the search, and of the last one under noise. Larger: noise makes round hills."""
_SEARCH_GRID_RADIUS_PX = 3.2
"""Grid pixels in a radius, at least, while searching. Larger: slower, with finer outlines."""
_LEAST_SUPPORT = 0.15
"""Share of the area that ellipses must have, 0 to 1. Larger: fewer radii are considered."""
_NEAR, _FAR_OFF = 0.9, 2.5
"""Found over assumed radius, between which the two agree. Wider: more radii are considered."""
_STILL_LARGER = 1.1
"""Times the next radius that nuclei have to be larger for it to be tried. Larger: it seldom is."""
_DOUBTFUL = 0.01
"""Factor on what speaks for a radius whose nuclei come out smaller. Larger: it wins more often."""
_ENOUGH_NUCLEI = 20
"""Nuclei that end the search. Larger: smaller radii are tried more often, which takes longer."""
_OTHER = 0.7
"""Of the radius that was settled last: from here on what agrees is another. Larger: slower."""
_FEW_WHOLES, _MOST_INSIDE = 3, 0.4
"""Nuclei, and the share of the area inside them, from which smaller ones are their texture. Larger:
spots are taken for nuclei more often; nuclei in clumps are less often taken for spots."""
_AS_WELL_SHOWN = 0.75
"""Of the support of nuclei that came out smaller than assumed, from which those inside them are not
their texture or pieces. Larger: spots are taken for nuclei less often; nuclei in a body that glows
are lost."""
_MANY_MORE, _BETTER_SHOWN = 4, 0.05
"""Times as many that they have to be, and how much more support they need, to win all the same.
Larger: spots are taken for nuclei less often; nuclei in a body that glows are lost."""
_PIECES = 1.2
"""Times as many as few wholes that agree at no step, from which those that agree are their pieces.
Larger: nuclei with large holes come apart; fewer cells that glow are taken for nuclei."""
_EVENED_RADII, _MOST_FOREGROUND = 24, 0.62
"""Radii across an image below which uneven light stays in it, and the share that may be foreground
there, 0 to 1. Larger: more small images are refused a radius; fewer are."""
_FEW_RADII, _ENOUGH_CUT_OFF = 12, 5
"""Radii across an image below which nuclei at its edge count, if there are so many regions. Larger:
more crops are learned from cut nuclei; fewer are."""
_MOST_STRETCH = 1.1
"""Area of the ellipse over that of a region: 1 for an ellipse, 1.12 for two discs side by side.
Larger: pairs that touch are taken for nuclei."""
BELIEVED = 0.5
"""Probability of a typical region, by itself, below which a radius is none of nuclei: of light
without nuclei it is below 0.45, of most pictures above 0.9. Larger: more are called blank."""
LEAST_SNR = 10.0
"""Contrast over noise that is believed. Larger: dim fields are called blank."""
WIDE_EDGE_RADII, _WIDE_EDGE_SNR = 3.0, 25.0
"""Radii over which an edge is that of uneven light, and contrast over noise asked for then. Larger:
light far from the middle passes for nuclei; blurred nuclei are called blank."""
_LIKE_NEGATIVE = 1.12
"""How much better than its negative an image must be. Larger: dim crowds are called blank."""
LIKE_NEGATIVE_SNR = 120.0
"""Contrast over noise above which the negative is not asked. Larger: slower, more are blank."""
_PLAIN_SUPPORT = 0.76
"""Share of the area, 0 to 1, that is ellipses in a plain case. Larger: more are called blank."""
_MANY_ELLIPSES = 10
"""Ellipses asked for after strong smoothing. Larger: sparse fields under noise are blank."""
_MOST_KEPT = 1 << 14
"""Regions of a size that are kept, for it to be asked for again. Larger: more memory, 2 MB here."""


_Bounded: TypeAlias = tuple[Regions, float]
"""Regions, and the bound on the noise with which they were found, in units."""
_Agreement: TypeAlias = tuple[float, float, Regions]
"""A radius found, the share of the area that shows it, and the regions that do."""


@dataclass(frozen=True, slots=True)
class View:
    """An image as it is searched: its levels, the smoothing in radii, and by which rules.

    Views of the same pixels share what was found in them: one size in four is asked for again, of
    most of these with another bound on the noise.
    """

    levels: Levels
    smoothing: float
    rules: Rules
    known: dict[tuple[Any, ...], list[_Bounded]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def regions(self, radius: float, **how: Any) -> Regions:
        """Find the regions of a size."""
        asked = self.smoothing, self.rules, radius, *sorted(how.items())
        most = self._most_noise(radius, how.get("grid_radius_px", GRID_RADIUS_PX))
        for regions, bound in self.known.get(asked, ()):
            # Noise below a bound is what was seen: it is the same with any other that is above it.
            if bound == most or regions.measure.noise < self.levels.unit * min(bound, most):
                return regions
        regions = find_regions(
            self.levels, radius_px=radius, smoothing=self.smoothing, rules=self.rules,
            looks_inside=False, **how,
        )  # fmt: skip
        if len(regions) <= _MOST_KEPT:
            self.known.setdefault(asked, []).append((regions, most))
        return regions

    def _most_noise(self, radius: float, grid_radius_px: float) -> float:
        """Return what bounds the noise of the heights of a size, in units."""
        step, _, smooth_sigma = on_grid(radius, self.smoothing, grid_radius_px)
        return noise_left(self.levels, step, smooth_sigma)

    def negative(self) -> "View":
        """Return the view of the negative: what was dark is bright."""
        return replace(self, levels=self.levels.negative(), known={})


@dataclass(frozen=True, slots=True)
class Found:
    """A radius, and what speaks for it.

    Attributes
    ----------
    radius_px : float
        In pixels.
    shown : Regions
        The nuclei that show it.
    support : float
        The share of the area of all regions that is theirs, 0 to 1.
    score : float
        How much speaks for it.
    agrees : bool
        Whether the nuclei found have the radius that was assumed, and are not smaller.
    """

    radius_px: float
    shown: Regions
    support: float
    score: float
    agrees: bool

    @property
    def is_plain(self) -> bool:
        """Whether so many nuclei, and so little else, show it that no other need be tried."""
        return self.agrees and len(self.shown) >= _ENOUGH_NUCLEI and self.support >= _PLAIN_SUPPORT

    def shown_by(self, now: _Agreement) -> "Found":
        """Return this radius with the support it has where another was assumed, if that is more."""
        radius, support, _ = now
        is_same = _NEAR * self.radius_px <= radius <= self.radius_px / _NEAR
        return replace(self, support=support) if is_same and support > self.support else self

    def holds(self, other: "Found") -> bool:
        """Whether most nuclei of a smaller radius lie in nuclei of this one: its texture does."""
        are_fewer = other.support < _AS_WELL_SHOWN * self.support
        are_known = self.agrees or are_fewer or _radius_of(other.shown) > self.radius_px
        if len(self.shown) < _FEW_WHOLES or not are_known:
            return False
        down = self.shown.y[:, None] - other.shown.y
        across = self.shown.x[:, None] - other.shown.x
        inside = (down**2 + across**2 < self.shown.area_px[:, None] / np.pi).any(axis=0)
        share = other.shown.area_px[inside].sum() / other.shown.area_px.sum()
        return bool(share > _MOST_INSIDE)


def search(view: View, searched: View, rules: Rules) -> Found | None:
    """Return the radius at which the assumed and the found one agree; None if nowhere.

    A long bright fibre can agree with itself at a large radius, so where few
    nuclei are found the search goes on, and the radius that explains the most
    foreground with the most nuclei wins. Nuclei with large holes fall apart before
    the radius that is tried has become theirs: they win by not being in pieces.
    """
    assumed = min(_LARGEST_RADIUS_PX, min(view.levels.pixels.shape) / 3)
    best = last = None
    between: list[float] = []
    while assumed >= _LEAST_RADIUS_PX:
        radius, support, _ = now = _found_radius(searched, assumed)
        agrees = support >= _LEAST_SUPPORT and _NEAR * assumed <= radius <= _FAR_OFF * assumed
        if rules.weighs_support:
            best = best and best.shown_by(now)
            between += [assumed] * (assumed / _SCALE_RATIO < radius < _NEAR * assumed)
        if agrees and (last is None or (rules.weighs_support and _is_another(now, last))):
            found, last = _settle(view, assumed, rules), now
            agrees = found.agrees
            if _is_better(found, best, rules) and _shows_nuclei(view, found.radius_px, rules):
                best = found
                if _is_enough(found, rules):
                    break
        last = last if agrees else None
        assumed /= _SCALE_RATIO
    return _whole_of(view, best, between, rules) or best


def _whole_of(view: View, best: Found | None, between: list[float], rules: Rules) -> Found | None:
    """Return nuclei found between two steps, if what agrees is nothing, or their pieces."""
    if best and best.agrees and best.support >= _AS_WELL_SHOWN:
        return None  # none is shown so much better that it would win
    whole = None
    for assumed in between:
        whole = _better_whole(view, assumed, whole)
    if not whole or not _shows_nuclei(view, whole.radius_px, rules):
        return None
    return whole if not (best and best.agrees) or _are_pieces(view, best, whole) else None


def _better_whole(view: View, assumed: float, last: Found | None) -> Found | None:
    """Return a few nuclei between two steps that hardly anything speaks against, or the last."""
    radius, support, shown = _found_radius(view, assumed)
    few = np.count_nonzero(~shown.touches_edge) >= _FEW_WHOLES and len(shown) < _ENOUGH_NUCLEI
    if support < _PLAIN_SUPPORT or not few:
        return last
    whole = Found(radius, shown, support, _score(shown) * support**2, True)
    return last if last and last.score > whole.score else whole


def _are_pieces(view: View, found: Found, whole: Found) -> bool:
    """Whether nuclei are pieces of fewer, better shown, that look no less like nuclei."""
    are_more = len(found.shown) > _PIECES * len(whole.shown)
    if not are_more or found.support >= _AS_WELL_SHOWN * whole.support or not whole.holds(found):
        return False
    return _likely(view, found.radius_px) <= _likely(view, whole.radius_px)


def _likely(view: View, radius: float) -> float:
    """Return how likely a typical region of a size is a nucleus."""
    return typical(by_itself(view.regions(radius), radius))


def _is_another(now: _Agreement, last: _Agreement) -> bool:
    """Whether a radius is not that of the last agreement, and shown by more."""
    return now[0] < _OTHER * last[0] and now[1] > last[1]


def _is_enough(found: Found, rules: Rules) -> bool:
    if rules.weighs_support:
        return found.is_plain
    return found.agrees and len(found.shown) >= _ENOUGH_NUCLEI


def _is_better(found: Found, best: Found | None, rules: Rules) -> bool:
    """Whether more speaks for one radius than for the best, which is larger."""
    if best is None or not found.score:
        return found.score > 0
    is_smaller = found.radius_px < _NEAR * best.radius_px  # else they are the same nuclei
    if rules.weighs_support and is_smaller and best.holds(found) and not _is_finer(found, best):
        return False
    return found.score > best.score


def _is_finer(found: Found, best: Found) -> bool:
    """Whether nuclei that lie inside larger ones are what there is: many more, better shown."""
    many = len(found.shown) > _MANY_MORE * len(best.shown)
    return many and found.support > best.support + _BETTER_SHOWN


def _settle(view: View, assumed: float, rules: Rules) -> Found:
    """Return the agreed radius near `assumed`, and what speaks for it.

    Nuclei that are smaller than assumed speak for little. Where they still are larger than the
    next radius, it is settled from there: in a crowd of which a few stand out it is too small. If
    they are far larger there, they are nuclei of a larger radius, and debris beside them.
    """
    radius, agrees, best, most = assumed, False, None, assumed * _SCALE_RATIO
    for _ in range(2):
        found, support, shown = _found_radius(view, radius)
        if not len(shown) or found > _FAR_OFF * radius:
            break
        best = shown, support
        agrees = found >= _NEAR * radius
        radius = min(max(found, _NEAR * assumed), most)
    if rules.follows_size and agrees and _STILL_LARGER * most < found and most < _LARGEST_RADIUS_PX:
        larger = _settle(view, most, rules)
        if larger.agrees:
            return larger
        agrees = _radius_of(larger.shown) <= larger.radius_px
    if best is None:
        return Found(radius, shown, 0.0, 0.0, False)
    shown, support = best
    score = _score(shown)
    if rules.weighs_support:
        score *= support**2
    return Found(radius, shown, support, score if agrees else _DOUBTFUL * score, agrees)


def _score(shown: Regions) -> float:
    """Return how much nuclei speak for their radius."""
    return float(shown.area_px.sum() * len(shown) ** 0.25)


def _found_radius(view: View, assumed: float) -> _Agreement:
    """Return the radius of the regions found, the share of their area that shows it, and which do.

    Only whole ellipses show it; the median is by area, so that debris does not count.
    """
    regions = view.regions(assumed, grid_radius_px=_SEARCH_GRID_RADIUS_PX)
    across = min(view.levels.pixels.shape) / assumed
    # Where few nuclei fit, most of them may touch the edge.
    few = across < _FEW_RADII and len(regions) >= _ENOUGH_CUT_OFF
    shown = ellipses(regions, cut_off=few)
    # Where few tiles fit, uneven light stays, and would be large regions.
    uneven = across < _EVENED_RADII and regions.measure.foreground > _MOST_FOREGROUND
    if uneven or not len(shown):
        return 0.0, 0.0, shown.where(np.zeros(len(shown), np.bool_))
    return _radius_of(shown), _support(regions, shown), shown


def _radius_of(shown: Regions) -> float:
    return weighted_median(np.sqrt(shown.area_px / np.pi), shown.area_px)


def _support(regions: Regions, shown: Regions) -> float:
    """Return the share of the area of the regions that shows the radius."""
    return float(shown.area_px.sum() / regions.area_px.sum()) if len(shown) else 0.0


def _shows_nuclei(view: View, radius: float, rules: Rules) -> bool:
    """Whether the regions of a size are nuclei: not noise, and not the unevenness of the light."""
    regions = view.regions(radius)
    noise, edge_width = regions.measure.noise, regions.measure.edge_width_px
    contrast = contrast_of(regions, radius)
    wide = edge_width > WIDE_EDGE_RADII * radius
    if contrast <= (_WIDE_EDGE_SNR if wide else LEAST_SNR) * noise:
        return False
    if rules.is_learned and _likely(view, radius) < BELIEVED:
        return False
    if view.smoothing > SEARCH_SMOOTHING and (wide or not _are_plain(regions)):
        return False  # noise that is smoothed as much has hills like nuclei
    clear = contrast > LIKE_NEGATIVE_SNR * noise
    return clear or not looks_like_negative(view, radius, regions, rules)


def looks_like_negative(view: View, radius: float, regions: Regions, rules: Rules) -> bool:
    """Whether the negative shows ellipses of the size just as well.

    Noise, however correlated, and uneven light have as many pits as hills; gaps between nuclei are
    not the ellipses that nuclei are. The fewer of the regions are ellipses, the more they have to
    differ from their negative: chance makes some of the few. Noise never has as many as a crowd.
    """
    pits = view.negative().regions(radius)
    depth = contrast_of(pits, radius)
    if depth == 0:
        return False
    higher = max(1.0, contrast_of(regions, radius) / depth)
    support, of_pits = (_support(one, ellipses(one, cut_off=False)) for one in (regions, pits))
    plain = min(support / _PLAIN_SUPPORT, rules.most_plain)
    return support * plain * higher < _LIKE_NEGATIVE * of_pits


def _are_plain(regions: Regions) -> bool:
    """Whether there are many ellipses, and little else."""
    shown = ellipses(regions, cut_off=False)
    return len(shown) >= _MANY_ELLIPSES and _support(regions, shown) >= _PLAIN_SUPPORT


def contrast_of(regions: Regions, radius: float) -> float:
    """Return the median height of the regions of about a size, in grey levels; 0 if none is."""
    full = is_full(regions, radius)
    return median(regions.height[full]) if full.any() else 0.0


def is_full(regions: Regions, radius: float) -> NDArray[np.bool_]:
    """Return which regions are no smaller than a quarter of a nucleus."""
    return regions.area_px > np.pi * radius**2 / 4


def ellipses(regions: Regions, *, cut_off: bool) -> Regions:
    """Return the regions that are ellipses, and those that touch the edge only if `cut_off`."""
    return regions.where(are_ellipses(regions, cut_off=cut_off))


def are_ellipses(regions: Regions, *, cut_off: bool = False) -> NDArray[np.bool_]:
    """Return which regions are ellipses; of those that touch the edge only if `cut_off`."""
    ellipse = regions.stretch < _MOST_STRETCH
    return ellipse if cut_off else ellipse & ~regions.touches_edge
