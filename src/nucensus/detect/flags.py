"""Flag images that are odd in their set: what to look at before it is averaged."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernel import measure_ridges
from ..values import Flag
from .evidence import mean
from .levels import AnyLevels, Levels
from .pooled import Estimate, Resolved
from .regions import Regions

FEW = 0.1
"""Of the nuclei expected: an image with fewer is looked at alone, or sparse. Larger: more are."""
_LEAST_EXPECTED = 10
"""Nuclei expected before an image can be sparse. Larger: fewer are."""
_MOST_FALSE, _TELLING_RADIUS_PX = 0.08, 3.0
"""Share of what counts that is expected to be no nuclei, by how likely each is, above which, and
typical radius below which, an image is one to doubt (benchmarks/specimens.py). Larger: fewer have
the flag; more have."""
_LONE_RADII = 8
"""Radii across an image of one nucleus, and of no set, below which that is one to doubt. Larger:
more have the flag."""
_MOST_BLUR_PX = 15.0
"""Pixels; sigma of the blur of a set from which its images are ones to doubt: in focus no lens
blurs so much, but drops and lamps in empty wells are as soft. BBBC039 and BBBC038 have 8 at most,
drawn fields 13. Larger: fewer have the flag."""
SATURATED_SHARE = 0.05
"""Share of nuclei that are flat, for the flag: one in twenty. Larger: fewer images have it."""
_CROWDED_SHARE = 0.45
"""Share of the image that is nuclei, for the flag. Larger: fewer are crowded."""

# Chosen by benchmarks/flags.py, between images as they are and the same blurred, or with a fibre.
_BLURRED = 0.18
"""Radii; sigma of the blur of an image, beside that of its set. Larger: fewer are out of focus."""
_CLEAR, _LEAST_CLEAR = 2.0, 3
"""Least heights, and how many nuclei as high tell the focus: of what hardly rises above the least
height only the tips show. Larger: fewer images are judged."""
_MANY = 0.5
"""Of the nuclei expected: where fewer were found, those that stand out of too little light may look
soft, and the image is looked at by itself. Larger: slower."""
_FIBRE = 6.5
"""Radii; a ridge that is thin for so long is a fibre. Larger: short ones go unseen."""
STRETCHED = 1.03
"""Stretch of the regions that are looked at. Larger: fibres go unseen."""
_ACROSS, _THIN, _RIDGE = 0.9, 0.35, 0.6
"""A ridge is thin where it falls, so many radii beside it, to this share of its height; it goes on
where half a radius ahead there is this share of it. Larger, smaller, larger: fewer are thin."""
_BRIDGE = 3.0
"""Radii that a fibre may run over a nucleus, or two that touch. Larger: more rows are fibres."""


def flag_of(
    regions: Regions,
    levels: AnyLevels,
    resolved: Resolved,
    own: Callable[[], Estimate],
    *,
    disagrees: bool,
) -> Flag | None:
    """Return the first flag that holds of an image; None of one that is not odd.

    `own` estimates the image by itself.
    """
    expected = expected_count(levels, resolved)
    if disagrees:
        return "disagrees"
    if _has_fibre(regions, levels, resolved.radius_px):
        return "debris"
    if _saturated_share(regions) >= SATURATED_SHARE:
        return "saturated"
    many = len(regions) >= _MANY * expected
    if _is_blurred(regions, resolved) and (many or is_more_blurred(own(), resolved)):
        return "out-of-focus"
    if _is_unsure(regions, resolved) or _is_alone(regions, levels, resolved):
        return "unsure"
    if regions.measure.foreground > _CROWDED_SHARE:
        return "crowded"
    if expected >= _LEAST_EXPECTED and len(regions) < FEW * expected:
        return "sparse"
    return None


def expected_count(levels: AnyLevels, resolved: Resolved) -> float:
    """Return how many nuclei an image of the set has, by its size."""
    return resolved.density * levels.size_px


def _is_unsure(regions: Regions, resolved: Resolved) -> bool:
    """Whether some of what counts is expected to be none, or all is too small or soft to tell."""
    likely = regions.likely
    if likely is None:
        return False
    is_soft = resolved.blur * resolved.radius_px**2 > _MOST_BLUR_PX**2
    is_small = resolved.radius_px < _TELLING_RADIUS_PX
    return 1 - mean(likely) > _MOST_FALSE or is_small or is_soft


def _is_alone(regions: Regions, levels: AnyLevels, resolved: Resolved) -> bool:
    """Whether the one thing in a picture of its own is so large that it may be a spot of light."""
    side_px = min(levels.image_shape)
    is_large = _LONE_RADII * resolved.radius_px > side_px
    is_own = resolved.image_count == 1 and regions.likely is not None
    return is_own and len(regions) == 1 and is_large


def _saturated_share(regions: Regions) -> float:
    """Return the share of the nuclei whose inside is flat at a level that no nucleus exceeds.

    One of the pixels that are looked at may be a hot one.
    """
    top = regions.plateau.max()
    return 0.0 if regions.second.max() > top else float((regions.plateau == top).mean())


def _is_blurred(regions: Regions, resolved: Resolved) -> bool:
    """Whether outlines fall less steeply than in the set, each relative to its own height.

    So that less light is no blur.
    """
    clear = regions.height > _CLEAR * regions.measure.threshold
    if np.count_nonzero(clear) < _LEAST_CLEAR or not resolved.blur:
        return False
    return regions.blur(clear) - resolved.blur > _BLURRED**2


def is_softer(own: Estimate, resolved: Resolved) -> bool:
    """Whether the nuclei of an image are softer than those of its set, each for its size."""
    return own.blur - resolved.blur > _BLURRED**2


def is_more_blurred(own: Estimate, resolved: Resolved) -> bool:
    """Whether an image looks blurred beside its set, by what it shows itself."""
    if own.count < _LEAST_CLEAR or not resolved.blur:
        return False
    more_px = own.blur * own.radius_px**2 - resolved.blur * resolved.radius_px**2
    return more_px > (_BLURRED * resolved.radius_px) ** 2


def _has_fibre(regions: Regions, levels: AnyLevels, radius_px: float) -> bool:
    """Whether regions lie on a ridge that is far thinner than a nucleus, and far longer."""
    lengths = regions.ridges
    if lengths is None:
        lengths = _lengths(regions, _stretched(regions), levels, radius_px)
    return bool(lengths.max(initial=0) >= _FIBRE)


def with_ridges(regions: Regions, levels: AnyLevels, radius_px: float) -> Regions:
    """Return the regions with the lengths of the ridges through them."""
    if regions.ridges is not None:
        return regions
    lengths, stretched = np.zeros(len(regions)), _stretched(regions)
    lengths[stretched] = _lengths(regions, stretched, levels, radius_px)
    return replace(regions, ridges=lengths)


def _stretched(regions: Regions) -> NDArray[np.int64]:
    return (regions.stretch > STRETCHED).nonzero()[0]


def _lengths(
    regions: Regions, stretched: NDArray[np.int64], levels: AnyLevels, radius_px: float
) -> NDArray[np.float64]:
    """Return the lengths of the ridges through those regions that are stretched."""
    assert isinstance(levels, Levels)
    (top, left), zero, unit = levels.origin, levels.zero, levels.unit
    background = (regions.measure.background - zero) / unit
    places = np.array((regions.y, regions.x, regions.intensity)).T.take(stretched, axis=0)
    places -= top, left, zero
    places[:, 2] = places[:, 2] / unit - background
    return ridge_lengths(levels.pixels, places, background, radius_px)


def ridge_lengths(
    pixels: NDArray[Any],
    places: NDArray[np.float64],
    background: float,
    radius_px: float,
    *,
    shape: tuple[int, int] | None = None,
    origin: tuple[int, int] = (0, 0),
) -> NDArray[np.float64]:
    """Return how long the longest thin ridge through each place is: `measure_ridges`."""
    return measure_ridges(
        pixels, places, shape=shape, origin=origin, radius=radius_px, background=background,
        across=_ACROSS, thin=_THIN, ridge=_RIDGE, bridge=_BRIDGE, enough=_FIBRE,
    )  # fmt: skip
