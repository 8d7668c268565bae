"""Run work over many items: the strategies.

Every strategy has one signature, `run(work, items, workers)`, yields
`(index, outcome)` with each index once and in any order, and knows nothing of
images. A new strategy is one function here and one line in `STRATEGIES`.
"""

import functools
import multiprocessing
import pickle
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import StrategyError, WorkerDiedError
from .machine import can_fork

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

Work: TypeAlias = Callable[[Any], Any]
Outcomes: TypeAlias = Iterator[tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to run work over many items.

    Attributes
    ----------
    name : str
    summary : str
        What it does, in a few words.
    run : callable
        `run(work, items, workers) -> iterator of (index, outcome)`.
    loads_first : bool
        The items are arrays, all in memory before the work starts; else each
        item is read where it is worked on.
    parallel : bool
        It uses more than one worker.
    pickles_work : bool
        The function (and each item) must be picklable.
    shares_memory : bool
        Workers see the arrays of the parent without a copy.
    needs_fork : bool
        It works only where processes can be forked.
    """

    name: str
    summary: str
    run: Callable[[Work, Iterable[Any], int], Outcomes]
    loads_first: bool = False
    parallel: bool = True
    pickles_work: bool = False
    shares_memory: bool = True
    needs_fork: bool = False


def strategy_named(name: str) -> Strategy:
    """Return the strategy called `name`."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise StrategyError(
            f"there is no strategy {name!r}; expected one of {', '.join(STRATEGIES)}, or auto"
        ) from None


def check(strategy: Strategy, function: Work) -> None:
    """Raise `StrategyError` if `strategy` cannot run `function` on this machine."""
    if strategy.needs_fork and not can_fork():
        raise StrategyError(
            f"the strategy {strategy.name} forks processes, and this system cannot; "
            f"expected Linux or macOS; use threads or pool-memory instead"
        )
    if not strategy.pickles_work:
        return
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StrategyError(
            f"the strategy {strategy.name} sends the function to worker processes, and this one "
            f"cannot be pickled ({error}); expected a function defined with def at the top of a "
            f"module; define it there, or use threads, list-memory or pool-fork"
        ) from error


def _run_list(work: Work, items: Iterable[Any], workers: int) -> Outcomes:  # noqa: ARG001 one signature
    for index, item in enumerate(items):
        yield index, work(item)


def _run_threads(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """Feed a few threads from here, with a bounded number of items under way."""
    tasks: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()

    def serve() -> None:
        for index, item in iter(tasks.get, None):
            try:
                done.put((index, work(item), None))
            except BaseException as error:  # noqa: BLE001 raised again by the caller
                done.put((index, None, error))

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    source = enumerate(items)
    under_way = 0
    try:
        for task in islice(source, 4 * workers):
            tasks.put(task)
            under_way += 1
        while under_way:
            index, outcome, error = done.get()
            under_way -= 1
            if error is not None:
                raise error
            for task in islice(source, 1):
                tasks.put(task)
                under_way += 1
            yield index, outcome
    finally:
        _drain(tasks)
        for _ in threads:
            tasks.put(None)
        for thread in threads:
            thread.join()


def _drain(tasks: "queue.SimpleQueue[Any]") -> None:
    while not tasks.empty():
        try:
            tasks.get_nowait()
        except queue.Empty:
            return


def _run_pool(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """`multiprocessing.Pool` as it comes: the function and each item are pickled."""
    tasks = list(enumerate(items))
    yield from _pool_outcomes(multiprocessing.Pool, workers, tasks, functools.partial(_each, work))


def _each(work: Work, tasks: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    return [(index, work(item)) for index, item in tasks]


_inherited: tuple[Work, Sequence[Any]] | None = None
_inheriting = threading.Lock()


def _run_pool_fork(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """Fork the workers after the items are there: they share them, copy-on-write."""
    listed = list(items)

    def forked_pool(workers: int) -> "Pool":
        global _inherited
        with _inheriting:
            _inherited = work, listed
            try:
                return multiprocessing.get_context("fork").Pool(workers)
            finally:
                _inherited = None

    yield from _pool_outcomes(forked_pool, workers, range(len(listed)), _each_inherited)


def _each_inherited(indices: Sequence[int]) -> list[tuple[int, Any]]:
    assert _inherited is not None
    work, items = _inherited
    return [(index, work(items[index])) for index in indices]


def _pool_outcomes(
    make_pool: Callable[[int], "Pool"],
    workers: int,
    tasks: Sequence[Any],
    work_on_chunk: Callable[[Sequence[Any]], list[tuple[int, Any]]],
) -> Outcomes:
    """Yield what a pool returns for `tasks`, cut into chunks as `Pool.map` cuts them.

    A pool waits for ever for the chunk of a worker that died. So, whenever
    nothing came for a while, look whether all the workers are still there.
    """
    chunk_size = max(1, -(-len(tasks) // (4 * workers)))
    chunks = [tasks[start : start + chunk_size] for start in range(0, len(tasks), chunk_size)]
    others = _child_pids()
    with make_pool(workers) as pool:
        pool_pids = _child_pids() - others
        results = pool.imap_unordered(work_on_chunk, chunks)
        for _ in chunks:
            yield from _next_chunk(results, pool_pids)


def _next_chunk(results: Any, pool_pids: set[int | None]) -> list[tuple[int, Any]]:
    while True:
        try:
            chunk: list[tuple[int, Any]] = results.next(timeout=0.5)
            return chunk
        except multiprocessing.TimeoutError:
            if not pool_pids <= _child_pids():
                raise WorkerDiedError(
                    "a worker process ended before its work was done, killed by a signal or by "
                    "the lack of memory; expected it to return; use the strategy threads to see "
                    "where, or fewer workers"
                ) from None


def _child_pids() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("list-disk", "list comprehension, read each file", _run_list, parallel=False),
        Strategy(
            "list-memory",
            "list comprehension over images already in memory",
            _run_list,
            loads_first=True,
            parallel=False,
        ),
        Strategy(
            "pool-disk",
            "multiprocessing.Pool over paths",
            _run_pool,
            pickles_work=True,
            shares_memory=False,
        ),
        Strategy(
            "pool-memory",
            "multiprocessing.Pool over arrays, each one pickled",
            _run_pool,
            loads_first=True,
            pickles_work=True,
            shares_memory=False,
        ),
        Strategy(
            "pool-fork",
            "multiprocessing.Pool over indices, arrays shared by fork",
            _run_pool_fork,
            loads_first=True,
            needs_fork=True,
        ),
        Strategy("threads", "threads, nothing is copied", _run_threads),
    )
}
"""The strategies by name: the five published ones, then ours."""

PUBLISHED = ("list-disk", "list-memory", "pool-disk", "pool-memory", "pool-fork")
