"""Files that are whole or not there when they are written, and files alone when they are read."""

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, ReadError

_BLOCK_BYTES = 1 << 20
"""Bytes of files that are compared at a time."""


def open_regular(path: str | os.PathLike[str], *, most_bytes: int = sys.maxsize) -> BinaryIO:
    """Open a file of at most `most_bytes` to read it; refuse pipes and devices, which may not end.

    Raises
    ------
    ReadError
        It is no file, or too large a one.
    """

    def opened(name: str, flags: int) -> int:
        # Of a pipe, do not wait for somebody who writes to it.
        descriptor = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
                raise ReadError(f"this is {kind}; expected a file")
            check_size(status.st_size, most_bytes)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    return open(path, "rb", opener=opened)


def check_size(size_bytes: int, most_bytes: int) -> None:
    """Raise if a file has more than `most_bytes`."""
    if size_bytes > most_bytes:
        raise ReadError(
            f"the file has {size_bytes / 1e6:,.0f} MB; expected at most "
            f"{most_bytes / 1e6:,.0f} MB; check what wrote it"
        )


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Lend a temporary name beside `path`, and rename it once what was written there is whole.

    The name may become a file or a folder. After an error nothing of it stays,
    and an earlier `path` is as it was.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{os.fspath(path)!r} is a device, and no file; choose another output")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    _remove(partial)
    try:
        yield partial
        if partial.is_dir():
            _remove(path)
        else:
            sync(partial)
        replace_file(partial, path)
    except BaseException as error:
        _remove(partial)
        if isinstance(error, OSError) and error.filename == os.fspath(partial):
            error.filename = os.fspath(path)  # the name that the user gave
        raise


def replace_file(new: Path, path: Path) -> None:
    """Let `new` take the place of `path`; Windows refuses that while another program has it.

    A file that says what `path` says already is removed instead: what did not change keeps its
    time, by which workflow engines and `make` tell what is to be done again.
    """
    if _say_the_same(new, path):
        new.unlink()
        return
    try:
        os.replace(new, path)
    except PermissionError as error:
        if sys.platform != "win32":
            raise
        reason = "it is write-protected, or open in another program; close it there, and try again"
        raise PermissionError(error.errno, reason, os.fspath(path)) from error


def _say_the_same(one: Path, other: Path) -> bool:
    if not (one.is_file() and other.is_file() and one.stat().st_size == other.stat().st_size):
        return False
    with open(one, "rb") as first, open(other, "rb") as second:
        while block := first.read(_BLOCK_BYTES):
            if block != second.read(_BLOCK_BYTES):
                return False
    return True


def ignores_case(folder: Path) -> bool:
    """Tell whether `a.tif` and `A.tif` are one file in `folder`, as on Windows and macOS."""
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="a", dir=folder) as file:
        return Path(folder, Path(file.name).name.upper()).exists()


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that the disk is full."""
    name = getattr(error, "sqlite_errorname", "")
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or name == "SQLITE_FULL"


def refuse_if_full(path: Path, size_bytes: int) -> None:
    """Raise if there is no room for a file, for libraries that do not survive that."""
    import shutil

    if shutil.disk_usage(path.parent).free < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))


def sync(path: Path) -> None:
    """Let the content reach the disk before the name does: a power cut leaves one or the other."""
    with open(path, "rb+") as file:  # Windows refuses it of one that is only read
        os.fsync(file.fileno())


@contextmanager
def meanwhile(wait: Callable[[], None]) -> Iterator[None]:
    """Wait for the disk in a thread while something else is done; errors are raised at the end."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            wait()
        except Exception as error:  # noqa: BLE001 another thread raises it
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if errors:
        raise errors[0]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil  # counting does without, and its import takes as long as an image

        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
