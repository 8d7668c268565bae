"""Count values into bins, and place the axis under them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BINS = 40


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie in each of equal bins between `low` and `high`."""

    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    def place(self, value: float) -> float:
        """Return where `value` lies between low (0) and high (1)."""
        return (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round values along the axis."""
        step = 10.0 ** np.floor(np.log10((self.high - self.low) / 2))
        step *= next(n for n in (1, 2, 5, 10) if (self.high - self.low) / (n * step) <= 6)
        first = np.ceil(self.low / step)
        return [float(step * n) for n in np.arange(first, np.floor(self.high / step) + 1)]


def histogram(batches: Iterable[ArrayLike], low: float, high: float) -> Histogram:
    """Count the values in `batches`, which lie between `low` and `high`."""
    if not low < high:
        low, high = low - 0.5, low + 0.5
    counts = np.zeros(_BINS, np.int64)
    for batch in batches:
        values: NDArray[np.float64] = np.asarray(batch, float)
        counts += np.histogram(values, _BINS, (low, high))[0]
    return Histogram(float(low), float(high), tuple(counts.tolist()))
