"""The demonstration: a synthetic plate with known centres, counted and compared."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..store import Run
from ..values import Settings

SETTINGS = Settings(threshold=600, border="keep")
"""Settings with which the methods that need some fit the synthetic plate."""
COMPARED = 6
"""Images that are compared. Larger: surer figures, and a longer wait for scikit-image."""

_MATCH_RADIUS_PX = 8.0
"""How far from a drawn centre a detection may be: less than a drawn nucleus is wide."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the known centres were found."""

    known: int
    found: int
    hits: int


def agreement(run: Run, truth: Path) -> Agreement:
    """Match the nuclei of `run` with the known centres in `truth`, each at most once."""
    known = _read_truth(truth)
    found = {name: np.column_stack((r["y"], r["x"])) for name, r in run.nuclei_by_image()}
    hits = sum(_hits(known[name], points) for name, points in found.items())
    return Agreement(sum(map(len, known.values())), sum(map(len, found.values())), hits)


def _read_truth(path: Path) -> dict[str, list[tuple[float, float]]]:
    centres: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            centres[row["image"]].append((float(row["y"]), float(row["x"])))
    return centres


def _hits(known: list[tuple[float, float]], points: NDArray[np.int64]) -> int:
    """Count known centres with a point near by that no other centre took before."""
    free = np.ones(len(points), bool)
    for centre in known:
        distance = np.hypot(*(points - centre).T) + np.where(free, 0, np.inf)
        if len(points) and distance.min() <= _MATCH_RADIUS_PX:
            free[distance.argmin()] = False
    return int(np.count_nonzero(~free))
