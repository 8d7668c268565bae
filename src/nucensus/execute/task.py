"""What a worker of a cluster does with a task: a few items, one after the other."""

import functools
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .apart import run_apart
from .payload import Payload, pack_error
from .strategy import Work
from .worker import capped_together


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be done with every item.

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


class Sent:
    """An errand as it travels: unpickled once in each process, where it is first needed."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    @functools.cached_property
    def errand(self) -> Errand:
        """The errand itself."""
        errand: Errand = pickle.loads(self._pickled)
        return errand

    def __call__(self, item: Any) -> Any:
        """Do the work on an item."""
        return self.errand.work(item)

    def __reduce__(self) -> tuple[type["Sent"], tuple[bytes]]:
        return Sent, (self._pickled,)


@dataclass(frozen=True, slots=True)
class Done:
    """What comes back of a task: the outcomes, packed, their size and the seconds they took."""

    packed: Any
    size_bytes: int
    seconds: float


def work_on(sent: Sent, pickled_items: bytes, apart: bool) -> Done | Payload:
    """Work on the items; `apart` in a process that may die, so that the worker does not.

    An error comes back as a payload: Dask ends a worker on `SystemExit`, and shortens what pickle
    cannot rebuild.
    """
    try:
        return _done(sent, pickled_items, apart)
    except BaseException as error:  # noqa: BLE001 raised again by the parent
        return pack_error(error)


def _done(sent: Sent, pickled_items: bytes, apart: bool) -> Done:
    from dask.sizeof import sizeof

    start = time.perf_counter()
    errand, items = sent.errand, pickle.loads(pickled_items)
    if apart:
        outcomes = run_apart(
            sent, items, timeout_s=errand.timeout_s, memory_bytes=errand.memory_bytes
        )
    else:
        outcomes = _one_after_the_other(errand.work, items)
    seconds = time.perf_counter() - start
    packed = errand.pack(outcomes)
    size_bytes = getattr(packed, "nbytes", None) or sizeof(packed)
    return Done(packed, size_bytes, seconds)


def _one_after_the_other(work: Work, items: Sequence[Any]) -> list[Any]:
    with capped_together():
        return [work(item) for item in items]
