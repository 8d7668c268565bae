"""Lock an open file, and read and write anywhere in it: alike on every system."""

import os
import sys
from pathlib import Path

OPEN_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0)
"""How such a file is opened; child processes do not inherit it, as Python has it."""

if sys.platform == "win32":
    import contextlib
    import errno
    import msvcrt
    import threading

    _LOCKED_BYTE = 0x7FFF_FFFF
    """Beyond whatever is written: nobody else may read what is locked there."""
    _seek = threading.Lock()

    def try_to_lock(file: int) -> bool:
        """Lock the file until it is closed; tell whether nobody else has."""
        with _seek:
            os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in (errno.EACCES, 0):  # 0: as wine says it
                    raise
                return False
        return True

    def read_at(file: int, count: int, start: int) -> bytes:
        """Return the bytes from `start` on, at most `count`."""
        with _seek:
            os.lseek(file, start, os.SEEK_SET)
            return os.read(file, count)

    def write_at(file: int, content: bytes, start: int) -> None:
        """Write bytes from `start` on; threads may write at a time."""
        with _seek:
            os.lseek(file, start, os.SEEK_SET)
            os.write(file, content)

    def remove_and_close(path: Path, file: int) -> None:
        """Remove the file once it is closed: Windows removes none that somebody has open."""
        os.close(file)
        with contextlib.suppress(OSError):
            path.unlink()

else:
    import fcntl

    read_at, write_at = os.pread, os.pwrite

    def try_to_lock(file: int) -> bool:
        """Lock the file until it is closed; tell whether nobody else has."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def remove_and_close(path: Path, file: int) -> None:
        """Remove the file before anybody else can lock it."""
        path.unlink(missing_ok=True)
        os.close(file)
