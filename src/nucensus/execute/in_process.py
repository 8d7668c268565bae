"""Run work in this process: in a loop, or in threads."""

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from .strategy import Outcomes, Work
from .worker import POLL_S, cap_numba, get

_REST_S = 1.0
"""Seconds that threads get to finish what they are at, after Ctrl-C."""


def run_list(work: Work, items: Iterable[Any], workers: int) -> Outcomes:  # noqa: ARG001 one signature
    """Work on one item after the other."""
    for index, item in enumerate(items):
        yield index, work(item)


def run_threads(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """Feed a few threads from here, with a bounded number of items under way."""
    tasks: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()

    def serve() -> None:
        cap_numba()
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
    rest_s: float | None = None
    try:
        for task in islice(source, 4 * workers):
            tasks.put(task)
            under_way += 1
        while under_way:
            index, outcome, error = get(done)
            under_way -= 1
            if error is not None:
                raise error
            for task in islice(source, 1):
                tasks.put(task)
                under_way += 1
            yield index, outcome
    except KeyboardInterrupt:
        rest_s = _REST_S
        raise
    finally:
        _end(tasks, threads, rest_s)


def _end(
    tasks: "queue.SimpleQueue[Any]", threads: Sequence[threading.Thread], rest_s: float | None
) -> None:
    """Wait for what the threads are at, but after Ctrl-C not for long: they may wait for ever."""
    _drain(tasks)
    for _ in threads:
        tasks.put(None)
    give_up = None if rest_s is None else time.monotonic() + rest_s
    for thread in threads:
        while thread.is_alive() and (give_up is None or time.monotonic() < give_up):
            thread.join(POLL_S)


def _drain(tasks: "queue.SimpleQueue[Any]") -> None:
    while not tasks.empty():
        try:
            tasks.get_nowait()
        except queue.Empty:
            return
