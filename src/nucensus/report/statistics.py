"""How wells of one treatment spread, and whether they differ from a control by more than chance.

Intervals and tests are those of scipy. SSMD and Z' are in no library; they are stated here.
"""

import functools
import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any

from ..errors import MissingPackageError


def missing_package() -> str:
    """Return what cannot be said without scipy, and how to install it; "" where it is there."""
    if _scipy_stats() is not None:
        return ""
    return str(MissingPackageError("scipy", "Comparing treatments by intervals and tests", "stats"))


def _scipy_stats() -> Any:
    """Return `scipy.stats`, None where it is not installed; it is imported for treatments alone."""
    try:
        import scipy.stats
    except ImportError:
        return None
    return scipy.stats


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % confidence interval by Student's t.

    The interval is NaN for one value, and without scipy.
    """
    mean, stats = fmean(values), _scipy_stats()
    if stats is None or len(values) < 2:
        return mean, math.nan, math.nan
    half = float(stats.t.ppf(0.975, len(values) - 1)) * deviation(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def deviation(values: Sequence[float]) -> float:
    """Return the sample standard deviation, NaN for one value."""
    return _deviation(tuple(values)) if len(values) > 1 else math.nan


@functools.lru_cache(16)  # that of a control is asked for by every treatment
def _deviation(values: tuple[float, ...]) -> float:
    return stdev(values)


def differ_from_control(groups: Sequence[Sequence[float]], control: Sequence[float]) -> list[float]:
    """Return how likely chance alone sets the mean of each group so far from that of a control.

    The p-values are those of Welch's t-test (1947): groups may spread unlike each other. They are
    corrected for the number of groups (Benjamini, Hochberg 1995). NaN for a group of one value,
    where neither the group nor the control spreads, and without scipy.
    """

    def test(stats: Any, values: Sequence[float]) -> float:
        both = (*_moments(values), *_moments(control))
        return float(stats.ttest_ind_from_stats(*both, equal_var=False).pvalue)

    return _corrected(groups, test, spread=deviation(control))


def differ_from(groups: Sequence[Sequence[float]], value: float) -> list[float]:
    """Return the same of the mean of each group and a value, by Student's t-test of one sample."""

    def test(stats: Any, values: Sequence[float]) -> float:
        mean, spread, count = _moments(values)
        return float(2 * stats.t.sf(abs(mean - value) * math.sqrt(count) / spread, count - 1))

    return _corrected(groups, test, spread=0)


def _moments(values: Sequence[float]) -> tuple[float, float, int]:
    return fmean(values), deviation(values), len(values)


def _corrected(
    groups: Sequence[Sequence[float]], test: Callable[[Any, Sequence[float]], float], spread: float
) -> list[float]:
    """Return the p-values of a test, corrected; NaN where neither side spreads, or is one value."""
    stats, found = _scipy_stats(), [math.nan] * len(groups)
    able = [at for at, values in enumerate(groups) if deviation(values) + spread > 0]
    if stats is not None and able:
        p = stats.false_discovery_control([test(stats, groups[at]) for at in able])
        for at, each in zip(able, p.tolist(), strict=True):
            found[at] = each
    return found


def ssmd(values: Sequence[float], control: Sequence[float]) -> float:
    """Return the strictly standardized mean difference from a control (Zhang 2007)."""
    spread = math.hypot(deviation(values), deviation(control))
    return (fmean(values) - fmean(control)) / spread if spread > 0 else math.nan


def z_prime(values: Sequence[float], control: Sequence[float]) -> float:
    """Return Z', how well an assay tells a group from a control (Zhang, Chung, Oldenburg 1999)."""
    distance = abs(fmean(values) - fmean(control))
    return 1 - 3 * (deviation(values) + deviation(control)) / distance if distance else math.nan
