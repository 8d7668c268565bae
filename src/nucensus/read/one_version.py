"""Read a file again that was written while it was read: an image is all of one version."""

import os
from collections.abc import Callable
from typing import TypeVar

from ..errors import ReadError
from ..remote import ChangedError, is_remote

_T = TypeVar("_T")

_MOST_READS = 3
"""How often an image is read that is overwritten meanwhile."""
_WRITTEN = (
    "the file was written while it was read, again and again; expected it to stay as it is; wait "
    "until it is whole, and do the image again with nucensus retry"
)


def of_one_version(path: str | os.PathLike[str], read: Callable[[], _T]) -> _T:
    """Return what `read` makes of a file or an object that did not change meanwhile."""
    last: ReadError = ReadError(_WRITTEN)
    for _ in range(_MOST_READS):
        before = _size_and_time(path)
        try:
            found = read()
        except ChangedError as error:  # who reads objects, or chunks, sees for himself
            last = error
            continue
        if _size_and_time(path) == before:
            return found
        last = ReadError(_WRITTEN)
    raise last


def _size_and_time(path: str | os.PathLike[str]) -> tuple[int, int, int] | None:
    """Return what changes when a file of this machine is written, or another takes its place."""
    if is_remote(path):
        return None
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # the reader says what is wrong
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
