"""Images of the sample, and what was seen of a large one, kept until they are counted."""

import threading
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

MOST_BYTES = 256 << 20
"""Bytes that are kept at most. Larger: fewer requests, more memory."""


class Kept(Generic[_Value]):
    """Some values by the keys of their images, each of which is taken once, by any thread."""

    def __init__(self, most_bytes: int) -> None:
        self._left = min(MOST_BYTES, most_bytes)
        self._values: dict[int, _Value] = {}
        self._changing = threading.Lock()

    def keep(self, key: int, value: _Value, size_bytes: int) -> None:
        """Keep a value, if there is room for it."""
        with self._changing:
            if size_bytes <= self._left:
                self._left -= size_bytes
                self._values[key] = value

    def take(self, key: int) -> _Value | None:
        """Return a value, and keep it no longer; None if it is not there."""
        return self._values.pop(key, None)

    def clear(self) -> None:
        """Keep nothing any longer."""
        self._values.clear()
