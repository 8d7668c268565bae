"""Turn plates into heat maps: what each well's cell shows, in every metric at once.

The page switches the metric by CSS alone: each cell carries all of them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..discover import row_name
from ..text.plurals import pluralize
from .effects import describe_effects
from .plates import Plate, Well, is_outlier
from .render import number

METRICS = {
    "per_field": "Nuclei per field",
    "count": "Nuclei in all",
    "density": "Density",
    "intensity": "Intensity",
    "flags": "Flags",
}
"""Titles of the metrics of a heat map, by the property of `Well`."""

_UNITS = {
    "positive": "% of the nuclei are positive",
    "per_field": "nuclei per field",
    "count": "nuclei in all fields of a well",
    "density": "nuclei per megapixel",
    "intensity": "mean smoothed grey level of the nuclei",
    "b_score": "B-score of nuclei per field: without what rows and columns do",
    "flags": "fields that were flagged or failed",
}


_STRETCHED = 1.5

_MOST_SCORE = 5.0
"""B-scores beyond it, on either side of 0, have one colour. Larger: paler maps."""
_LEAST_WELLS = 8
"""Of fewer wells a spread says nothing."""


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
    effects: list[str]


def draw_plates(plates: Sequence[Plate], most: int | None = None) -> list[HeatMap]:
    """Return the heat map of each of the first plates, on colour scales common to all of a view."""
    metrics = metrics_of(plates)
    views: dict[str, list[Well]] = {}
    for plate in plates:
        done = (well for well in plate.wells.values() if well.state != "failed")
        views.setdefault(plate.view, []).extend(done)
    scales = {
        view: {metric: _scale(metric, wells) for metric in metrics} for view, wells in views.items()
    }
    return [_draw(plate, scales[plate.view]) for plate in plates[:most]]


def metrics_of(plates: Sequence[Plate]) -> dict[str, str]:
    """Return titles by metric: those of `METRICS`, after that of positive nuclei if there are."""
    wells = [well for plate in plates for well in plate.wells.values()]
    is_judged = any(field.judged for well in wells for field in well.fields)
    is_scored = any(np.isfinite(well.b_score) for well in wells)
    return {
        **({"positive": "Positive nuclei"} if is_judged else {}),
        **METRICS,
        **({"b_score": "B-score"} if is_scored else {}),
    }


def notes_on(plates: Sequence[Plate]) -> dict[str, list[str]]:
    """Return for each view what its heat maps must not be read without."""
    views: dict[str, list[Well]] = {}
    for plate in plates:
        views.setdefault(plate.view, []).extend(well for well in plate.wells.values() if well.done)
    return {
        view: [*_positive_noise(wells), *_uneven(wells), *_noise(wells)]
        for view, wells in views.items()
    }


def _uneven(wells: Sequence[Well]) -> list[str]:
    done = [well.done for well in wells]
    if not done or min(done) == max(done):
        return []
    return [
        f"Wells have {min(done)} to {max(done)} fields that were done: compare nuclei per field, "
        f"not nuclei in all."
    ]


def _noise(wells: Sequence[Well]) -> list[str]:
    """Say whether wells differ more than counts of the same density do (Poisson)."""
    counts = np.array([well.count for well in wells], float)
    expected = np.array([well.done for well in wells], float)
    if len(wells) < _LEAST_WELLS or not counts.sum():
        return []
    expected *= counts.sum() / expected.sum()
    percent = 100 * 1.96 / np.sqrt(np.median(expected))
    usual = f"chance alone spreads most wells by up to {number(round(percent))} % around the mean"
    return [_compared("counts", (counts - expected) ** 2 / expected, usual)]


def _positive_noise(wells: Sequence[Well]) -> list[str]:
    """Say whether wells differ more than samples of the same share of positives do (binomial)."""
    known = [well for well in wells if np.isfinite(well.positive)]
    judged = np.array([sum(field.judged for field in well.fields) for well in known], float)
    positive = np.array([sum(field.positive for field in well.fields) for well in known], float)
    share = positive.sum() / judged.sum() if len(known) else 0.0
    if len(known) < _LEAST_WELLS or not 0 < share < 1:
        return []
    variances = judged * share * (1 - share)
    points = 100 * 1.96 * np.sqrt(np.median(variances / judged**2))
    usual = (
        f"chance alone spreads most wells by up to {number(round(points))} percentage points "
        f"around the mean of {number(round(100 * share))} %"
    )
    return [
        _compared(
            "percentages of positive nuclei", (positive - judged * share) ** 2 / variances, usual
        )
    ]


def _compared(what: str, squares: NDArray[np.float64], usual: str) -> str:
    """Say how much wells differ in something, from squares of differences in their deviations."""
    ratio = float(squares.sum() / (len(squares) - 1))
    chance = 1 + 3 * (2 / (len(squares) - 1)) ** 0.5  # of chi-square, three deviations
    if ratio <= chance:
        return (
            f"In {what}, wells differ no more than by chance: {usual}. A pattern of them means "
            f"nothing."
        )
    return f"In {what}, wells differ {number(ratio**0.5)} times as much as by chance: {usual}."


def _scale(metric: str, wells: Sequence[Well]) -> Scale:
    """Return a scale from 0, so that noise does not look like a pattern.

    A few extreme wells do not stretch it: its end is the 95th percentile if the highest is
    more than `_STRETCHED` times that.
    """
    values = np.array([getattr(well, metric) for well in wells], float)
    values = values[np.isfinite(values)]
    if metric == "b_score":
        return Scale(_UNITS[metric], -_MOST_SCORE, _MOST_SCORE)
    high, most = (np.percentile(values, 95), values.max()) if len(values) else (0.0, 0.0)
    return Scale(_UNITS[metric], 0.0, float(high if 0 < _STRETCHED * high < most else most))


def _draw(plate: Plate, scales: dict[str, Scale]) -> HeatMap:
    scores = plate.robust_z()

    def cell(row: int, column: int) -> Cell:
        z = {metric: scores[metric].get((row, column), np.nan) for metric in scores}
        return _cell(plate.well(row, column), z, scales)

    rows = [
        (row_name(row), [cell(row, column) for column in range(plate.columns)])
        for row in range(plate.rows)
    ]
    effects = describe_effects(plate.per_field)
    return HeatMap(plate.name, plate.view, plate.columns, rows, len(plate.wells), scales, effects)


def _cell(well: Well, z: dict[str, float], scales: dict[str, Scale]) -> Cell:
    shown = well.state in ("part", "whole")
    values = {metric: getattr(well, metric) for metric in scales if shown}
    outlying = [metric for metric, score in z.items() if is_outlier(score)]
    return Cell(
        name=well.name,
        state=well.state,
        style=";".join(f"--{m}:{scales[m].place(value):.3g}" for m, value in values.items()),
        texts={
            metric: number(round(value, 1) + 0.0 if metric == "b_score" else value)
            for metric, value in values.items()
        },
        outlier=" ".join(outlying),
        label=_label(
            well, [f"{METRICS[each].lower()} (robust z {z[each]:.1f})" for each in outlying]
        ),
    )


def _label(well: Well, outlying: Sequence[str]) -> str:
    """Return what the tooltip says, and a screen reader."""
    if well.state == "missing":
        return f"{well.name}: no image"
    if well.state == "failed":
        return f"{well.name}: failed, none of {len(well.fields)} images could be done"
    parts = [
        f"{well.name}: {number(well.per_field)} nuclei per field",
        f"{number(well.count)} in {well.done} of {pluralize(len(well.fields), 'field')}",
        f"{number(well.density)} per megapixel",
        f"mean intensity {number(well.intensity)}",
    ]
    if np.isfinite(well.positive):
        parts.append(f"{number(well.positive)} % positive")
    if well.flags:
        parts.append(f"{number(well.flags)} flagged or failed")
    if outlying:
        parts.append(f"stands out by {', '.join(outlying)}")
    return "; ".join(parts)
