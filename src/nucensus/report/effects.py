"""What the place on a plate does: rows, columns and edges, and the B-score, which leaves it out."""

import math

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..discover import row_name
from .render import number

_LEAST_ROWS, _LEAST_WELLS = 6, 40
"""Rows and columns, and wells, of which fewer tell no effect from a single well."""
_ROUNDS, _SETTLED = 20, 1e-6
_CLEAR = 5.0
"""Standard errors beyond which the largest effect is more than chance: in noise, on 96 and more
wells, one plate in a hundred has one. Larger: fewer are told."""
_SD_OF_MAD, _SE_OF_MEDIAN = 1.4826, 1.2533
"""Of normally distributed values."""


@dataclass(frozen=True, slots=True)
class Polished:
    """The values of a plate as the sum of what all wells, a row, a column and a well have.

    Attributes
    ----------
    overall : float
    rows, columns : ndarray of float64
        NaN where there is no value.
    residuals : ndarray of float64, shape (rows, columns)
    """

    overall: float
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    residuals: NDArray[np.float64]

    @property
    def spread(self) -> float:
        """The standard deviation of the residuals, by their median absolute deviation."""
        known = self.residuals[np.isfinite(self.residuals)]
        return float(_SD_OF_MAD * np.median(np.abs(known - np.median(known))))


def median_polish(values: NDArray[np.float64]) -> Polished | None:
    """Part the values of a plate by Tukey's median polish; None where they are too few.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        NaN where there is none.

    Examples
    --------
    >>> polished = median_polish(np.add.outer(np.arange(6.0), np.arange(8.0)) + 10)
    >>> polished.rows.tolist(), polished.spread
    ([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], 0.0)
    """
    known = np.isfinite(values)
    full = min(known.any(axis=1).sum(), known.any(axis=0).sum()) >= _LEAST_ROWS
    if not full or known.sum() < _LEAST_WELLS:
        return None
    left = values.astype(np.float64)
    effects = [np.zeros(size) for size in values.shape]
    for _ in range(_ROUNDS):
        moved = 0.0
        for axis, effect in enumerate(effects):
            medians = _medians(left, axis)
            left -= np.expand_dims(medians, 1 - axis)
            effect += medians
            moved = max(moved, float(np.abs(medians).max()))
        if moved <= _SETTLED * max(1.0, float(np.abs(values[known]).max())):
            break
    middles = [float(np.median(effect[known.any(axis=1 - axis)]))
               for axis, effect in enumerate(effects)]  # fmt: skip
    rows, columns = (
        np.where(known.any(axis=1 - axis), effect - middles[axis], np.nan)
        for axis, effect in enumerate(effects)
    )
    return Polished(sum(middles), rows, columns, left)


def _medians(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the median of each row (axis 0) or column (axis 1), 0 where there is no value."""
    lines = values if axis == 0 else values.T
    known = [line[np.isfinite(line)] for line in lines]
    return np.array([np.median(line) if len(line) else 0.0 for line in known])


def b_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the residuals of `median_polish` in units of 1.4826 times their MAD; NaN if none.

    Brideau, Gunter, Pikounis and Liaw, Journal of Biomolecular Screening 8, 2003.
    """
    polished = median_polish(values)
    if polished is None or polished.spread == 0:
        return np.full(values.shape, np.nan)
    return polished.residuals / polished.spread


def describe_effects(values: NDArray[np.float64]) -> list[str]:
    """Say how rows, columns and edges of a plate differ, and whether by more than chance."""
    polished = median_polish(values)
    if polished is None or polished.overall <= 0:
        return []
    names = ([row_name(row) for row in range(len(polished.rows))],
             [str(column + 1) for column in range(len(polished.columns))])  # fmt: skip
    told = [
        _describe(kind, effect, name, polished, values.shape[1 - axis])
        for axis, (kind, effect, name) in enumerate(
            zip(("Rows", "Columns"), (polished.rows, polished.columns), names, strict=True)
        )
    ]
    return [*told, *_edges(values)]


def _describe(
    kind: str, effect: NDArray[np.float64], names: list[str], polished: Polished, wells: int
) -> str:
    percent = 100 * effect / polished.overall
    low, high = int(np.nanargmin(percent)), int(np.nanargmax(percent))
    error = _SE_OF_MEDIAN * polished.spread / math.sqrt(wells)
    most = float(np.nanmax(np.abs(effect)))
    chance = "no more than chance" if most <= _CLEAR * error else "more than chance"
    return (
        f"{kind} differ in nuclei per field by {number(round(percent[low], 1))} % "
        f"({names[low]}) to {number(round(percent[high], 1))} % ({names[high]}) of the median "
        f"well: {chance}."
    )


def _edges(values: NDArray[np.float64]) -> list[str]:
    """Compare the wells at the edge with those inside, by their medians."""
    at_edge = np.ones(values.shape, np.bool_)
    at_edge[1:-1, 1:-1] = False
    edge, inner = (values[where & np.isfinite(values)] for where in (at_edge, ~at_edge))
    if min(len(edge), len(inner)) < _LEAST_ROWS or np.median(inner) <= 0:
        return []
    middles = float(np.median(edge)), float(np.median(inner))
    error = math.hypot(*(
        _SE_OF_MEDIAN * _SD_OF_MAD * float(np.median(np.abs(each - middle))) / math.sqrt(len(each))
        for each, middle in zip((edge, inner), middles, strict=True)
    ))  # fmt: skip
    difference = middles[0] - middles[1]
    chance = "no more than chance" if abs(difference) <= _CLEAR * error else "more than chance"
    percent = round(100 * abs(difference) / middles[1], 1)
    more = f"{number(percent)} % {'fewer' if difference < 0 else 'more'}"
    many = f"{more} nuclei per field than" if percent else "as many nuclei per field as"
    return [f"Wells at the edge have {many} those inside: {chance}."]
