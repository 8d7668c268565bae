"""A file that several threads read at once, each at a place of its own."""

import os
import threading

from .ifd import File


class SharedFile:
    """Gives each reader the file at a position of its own."""

    def __init__(self, file: File) -> None:
        self._file, self._lock = file, threading.Lock()
        self._number = _number_of(file) if hasattr(os, "preadv") else None

    def reader(self) -> "Reader":
        """Return a file for one thread."""
        return Reader(self)

    def fill(self, buffer: memoryview, position: int) -> int:
        """Fill a buffer from a position on; return how many bytes there were."""
        if self._number is not None:
            return os.preadv(self._number, [buffer], position)
        with self._lock:
            self._file.seek(position)
            return self._file.readinto(buffer)

    def read(self, size: int, position: int) -> bytes:
        """Return so many bytes from a position on, fewer where the file ends."""
        if self._number is not None:
            return os.pread(self._number, size, position)
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)


class Reader:
    """A file as far as pixels are read from it."""

    def __init__(self, shared: SharedFile) -> None:
        self._shared, self._position = shared, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a position, counted from the start of the file."""
        if whence != os.SEEK_SET:
            raise ValueError("only positions from the start of the file are known")
        self._position = offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes."""
        data = self._shared.read(size, self._position)
        self._position += len(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer; return how many bytes there were."""
        count = self._shared.fill(buffer, self._position)
        self._position += count
        return count


def _number_of(file: File) -> int | None:
    """Return the number of a file of this system; None of others."""
    try:
        number: int = file.fileno()  # type: ignore[attr-defined]  # files in buckets have none
    except (AttributeError, OSError, ValueError):
        return None
    return number
