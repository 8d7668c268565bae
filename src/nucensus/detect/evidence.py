"""How likely each region is a nucleus: a logistic regression on what is known of it."""

import functools
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..kernel import describe_evidence, find_highest_near
from .pooled import weighted_median
from .regions import Floats, Regions
from .weights import BESIDE_OTHERS, BY_ITSELF, COMMON

Features: TypeAlias = NDArray[np.float64]

_LEAST_HEIGHT, _MOST_HEIGHT = 0.03, 8.0
"""Of the contrast: what is lower, or higher, tells no more."""

_LEAST_ODDS = 0.1
"""Of those that a region is a nucleus: what is left where hardly any looks like one. Larger: stain
in cell bodies counts more often; fields of many dim nuclei are lost less often."""
_AS_LEARNED, _ROUNDS = 5, 10
"""Regions that an image counts as if it had them of those learned from, and steps. Larger: fields
of few nuclei are more like those learned from; slower."""
LEAST_CONFIDENCE, _MOST_LEAST = 0.05, 0.5
"""Least probability with which a region counts where all are nuclei, and where few are
(benchmarks/train.py). Larger: fewer count."""
_CLEAN_SHARE, _MIXED_SHARE = 0.95, 0.7
"""Mean probability at which images are the former and the latter. Larger: fewer regions count."""
_SURELY = 10
"""Power of the typical probability. Larger: in images unlike those learned from more count."""

_BESIDE, _OUTSHONE = 2.5, 2.0
"""Radii between two centres, and ratio of heights, from which the lower is outshone. Larger: more
of a stained cell body is told from nuclei, and fewer dim nuclei count; of the second: the other way
round (benchmarks/tissues.py)."""


def by_itself(regions: Regions, radius_px: float) -> Floats:
    """Return how likely each region is a nucleus by its own shape and edge, 0 to 1."""
    return _probability(features(regions, radius_px), BY_ITSELF)


def beside_others(regions: Regions, radius_px: float, contrast: float) -> Floats:
    """Return the same by shape, edge, and height among the nuclei of its set."""
    return _probability(features(regions, radius_px, contrast), BESIDE_OTHERS)


def among(likely: Floats, common: float = COMMON) -> Floats:
    """Return how likely each is where it is not known how many of the regions are nuclei.

    The fewer of the regions of an image look like nuclei, the less likely is each (Saerens, Latinne
    and Decaestecker, Neural Computation 14, 2002); `common` is their share where it was learned.
    """
    share, here = common, likely
    for _ in range(_ROUNDS):
        odds = share / (1 - share) * (1 - common) / common
        odds = min(max(odds, _LEAST_ODDS), 1.0)  # never likelier: what is blank stays blank
        weighted = likely * odds
        here = weighted / (weighted + 1 - likely)
        found = float(np.add.reduce(here)) + _AS_LEARNED * common
        last, share = share, found / (len(here) + _AS_LEARNED)
        if share == last:  # it stands still
            break
    return here


def least_confidence(likely: Floats) -> float:
    """Return how likely a region of an image has to be a nucleus, to count.

    Where most regions look like nuclei, hardly any are something else, and the odd ones count.
    The fewer do, the surer each has to be; but not where none is sure, as in images that are
    unlike all those learned from.
    """
    share = mean(likely)
    if not 0 < share < _CLEAN_SHARE:
        return LEAST_CONFIDENCE
    doubt = min((_CLEAN_SHARE - share) / (_CLEAN_SHARE - _MIXED_SHARE), 1.0)
    return max(LEAST_CONFIDENCE, float(_MOST_LEAST * typical(likely) ** _SURELY * doubt))


def mean(likely: Floats) -> float:
    """Return the mean; in a fifth of the time of `ndarray.mean`, and 0 of none."""
    return float(np.add.reduce(likely)) / (len(likely) or 1)


def are_outshone(regions: Regions, radius_px: float, times: float = _OUTSHONE) -> NDArray[np.bool_]:
    """Return which regions lie beside one so many times as high, as pieces of a cell body do."""
    highest = find_highest_near(regions.y, regions.x, regions.height, _BESIDE * radius_px)
    outshone: NDArray[np.bool_] = highest > times * regions.height
    return outshone


def typical(likely: Floats) -> float:
    """Return how likely a typical region of an image is a nucleus, if it is any."""
    return weighted_median(likely, likely)


def features(regions: Regions, radius_px: float, contrast: float | None = None) -> Features:
    """Return what the evidence rests on, shape (N, 11), with a contrast (N, 16).

    Areas are logarithms of those of a typical nucleus, below and above it apart; heights are
    logarithms of those of the contrast.
    """
    area = np.log(regions.area_px / (np.pi * radius_px**2))
    stretch, height = np.log(np.maximum(regions.stretch, 1)), None
    if contrast is not None:
        height = np.maximum(regions.height / contrast, _LEAST_HEIGHT)
        height = np.log(np.minimum(height, _MOST_HEIGHT))
    return describe_evidence(
        area, stretch, height, free=regions.free, fall=regions.fall,
        mean_height=regions.mean_height, height=regions.height, touches_edge=regions.touches_edge,
    )  # fmt: skip


def _probability(known: Features, weights: tuple[float, ...]) -> Floats:
    against = -(weights[0] + known @ _but_first(weights))
    probability: Floats = 1 / (1 + np.exp(against))
    return probability


@functools.cache
def _but_first(weights: tuple[float, ...]) -> Floats:
    """Return the weights without that of no feature; made once, not for each image."""
    return np.array(weights[1:])
