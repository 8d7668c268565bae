"""Predict what each way takes on other numbers of cores, from what was measured of one call.

The parts of a run that no core shares are added up (Amdahl 1967): loading first, the start of
workers, pickling in the parent. Threads take turns with the interpreter lock as customers do in a
closed queue: mean value analysis (Reiser and Lavenberg 1980); what handing it over costs beyond
that is found by a trial. Workers get in each other's way
where memory or caches are shared: a call takes `1 + contention * (workers - 1)` times as long, the
first two terms of the universal scalability law (Gunther 1993), fitted to calls that were measured
side by side.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

from ..._dataclass import dataclass
from ...execute import Strategy
from .findings import Profile

CORES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
TICKS = (1, 2, 4, 8, 16, 32, 64)
"""The numbers of cores that are predicted, and those that are written at the axis of a chart."""
_THREADS_START_S = 0.01
_POOL_S = 0.5
"""Time of a pool with nothing to do, where none could be started to measure it."""
_MOST_IN_A_CHUNK = 16
_USUAL_CONTENTION, _MOST_CONTENTION = 0.05, 0.25
"""Where nothing was measured side by side: benchmarks/worth.py found 0.0 to 0.3."""
_MODEL_ERROR = 0.15


@dataclass(frozen=True, slots=True)
class Prediction:
    """The seconds that a way is predicted to take, and between which they should lie."""

    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run is predicted for.

    Attributes
    ----------
    images, cores : int
    start_method : str
        How processes start; "" is as here.
    in_memory : bool
        The images are arrays already.
    chunk_size : int
        0 is what the strategy does by itself.
    """

    images: int
    cores: int
    start_method: str = ""
    in_memory: bool = False
    chunk_size: int = 0


def predict(known: Profile, strategy: Strategy, run: Circumstances) -> Prediction:
    """Predict one way.

    Parameters
    ----------
    known : Profile
        What was measured of the function.
    strategy : Strategy
    run : Circumstances

    Returns
    -------
    Prediction
        The interval holds what contention between workers may be beyond the number of cores that
        was measured, and the error of the model itself.
    """
    if not strategy.parallel:
        seconds = _seconds(known, strategy, run, 0.0)
        return Prediction(seconds, seconds, seconds)
    run = replace(run, cores=min(run.cores, max(1, run.images)))
    seconds, low, high = (
        _seconds(known, strategy, run, each) for each in _contention(known, run.cores)
    )
    return Prediction(seconds, min(seconds, low) * (1 - _MODEL_ERROR), high * (1 + _MODEL_ERROR))


def _contention(known: Profile, cores: int) -> tuple[float, float, float]:
    """Return what each further worker costs the others: as measured, at least, at most.

    Beyond the cores that were measured it may grow no more, or half as much again.
    """
    alone = known.crowded.get(1)
    found = [
        max(0.0, seconds / alone - 1) / (count - 1)
        for count, seconds in known.crowded.items()
        if count > 1 and alone
    ]
    if not found:
        return _USUAL_CONTENTION, 0.0, _MOST_CONTENTION
    usual, most = sum(found) / len(found), max(known.crowded)
    if cores <= most:
        return usual, usual, usual
    return usual, usual * (most - 1) / (cores - 1), 1.5 * usual + 0.02


def _seconds(known: Profile, strategy: Strategy, run: Circumstances, contention: float) -> float:
    each = known.measured
    if not strategy.parallel:
        keep_s = known.keep_s * strategy.loads_first
        one_s = each.apply_s if run.in_memory else each.total_s + keep_s
        return known.warm_up_s + run.images * one_s
    if strategy.in_process:
        return known.warm_up_s + _threads_s(known, run, contention)
    return _processes_s(known, strategy, run, contention)


def _threads_s(known: Profile, run: Circumstances, contention: float) -> float:
    rounds, rest = divmod(run.images, run.cores)
    working_s = rounds * run.cores * _of_threads_s(known, run.cores, contention)
    working_s += rest * _of_threads_s(known, rest, contention)
    handing_s = _handing_s(known) if run.cores > 1 else 0.0
    return _THREADS_START_S + working_s + run.images * handing_s


