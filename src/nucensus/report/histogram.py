"""Count values into bins, and place the axis under them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._dataclass import dataclass

_BINS = 40
"""Bars. Larger: finer, and more noise."""
_BEYOND = 1.25
"""How far an axis goes for intervals, in its largest values. Larger: the dots lie closer."""
_GATHERED = 100_000
"""Values that are counted at once. Larger: more memory, some megabytes."""


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

    def edge(self, bin_index: int) -> float:
        """Return where a bin begins."""
        return self.low + (self.high - self.low) * bin_index / len(self.counts)

    @property
    def ticks(self) -> list[float]:
        """Round values along the axis."""
        return round_ticks(self.low, self.high)

    @property
    def count_ticks(self) -> list[float]:
        """Round numbers of values, up to the highest bin."""
        return [tick for tick in round_ticks(0, max(self.counts), 3) if tick == int(tick)]


@dataclass(frozen=True, slots=True)
class Axis:
    """The axis of a figure of dots: from 0 to a little beyond the last of them.

    Intervals that reach farther end where it does; the table has them in full.
    """

    most: float

    @classmethod
    def over(cls, values: Iterable[float], ends: Iterable[float]) -> "Axis":
        """Return the axis of these values and, as far as it goes, ends of intervals."""
        last = max(values, default=0.0)
        known = (end for end in ends if end == end)
        return cls(max(last, min(max(known, default=0.0), _BEYOND * last)) or 1.0)

    @property
    def ticks(self) -> list[float]:
        """Round values along it."""
        return round_ticks(0, self.most)

    def place(self, value: float) -> float:
        """Return where a value is drawn in a figure 480 wide."""
        return 8 + 464 * min(max(value, 0.0), self.most) / self.most


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return up to `most` steps of round values between two."""
    step = 10.0 ** np.floor(np.log10((high - low) / 2))
    step *= next(n for n in (1, 2, 5, 10) if (high - low) / (n * step) <= most)
    return [float(step * n) for n in np.arange(np.ceil(low / step), np.floor(high / step) + 1)]


def histograms(
    batches: Callable[[], Iterable[tuple[str, ArrayLike]]], *, least: float | None = None
) -> dict[str, Histogram]:
    """Count the finite values of each view, which come in batches, and come twice.

    The axis of each begins with its least value, or with `least` if that is smaller.
    """
    extents: dict[str, tuple[float, float]] = {}
    for view, values in _finite(batches()):
        low, high = extents.get(view, (np.inf if least is None else least, -np.inf))
        extents[view] = min(low, float(values.min())), max(high, float(values.max()))
    counts = {view: np.zeros(_BINS, np.int64) for view in extents}
    widened = {
        view: (low, high) if low < high else (low - 0.5, low + 0.5)
        for view, (low, high) in extents.items()
    }
    for view, values in _finite(batches()):
        counts[view] += np.histogram(values, _BINS, widened[view])[0]
    return {view: Histogram(*widened[view], tuple(counts[view].tolist())) for view in counts}


def _finite(
    batches: Iterable[tuple[str, ArrayLike]],
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the finite values of each view, those of many batches at once."""
    for view, gathered in _gathered(batches):
        values = np.concatenate(gathered, dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            yield view, values


def _gathered(
    batches: Iterable[tuple[str, ArrayLike]],
) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    """Yield batches of one view together: NumPy takes longer to begin than for a batch."""
    waiting: dict[str, list[NDArray[Any]]] = {}
    count = 0
    for view, batch in batches:
        values = np.asarray(batch)
        waiting.setdefault(view, []).append(values)
        count += len(values)
        if count >= _GATHERED:
            yield from waiting.items()
            waiting, count = {}, 0
    yield from waiting.items()
