"""Run work in the processes of `multiprocessing.Pool`, as published."""

import functools
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import WorkerDiedError
from ..machine import start_methods
from .strategy import Outcomes, Work
from .worker import start_worker

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool


def run_pool(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """`multiprocessing.Pool` as it comes: the function and each item are pickled."""
    tasks = list(enumerate(items))
    make_pool = functools.partial(default_context().Pool, initializer=start_worker)
    yield from _pool_outcomes(make_pool, workers, tasks, functools.partial(_each, work))


def default_context() -> "BaseContext":
    """Return the way in which this system starts processes, but for a fork that is not safe.

    A fork copies the locks that other threads hold, and nobody to release them.
    """
    method = multiprocessing.get_start_method(allow_none=True) or start_methods()[0]
    if method == "fork" and threading.active_count() > 1:
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
    yield from _pool_outcomes(make_pool, workers, range(len(listed)), _each_inherited)


def _inherit(work: Work, items: Sequence[Any]) -> None:
    """Keep what came with the fork: nothing of it is pickled."""
    global _inherited
    _inherited = work, items
    start_worker()


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
