"""Draw nuclei as SVG: rings and outlines that stay sharp at any size."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .plurals import pluralize

RING = "#00e5c0"
"""The colour of rings: far from every grey."""


def rings(points: NDArray[Any], radius_px: float, colour: str = RING) -> str:
    """Return one SVG path with a ring around each of `points`, shape (N, 2), (row, column).

    Coordinates are those of an SVG whose units are pixels: a pixel's centre is
    half a pixel from its edge.
    """
    r = f"{radius_px:g}"
    turn = f"a{r} {r} 0 1 0 {2 * radius_px:g} 0a{r} {r} 0 1 0-{2 * radius_px:g} 0"
    starts = (np.asarray(points, float) + 0.5 - (0, radius_px)).tolist()
    path = "".join(f"M{x:g} {y:g}{turn}" for y, x in starts)
    return f'<path class="rings" d="{path}" fill="none" stroke="{colour}" {_THIN}/>'


def outlines(polygons: Iterable[NDArray[Any]], colour: str = RING) -> str:
    """Return one SVG path along polygons of corners (x, y), of which each is beside the last.

    Their sides are parallel to the axes; the first corner is not repeated. In the same units.
    """
    path = "".join(map(_around, polygons))
    return f'<path class="rings" d="{path}" fill="none" stroke="{colour}" {_THIN}/>'


def _around(corners: NDArray[Any]) -> str:
    (x, y), steps = corners[0].tolist(), np.diff(corners, axis=0).tolist()
    return f"M{x} {y}" + "".join(f"h{dx}" if dx else f"v{dy}" for dx, dy in steps) + "z"


_THIN = 'stroke-width="1.5" vector-effect="non-scaling-stroke"'


def map_of_nuclei(
    points: NDArray[Any],
    shape: tuple[int, int],
    *,
    width: int,
    polygons: Iterable[NDArray[Any]] | None = None,
) -> str:
    """Return a small SVG of nuclei alone on a dark field of `shape`.

    They are rings at `points`, or these `polygons`, as `outlines` takes them.
    """
    height = round(width * shape[0] / max(1, shape[1]))
    label = pluralize(len(points), "nucleus")
    drawn = rings(points, max(shape) / 120) if polygons is None else outlines(polygons)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {shape[1]} {shape[0]}" '
        f'width="{width}" height="{height}" role="img" aria-label="{label}">'
        f'<rect width="100%" height="100%" fill="#111"/>{drawn}</svg>'
    )
