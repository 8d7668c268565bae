"""Read a file again that was written while it was read: an image is all of one version."""

import os
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from ..errors import ReadError
from ..remote import ChangedError, is_remote

_T = TypeVar("_T")
Version: TypeAlias = tuple[int, int, int]
"""Which file it is, its size in bytes, and the time of its last change in ns."""

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
        before = version_of(status_of(path))
        try:
            found = read()
        except ChangedError as error:  # who reads objects, or chunks, sees for himself
            last = error
            continue
        if version_of(status_of(path)) == before:
            return found
        last = ReadError(_WRITTEN)
    raise last


def status_of(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Return the status of a file of this machine; None if it has none, as its reader will say."""
    try:
        return None if is_remote(path) else os.stat(path)
    except (OSError, ValueError):
        return None


def version_of(status: os.stat_result | None) -> Version | None:
    """Return what changes when a file is written, or another takes its place."""
    return status and (status.st_ino, status.st_size, status.st_mtime_ns)
