"""Turn plates into heat maps: what each well's cell shows, in every metric at once.

The page switches the metric by CSS alone: each cell carries all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..discover import row_name
from .plates import Plate, Well, is_outlier
from .render import number

METRICS = {
    "count": "Nuclei",
    "density": "Density",
    "intensity": "Intensity",
    "flags": "Flags",
}
"""Titles of the metrics of a heat map, by the property of `Well`."""

_UNITS = {
    "count": "nuclei",
    "density": "nuclei per megapixel",
    "intensity": "mean smoothed grey level of the nuclei",
    "flags": "fields that were flagged or failed",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One well as it is drawn: places on the colour scale (0 to 1), texts and marks."""

    name: str
    state: str
    style: str
    texts: dict[str, str]
    outlier: str
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """One metric over the plates of a view: its unit, and the values at both ends."""

    unit: str
    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where `value` lies between the ends, 0 to 1."""
        if not self.low < self.high or np.isnan(value):
            return 0.0
        return float(np.clip((value - self.low) / (self.high - self.low), 0, 1))


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One plate as it is drawn, in one channel, z and time."""

    name: str
    view: str
    columns: int
    rows: list[tuple[str, list[Cell]]]
    imaged: int
    scales: dict[str, Scale]


def draw_plates(plates: Sequence[Plate]) -> list[HeatMap]:
    """Return the heat map of each plate, on colour scales common to all of one view."""
    views: dict[str, list[Well]] = {}
    for plate in plates:
        done = (well for well in plate.wells.values() if well.state != "failed")
        views.setdefault(plate.view, []).extend(done)
    scales = {
        view: {metric: _scale(metric, wells) for metric in METRICS} for view, wells in views.items()
    }
    return [_draw(plate, scales[plate.view]) for plate in plates]


def _scale(metric: str, wells: Sequence[Well]) -> Scale:
    """Return a scale that a few extreme wells do not stretch."""
    values = np.array([getattr(well, metric) for well in wells], float)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (5, 95)) if len(values) else (0, 0)
    if metric == "flags":
        low, high = 0, values.max(initial=0)
    return Scale(_UNITS[metric], float(low), float(high))


def _draw(plate: Plate, scales: dict[str, Scale]) -> HeatMap:
    scores = plate.robust_z()

    def cell(row: int, column: int) -> Cell:
        z = {metric: scores[metric].get((row, column), np.nan) for metric in scores}
        return _cell(plate.well(row, column), z, scales)

    rows = [
        (row_name(row), [cell(row, column) for column in range(plate.columns)])
        for row in range(plate.rows)
    ]
    return HeatMap(plate.name, plate.view, plate.columns, rows, len(plate.wells), scales)


def _cell(well: Well, z: dict[str, float], scales: dict[str, Scale]) -> Cell:
    shown = well.state in ("part", "whole")
    values = {metric: getattr(well, metric) for metric in METRICS if shown}
    outlying = [metric for metric, score in z.items() if is_outlier(score)]
    return Cell(
        name=well.name,
        state=well.state,
        style=";".join(f"--{m}:{scales[m].place(value):.3g}" for m, value in values.items()),
        texts={metric: number(value) for metric, value in values.items()},
        outlier=" ".join(outlying),
        label=_label(well, [f"{metric} (robust z {z[metric]:.1f})" for metric in outlying]),
    )


def _label(well: Well, outlying: Sequence[str]) -> str:
    """Return what the tooltip says, and a screen reader."""
    if well.state == "missing":
        return f"{well.name}: no image"
    if well.state == "failed":
        return f"{well.name}: failed, none of {len(well.fields)} images could be done"
    done = sum(field.found for field in well.fields)
    parts = [
        f"{well.name}: {number(well.count)} nuclei in {done} of {len(well.fields)} fields",
        f"{number(well.density)} per megapixel",
        f"mean intensity {number(well.intensity)}",
    ]
    if well.flags:
        parts.append(f"{number(well.flags)} flagged or failed")
    if outlying:
        parts.append(f"stands out by {', '.join(outlying)}")
    return "; ".join(parts)
