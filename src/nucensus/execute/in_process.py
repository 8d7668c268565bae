"""Run work in this process: in a loop, or in threads."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TypeAlias

from .strategy import Outcomes, Work
from .worker import POLL_S, cap_numba, get

_REST_S = 1.0
"""Seconds that threads get to finish what they are at, after Ctrl-C."""
_HOLD_S = 0.01
"""Seconds that a thread with work to do keeps outcomes: where an image takes a millisecond or two,
to hand over each of them takes a sixth of that, for all threads want the interpreter lock then.
Larger: outcomes come later."""
_UNDER_WAY = 8
"""Items for each thread that are waiting, worked on or kept. Larger: more memory, where they are
arrays; smaller: outcomes are handed over before their time."""
_Done: TypeAlias = tuple[int, Any, BaseException | None]


def run_list(work: Work, items: Iterable[Any], workers: int) -> Outcomes:  # noqa: ARG001 one signature
    """Work on one item after the other."""
    for index, item in enumerate(items):
        yield index, work(item)


def run_threads(work: Work, items: Iterable[Any], workers: int) -> Outcomes:
    """Feed a few threads from here, with a bounded number of items under way."""
    tasks: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[list[_Done]] = queue.SimpleQueue()
    serving = work, tasks, done
    threads = [threading.Thread(target=_serve, args=serving, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    source = enumerate(items)
    under_way = 0
    rest_s: float | None = None
    try:
        for task in islice(source, _UNDER_WAY * workers):
            tasks.put(task)
            under_way += 1
        while under_way:
            for index, outcome, error in get(done):
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


def _serve(
    work: Work, tasks: "queue.SimpleQueue[Any]", done: "queue.SimpleQueue[list[_Done]]"
) -> None:
    """Work on what comes until it is None, and hand over what is done now and then."""
    cap_numba()
    kept: list[_Done] = []
    handed_over_at = time.monotonic()

    def hand_over() -> None:
        if kept:
            done.put(kept.copy())
            kept.clear()

    def next_task() -> tuple[int, Any] | None:
        with contextlib.suppress(queue.Empty):
            return tasks.get_nowait()  # type: ignore[no-any-return]
        hand_over()  # before it waits
        return tasks.get()  # type: ignore[no-any-return]

    for index, item in iter(next_task, None):
        try:
            kept.append((index, work(item), None))
        except BaseException as error:  # noqa: BLE001 raised again by the caller
            kept.append((index, None, error))
        if time.monotonic() - handed_over_at > _HOLD_S:
            hand_over()
            handed_over_at = time.monotonic()
    hand_over()


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
