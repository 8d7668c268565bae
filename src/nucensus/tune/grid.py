"""The numbers of the published detector that are tried, around what a typical nucleus asks for."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._dataclass import dataclass
from ..detect import Resolved
from ..errors import InputError

_SIGMAS = np.geomspace(0.09, 0.72, 9)
_MIN_DISTANCES = (0.07, 0.2, 0.35, 0.5, 0.7, 1.0)
"""Radii of a nucleus, from hardly any to most of one. More of them: a finer search, slower."""
_THRESHOLDS = np.geomspace(0.02, 1.2, 42)
"""Contrasts of a nucleus above the background. More of them: finer, at hardly any cost."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers that are tried, each in ascending order.

    Attributes
    ----------
    sigma : tuple of float
        Standard deviations of the Gaussian, in pixels.
    min_distance : tuple of int
        Least distances of two centres along either axis, in pixels.
    threshold : tuple of float
        Least smoothed values, in grey levels.
    """

    sigma: tuple[float, ...]
    min_distance: tuple[int, ...]
    threshold: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many of each there are."""
        return len(self.sigma), len(self.min_distance), len(self.threshold)


def choose_grid(
    resolved: Resolved,
    sigma: Sequence[float] | None,
    min_distance: Sequence[int] | None,
    threshold: Sequence[float] | None,
) -> Grid:
    """Return the numbers to try: those given, else around what a typical nucleus asks for."""
    if resolved.is_blank and not (sigma and min_distance and threshold):
        raise InputError(
            "the images show nothing that looks like nuclei, so there is no saying which numbers "
            "to try; expected images with nuclei; choose another channel, or give sigma, "
            "min_distance and threshold"
        )
    radius, contrast = resolved.radius_px, resolved.contrast
    digits = 2 - int(np.floor(np.log10(contrast))) if contrast > 0 else 0
    spacings = [max(1, round(radius * each)) for each in _MIN_DISTANCES]
    levels = resolved.background + contrast * _THRESHOLDS
    return Grid(
        _ascending(float(each) for each in sigma or np.round(radius * _SIGMAS, 2)),
        _ascending(min_distance or spacings),
        _ascending(float(each) for each in threshold or np.round(levels, digits)),
    )


def _ascending(numbers: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(set(numbers)))


def at_edge(grid: Grid, place: tuple[int, int, int]) -> dict[str, str]:
    """Return which numbers are the least or the greatest that were tried, and which of the two."""
    edges = {}
    for name, at, count in zip(
        ("sigma", "min_distance", "threshold"), place, grid.shape, strict=True
    ):
        if count > 1 and at in (0, count - 1):
            edges[name] = "least" if at == 0 else "greatest"
    if edges.get("min_distance") == "least" and grid.min_distance[0] <= 1:
        del edges["min_distance"]
    return edges
