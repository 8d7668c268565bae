"""Draw nuclei as SVG: rings and outlines that stay sharp at any size."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .plurals import pluralize

RING = "#00e5c0"
"""The colour of rings: far from every grey."""


def rings(
    points: NDArray[Any], radius_px: float, colour: str = RING, *, dashed: bool = False
) -> str:
    """Return one SVG path with a ring around each of `points`, shape (N, 2), (row, column).

    Coordinates are those of an SVG whose units are pixels: a pixel's centre is
    half a pixel from its edge.
    """
    r = f"{radius_px:g}"
    turn = f"a{r} {r} 0 1 0 {2 * radius_px:g} 0a{r} {r} 0 1 0-{2 * radius_px:g} 0"
    starts = (np.asarray(points, float) + 0.5 - (0, radius_px)).tolist()
    path = "".join(f"M{x:g} {y:g}{turn}" for y, x in starts)
    return _line(path, colour, dashed=dashed)


def outlines(polygons: Iterable[NDArray[Any]], colour: str = RING, *, dashed: bool = False) -> str:
    """Return one SVG path along polygons of corners (x, y), of which each is beside the last.

    Their sides are parallel to the axes; the first corner is not repeated. In the same units.
    """
    return _line("".join(map(_around, polygons)), colour, dashed=dashed)


def _line(path: str, colour: str, *, dashed: bool) -> str:
    dashes = ' stroke-dasharray="3 3"' if dashed else ""
    return f'<path class="rings" d="{path}" fill="none" stroke="{colour}" {_THIN}{dashes}/>'


def _around(corners: NDArray[Any]) -> str:
    (x, y), steps = corners[0].tolist(), np.diff(corners, axis=0).tolist()
    return f"M{x} {y}" + "".join(f"h{dx}" if dx else f"v{dy}" for dx, dy in steps) + "z"


_THIN = 'stroke-width="1.5" vector-effect="non-scaling-stroke"'


def scale_bar(shape: tuple[int, int], pixel_um: float) -> str:
    """Return a bar of a round length, with its name, in the lower left corner of a field.

    It is in micrometres, or in pixels where the size of a pixel is not known (NaN).
    """
    each, unit = (pixel_um, "µm") if pixel_um > 0 else (1.0, "px")
    most = shape[1] * each / 4
    power = 10.0 ** math.floor(math.log10(most))
    length = max(digit * power for digit in (1, 2, 5) if digit * power <= most)
    thick = max(shape) / 150
    x, y = 4 * thick, shape[0] - 5 * thick
    return (
        f'<g class="scale" fill="#fff" stroke="#000" stroke-width="{thick / 2:.3g}" '
        f'paint-order="stroke"><rect x="{x:.4g}" y="{y:.4g}" width="{length / each:.4g}" '
        f'height="{thick:.3g}"/><text x="{x:.4g}" y="{y - 2 * thick:.4g}" '
        f'font-family="sans-serif" font-size="{7 * thick:.3g}">{length:g} {unit}</text></g>'
    )


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
