"""Draw the distributions that nuclei are positive by, with the threshold of each plate."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import Run
from ..values import PositiveFact
from .histogram import Histogram

_BINS = 60
"""Bars. Larger: finer, and more noise."""
_ENDS = 0.002, 0.995
"""Quantiles at which the axis ends: a few bright nuclei would press the others together."""


def positive_histograms(run: Run) -> list[dict[str, Any]]:
    """Return a histogram for each measurement and plate, as the page draws them."""
    return [each for fact in run.positive for each in _of_fact(run, fact)]


def _of_fact(run: Run, fact: PositiveFact) -> Iterator[dict[str, Any]]:
    plates: dict[str, list[NDArray[np.float64]]] = {}
    for row, nuclei in run.found_images(("plate",)):
        plates.setdefault(row["plate"] or "", []).append(nuclei[fact["column"]].astype(float))
    for plate, parts in plates.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        known = fact["plates"].get(plate, {"threshold": None, "why": ""})
        threshold = known["threshold"]
        unit = "nuclei" if threshold is not None else f"nuclei; no threshold: {known['why']}"
        yield {
            "view": "", "title": f"{fact['column']}{f', plate {plate}' if plate else ''}",
            "unit": unit, "axis": f"{fact['column']}; the last bars hold what is beyond",
            "mark": threshold, "mark_name": "positive above",
            "data": _histogram(values, threshold),
        }  # fmt: skip


def _histogram(values: NDArray[np.float64], threshold: float | None) -> Histogram:
    low, high = np.quantile(values, _ENDS)
    if threshold is not None:
        low, high = min(low, threshold), max(high, threshold)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = np.histogram(values.clip(low, high), _BINS, (low, high))[0]
    return Histogram(float(low), float(high), tuple(counts.tolist()))
