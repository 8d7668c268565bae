"""Find the images that the user named: files, folders, globs -> ordered `ImageRef`s."""

import contextlib
import glob
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import InputError
from .model import RUN_FILE, ImageRef


def discover(inputs: Iterable[str | os.PathLike[str]], suffixes: Iterable[str]) -> list[ImageRef]:
    """Return every image that `inputs` name, each once, in the order given, folders sorted.

    Parameters
    ----------
    inputs : iterable of path
        Files, folders and globs. Of a folder and the folders below it every
        file with one of `suffixes` counts, in natural order (s2 before s10);
        hidden folders and the folders of earlier runs are left out.
    suffixes : iterable of str
        The endings of file names that can be read, in lower case, with the dot.

    Raises
    ------
    InputError
        An input does not exist, or holds no image.
    """
    listed = {each.path: each for each in list_images(inputs, suffixes)}
    return list(listed.values())


def list_images(
    inputs: Iterable[str | os.PathLike[str]], suffixes: Iterable[str]
) -> Iterator[ImageRef]:
    """Yield what `discover` returns while it is found, so that a million names need no memory.

    An image that two inputs name comes twice.
    """
    endings = tuple(suffixes)
    given = [os.fspath(each) for each in inputs]
    if not given:
        raise InputError("no input was given; expected files, folders or globs of images")
    base = _common_folder(given)
    for each in given:
        empty = True
        for path, stat in _expand(each, endings):
            empty = False
            yield _reference(path, base, stat)
        if empty:
            raise InputError(
                f"{each!r} holds no image; expected files that end in {', '.join(endings)}"
            )


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `text` as people do: s2 before s10."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(p), p) if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def _expand(given: str, endings: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result | None]]:
    if os.path.isdir(given):
        yield from _walk(given, endings)
    elif os.path.lexists(given):
        yield given, _stat(given)
    elif glob.has_magic(given):
        for path in sorted(glob.glob(given, recursive=True), key=natural_key):
            if os.path.isdir(path) or path.lower().endswith(endings):
                yield from _expand(path, endings)
    else:
        raise InputError(f"{given!r} does not exist; expected a file, a folder or a glob of images")


def _walk(folder: str, endings: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result | None]]:
    """Yield the images of `folder`, then those of the folders below it.

    A folder that is named like an image is yielded as one: it fails when it is
    read, with a reason, instead of being passed over in silence.
    """
    if os.path.lexists(os.path.join(folder, RUN_FILE)):
        return
    folders = []
    for name, is_folder in _natural_order(folder):
        path = os.path.join(folder, name)
        if name.lower().endswith(endings):
            yield path, _stat(path)
        elif is_folder:
            folders.append(path)
    for path in folders:
        yield from _walk(path, endings)


def _natural_order(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a folder) of what is in `folder` and not hidden, sorted.

    SQLite sorts, on disk where they are many.
    """
    with contextlib.closing(sqlite3.connect("")) as names:
        names.execute("CREATE TABLE names (key, name, is_folder)")
        try:
            with os.scandir(folder) as entries:
                names.executemany(
                    "INSERT INTO names VALUES (?, ?, ?)",
                    (
                        (
                            _sortable(each.name),
                            os.fsencode(each.name),
                            each.is_dir(follow_symlinks=False),
                        )
                        for each in entries
                        if not each.name.startswith(".")
                    ),
                )
        except OSError as error:
            raise InputError(f"{folder!r} cannot be listed: {error.strerror}") from error
        for name, is_folder in names.execute("SELECT name, is_folder FROM names ORDER BY key"):
            yield os.fsdecode(name), bool(is_folder)


def _sortable(name: str) -> bytes:
    """Return `natural_key` as bytes that sort alike: a number is its length and its digits."""
    parts = []
    for is_text, number, text in natural_key(name):
        digits = str(number).encode()
        start = b"\1" if is_text else b"\0" + len(digits).to_bytes(4) + digits
        parts.append(start + text.encode("utf-32-be", "surrogatepass") + bytes(4))
    return b"".join(parts)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _common_folder(given: list[str]) -> str:
    """Return the folder that image names are relative to."""
    try:
        return os.path.commonpath([os.path.abspath(_folder(each)) for each in given])
    except ValueError:  # different drives
        return ""


def _folder(given: str) -> str:
    """Return the folder that `given` is, lies in, or globs below."""
    if os.path.isdir(given):
        return given
    folder = os.path.dirname(given)
    while glob.has_magic(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _reference(path: str, base: str, stat: os.stat_result | None) -> ImageRef:
    name = Path(os.path.relpath(path, base) if base else path).as_posix()
    if stat is None:
        return ImageRef(name, path)
    return ImageRef(name, path, stat.st_size, stat.st_mtime_ns)
