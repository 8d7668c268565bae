"""Find the objects that the user named by an address: prefixes, objects, globs."""

import contextlib
import glob
import posixpath
import sqlite3
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate

from ..errors import InputError, NucensusError, ReadError
from ..remote import check_address, list_below, open_remote, size_and_time
from .left_out import LeftOut
from .walk import Batch, is_image_folder, is_index, sortable, why_left_out

_FILE, _FOLDER, _END = b"\1", b"\2", bytes(8)
"""Marks in sorted keys: files of a folder come before folders, and a before ab."""

_ODD_KEY = "keys with an empty part, with . or .., or with a control character; rename them"
_HIDING_KEY = f"{_ODD_KEY}, for objects beside them may be lost with them"

_Row = tuple[bytes, str, str, int, int]


def expand_remote(given: str, endings: tuple[str, ...], left_out: LeftOut) -> Iterator[Batch]:
    """Yield the images that an address stands for, in the order of the same folder on a disk.

    It is listed once; SQLite sorts the names, on disk where they are many.
    """
    address = _plain(check_address(given))
    if is_image_folder(address, endings):
        known = size_and_time(address)
        if known[0] >= 0:
            yield Batch([address], [], {} if ".zarr" in address.lower() else {address: known})
            return
        if not glob.has_magic(address):
            raise _why_not(address)
    top, pattern = _top(address, endings)
    with contextlib.closing(sqlite3.connect("")) as database:
        database.execute(
            "CREATE TABLE found (key PRIMARY KEY, name, kind, size, time) WITHOUT ROWID"
        )
        found = _Found(pattern, endings, left_out)
        database.executemany("INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?, ?)", found.rows(top))
        rows = database.execute("SELECT name, kind, size, time FROM found ORDER BY key")
        yield from _batches(rows, found, top, left_out)


def _plain(address: str) -> str:
    """Return an address with single slashes, and none at its end."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{'/'.join(part for part in rest.split('/') if part)}"


def _why_not(address: str) -> NucensusError:
    """Return why an object that was named cannot be read."""
    try:
        open_remote(address)
    except FileNotFoundError:
        pass
    except ReadError as error:
        return error
    return InputError(
        f"{address!r} does not exist; expected an object, a prefix or a glob of images"
    )


def common_prefix(given: Sequence[str], endings: tuple[str, ...]) -> str:
    """Return the prefix that the names of objects are relative to; "" if there is none."""
    tops = [_top(_plain(each), endings)[0].split("/") for each in given]
    alike = [len(set(parts)) == 1 for parts in zip(*tops, strict=False)]
    count = alike.index(False) if False in alike else len(alike)
    return "/".join(tops[0][:count]) if count > 2 else ""


def _top(address: str, endings: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the prefix to list, and the pattern of what counts below it."""
    parts = address.split("/")
    fixed = next((i for i, part in enumerate(parts) if i > 2 and glob.has_magic(part)), len(parts))
    if fixed < len(parts):
        return "/".join(parts[:fixed]), tuple(parts[fixed:])
    if len(parts) > 3 and (is_image_folder(address, endings) or is_index(parts[-1])):
        return "/".join(parts[:-1]), ()
    return address, ()


class _Found:
    """The images of a listing, and the folders that hold the index of a plate."""

    def __init__(
        self, pattern: tuple[str, ...], endings: tuple[str, ...], left_out: LeftOut
    ) -> None:
        self._left_out = left_out
        self._pattern = pattern
        self._endings = endings
        self.indexed: set[str] = set()

    def rows(self, top: str) -> Iterator[_Row]:
        """Yield images and indexes, with what they are sorted by."""
        for each in list_below(top):
            parts = each.name.split("/")
            start = self._start(parts)
            if each.size_bytes < 0:
                hides_others = each.size_bytes == -2
                self._left_out.note(_HIDING_KEY if hides_others else _ODD_KEY, each.name)
                if hides_others:
                    yield _key(parts, 0), each.name, "named image", -1, -1  # it fails when read
                continue
            image = next(
                (i for i, p in enumerate(parts) if p.lower().endswith(self._endings)), None
            )
            is_file = image is None or image == len(parts) - 1
            parts = parts if image is None else parts[: image + 1]
            if start is None or any(part.startswith(".") or not part for part in parts):
                continue
            folder = "/".join(parts[:-1])
            if image is not None:
                kind = "image"
            elif is_index(parts[-1]) and start < len(parts):
                kind = "index"
                self.indexed.add(folder)
            else:
                continue
            is_file &= not parts[-1].lower().endswith(".zarr")
            size, time = (each.size_bytes, each.mtime_ns) if is_file else (-1, -1)
            yield _key(parts, start), "/".join(parts), kind, size, time

    def _start(self, parts: list[str]) -> int | None:
        """Return how many parts the pattern takes, as it does of names or of folders."""
        if not self._pattern:
            return 0
        ends = range(1, len(parts) + 1)
        return next((end for end in ends if _matches(parts[:end], self._pattern)), None)


def _key(parts: Sequence[str], start: int) -> bytes:
    """Return bytes that sort what a pattern took as one name, and what is below it as a folder."""
    matched = sortable("/".join(parts[:start])) + _END
    rest = parts[start:]
    if not rest:
        return matched
    folders = b"".join(_FOLDER + sortable(part) + _END for part in rest[:-1])
    return matched + folders + _FILE + sortable(rest[-1]) + _END


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or (
            bool(parts) and not parts[0].startswith(".") and _matches(parts[1:], pattern)
        )
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _batches(
    rows: Iterator[tuple[str, str, int, int]], found: _Found, top: str, left_out: LeftOut
) -> Iterator[Batch]:
    """Yield images one by one, and those of a plate with an index together."""
    plate, batch = None, Batch([], [])
    for name, kind, size, time in rows:
        folders = ["", *accumulate(name.split("/")[:-1], posixpath.join)]
        path = f"{top}/{name}"
        if kind == "image" and (reason := why_left_out(path)):
            left_out.note(reason, name)
            continue
        of = next((folder for folder in folders if folder in found.indexed), None)
        if of != plate or of is None:
            if batch.images or batch.index_files:
                yield batch
            plate, batch = of, Batch([], [])
        (batch.index_files if kind == "index" else batch.images).append(path)
        if size >= 0:
            batch.known[path] = size, time
    if batch.images or batch.index_files:
        yield batch
