"""Run work in the processes of `multiprocessing.Pool`, as published."""

import functools
import multiprocessing
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..errors import WorkerDiedError
from ..machine import start_methods
from .strategy import Outcomes, Work
from .worker import start_worker

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool

_CHUNK = 16


def run_pool(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """`multiprocessing.Pool` as it comes: the function and each item are pickled."""
    make_pool = functools.partial(default_context().Pool, initializer=start_worker)
    chunks = _chunks(items, workers)
    yield from _pool_outcomes(make_pool, workers, chunks, functools.partial(_each, work))


def default_context() -> "BaseContext":
    """Return the way in which this system starts processes, but for a fork that is not safe.

    A fork copies the locks that other threads hold, and nobody to release them.
    The threads of obstore are not Python's.
    """
    method = multiprocessing.get_start_method(allow_none=True) or start_methods()[0]
    if method == "fork" and (threading.active_count() > 1 or "obstore" in sys.modules):
        method = "forkserver"
    return multiprocessing.get_context(method)


def _each(work: Work, tasks: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    return [(index, work(item)) for index, item in tasks]


_inherited: tuple[Work, Sequence[Any]] | None = None


def run_pool_fork(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """Fork the workers after the items are there: they share them, copy-on-write."""
    listed = list(items)
    make_pool = functools.partial(
        multiprocessing.get_context("fork").Pool, initializer=_inherit, initargs=(work, listed)
    )
    yield from _pool_outcomes(
        make_pool, workers, _chunks(range(len(listed)), workers), _each_inherited
    )


def _inherit(work: Work, items: Sequence[Any]) -> None:
    """Keep what came with the fork: nothing of it is pickled."""
    global _inherited
    _inherited = work, items
    start_worker()


def _each_inherited(tasks: Sequence[tuple[int, int]]) -> list[tuple[int, Any]]:
    assert _inherited is not None
    work, items = _inherited
    return [(index, work(items[index])) for index, _ in tasks]


def _chunks(items: Iterable[Any], workers: int) -> Iterator[list[tuple[int, Any]]]:
    """Yield lists of (index, item), as `Pool.map` cuts them; small ones if there is no length."""
    size = -(-len(items) // (4 * workers)) if isinstance(items, Sequence) else _CHUNK
    source = enumerate(items)
    return iter(lambda: list(islice(source, size)), [])


def _pool_outcomes(
    make_pool: Callable[[int], "Pool"],
    workers: int,
    chunks: Iterator[list[tuple[int, Any]]],
    work_on_chunk: Callable[[Sequence[Any]], list[tuple[int, Any]]],
) -> Outcomes:
    """Yield what a pool returns for `chunks`, of which a bounded number is under way.

    A pool waits for ever for the chunk of a worker that died. So, whenever
    nothing came for a while, look whether all the workers are still there.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    others = _child_pids()
    with make_pool(workers) as pool:
        pool_pids = _child_pids() - others

        def submit(count: int) -> int:
            todo = list(islice(chunks, count))
            for chunk in todo:
                pool.apply_async(
                    work_on_chunk, (chunk,), callback=done.put, error_callback=done.put
                )
            return len(todo)

        under_way = submit(4 * workers)
        while under_way:
            outcomes = _next_done(done, pool_pids)
            under_way += submit(1) - 1
            yield from outcomes


def _next_done(done: "queue.SimpleQueue[Any]", pool_pids: set[int | None]) -> list[tuple[int, Any]]:
    while True:
        try:
            outcomes: list[tuple[int, Any]] | BaseException = done.get(timeout=0.5)
        except queue.Empty:
            if not pool_pids <= _child_pids():
                raise WorkerDiedError(
                    "a worker process ended before its work was done, killed by a signal or by "
                    "the lack of memory; expected it to return; use the strategy isolated to see "
                    "where, or fewer workers"
                ) from None
            continue
        if isinstance(outcomes, BaseException):
            raise outcomes
        return outcomes


def _child_pids() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}
