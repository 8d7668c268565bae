"""Means with their intervals, and how far apart two groups of wells are."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

_Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % confidence interval (Student's t); NaN for one value."""
    mean = fmean(values)
    half = t_quantile(len(values) - 1) * deviation(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def deviation(values: Sequence[float]) -> float:
    """Return the sample standard deviation, NaN for one value."""
    return stdev(values) if len(values) > 1 else math.nan


def t_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t, to 0.2 % (Abramowitz, Stegun 1964, 26.7.5)."""
    if freedom < 1:
        return math.nan
    if freedom <= 2:
        return (12.706204736174694, 4.302652729749462)[freedom - 1]
    terms = (
        (_Z**3 + _Z) / 4,
        (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96,
        (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384,
        (79 * _Z**9 + 776 * _Z**7 + 1482 * _Z**5 - 1920 * _Z**3 - 945 * _Z) / 92160,
    )
    return _Z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))


def ssmd(values: Sequence[float], control: Sequence[float]) -> float:
    """Return the strictly standardized mean difference from a control (Zhang 2007)."""
    spread = math.hypot(deviation(values), deviation(control))
    return (fmean(values) - fmean(control)) / spread if spread > 0 else math.nan


def z_prime(values: Sequence[float], control: Sequence[float]) -> float:
    """Return Z', how well an assay tells a group from a control (Zhang, Chung, Oldenburg 1999)."""
    distance = abs(fmean(values) - fmean(control))
    return 1 - 3 * (deviation(values) + deviation(control)) / distance if distance else math.nan
