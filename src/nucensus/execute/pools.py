"""Run work in the processes of `multiprocessing.Pool`, as published."""

import contextlib
import ctypes
import functools
import multiprocessing
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..errors import WorkerDiedError
from ..machine import start_methods
from .strategy import Outcomes, Work
from .worker import start_worker

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

_CHUNK = 16
_REST_S = 1.0


def run_pool(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """`multiprocessing.Pool` as it comes: the function and each item are pickled."""
    work_on_chunk = functools.partial(_each, work)
    yield from _pool_outcomes(default_context(), workers, _chunks(items, workers), work_on_chunk)


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
    return [(index, work(item)) for index, item in tasks if not _stop.value]


_stop: Any
"""In a worker: whether its pool is about to end."""
_inherited: tuple[Work, Sequence[Any]] | None = None


def run_pool_fork(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """Fork the workers after the items are there: they share them, copy-on-write."""
    listed = list(items)
    yield from _pool_outcomes(
        multiprocessing.get_context("fork"),
        workers,
        _chunks(range(len(listed)), workers),
        _each_inherited,
        (work, listed),
    )


def _begin(stop: Any, inherited: tuple[Work, Sequence[Any]] | None) -> None:
    """Keep what came with the start of a worker; of what came with a fork nothing is pickled."""
    global _stop, _inherited
    _stop, _inherited = stop, inherited
    start_worker()


def _each_inherited(tasks: Sequence[tuple[int, int]]) -> list[tuple[int, Any]]:
    assert _inherited is not None
    work, items = _inherited
    return [(index, work(items[index])) for index, _ in tasks if not _stop.value]


def _chunks(items: Iterable[Any], workers: int) -> Iterator[list[tuple[int, Any]]]:
    """Yield lists of (index, item), as `Pool.map` cuts them; small ones if there is no length."""
    size = -(-len(items) // (4 * workers)) if isinstance(items, Sequence) else _CHUNK
    source = enumerate(items)
    return iter(lambda: list(islice(source, size)), [])


def _pool_outcomes(
    context: "BaseContext",
    workers: int,
    chunks: Iterator[list[tuple[int, Any]]],
    work_on_chunk: Callable[[Sequence[Any]], list[tuple[int, Any]]],
    inherited: tuple[Work, Sequence[Any]] | None = None,
) -> Outcomes:
    """Yield what a pool returns for `chunks`, of which a bounded number is under way.

    A pool waits for ever for the chunk of a worker that died. So, whenever
    nothing came for a while, look whether all the workers are still there.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = context.RawValue(ctypes.c_bool, False)
    others = _child_pids()
    with context.Pool(workers, _begin, (stop, inherited)) as pool:
        pool_pids = _child_pids() - others

        def submit(count: int) -> int:
            todo = list(islice(chunks, count))
            for chunk in todo:
                pool.apply_async(
                    work_on_chunk, (chunk,), callback=done.put, error_callback=done.put
                )
            return len(todo)

        under_way = submit(4 * workers)
        try:
            while under_way:
                outcomes = _next_done(done, pool_pids)
                under_way -= 1
                if isinstance(outcomes, BaseException):
                    raise outcomes
                under_way += submit(1)
                yield from outcomes
        finally:
            stop.value = True
            if _come_to_rest(done, under_way):
                pool.close()
                pool.join()


def _come_to_rest(done: "queue.SimpleQueue[Any]", under_way: int) -> bool:
    """Wait a little for what is under way, and tell whether all of it came.

    Then the workers can end by themselves. One that is killed while it sends a
    result keeps the lock of the pipe, and the end of the pool waits for it for ever.
    """
    give_up = time.monotonic() + _REST_S
    with contextlib.suppress(queue.Empty):
        for _ in range(under_way):
            done.get(timeout=max(0.0, give_up - time.monotonic()))
        return True
    return False


def _next_done(
    done: "queue.SimpleQueue[Any]", pool_pids: set[int | None]
) -> list[tuple[int, Any]] | BaseException:
    while True:
        try:
            outcomes: list[tuple[int, Any]] | BaseException = done.get(timeout=0.5)
            return outcomes
        except queue.Empty:
            if not pool_pids <= _child_pids():
                raise WorkerDiedError(
                    "a worker process ended before its work was done, killed by a signal or by "
                    "the lack of memory; expected it to return; use the strategy isolated to see "
                    "where, or fewer workers"
                ) from None


def _child_pids() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}
