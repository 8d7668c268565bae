"""The numbers with which the kernel finds regions, for nuclei of a given radius."""

from typing import Any

import numpy as np

from .rules import Rules

GRID_RADIUS_PX = 4.0
"""Least radius of a nucleus on the working grid: on BBBC039 radii of 4.7, 7 and 14 do as well.
Larger: slower."""
_HALVED_FROM_PX = 6.4
"""From this radius on the grid is never the image itself, which would take four times as long."""

# Lengths in radii of a nucleus, areas in those of a typical one. docs/method.md tells
# how they were chosen, how flat the optimum is and what that costs on wells left out.
_TILE = 6.0
"""Side of a tile of the background. Larger: less of a colony is taken for background."""
_REACH = 0.65
"""How far a pixel looks for the height it is compared with. Larger: dim neighbours are lost."""
_RIDGE_SIGMA = 0.2
"""Smoothing before pieces are cut. Larger: fewer pieces, and nuclei that touch are one."""
_NOISE_FACTOR = 10.0
"""Height over noise that counts where hardly anything rises; half of it elsewhere. Larger: dim
nuclei are lost."""
_MOST_STRETCH = 0.08
"""Logarithm of the stretch that alone parts two pieces. Larger: more is put together."""
_MOST_DIP = 0.25
"""Dip, in parts of a height, that alone parts two pieces. Larger: more is put together."""
_CREST_SHARE = 0.5
"""Where between its summit (0) and its mean (1) a dip of a piece begins. Larger: dips are less."""
_LEAST_SIZE = 0.75
"""Least factor on the evidence against a union. Larger: small pieces stay apart."""
_LEAST_AREA = 1 / 20
"""Smaller regions are debris. Larger: fragments of nuclei are lost."""
_LEAST_FALL = 0.4
"""Fall of height over a radius at an outline: haze has less than 0.5, nuclei out of focus 0.6 and
more (benchmarks/others.py). Larger: blurred nuclei are lost."""
_HOLE_DIP = 0.5
"""What counts of a dip beside a hole that a union would enclose. Larger: nucleoli part nuclei."""
LEAST_UNION = 0.8
"""Logarithm of the odds with which pieces are one nucleus (benchmarks/train.py). Larger: more stays
apart."""
_UNION_WEIGHTS = 20


def region_numbers(
    *, radius_px: float, smoothing: float, crest_smoothing: float, least_threshold: float,
    rules: Rules, least_union: float = LEAST_UNION, grid_radius_px: float = GRID_RADIUS_PX,
) -> dict[str, Any]:  # fmt: skip
    """Return the fields of `RegionSettings`; the noise of an image is not known yet."""
    step, radius, smooth_sigma = on_grid(radius_px, smoothing, grid_radius_px)
    return {
        "step": step,
        "tile": max(4, round(_TILE * radius)),
        "reach": max(1, round(_REACH * radius)),
        "radius": radius,
        "smooth_sigma": smooth_sigma,
        "crest_sigma": max(0.5, crest_smoothing * radius),
        "ridge_sigma": max(0.6, _RIDGE_SIGMA * radius),
        "least_threshold": least_threshold,
        "noise_factor": _NOISE_FACTOR,
        "most_stretch": _MOST_STRETCH,
        "most_dip": _MOST_DIP,
        "crest_share": _CREST_SHARE,
        "least_size": _LEAST_SIZE,
        "least_area": _LEAST_AREA,
        "least_fall": _LEAST_FALL,
        "most_whole": rules.most_whole,
        "most_hole": rules.most_hole,
        "hole_dip": _HOLE_DIP,
        "is_learned": bool(rules.union),
        "union_weights": rules.union or np.zeros(_UNION_WEIGHTS),
        "least_union": least_union,
        "least_noise": 0.0,
        "most_noise": np.inf,
        "looks_inside": True,
    }


def on_grid(
    radius_px: float, smoothing: float, grid_radius_px: float = GRID_RADIUS_PX
) -> tuple[int, float, float]:
    """Return how many pixels are one of the grid, and the radius and sigma of the heights there."""
    radius = radius_px / (step := _step(radius_px, grid_radius_px))
    # On a coarse grid half a pixel of smoothing would make small nuclei one.
    return step, radius, max(0.5 if radius >= GRID_RADIUS_PX else 0.4, smoothing * radius)


def grid_radius(radius_px: float) -> float:
    """Return the radius a nucleus of `radius_px` has on the working grid, in grid pixels."""
    return radius_px / _step(radius_px, GRID_RADIUS_PX)


def _step(radius_px: float, grid_radius_px: float) -> int:
    """Return how many pixels of the image are a pixel of the grid, along each axis."""
    return max(2 if radius_px >= _HALVED_FROM_PX else 1, int(radius_px / grid_radius_px))