def _crowded_s(known: Profile, workers: int, contention: float) -> float:
    """Return what a call takes where so many are at it."""
    each = known.measured
    apply_s = max(each.apply_s, each.alone_s - each.load_s)
    return apply_s * (1 + contention * (workers - 1))


def _of_threads_s(known: Profile, threads: int, contention: float) -> float:
    """Return in what time one image after the other comes out of so many threads."""
    load_s, locked = known.measured.load_s, known.measured.locked
    each_s = load_s + _crowded_s(known, threads, contention)
    locked_s = locked * (load_s + _crowded_s(known, 1, 0.0))
    queue, per_s = 0.0, 1.0
    for count in range(1, threads + 1):
        turn_s = locked_s * (1 + queue)
        per_s = count / max(each_s - locked_s + turn_s, 1e-9)
        queue = per_s * turn_s
    return 1 / per_s


def _handing_s(known: Profile) -> float:
    """Return what handing the lock over costs for an image, where threads were tried."""
    expected_s = max(
        _of_threads_s(known, max(2, known.workers), 0.0),
        _of_threads_s(known, 1, 0.0) / known.workers,
    )  # fmt: skip
    return max(0.0, known.measured.threaded_s - expected_s)


def _processes_s(
    known: Profile, strategy: Strategy, run: Circumstances, contention: float
) -> float:
    each, count, cores = known.measured, run.images, run.cores
    method = "fork" if strategy.needs_fork else run.start_method or known.start_method
    load_s = 0.0 if run.in_memory else each.load_s
    before_s = _start_s(known, method)
    if strategy.loads_first:
        before_s += count * (0.0 if run.in_memory else load_s + known.keep_s)
    if method == "fork" and (strategy.loads_first or run.in_memory):
        before_s += cores * count * known.fork_s  # each has the tables of all that memory
    sends_arrays = (strategy.loads_first or run.in_memory) and not strategy.shares_memory
    sent_s = known.result_s + known.image_s * sends_arrays
    if strategy.loads_first and strategy.shares_memory and strategy.pickles_work:
        before_s += count * known.copy_s
    chunk = min(count, run.chunk_size or chunk_size(strategy, count, cores))
    chunks = math.ceil(count / chunk)
    # All go through one pipe, which parent and worker hold together.
    parent_s = count * sent_s + chunks * known.message_s
    beside_s = load_s * (not strategy.loads_first) + sent_s
    rounds, rest = divmod(chunks, cores)
    last = count - (chunks - 1) * chunk if rest == 1 else chunk * (rest > 0)
    shared_s = rounds * chunk * (beside_s + _crowded_s(known, cores, contention))
    shared_s += last * (beside_s + _crowded_s(known, rest, contention))
    return before_s + max(shared_s + parent_s / cores, parent_s)


def _start_s(known: Profile, method: str) -> float:
    """Return what it takes until workers are there, and warm."""
    idle_s = known.starts_s.get(method, max(known.starts_s.values(), default=_POOL_S))
    imports = 1 if method == "fork" else 2  # here, and in each worker
    return idle_s + imports * known.import_s + known.measured.warm_up_s


def chunk_size(strategy: Strategy, images: int, cores: int) -> int:
    """Return how many images a worker gets at a time."""
    if not (strategy.takes_chunks and (strategy.is_published or strategy.loads_first)):
        return 1
    size = max(1, math.ceil(images / (4 * cores)))
    return size if strategy.loads_first else min(size, _MOST_IN_A_CHUNK)


def worth_from(
    known: Profile, strategy: Strategy, serial: Strategy, run: Circumstances, counts: Iterable[int]
) -> int | None:
    """Return from how many images on the strategy is faster than the serial one by a tenth."""
    for count in counts:
        here = replace(run, images=count)
        if 1.1 * predict(known, strategy, here).seconds < predict(known, serial, here).seconds:
            return count
    return None
