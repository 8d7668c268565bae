"""A function that says how long each call took, in which process, and whether it was its first."""

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from ..._dataclass import dataclass
from ...execute.by_value import dumps

_functions: dict[bytes, Callable[[Any], Any]] = {}
_calls: list[int] = [0]
"""How often this process, and those that it was forked from, called the function."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the function: what it returned, and what it took.

    Attributes
    ----------
    result : object
    seconds, cpu_s : float
    import_s : float
        What it took before to import the function into this process.
    process : int
    number : int
        Which call of its process it is, from 1.
    """

    result: Any
    seconds: float
    cpu_s: float
    import_s: float
    process: int
    number: int


class Timed:
    """The function, timed. It travels as the function itself would."""

    def __init__(self, function: Callable[[Any], Any] | None, pickled: bytes = b"") -> None:
        self._function, self._pickled = function, pickled

    def __call__(self, image: Any) -> Call:
        """Call the function."""
        start = time.perf_counter()
        function = self._opened()
        _calls[0] += 1
        number = _calls[0]
        begun, cpu = time.perf_counter(), time.thread_time()
        result = function(image)
        return Call(
            result, time.perf_counter() - begun, time.thread_time() - cpu, begun - start,
            os.getpid(), number,
        )  # fmt: skip

    def _opened(self) -> Callable[[Any], Any]:
        if self._function is None:
            import pickle

            if self._pickled not in _functions:
                _functions[self._pickled] = pickle.loads(self._pickled)
            self._function = _functions[self._pickled]
        return self._function

    def __reduce__(self) -> Any:
        return Timed, (None, self._pickled or dumps(self._function, is_for_workers=True))


def warm_up_s(calls: Sequence[Call], typical_s: float) -> float:
    """Return what cold processes took beyond the work itself: the longest, as they do it together.

    `typical_s` is what a call takes where every process made only one. The first call of a process
    is cold, and so are those behind it that take more than twice the usual time.
    """
    later = [each.seconds for each in calls if each.number > 1]
    usual_s = median(later) if later else typical_s
    by_process: dict[int, list[Call]] = {}
    for each in sorted(calls, key=lambda each: each.number):
        by_process.setdefault(each.process, []).append(each)
    return max((_cold_s(own, usual_s) for own in by_process.values()), default=0.0)


def _cold_s(calls: Sequence[Call], usual_s: float) -> float:
    """Return what the first calls of a process took beyond the usual time."""
    cold_s = sum(each.import_s for each in calls)
    for number, each in enumerate(calls, 1):
        if each.number != number or (number > 1 and each.seconds < 2 * usual_s):
            break
        cold_s += max(0.0, each.seconds - usual_s)
    return cold_s
