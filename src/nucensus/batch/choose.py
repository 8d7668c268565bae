"""Choose the strategy for a run from what a pilot measured, and say why."""

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from numbers import Integral
from typing import Any, overload

from .._dataclass import dataclass
from ..detect import detect_nuclei
from ..errors import StrategyError
from ..execute import (
    STRATEGIES,
    Strategy,
    check,
    default_context,
    isolated,
    start_worker,
    strategy_named,
)
from ..machine import available_memory_bytes, can_fork, has_interpreter_lock, usable_cores
from ..text.plurals import pluralize
from ..values import Execution
from .budget import default_ceiling_bytes
from .pilot import Measured, fork_is_safe

_GAIN = 0.9
"""Part of the time of the simpler strategy below which another is chosen. Larger: processes are
started for less."""
_THREADS_START_S = 0.01
"""Time to start the threads and to end them. Larger: fewer short runs are shared out."""
_POOL_START_S = 0.05
"""Time of a `multiprocessing.Pool` beside the start of its workers: imports, threads, its end."""
_CROWDED = 1.1
"""Times as long as alone that an image takes in one of several processes, which share caches and
memory: benchmarks/worth.py found 1.0 to 1.3. Larger: fewer runs are given to a pool."""
_MOST_AHEAD = 32
"""Threads that read ahead while others wait for a disk. Larger: more memory, more load on
servers."""
_SHORT_S = 0.005
"""Threads are tried where an image takes less, in seconds; there handing the lock over costs
most."""
_TRIAL_S = 0.03
"""Work that a trial of threads takes, in seconds. Larger: surer, and later."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy that a run uses, how many workers, and why.

    Attributes
    ----------
    strategy : Strategy
    workers : int
    reason : str
    ahead : int
        Threads beside the workers, that read while others wait for the disk or the network.
    measured : Measured or None
        What the pilot found, where there was one.
    predicted_s : dict of str to float
        The seconds that each strategy would take for all images, with those of the pilot.
    """

    strategy: Strategy
    workers: int
    reason: str
    ahead: int = 0
    measured: Measured | None = None
    predicted_s: dict[str, float] = field(default_factory=dict)

    @property
    def busy_workers(self) -> int:
        """How many workers work at a time: one, where images are done one after the other."""
        return self.workers if self.strategy.parallel else 1

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain values that JSON can hold."""
        plain: dict[str, Any] = {
            "name": self.strategy.name, "workers": self.busy_workers, "reason": self.reason,
            "ahead": self.ahead, **self.strategy.facts,
        }  # fmt: skip
        if self.measured is not None:
            slots = self.measured.__slots__
            plain["measured"] = {name: _finite(getattr(self.measured, name)) for name in slots}
            plain["predicted_s"] = {
                name: round(seconds, 3) for name, seconds in self.predicted_s.items()
            }
        return plain

    def explain(self) -> str:
        """Say which strategy runs, why, what was measured and what was predicted."""
        return "\n".join(self.explanation())

    def explanation(self) -> list[str]:
        """Return what was measured and predicted, in lines to print."""
        workers = pluralize(self.busy_workers, "worker")
        lines = [f"Strategy: {self.strategy.name}, {workers}: {self.reason}"]
        if self.measured is not None and self.measured.images:
            each = self.measured
            lines.append(
                f"Measured on {pluralize(each.images, 'image')}, in {each.spent_s:.2g} s: "
                f"{1e3 * each.load_s:.2f} ms to read one ({1e3 * each.wait_s:.2f} ms of it "
                f"waiting for the disk), {1e3 * each.apply_s:.2f} ms to work on it; "
                f"{_one_at_a_time(each)}"
            )
            lines += each.remarks()
            if each.threaded_s:
                lines.append(f"Tried with threads: {1e3 * each.threaded_s:.2f} ms an image")
        if self.predicted_s:
            each_s = (f"{name} {seconds:.2f} s" for name, seconds in self.predicted_s.items())
            lines.append(f"Predicted for all images: {', '.join(each_s)}")
        return lines


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def choose(execution: Execution, *, function: Callable[..., Any] = detect_nuclei) -> Choice | None:
    """Return the choice that the user made, or None where it is left to a pilot."""
    strategy, workers, limits = execution.strategy, execution.workers, execution.limits
    if workers is not None and not (isinstance(workers, Integral) and workers > 0):
        raise StrategyError(f"workers is {workers!r}; expected a whole number, 1 or more")
    if strategy == "auto" and limits.timeout_s is None:
        return None
    chosen = isolated() if strategy == "auto" else strategy_named(strategy)
    if limits.timeout_s is not None and not chosen.isolates_crashes:
        raise StrategyError(
            f"a time limit was given with the strategy {strategy}; only a process can be ended; "
            f"use the strategy {isolated().name} (--isolate)"
        )
    check(chosen, function)
    if chosen.isolates_crashes:
        chosen = isolated(limits.timeout_s, limits.max_memory_bytes or default_ceiling_bytes())
    return Choice(chosen, workers or usable_cores(), "as asked for")


def choose_from(
    measured: Measured,
    remaining: int,
    *,
    workers: int | None,
    function: Callable[..., Any],
    in_memory: bool = False,
    memory_bytes: int | None = None,
    is_stream: bool = False,
) -> Choice:
    """Choose the strategy for the `remaining` images: the one that is predicted to be fastest.

    Parameters
    ----------
    measured : Measured
        What the pilot found.
    remaining : int
        How many images are to be done.
    workers : int or None
        How many may work at a time; None stands for the cores this process may use.
    function : callable
        What goes to the workers.
    in_memory : bool
        The images are arrays already.
    memory_bytes : int, optional
        The most that images in memory may take together.
    is_stream : bool
        The images come one by one, and nobody knows how many they are.
    """
    workers = workers or usable_cores()
    candidates = _candidates(in_memory, measured, remaining, memory_bytes)
    serial = next(candidates)
    ahead = _ahead(measured, workers)
    if (workers == 1 and not ahead) or remaining == 0:
        reason = "there is one worker" if workers == 1 else "the images were done while measuring"
        return Choice(serial, workers, reason, measured=measured)
    able = [serial, *(each for each in candidates if not (is_stream and _wants_all(each)))]
    predicted = _predict(able, function, measured, remaining, workers, ahead)
    best = serial
    for strategy in able:  # the simpler ones first: more must gain something
        if predicted.get(strategy.name, math.inf) < _GAIN * predicted[best.name]:
            best = strategy
    total_s = {name: measured.spent_s + seconds for name, seconds in predicted.items()}
    choice = Choice(
        best, workers, _reason(best, predicted, serial, is_stream=is_stream),
        measured=measured, predicted_s={} if is_stream else total_s,
    )  # fmt: skip
    return replace(choice, ahead=ahead) if _is_threaded(best) else choice


@overload
def in_chunks(choice: Choice, size: int | None, *, is_asked_for: bool = False) -> Choice: ...
@overload
def in_chunks(choice: None, size: int | None, *, is_asked_for: bool = False) -> None: ...
def in_chunks(
    choice: Choice | None, size: int | None, *, is_asked_for: bool = False
) -> Choice | None:
    """Return the choice with so many items at a time for each worker, if its strategy has chunks.

    Raises
    ------
    StrategyError
        It has none, and the user asked for it.
    """
    if choice is None or size is None:
        return choice
    if choice.strategy.takes_chunks:
        run = functools.partial(choice.strategy.run, chunk_size=size)  # type: ignore[call-arg]
        return replace(choice, strategy=replace(choice.strategy, run=run))
    if is_asked_for:
        chunked = ", ".join(each.name for each in STRATEGIES.values() if each.takes_chunks)
        raise StrategyError(
            f"a chunk size was given with the strategy {choice.strategy.name}, which has no "
            f"chunks; expected one of {chunked}; leave the chunk size out"
        )
    return choice


def trial_size(choice: Choice, remaining: int) -> int:
    """Return on how many images threads are to be tried before they are trusted; 0 is none.

    The first of each thread is not measured.

    Where an image takes a millisecond, handing the interpreter lock over costs
    more than the time it is held tells: reading 500 images of 128 x 128 takes
    threads 1.5 times as long as a list (`benchmarks/strategies.py`).
    """
    each = choice.measured
    if each is None or not _is_threaded(choice.strategy):
        return 0
    threads = choice.workers + choice.ahead
    size = threads * (1 + math.ceil(_TRIAL_S / max(each.total_s * threads, 1e-6)))
    return size if each.total_s < _SHORT_S and 4 * size <= remaining else 0


def seconds_each(ends: Sequence[float], threads: int) -> float:
    """Return how long after the other items of a trial ended; 0 if there were too few.

    That counts from when each thread has had one: it began with the others.
    """
    measured = len(ends) - threads
    return (ends[-1] - ends[threads - 1]) / measured if measured > 0 else 0.0


def _threads_s(measured: Measured, remaining: int, workers: int, ahead: int) -> float:
    """Predict threads that take turns with the interpreter lock, and with the cores.

    This is mean value analysis of a closed queue (Reiser and Lavenberg 1980):
    each thread spends a time with the lock, where others may be waiting, and a
    time without it. Where that was tried, it is what threads took.
    """
    if measured.threaded_s:
        return _THREADS_START_S + remaining * measured.threaded_s
    each_s = measured.alone_s
    locked_s = measured.locked * measured.total_s
    queue, per_s = 0.0, 0.0
    for threads in range(1, workers + ahead + 1):
        turn_s = locked_s * (1 + queue)
        per_s = threads / max(each_s - locked_s + turn_s, 1e-9)
        queue = per_s * turn_s
    busy_s = max(each_s - measured.wait_s, 1e-9)
    return _THREADS_START_S + remaining / min(per_s, workers / busy_s)


def _wants_all(strategy: Strategy) -> bool:
    """Tell whether all images have to be there before its workers start."""
    return strategy.loads_first and strategy.shares_memory and not strategy.in_process


def _is_threaded(strategy: Strategy) -> bool:
    return strategy.in_process and strategy.parallel


def _candidates(
    in_memory: bool, measured: Measured, remaining: int, memory_bytes: int | None
) -> Iterator[Strategy]:
    """Yield the strategies that can work on these images here, the simplest first."""

    @functools.cache
    def fits() -> bool:
        room = min(memory_bytes or math.inf, available_memory_bytes() or math.inf)
        return remaining * measured.size_bytes < room

    def can_do(strategy: Strategy) -> bool:
        if strategy.isolates_crashes:  # it costs more, and is asked for
            return False
        if not (strategy.takes_arrays if in_memory else not strategy.loads_first or fits()):
            return False
        if strategy.in_process:
            return True
        forks = can_fork() and fork_is_safe()
        return not math.isinf(measured.pickle_s) and (forks or not strategy.needs_fork)

    def simplicity(strategy: Strategy) -> tuple[bool, ...]:
        loads = strategy.loads_first and not in_memory
        return strategy.parallel, not strategy.in_process, loads, not strategy.shares_memory

    yield from filter(can_do, sorted(STRATEGIES.values(), key=simplicity))


def _predict(
    candidates: Iterable[Strategy], function: Callable[..., Any], measured: Measured,
    remaining: int, workers: int, ahead: int,
) -> dict[str, float]:  # fmt: skip
    """Predict the seconds of each candidate.

    Whether processes can run the function, and how soon one starts, is found out only where they
    could pay: to import what tells takes as long as an image.
    """
    predicted: dict[str, float] = {}
    start_s: float | None = None
    for strategy in candidates:
        if not strategy.parallel:
            seconds = remaining * measured.total_s
        elif strategy.in_process:
            seconds = _threads_s(measured, remaining, workers, ahead)
        else:
            working_s = _processes_s(strategy, measured, remaining, workers)
            seconds = _POOL_START_S + _CROWDED * working_s
            spare_s = _GAIN * min(predicted.values()) - seconds
            if spare_s <= 0 or spare_s <= _least_start_s() or not _can_run(strategy, function):
                continue  # it would not be chosen
            start_s = _start_s() if start_s is None else start_s
            seconds += start_s + (0.0 if _starts_warm(strategy) else measured.warm_up_s)
        predicted[strategy.name] = seconds
    return predicted


def _can_run(strategy: Strategy, function: Callable[..., Any]) -> bool:
    try:
        check(strategy, function)
    except StrategyError:
        return False
    return True


def _starts_warm(strategy: Strategy) -> bool:
    """Tell whether the workers have what this process has loaded: they are forked from it."""
    return strategy.needs_fork or default_context().get_start_method() == "fork"


def _processes_s(strategy: Strategy, measured: Measured, remaining: int, workers: int) -> float:
    """Predict a pool; lists are cut into chunks as `Pool.map` does, so that cores idle at last."""
    each_s, before_s, chunk = measured.alone_s, 0.0, 1
    if strategy.loads_first:
        each_s, before_s = each_s - measured.load_s, remaining * measured.load_s
        chunk = max(1, -(-remaining // (4 * workers)))
    chunks = -(-remaining // chunk)
    rounds = -(-chunks // workers)
    sent = 0.0 if strategy.shares_memory else measured.pickle_s
    return before_s + min(rounds * chunk, remaining) * each_s + remaining * sent


def _least_start_s() -> float:
    """Return how long the start of a worker takes at least; what tells takes 2 ms to import."""
    return 0.005 if default_context().get_start_method() == "fork" else 0.4


def _start_s() -> float:
    """Start a worker that does nothing, and return how long that took.

    Only one, and no pool: the end of a pool takes longer than most runs could gain.
    """
    start = time.perf_counter()
    worker = default_context().Process(target=start_worker)  # type: ignore[attr-defined]  # typeshed
    worker.start()
    worker.join()
    return time.perf_counter() - start


def _ahead(measured: Measured, workers: int) -> int:
    """Return how many more threads keep the workers busy while a disk is waited for."""
    busy_s = max(measured.total_s - measured.wait_s, 1e-4)
    if measured.wait_s < 0.1 * busy_s:
        return 0
    return min(_MOST_AHEAD, math.ceil(workers * measured.wait_s / busy_s))


def _reason(
    best: Strategy,
    predicted: dict[str, float],
    serial: Strategy,
    *,
    is_stream: bool,
) -> str:
    if best == serial and is_stream:
        return "sharing the images out would gain too little"
    if best == serial:
        return (
            f"what is left takes {predicted[best.name]:.2g} s: sharing it out would gain too little"
        )
    times = predicted[serial.name] / predicted[best.name]
    return f"the other images should be done {times:.1f} times as fast as one after the other"


def _one_at_a_time(measured: Measured) -> str:
    """Say how much of the work threads cannot share, which is what holds the interpreter lock."""
    if not has_interpreter_lock():
        return "threads can share all of it"
    return f"threads can share {100 * (1 - measured.locked):.0f} % of it"
