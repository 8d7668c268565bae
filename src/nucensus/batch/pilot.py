"""Measure what reading and working on the first images takes; their results are kept."""

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._dataclass import dataclass

_ENOUGH_S = 0.1
_MANY, _ENOUGH_OF_MANY_S = 3, 0.004
"""A median of so many is good after a shorter time, which one core spends alone."""
_LONG_WARM_UP_S = 0.1
_NAP_S = 0.0005
"""Seconds between two measurements of the lock. Larger: fewer samples, less disturbance."""
_LATE_S = 0.00015
"""A nap longer by this many seconds had to wait for the lock. Larger: a lock that is held for short
times is not seen; smaller: the delays of the system count."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The times that one image takes, in seconds.

    Attributes
    ----------
    images : int
        How many images the pilot worked on; 0 if there was none.
    load_s, apply_s : float
        To read and decode it; to work on it.
    wait_s : float
        The part of `load_s` in which no core was busy: waiting for the disk.
    cpu_s : float
        The time of all cores; more than `load_s + apply_s` if the function has
        threads of its own.
    locked : float
        The part of the time in which the interpreter lock was held, 0 to 1.
    pickle_s : float
        To send it to another process and the result back.
    size_bytes : int
        What it takes in memory.
    threaded_s : float
        One image after the other comes out of threads in this time; 0 if that
        was not tried.
    warm_up_s : float
        What the first images took beyond the others: imports, weights, compilers.
    spent_s : float
        What it took to measure this: these images are done.
    """

    images: int = 0
    load_s: float = 0.0
    apply_s: float = 0.0
    wait_s: float = 0.0
    cpu_s: float = 0.0
    locked: float = 0.0
    pickle_s: float = 0.0
    size_bytes: int = 0
    threaded_s: float = 0.0
    warm_up_s: float = 0.0
    spent_s: float = 0.0

    @property
    def total_s(self) -> float:
        """One image after the other."""
        return self.load_s + self.apply_s

    @property
    def alone_s(self) -> float:
        """One image on one core: more if the function used several."""
        return self.cpu_s if self.cpu_s > 1.3 * self.total_s else self.total_s

    def remarks(self) -> list[str]:
        """Return what is odd about the function, in lines to print."""
        lines = []
        if self.warm_up_s > _LONG_WARM_UP_S:
            lines.append(
                f"Warming up took {self.warm_up_s:.2g} s more with the first images: imports, "
                f"compilation, weights"
            )
        if self.alone_s > self.total_s:
            lines.append(
                f"The function keeps {self.cpu_s / self.total_s:.1f} cores busy by itself: workers "
                f"are held to one core each, where an image takes about {1e3 * self.alone_s:.0f} ms"
            )
        return lines


class Pilot:
    """Work on the first items, one after the other, until enough is known."""

    def __init__(
        self,
        load: Callable[[Any], Any],
        apply: Callable[[Any], Any],
        *,
        sends_images: bool,
        enough_s: float = _ENOUGH_S,
    ) -> None:
        self._enough_s = enough_s
        self._load = load
        self._apply = apply
        self._sends_images = sends_images
        self._samples: list[tuple[float, float, float, float]] = []
        self.measured = Measured()

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        """Yield the results of the first of `items`; `measured` holds what they took."""
        with _LockProbe() as probe:
            loaded = result = None
            for item in items:
                loaded = None  # its memory is free for the next
                loaded, result = self._work_on(item)
                yield result
                if self._knows_enough():
                    break
                if self._is_warming_up():
                    probe.forget()
        if self._samples:
            self.measured = self._sum_up(probe.held, loaded, result)

    def _work_on(self, item: Any) -> tuple[Any, Any]:
        delayed, cpu, start = run_delay_s(), time.process_time(), time.perf_counter()
        loading_cpu = time.thread_time()
        loaded = self._load(item)
        loaded_at, loading_cpu = time.perf_counter(), time.thread_time() - loading_cpu
        waited = loaded_at - start - loading_cpu - (run_delay_s() - delayed)
        result = self._apply(loaded)
        self._samples.append(
            (
                loaded_at - start,
                time.perf_counter() - loaded_at,
                max(0.0, waited),
                time.process_time() - cpu,
            )
        )
        return loaded, result

    def _knows_enough(self) -> bool:
        """Tell whether to stop: the first images pay for imports, so they count for nothing."""
        enough_s = _ENOUGH_OF_MANY_S if len(self._samples) > _MANY else self._enough_s
        return sum(self._seconds()[1:]) > enough_s and not self._is_warming_up()

    def _is_warming_up(self) -> bool:
        """Tell whether the next image may take much less than the last, as that one did."""
        *before, last = self._seconds()
        return not before or last < before[-1] / 2

    def _seconds(self) -> list[float]:
        return [load + apply for load, apply, _, _ in self._samples]

    def _warm_up_count(self) -> int:
        """Return how many of the first images took more than twice what those behind them take."""
        seconds = self._seconds()
        count = 1
        while len(seconds) > count + 1 and seconds[count] > 2 * _median(seconds[count + 1 :]):
            count += 1
        return count

    def _sum_up(self, locked: float, loaded: Any, result: Any) -> Measured:
        count = self._warm_up_count()
        samples = self._samples[count:] or self._samples
        load, apply, wait, cpu = (_median(each) for each in zip(*samples, strict=True))
        seconds = self._seconds()
        warm_up_s = sum(seconds[:count]) - count * (load + apply)
        return Measured(
            len(self._samples), load, apply, wait, cpu, locked,
            _pickling_s(loaded if self._sends_images else None) + _pickling_s(result),
            getattr(loaded, "nbytes", 0), warm_up_s=max(0.0, warm_up_s), spent_s=sum(seconds),
        )  # fmt: skip


def _pickling_s(value: Any) -> float:
    """Return how long it takes to pickle and unpickle `value`; for ever if it cannot be."""
    start = time.perf_counter()
    try:
        pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    except Exception:  # noqa: BLE001 whatever a user's object raises, it is not sent
        return float("inf")
    return time.perf_counter() - start


def run_delay_s() -> float:
    """Return how long this thread has waited for a core; 0 where the system does not tell."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class _LockProbe:
    """Find how much of the time the interpreter lock is held.

    A thread naps and measures how late it gets the lock back when it wakes. A late
    cycle counts as held, for as long as it lasted; the time in which it waited
    for a core, and not for the lock, does not make it late.
    """

    def __enter__(self) -> "_LockProbe":
        self._done = False
        self._cycle_s = self._held_s = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done = True
        self._thread.join()

    def forget(self) -> None:
        """Forget what was seen so far."""
        self._cycle_s = self._held_s = 0.0

    @property
    def held(self) -> float:
        return self._held_s / self._cycle_s if self._cycle_s else 0.0

    def _watch(self) -> None:
        delay = run_delay_s()
        while not self._done:
            start = time.perf_counter()
            time.sleep(_NAP_S)
            cycle = time.perf_counter() - start
            delay, before = run_delay_s(), delay
            self._cycle_s += cycle
            if cycle - _NAP_S - (delay - before) > _LATE_S:
                self._held_s += cycle


def fork_is_safe() -> bool:
    """Tell whether a process can be forked without copying the locks of other threads.

    On macOS its own libraries have such threads: Python does not fork there unless told to.
    """
    forks = hasattr(os, "fork") and sys.platform != "darwin"
    return forks and threading.active_count() == 1


def _median(values: Sequence[float]) -> float:
    """Return what `statistics.median` does, whose import takes as long as several images."""
    ordered, middle = sorted(values), len(values) // 2
    return (ordered[middle] + ordered[~middle]) / 2
