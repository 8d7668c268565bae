"""A remote object as a file that can be read anywhere."""

import io
import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from .faults import explained

if TYPE_CHECKING:
    from .backend import Backend

WHOLE_BYTES = 16 << 20
"""An object of at most this size is fetched whole, in one request."""

_BLOCK_BYTES = 256 << 10
"""Bytes that are fetched at least. Larger: fewer requests, more that nobody reads."""
_BLOCKS_KEPT = 64
"""Blocks that a file keeps: 16 MB. Larger: more memory for each open file."""


class RemoteFile(io.RawIOBase):
    """An object of at most `WHOLE_BYTES` in memory, or a larger one that is read by ranges.

    Small reads are served from blocks that are kept; large ones are requests of
    their own. What goes wrong with a request is also kept in `failure`: some
    libraries go on after an error as if the file ended there.
    """

    def __init__(self, address: str, backend: "Backend", key: str) -> None:
        self.name = address
        self.failure: Exception | None = None
        self._backend = backend
        self._key = key
        self._at = 0
        self.size, self.version, self._start = backend.begin(key, WHOLE_BYTES)
        self._blocks: OrderedDict[int, memoryview] = OrderedDict()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read anywhere."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, self.size))
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or all to the end."""
        return bytes(self.view(size))

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer."""
        target = memoryview(buffer).cast("B")
        found = self.view(len(target))
        target[: len(found)] = found
        return len(found)

    def view(self, size: int | None = -1, /) -> memoryview:
        """Read without a copy, where the bytes lie in one piece."""
        stop = self.size if size is None or size < 0 else min(self._at + size, self.size)
        start, self._at = self._at, max(self._at, stop)
        if stop <= max(start, len(self._start)):
            return self._start[start:stop]
        try:
            with explained(self.name):
                return self._range(start, stop)
        except Exception as error:
            self.failure = error
            raise

    def _range(self, start: int, stop: int) -> memoryview:
        if stop - start >= _BLOCK_BYTES:
            return self._fetch(start, stop)
        first, last = start // _BLOCK_BYTES, (stop - 1) // _BLOCK_BYTES
        blocks = [self._block(number) for number in range(first, last + 1)]
        joined = blocks[0] if len(blocks) == 1 else memoryview(b"".join(blocks))
        return joined[start - first * _BLOCK_BYTES : stop - first * _BLOCK_BYTES]

    def _block(self, number: int) -> memoryview:
        block = self._blocks.pop(number, None)
        if block is None:
            start = number * _BLOCK_BYTES
            block = self._fetch(start, min(start + _BLOCK_BYTES, self.size))
        self._blocks[number] = block
        if len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block

    def _fetch(self, start: int, stop: int) -> memoryview:
        return self._backend.fetch(self._key, start, stop, self.version)
