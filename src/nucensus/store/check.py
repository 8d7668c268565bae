"""Check a run file before any of it is believed: it may come from anywhere, and be damaged."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..errors import RunError
from .facts import is_fact
from .image_columns import ImageColumns
from .nucleus_columns import RECORDS
from .packing import as_text, checksum_of, damaged

_MOST_BYTES = 1 << 28
"""Of one value: ten times the nuclei of the largest image that was ever seen."""
_MOST_CHARACTERS = 1_000_000
_MOST_ENTRIES = 3000
"""Of an image's metadata: two tables have a thousand columns each."""
_MOST_PIXELS = 1 << 34
_STEPS = 10_000
_STEPS_PER_BYTE, _STEPS_AT_LEAST = 8, 2_000_000
"""SQLite takes about one step of its machine for each byte of a whole run file."""

_OF_THE_DISK = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_FULL")

_SIDE = f"BETWEEN 0 AND {_MOST_PIXELS}"
_RECORD_BYTES = ", ".join(f"{size} * count" for size in RECORDS.by_size)
_IS_JSON = (
    "({name} IS NULL OR (typeof({name}) = 'text' "
    "AND CASE WHEN json_valid({name}) THEN json_type({name}) END IS '{kind}'))"
)
_NAMED = "typeof(name) IN ('text', 'blob') AND typeof(path) IN ('text', 'blob')"
_OF_SAMPLE = (
    "name", "path", "plane", "channel", "pools", "content", "estimate", "stage", "reason",
)  # fmt: skip
_SIZES = ("pixel_y_um", "pixel_x_um", "depth_um")


def _believable(columns: ImageColumns) -> str:
    """Return what holds of each row that this program wrote."""
    numbers = [each.name for each in columns.stored if each.is_number and each.name not in _SIZES]
    texts = [each.name for each in columns.stored if each.is_text and each.name != "status"]
    return " AND ".join((
        "typeof(position) IN ('integer', 'null')",
        "typeof(size_bytes) = 'integer' AND typeof(mtime_ns) = 'integer'",
        _NAMED,
        *(f"coalesce({name}, 0) < 9e99" for name in numbers),  # a text is more than any number
        *(f"coalesce({name}, 1) BETWEEN 1e-9 AND 1e9" for name in _SIZES),
        " + ".join(f"coalesce(length({name}), 0)" for name in texts) + f" <= {_MOST_CHARACTERS}",
        _IS_JSON.format(name="extra", kind="object"),
        f"(length(extra) > {_MOST_ENTRIES} AND (SELECT count(*) > {_MOST_ENTRIES} "
        "FROM json_each(extra))) IS NOT 1",
        _IS_JSON.format(name="stated", kind="array"),
        "instr(name, char(0)) = 0 AND typeof(subpixel) IN ('null', 'blob')",
        "typeof(outlines) IN ('null', 'blob') AND typeof(channels) IN ('null', 'blob')",
        _IS_JSON.format(name="partners", kind="array"),
        "(status IN ('pending', 'failed') OR (status = 'found' AND " + " AND ".join((
            f"typeof(count) = 'integer' AND count {_SIDE}",
            f"typeof(height) = 'integer' AND height {_SIDE}",
            f"typeof(width) = 'integer' AND width {_SIDE}",
            f"(depth IS NULL OR depth {_SIDE})",
            f"1.0 * height * width * coalesce(depth, 1) <= {_MOST_PIXELS}",
            f"typeof(area_px) = 'integer' AND area_px {_SIDE}",
            f"typeof(centres) = 'blob' AND length(centres) IN ({_RECORD_BYTES})",
            "(subpixel IS NULL OR length(subpixel) = 16 * count)",
        )) + "))",
    ))  # fmt: skip


@contextmanager
def bounded(database: sqlite3.Connection, size_bytes: int) -> Iterator[None]:
    """Let SQLite take steps in proportion to the size of the file, and no more."""
    left = max(_STEPS_AT_LEAST, _STEPS_PER_BYTE * size_bytes) // _STEPS

    def is_enough() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    database.set_progress_handler(is_enough, _STEPS)
    try:
        yield
    finally:
        database.set_progress_handler(None, 0)


def distrust(database: sqlite3.Connection) -> None:
    """Let nothing in the file run, and no value be larger than those of a run are."""
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")


def check_content(
    database: sqlite3.Connection, file: Path, schema: str, columns: ImageColumns
) -> None:
    """Raise `RunError` unless the tables are those of `schema`, and every row can be believed."""
    try:
        with bounded(database, os.stat(file).st_size):
            problem = _problem(database, schema, columns)
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None)  # a text that is not UTF-8 has none
        if name is not None and name.startswith(_OF_THE_DISK):
            raise
        problem = str(error) if name else "a text in it is not UTF-8"
    if problem is not None:
        raise RunError(
            f"{os.fspath(file)!r} is damaged, or was not written by nucensus: {problem}; expected "
            f"a whole run file; copy it again from its source, or do the run again with --overwrite"
        )


def check_nuclei(database: sqlite3.Connection) -> None:
    """Raise `RunError` if the nuclei of an image are not as they were written.

    Readers check those that they read; who carries a run on may read none of them.
    """
    query = "SELECT name, checksum, centres, subpixel, outlines, channels FROM journal "
    query += "WHERE status = 'found'"
    for name, checksum, *packed in database.execute(query):
        if checksum_of(*packed) != checksum:
            raise damaged(f"the nuclei of the image {as_text(name)!r} in it")


def _problem(database: sqlite3.Connection, schema: str, columns: ImageColumns) -> str | None:
    """Return what cannot be believed, if anything."""
    if not _has_tables(database, schema):
        return "its tables are not those that nucensus makes"
    said = set()
    for name, value in database.execute("SELECT key, value FROM run"):
        said.add(name)
        if not is_fact(name, value):
            return f"what it says of {str(name)[:40]!r} makes no sense"
    if "settings" not in said and database.execute("SELECT 1 FROM journal").fetchone():
        return "it does not say with which settings its images were counted"
    ((sound,),) = database.execute("PRAGMA quick_check(1)")
    if sound != "ok":
        return " ".join(sound.split())
    row = database.execute(f"SELECT key FROM journal WHERE NOT ({_believable(columns)}) LIMIT 1")
    if strange := row.fetchone():
        return f"image number {strange[0]} in it makes no sense"
    texts = ", ".join(each.name for each in columns.stored if each.is_text)
    for query in (f"SELECT {texts} FROM journal", f"SELECT {', '.join(_OF_SAMPLE)} FROM sample"):
        for _ in database.execute(query):
            pass
    sound = f"{_NAMED} AND typeof(round) = 'integer'"
    row = database.execute(f"SELECT number FROM sample WHERE NOT ({sound}) LIMIT 1")
    if strange := row.fetchone():
        return f"image number {strange[0]} of the sample in it makes no sense"
    return None


def _has_tables(database: sqlite3.Connection, schema: str) -> bool:
    """Tell whether the tables are there as they were made, with nothing that acts on them."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(schema)
        expected = _objects(fresh)
    found = _objects(database)
    others = found - expected
    return expected <= found and not any(
        kind == "trigger" or table in ("run", "journal", "images") for kind, _, table, _ in others
    )


def _objects(database: sqlite3.Connection) -> set[tuple[Any, ...]]:
    return set(database.execute("SELECT type, name, lower(tbl_name), sql FROM sqlite_master"))
