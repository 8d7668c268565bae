"""Draw the distributions of what was measured of nuclei, with thresholds or else medians."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import NUCLEUS_COLUMNS, Run, known_values
from ..values import PlateFact
from .histogram import Histogram
from .render import number

_SHOWN = ("area_px", "integrated")
"""What is shown of what was measured of nuclei: their size, and their content."""
_BINS = 60
"""Bars. Larger: finer, and more noise."""
_ENDS = 0.002, 0.995
"""Quantiles at which the axis ends: a few bright nuclei would press the others together."""


def measured_histograms(run: Run, leaves_out: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a histogram for each measurement and plate, as the page draws them.

    Those come first in which nuclei are positive; then areas, contents, and means of channels.
    """
    facts = {fact["column"]: fact["plates"] for fact in run.positive}
    means = (name for name in run.others.columns if name.endswith("_mean"))
    shown = [each for each in _SHOWN if run.measured_within and each not in leaves_out]
    columns = [*facts, *shown, *means]
    plates = _values(run, list(dict.fromkeys(columns))) if columns else {}
    return [
        _drawn(column, plate, values, facts.get(column, {}).get(plate))
        for (column, plate), values in sorted(plates.items(), key=lambda e: columns.index(e[0][0]))
        if len(values)
    ]


def _values(run: Run, columns: Sequence[str]) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Return the values of columns that are known, on each plate."""
    parts: dict[tuple[str, str], list[NDArray[Any]]] = {}
    for row, nuclei in run.found_images(("plate",)):
        for column in columns:
            if column in (nuclei.dtype.names or ()):
                parts.setdefault((column, row["plate"] or ""), []).append(nuclei[column])
    return {key: known_values(key[0], np.concatenate(each)) for key, each in parts.items()}


def _drawn(
    column: str, plate: str, values: NDArray[np.float64], known: PlateFact | None
) -> dict[str, Any]:
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    mark: float | None = median
    name, unit = "median", f"nuclei; half of them from {number(first)} to {number(third)}"
    if known is not None:
        mark, name, unit = known["threshold"], "positive above", "nuclei"
        if mark is None:
            unit = f"nuclei; no threshold: {known['why']}"
    meaning = next((each.meaning for each in NUCLEUS_COLUMNS if each.name == column), "")
    title = f"{meaning.capitalize()} ({column})" if meaning else column
    return {
        "view": "", "title": f"{title}{f', plate {plate}' if plate else ''}", "unit": unit,
        "axis": f"{column}; the last bars hold what is beyond", "mark": mark, "mark_name": name,
        "data": histogram_of(values, mark),
    }  # fmt: skip


def histogram_of(values: NDArray[np.float64], mark: float | None) -> Histogram:
    """Return the histogram of finite values, in which a mark has its place."""
    low, high = np.quantile(values, _ENDS)
    if mark is not None:
        low, high = min(low, mark), max(high, mark)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = np.histogram(values.clip(low, high), _BINS, (low, high))[0]
    return Histogram(float(low), float(high), tuple(counts.tolist()))
