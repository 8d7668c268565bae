"""Measure what reading the parts of an image takes, and keep what went wrong there apart."""

import threading
import time
from dataclasses import field, replace
from typing import Any

from numpy.typing import NDArray

from .._dataclass import dataclass
from ..values.parts import Area, Parts


class UnreadPartError(Exception):
    """A part could not be read; the clock has the reason."""


@dataclass(slots=True)
class Clock:
    """The time that all threads took to read, and the first error."""

    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    error: Exception | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def timed(parts: Parts) -> tuple[Parts, Clock]:
    """Return the same parts, and what is known once they have been read."""
    clock = Clock()

    def read(area: Area) -> NDArray[Any]:
        start, cpu = time.perf_counter(), time.thread_time()
        try:
            return parts.read(area)
        except Exception as error:
            clock.error = clock.error or error
            raise UnreadPartError from error
        finally:
            with clock.lock:
                clock.wall_ms += 1e3 * (time.perf_counter() - start)
                clock.cpu_ms += 1e3 * (time.thread_time() - cpu)

    return replace(parts, read=read), clock
