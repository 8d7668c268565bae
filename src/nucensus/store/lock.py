"""Own a run: one process at a time, and a note of what it is working on.

The file `run.lock` lies beside the run file. The operating system's lock on it
dies with the process that took it. Behind a page that says who that is, there
is one byte for each image: 1 while the image is being worked on. A process that
is killed leaves these bytes behind, so the next one knows what it died of.
"""

import contextlib
import functools
import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import RunError
from .locked_file import OPEN_FLAGS, read_at, remove_and_close, try_to_lock, write_at

LOCK_FILE = "run.lock"

_FIRST_BYTE = 4096
"""Bytes before the marks: a page for the name of the owner."""


class RunLock:
    """The lock of a run; it can be pickled, and then marks images from another process.

    `called` is what others are told that the run is called, if that is not its folder.
    """

    def __init__(self, folder: Path, *, called: str = "") -> None:
        self._path = folder / LOCK_FILE
        self._held: set[int] = set()
        self._file = _locked_file(self._path, called or str(folder))
        self.left_behind = _marked(self._file)
        """The keys of the images that the process before this one died with."""
        owner = json.dumps({"process": os.getpid(), "host": socket.gethostname()}).encode()
        write_at(self._file, owner.ljust(_FIRST_BYTE), 0)

    def mark(self, key: int) -> None:
        """Note that the image `key` is being worked on."""
        self._mark((key,), b"\1")

    def unmark(self, key: int) -> None:
        """Note that the image `key` is not being worked on any more."""
        self._mark((key,), b"\0")

    def marked(self, *keys: int) -> contextlib.AbstractContextManager[None]:
        """Mark images while a block of code runs, within another one as long as that."""
        return _NOTHING if self._held.issuperset(keys) else _Marked(self, keys)

    def _mark(self, keys: tuple[int, ...], byte: bytes) -> None:
        """Write the byte of each image; of those behind one another at once."""
        first = keys[0]
        if keys == tuple(range(first, first + len(keys))):
            write_at(self._file, len(keys) * byte, _FIRST_BYTE + first)
        else:
            for key in keys:
                write_at(self._file, byte, _FIRST_BYTE + key)

    def unmark_all(self) -> None:
        """Note that no image is being worked on."""
        os.ftruncate(self._file, _FIRST_BYTE)

    def release(self) -> None:
        """Let others have the run; the file stays only if it still marks an image."""
        if _marked(self._file):
            os.close(self._file)
        else:
            remove_and_close(self._path, self._file)

    def __getstate__(self) -> dict[str, Any]:
        return {"_path": self._path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._path = state["_path"]
        self._held = set()
        self._file = _file_to_mark(self._path)


class _Marked(contextlib.AbstractContextManager[None]):
    """A mark while a block of code runs; as a generator it would take twice as long."""

    __slots__ = ("_keys", "_lock")

    def __init__(self, lock: RunLock, keys: tuple[int, ...]) -> None:
        self._lock, self._keys = lock, keys

    def __enter__(self) -> None:
        self._lock._mark(self._keys, b"\1")
        self._lock._held.update(self._keys)

    def __exit__(self, *_: object) -> None:
        self._lock._held.difference_update(self._keys)
        self._lock._mark(self._keys, b"\0")


_NOTHING = contextlib.nullcontext()


def marks_in(folder: Path) -> set[int]:
    """Return the keys of the images that are being worked on, as whoever owns the run marked."""
    try:
        file = os.open(folder / LOCK_FILE, OPEN_FLAGS)
    except OSError:  # there is none
        return set()
    try:
        return _marked(file)
    finally:
        os.close(file)


def leave_marks(folder: Path, keys: Iterable[int]) -> None:
    """Let the next owner of a run find images marked, as if a process had died with them."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / LOCK_FILE, OPEN_FLAGS | os.O_CREAT, 0o666)
    try:
        for key in keys:
            write_at(file, b"\1", _FIRST_BYTE + key)
    finally:
        os.close(file)


@functools.cache
def _file_to_mark(path: Path) -> int:
    """Open the file once in each worker process, however often the lock is sent there."""
    return os.open(path, OPEN_FLAGS)


def _locked_file(path: Path, called: str) -> int:
    """Open and lock `path`; again if its owner removed it between the two."""
    while True:
        file = os.open(path, OPEN_FLAGS | os.O_CREAT, 0o666)
        if not try_to_lock(file):
            raise RunError(
                f"{called!r} is being written by {_owner(file)}; expected a run that "
                f"nobody else writes; wait until it is done, or choose another folder with -o"
            )
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        os.close(file)


def _owner(file: int) -> str:
    try:
        owner = json.loads(read_at(file, _FIRST_BYTE, 0))
        return f"process {owner['process']} on {owner['host']}"
    except (ValueError, LookupError):
        return "another process"
    finally:
        os.close(file)


def _marked(file: int) -> set[int]:
    marked: set[int] = set()
    start = _FIRST_BYTE
    while block := read_at(file, 1 << 20, start):
        if any(block):
            marked.update(start - _FIRST_BYTE + at for at, byte in enumerate(block) if byte)
        start += len(block)
    return marked
