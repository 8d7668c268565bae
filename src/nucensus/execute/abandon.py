"""Let a worker of Dask go on when nobody waits for its task any more, though an image hangs in it.

A thread that hangs in a library cannot be ended. So a task is done in a thread of its own, and the
thread of the worker waits for it no longer than somebody wants the result.
"""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_Value = TypeVar("_Value")

_POLL_S = 0.5
"""Seconds between two checks. Larger: a worker is free later."""


def while_wanted(work: Callable[[], _Value]) -> _Value | None:
    """Return what the work gives; None as soon as the scheduler has taken the task back."""
    is_wanted = _condition()
    if is_wanted is None:
        return work()
    done: Future[_Value] = Future()

    def fulfil() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 raised by the thread that waits
            done.set_exception(error)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(fulfil,), daemon=True).start()
    while is_wanted():
        try:
            return done.result(timeout=_POLL_S)
        except TimeoutError:
            if done.done():
                raise
    return None


def _condition() -> Callable[[], bool] | None:
    """Return what tells whether the task of this thread is wanted; None outside of a worker."""
    from distributed import get_worker
    from distributed.worker import thread_state

    try:
        tasks, key = get_worker().state.tasks, thread_state.key
    except (ValueError, AttributeError):
        return None

    def is_wanted() -> bool:
        return key in tasks and tasks[key].state in ("executing", "long-running")

    return is_wanted
