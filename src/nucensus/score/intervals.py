"""The scores of a set of fields from the counts of each, with bootstrap confidence intervals."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass

_RESAMPLES = 2000
"""Sets of fields drawn for an interval: its ends vary by 2 % of its width. Larger: slower."""
_SEED = 0
"""Of the draws: the same scores have the same intervals."""
FIELDS_AT_ONCE = 1 << 16
"""Fields in memory at a time, some 3 MB. Another number: other draws of sets that are larger."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its bootstrap confidence interval over fields."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How well a set was done.

    Attributes
    ----------
    precision, recall, f1 : Interval
        Of all nuclei of the set together, 0 to 1.
    count_error : Interval
        Mean over the fields of the absolute difference of the counts, in nuclei.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    count_error: Interval


def sum_up(counts: NDArray[Any], *, confidence: float = 0.95) -> Scores:
    """Return the scores of a set from the counts of each field.

    The intervals are percentiles over 2000 sets of fields drawn with
    replacement, the same ones every time.

    Parameters
    ----------
    counts : ndarray of int, shape (fields, 3)
        Hits, detections and nuclei of each field.
    confidence : float
        Share of the resampled sets inside the intervals, 0 to 1.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    starts = range(0, len(counts), FIELDS_AT_ONCE)
    blocks = (counts[start : start + FIELDS_AT_ONCE] for start in starts)
    return sum_up_blocks(blocks, len(counts), confidence=confidence)


def sum_up_blocks(
    blocks: Iterable[NDArray[Any]], count: int, *, confidence: float = 0.95
) -> Scores:
    """Return what `sum_up` does of so many fields, which come `FIELDS_AT_ONCE` at a time.

    How many fields of each block a set has is drawn first, and then which they are: sets are
    drawn as from all fields at once, and no more than one block is in memory.
    """
    total, samples = np.zeros(4), np.zeros((_RESAMPLES, 4))
    draws = np.random.default_rng(_SEED)
    for block, numbers in zip(blocks, _shares(count), strict=True):
        errors = np.abs(block[:, 1] - block[:, 2])
        table = np.column_stack((block, errors)).astype(np.float64)
        total += table.sum(axis=0)
        for sample, number in zip(samples, numbers, strict=True):
            drawn = draws.integers(0, len(table), number)
            sample += np.bincount(drawn, minlength=len(table)) @ table
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile([_summary(sample, count) for sample in samples], tails, axis=0)
    return Scores(*map(Interval, _summary(total, count), low.tolist(), high.tolist()))


def _shares(count: int) -> NDArray[np.int64]:
    """Draw how many fields of each block are in each set, shape (blocks, sets)."""
    sizes = np.diff([*range(0, count, FIELDS_AT_ONCE), count])
    draws = np.random.default_rng((_SEED, 1))
    return draws.multinomial(count, sizes / count, _RESAMPLES).T


def _summary(sums: NDArray[np.float64], count: int) -> tuple[float, float, float, float]:
    hits, detections, nuclei, errors = sums
    return (
        ratio(hits, detections),
        ratio(hits, nuclei),
        ratio(2 * hits, detections + nuclei),
        errors / count,
    )


def ratio(part: float, whole: float) -> float:
    """Return which part of the whole it is; 1 of nothing."""
    return float(part / whole) if whole else 1.0
