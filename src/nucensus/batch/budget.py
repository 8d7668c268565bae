"""Keep the images in memory below a ceiling."""

import functools
import threading
from typing import Any

from ..errors import TooLargeError
from ..machine import available_memory_bytes
from ..text.plurals import data_size

_WHERE_UNKNOWN = 2_000_000_000
"""Bytes, where the system does not tell its memory. Larger: more images at once, and more risk."""


def default_ceiling_bytes() -> int:
    """Return half of the memory that is available now."""
    return (available_memory_bytes() or _WHERE_UNKNOWN) // 2


def beyond_memory(size_bytes: int, most_bytes: int, more: str = "") -> TooLargeError:
    """Return what is said of an image that needs too much memory."""
    return TooLargeError(
        f"the image needs {data_size(size_bytes)} of memory, and it may take "
        f"{data_size(most_bytes)}; raise --max-memory, or use fewer --workers{more}"
    )


class Budget:
    """Memory that threads share: a thread that wants more than is left waits for the others.

    Sent to another process, it becomes the one budget of that process.

    Parameters
    ----------
    ceiling_bytes : int or None
        The most that is given out at a time; None stands for half of what is
        available. Nobody may ask for more than that.
    """

    def __init__(self, ceiling_bytes: int | None) -> None:
        self._given = ceiling_bytes
        self.ceiling_bytes = self._left = ceiling_bytes or default_ceiling_bytes()
        self._changed = threading.Condition()

    def take(self, size_bytes: int) -> None:
        """Wait until there are so many bytes, and take them."""
        with self._changed:
            self._changed.wait_for(lambda: size_bytes <= self._left)
            self._left -= size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Leave these bytes to the others."""
        with self._changed:
            self._left += size_bytes
            self._changed.notify_all()

    def __reduce__(self) -> Any:
        return budget_of_process, (self._given,)


@functools.cache
def budget_of_process(ceiling_bytes: int | None) -> Budget:
    """Return the budget that all threads of this process share."""
    return Budget(ceiling_bytes)
