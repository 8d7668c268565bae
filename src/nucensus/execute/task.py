"""Run a task on a worker of a cluster: a few items, one after the other."""

import functools
import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any

from .._dataclass import dataclass
from .abandon import while_wanted
from .in_subprocess import run_in_subprocess
from .payload import Payload, pack_error
from .strategy import Work
from .worker import capped_together


@dataclass(frozen=True, slots=True)
class Task:
    """The work for every item.

    Attributes
    ----------
    work : callable
    pack : callable
        Turns the list of outcomes into what is sent back.
    timeout_s : float or None
        The longest that an item may take in a process of its own.
    memory_bytes : int or None
        The most that such a process may take; None is half of what the worker may.
    """

    work: Work
    pack: Callable[[list[Any]], Any]
    timeout_s: float | None = None
    memory_bytes: int | None = None


class TaskPayload:
    """A task as it travels: unpickled once in each process, where it is first needed."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    @functools.cached_property
    def task(self) -> Task:
        """The task itself."""
        task: Task = pickle.loads(self._pickled)
        return task

    def __call__(self, item: Any) -> Any:
        """Do the work on an item."""
        return self.task.work(item)

    def __reduce__(self) -> tuple[type["TaskPayload"], tuple[bytes]]:
        return TaskPayload, (self._pickled,)


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a task: the outcomes, packed, their size and the seconds they took."""

    packed: Any
    size_bytes: int
    seconds: float


def work_on(
    payload: TaskPayload, pickled_items: bytes, in_subprocess: bool
) -> Done | Payload | None:
    """Work on the items; `in_subprocess`, which may die, so that the worker does not.

    An error comes back as a payload: Dask ends a worker on `SystemExit`, and shortens what pickle
    cannot rebuild. Nothing comes back of a task that is not wanted any more.
    """
    return while_wanted(lambda: _done_or_error(payload, pickled_items, in_subprocess))


def _done_or_error(
    payload: TaskPayload, pickled_items: bytes, in_subprocess: bool
) -> Done | Payload:
    try:
        return _done(payload, pickled_items, in_subprocess)
    except BaseException as error:  # noqa: BLE001 raised again by the parent
        return pack_error(error)


def _done(payload: TaskPayload, pickled_items: bytes, in_subprocess: bool) -> Done:
    from dask.sizeof import sizeof

    start = time.perf_counter()
    task, items = payload.task, pickle.loads(pickled_items)
    if in_subprocess:
        outcomes = run_in_subprocess(
            payload, items, timeout_s=task.timeout_s, memory_bytes=task.memory_bytes
        )
    else:
        outcomes = _one_after_the_other(task.work, items)
    seconds = time.perf_counter() - start
    packed = task.pack(outcomes)
    size_bytes = getattr(packed, "nbytes", None) or sizeof(packed)
    return Done(packed, size_bytes, seconds)


def _one_after_the_other(work: Work, items: Sequence[Any]) -> list[Any]:
    with capped_together():
        return [work(item) for item in items]
