"""Run work in processes that may crash, hang or be killed: it costs one item, not the run."""

import contextlib
import functools
import itertools
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..errors import WorkerDiedError
from ..machine import start_methods
from .payload import PickledWork, payload_of
from .strategy import Lost, Outcomes, Work
from .worker import (
    POLL_S,
    context_of,
    deaf_to_ctrl_c,
    describe_death,
    exit_codes,
    has_ended,
    is_crash,
    listing_processes,
    refuse_unguarded,
    start_worker,
)

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from pebble import ProcessPool

_ATTEMPTS = 2
"""How often an item is tried whose worker dies or hangs: another item may have been the cause."""
_SILENT_POLLS = 10
"""After so many looks for a task that ended, workers are looked for that did; and so many later
again, because pebble may just be telling of them."""
_LISTED = 256
"""How many processes are kept to ask how they ended: one that has ended holds two open files."""


def run_isolated(
    work: Work,
    items: Iterable[Any],
    workers: int,
    *,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
) -> Outcomes:
    """Work in pebble's processes; an item that loses its worker twice is `Lost`."""
    tasks = _Tasks(functools.partial(_new_pool, workers, memory_bytes), work, timeout_s)
    source = enumerate(items)
    try:
        for index, item in itertools.islice(source, 2 * workers):
            tasks.submit(index, item)
        while tasks.under_way:
            finished = tasks.next_finished()
            if finished is None:
                continue
            yield finished
            for index, item in itertools.islice(source, 1):
                tasks.submit(index, item)
    finally:
        tasks.close()


def _new_pool(workers: int, memory_bytes: int | None) -> tuple["ProcessPool", "list[BaseProcess]"]:
    """Start from a server process without threads, which has imported what the workers need."""
    from pebble import ProcessPool

    method = "forkserver" if "forkserver" in start_methods() else "spawn"
    listing, processes = listing_processes(context_of(method))
    start = functools.partial(start_worker, dict(os.environ), memory_bytes)
    pool = ProcessPool(max_workers=workers, initializer=start, context=listing)
    return pool, processes


class _Tasks:
    """The items under way, by the future of each."""

    def __init__(
        self,
        new_pool: "Callable[[], tuple[ProcessPool, list[BaseProcess]]]",
        work: Work,
        timeout_s: float | None,
    ) -> None:
        self._work = PickledWork(work)
        self._new_pool = new_pool
        self._pool, self._processes = new_pool()
        self._timeout_s = timeout_s
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.under_way: dict[Any, tuple[int, Any, int]] = {}

    def submit(self, index: int, item: Any, attempt: int = 1) -> None:
        del self._processes[:-_LISTED]
        # The first starts the workers, and the thread that starts more of them.
        start = contextlib.nullcontext() if self.under_way else deaf_to_ctrl_c()
        try:
            with start:
                future = self._pool.schedule(
                    payload_of, args=(self._work, item), timeout=self._timeout_s
                )
        except RuntimeError as error:  # the pool is broken
            raise WorkerDiedError(
                "the worker processes cannot be started; expected room for them; close other "
                "programs, allow more open files and processes (on Linux and macOS ulimit -n and "
                "-u), or use the strategy list-disk"
            ) from error
        self.under_way[future] = index, item, attempt
        future.add_done_callback(lambda done: self._done.put(done))

    def next_finished(self) -> tuple[int, Any] | None:
        """Wait for a task; return its index and outcome, or None if it goes again."""
        from concurrent.futures.process import BrokenProcessPool

        from pebble import ProcessExpired

        future, error = self._wait()
        if isinstance(error, BrokenProcessPool) and future in {None, *self.under_way}:
            self._start_anew(error)
            return None
        if future not in self.under_way:
            return None
        index, item, attempt = self.under_way.pop(future)
        if error is None:
            return index, future.result().open()
        if isinstance(error, ProcessExpired):
            reason = describe_death(error.exitcode)
        elif isinstance(error, TimeoutError) and error.args[:1] == ("Task timeout",):
            reason = f"the worker took longer than {self._timeout_s:g} s"
        else:
            raise error
        if attempt < _ATTEMPTS:
            self.submit(index, item, attempt + 1)
            return None
        return index, Lost(f"{reason}, {_ATTEMPTS} times")

    def _wait(self) -> tuple[Any, BaseException | None]:
        """Wait for a task; return it and its error, which pebble may not have told of."""
        from concurrent.futures.process import BrokenProcessPool

        from pebble import ProcessExpired

        gone: set[Any] = set()
        for polls in itertools.count(1):
            with contextlib.suppress(queue.Empty):
                future = self._done.get(timeout=POLL_S)
                return future, future.exception()
            if not self._pool.active:
                return None, BrokenProcessPool("all workers ended before they had work")
            if polls % _SILENT_POLLS == 0:
                before, gone = gone, set(_orphans(self._pool, self._processes))
                for future, exit_code, pid in before & gone:
                    if future in self.under_way:
                        return future, ProcessExpired("untold", exit_code, pid)  # type: ignore[no-untyped-call]
        raise AssertionError

    def _start_anew(self, error: BaseException) -> None:
        """Submit everything again: the workers died before they said what they worked on."""
        again = list(self.under_way.values())
        self.under_way.clear()
        self.close()
        codes = exit_codes(self._processes)
        refuse_unguarded(codes)
        ends_by_itself = any(
            code > 0 and not is_crash(code) for code in codes
        )  # it will do so again
        self._pool, self._processes = self._new_pool()
        for index, item, attempt in again:
            if attempt > 2 * _ATTEMPTS or ends_by_itself:
                raise WorkerDiedError(
                    "the worker processes die before they start to work; expected them to live; "
                    "try --strategy threads to see why"
                ) from error
            self.submit(index, item, attempt + 1)

    def close(self) -> None:
        """End the workers, and then the pool: one that starts without its locks says so."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble has not typed it
        for process in self._processes:
            if process.pid is not None and not has_ended(process):
                process.terminate()
        self._pool.join()


def _orphans(
    pool: "ProcessPool", processes: "Iterable[BaseProcess]"
) -> Iterator[tuple[Any, int, int]]:
    """Yield the tasks whose worker has ended, with its exit code and its process number.

    Pebble does not see the end of a worker that ends with code 0, nor of one that ends before
    pebble has read what it began with (noxdafox/pebble#153). Who does what is known inside only.
    """
    ended = {process.pid: process for process in processes if has_ended(process)}
    with contextlib.suppress(AttributeError, RuntimeError):  # another pebble; a change just now
        manager = pool._pool_manager
        for task in list(manager.task_manager.tasks.values()):
            pid = task.worker_id
            if pid in ended and pid not in manager.worker_manager.workers:
                yield task.future, ended[pid].exitcode or 0, pid
