"""Run work in the processes of `multiprocessing.Pool`, as published."""

import contextlib
import ctypes
import functools
import logging
import multiprocessing
import operator
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..errors import WorkerDiedError
from .payload import Payload, PickledWork, payload_of
from .strategy import Outcomes, Work
from .worker import (
    POLL_S,
    default_context,
    describe_death,
    exit_codes,
    listing_processes,
    refuse_unguarded,
    start_worker,
)

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool
    from multiprocessing.process import BaseProcess

_logger = logging.getLogger(__name__)

_CHUNK = 16
"""Items sent at a time where their number is not known. Larger: fewer messages, cores idle at
the end."""
_REST_S = 1.0
"""Seconds that workers get to finish what they are at."""
_END_S = 10.0
"""Seconds that a pool gets to end by itself, before its workers are killed."""


def run_pool(
    work: Work, items: Iterable[Any], workers: int, *, chunk_size: int | None = None
) -> Outcomes:
    """`multiprocessing.Pool` as it comes: the function and each item are pickled."""
    work_on_chunk = functools.partial(_each, PickledWork(work))
    chunks = chunks_of(items, workers, chunk_size)
    yield from pool_outcomes(default_context(), workers, chunks, work_on_chunk)


def _each(work: Work, tasks: Sequence[tuple[int, Any]]) -> list[tuple[int, Payload]]:
    return [(index, payload_of(work, item)) for index, item in tasks if not _stop.value]


_stop: Any
"""Whether the pool of this worker is about to end; only workers have it."""
_inherited: tuple[Work, Sequence[Any]] | None = None


def run_pool_fork(
    work: Work, items: Iterable[Any], workers: int, *, chunk_size: int | None = None
) -> Outcomes:
    """Fork the workers after the items are there: they share them, copy-on-write."""
    if sys.platform == "darwin":
        _logger.warning(
            "pool-fork forks this process, and libraries of macOS may crash a process that was "
            "forked; if it does, use threads or pool-disk"
        )
    listed = list(items)
    yield from pool_outcomes(
        multiprocessing.get_context("fork"),
        workers,
        chunks_of(range(len(listed)), workers, chunk_size),
        _each_inherited,
        (work, listed),
    )


def _begin(
    stop: Any, inherited: tuple[Work, Sequence[Any]] | None, environment: Mapping[str, str]
) -> None:
    """Keep what came with the start of a worker; of what came with a fork nothing is pickled."""
    global _stop, _inherited
    _stop, _inherited = stop, inherited
    start_worker(environment)


def _each_inherited(tasks: Sequence[tuple[int, int]]) -> list[tuple[int, Payload]]:
    assert _inherited is not None
    work, items = _inherited
    return _each(work, [(index, items[index]) for index, _ in tasks])


def chunks_of(
    items: Iterable[Any], workers: int, chunk_size: int | None
) -> Iterator[list[tuple[int, Any]]]:
    """Yield lists of (index, item): of a sequence as `Pool.map` cuts it.

    Of others they are small, and smaller towards the end, where workers would wait for the last.
    """
    size = chunk_size or 0
    if not size and isinstance(items, Sequence):
        size = _part(len(items), workers)
    unknown = _CHUNK * 4 * workers

    def chunk() -> list[tuple[int, Any]]:
        left = operator.length_hint(items, unknown)
        return list(islice(source, size or min(_part(left, workers), _CHUNK)))

    source = enumerate(items)
    return iter(chunk, [])


def _part(count: int, workers: int) -> int:
    """Return how many of so many items are a chunk, where each worker gets four."""
    return max(1, -(-count // (4 * workers)))


def pool_outcomes(
    context: "BaseContext",
    workers: int,
    chunks: Iterator[list[tuple[int, Any]]],
    work_on_chunk: Callable[[Sequence[Any]], list[tuple[int, Payload]]],
    inherited: tuple[Work, Sequence[Any]] | None = None,
) -> Outcomes:
    """Yield what a pool returns for `chunks`, of which a bounded number is under way.

    A pool waits for ever for the chunk of a worker that died. So, whenever
    nothing came for a while, check that all the workers are still there.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = context.RawValue(ctypes.c_bool, False)
    context, processes = listing_processes(context)
    pool = context.Pool(workers, _begin, (stop, inherited, dict(os.environ)))

    def submit(count: int) -> int:
        todo = list(islice(chunks, count))
        for chunk in todo:
            pool.apply_async(work_on_chunk, (chunk,), callback=done.put, error_callback=done.put)
        return len(todo)

    under_way = 0
    try:
        under_way = submit(4 * workers)
        while under_way:
            payloads = _next_done(done, processes)
            under_way -= 1
            if isinstance(payloads, BaseException):
                raise payloads
            under_way += submit(1)
            for index, payload in payloads:
                yield index, payload.open()
    finally:
        stop.value = True
        _end(pool, processes, is_at_rest=_come_to_rest(done, under_way, processes))


def _next_done(
    done: "queue.SimpleQueue[Any]", processes: "list[BaseProcess]"
) -> list[tuple[int, Payload]] | BaseException:
    while True:
        with contextlib.suppress(queue.Empty):
            payloads: list[tuple[int, Payload]] | BaseException = done.get(timeout=POLL_S)
            return payloads
        if codes := exit_codes(processes):
            refuse_unguarded(codes)
            raise WorkerDiedError(
                f"{describe_death(codes[0])}; it ended before its work was done; expected it to "
                f"return; use the strategy isolated to see where, or fewer workers"
            )


def _come_to_rest(
    done: "queue.SimpleQueue[Any]", under_way: int, processes: "list[BaseProcess]"
) -> bool:
    """Wait a little for what is under way, and tell whether all of it came.

    Then the workers can end by themselves. One that is killed while it sends a
    result, or waits for work, keeps the lock of a pipe, and the end of the pool
    waits for it for ever.
    """
    give_up = time.monotonic() + _REST_S
    with contextlib.suppress(queue.Empty):
        for _ in range(0 if exit_codes(processes) else under_way):
            done.get(timeout=max(0.0, give_up - time.monotonic()))
        return not exit_codes(processes)
    return False


def _end(pool: "Pool", processes: "list[BaseProcess]", *, is_at_rest: bool) -> None:
    """End the pool and its workers, whatever they wait for."""

    def close() -> None:
        pool.close()
        pool.join()

    if is_at_rest and _is_done_within(_END_S, close):
        return
    if not _is_done_within(_REST_S, pool.terminate):
        for process in processes:
            process.kill()
            process.join(_REST_S)


def _is_done_within(seconds: float, action: Callable[[], None]) -> bool:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
