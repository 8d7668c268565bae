"""The database of a run: its tables, made and opened."""

import contextlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..machine import network_disk
from ..remote import is_remote
from ..values import RUN_FILE
from .check import check_content, check_nuclei, distrust
from .image_columns import IMAGES, ImageColumns
from .sample import SAMPLE_SCHEMA

SCHEMA_VERSION = 10
_APPLICATION_ID = 0x6E75_6365  # "nuce"
_PAGE_BYTES = 1 << 14
"""Room for several images: in pages of 4 KB, with one image of 130 nuclei each, files are 1.7
times as large and are read at half the speed (benchmarks/export.py)."""
_NO_WAIT = "PRAGMA synchronous = OFF"
"""Do not wait for the disk, which takes 20 ms; a process that is killed loses nothing by it."""
_NO_CHECKS = "PRAGMA ignore_check_constraints = ON"
"""Check no status as it is written: SQLite makes a table of the three for each row, which takes a
third of the time. Who opens a run file checks all of them."""

IMAGE_COLUMNS = IMAGES.shown_names
"""The columns of the run file and of `images.csv` for an image, beside its name."""


def schema_of(columns: ImageColumns) -> str:
    """Return the tables of a run file whose images have these columns."""
    return f"""
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (
    key INTEGER PRIMARY KEY,
    position INTEGER,
{columns.table_sql}
);
CREATE INDEX listing ON journal (position) WHERE position IS NOT NULL;
{SAMPLE_SCHEMA}
CREATE VIEW images AS SELECT
    position AS id, *{columns.computed_sql}
    FROM journal WHERE position IS NOT NULL;
"""


OTHERS = """
CREATE TEMP TABLE others (
    position INTEGER PRIMARY KEY, name NOT NULL UNIQUE, path NOT NULL, plane TEXT,
    channel TEXT, size_bytes INTEGER, mtime_ns INTEGER, plate TEXT, stage TEXT
);
"""
"""A table of images that belong to other shards; SQLite keeps it, on disk if it is large."""


def open_to_write(folder: Path, overwrite: bool, columns: ImageColumns) -> sqlite3.Connection:
    """Open the run file of `folder`, made whole or not at all."""
    if overwrite:
        remove_run(folder)
    network, file = network_disk(folder), folder / RUN_FILE
    if _is_lost(file):
        file.unlink()
    database = sqlite3.connect(file.absolute(), timeout=30, check_same_thread=False, uri=True)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        distrust(database)
        is_new = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if is_new:
            database.execute(_NO_WAIT)  # a power cut can take nothing yet
        else:
            _check_schema(database, file, columns)
            check_nuclei(database)
        wanted, safety = ("TRUNCATE", "FULL") if network else ("WAL", "NORMAL")
        mode = database.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
        if is_new:
            database.executescript(
                f"BEGIN; PRAGMA application_id = {_APPLICATION_ID}; "
                f"PRAGMA user_version = {SCHEMA_VERSION}; {schema_of(columns)} COMMIT;"
            )
        database.execute(f"PRAGMA synchronous = {safety}")
        database.execute(_NO_CHECKS)
        what = f"network disk ({network})" if network else "local disk"
        database.executescript(OTHERS)
        row = ("journal", json.dumps(f"{mode}, {what}"))
        database.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", row)
        database.commit()
    except BaseException:
        database.close()
        raise
    return database


def _is_lost(file: Path) -> bool:
    """Tell whether a power cut took a run file before the disk had it: its only page is zeros."""
    is_begun = file.is_file() and file.stat().st_size == _PAGE_BYTES
    return is_begun and not any(file.read_bytes())


def write_log_back(database: sqlite3.Connection) -> None:
    """Write what its log holds into the database, and wait for the disk once that is there."""
    is_busy, in_log, written = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if not is_busy and in_log == written:
        database.execute(_NO_WAIT)  # what is left to write says only that there is no log


def write_some_log_back(file: Path) -> None:
    """Write back what nobody reads of the log of a run file: less is left to do at the end."""
    uri = f"{file.absolute().as_uri()}?mode=rw"  # a file that vanished is not made again
    with (
        contextlib.suppress(sqlite3.Error),  # the end does it again, and says what is wrong
        contextlib.closing(sqlite3.connect(uri, uri=True)) as database,
    ):
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")


TABLES = ("nuclei.csv", "images.csv", "provenance.json")
_OF_A_RUN = (RUN_FILE, *(RUN_FILE + end for end in ("-wal", "-shm", "-journal")), *TABLES)


def remove_run(folder: Path, *, keeps: Iterable[str] = ()) -> None:
    """Remove the run in `folder`, its tables too, but what is to be replaced later."""
    for name in set(_OF_A_RUN).difference(keeps):
        (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def working_copy(
    out: str | os.PathLike[str] | None, stop: threading.Event, *, overwrite: bool = False
) -> Iterator[Path | None]:
    """Lend the folder where a run is written: `out`, or a copy of what an address holds.

    The copy is sent while it is worked on and at the end, also after an error; `stop` is set if
    another process takes the place over.

    Raises
    ------
    RunError
        Another process writes it, or it could not be sent; then it stays on this machine.
    AccessError
        The bucket cannot be used.
    """
    if out is None or not is_remote(out):
        yield None if out is None else Path(out)
        return
    from .in_bucket import copy_here

    with copy_here(os.fspath(out), stop, overwrite=overwrite) as folder:
        yield folder


def file_of(run: str | os.PathLike[str]) -> Path:
    """Return the run file of a folder, or the file itself; of an address a copy of it."""
    if is_remote(run):
        from .in_bucket import local_copy

        return local_copy(os.fspath(run))
    return Path(run, RUN_FILE) if Path(run).is_dir() else Path(run)


def open_existing(
    path: str | os.PathLike[str], columns: ImageColumns, *, is_own: bool = False
) -> sqlite3.Connection:
    """Open a run file to read it, and check it, unless this process has just written it."""
    file = file_of(path)
    if not file.is_file():
        raise RunError(
            f"{os.fspath(path)!r} is not a run: there is no {RUN_FILE}; expected the folder that "
            f"nucensus detect -o wrote"
        )
    # A run that nobody holds any more is closed in whatever thread collects it.
    database = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
    )
    try:
        if not is_own:
            distrust(database)
            _check_schema(database, file, columns)
        if not database.execute("SELECT 1 FROM run WHERE key = 'settings'").fetchone():
            raise RunError(
                f"the run in {os.fspath(path)!r} was stopped before it listed its images; expected "
                f"one that did; carry it on with nucensus detect"
            )
    except sqlite3.Error as error:
        database.close()
        raise RunError(
            f"{os.fspath(file)!r} cannot be opened as a run file ({error}); expected one that "
            f"nucensus detect wrote; copy it again, or do the run again with --overwrite"
        ) from error
    except RunError:
        database.close()
        raise
    return database


def close_with(owner: Any, database: sqlite3.Connection) -> "weakref.finalize[..., Any]":
    """Close `database` when nobody holds its owner any more, be it in a reference cycle."""
    return weakref.finalize(owner, database.close)


def _check_schema(database: sqlite3.Connection, file: Path, columns: ImageColumns) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    application_id = database.execute("PRAGMA application_id").fetchone()[0]
    if application_id != _APPLICATION_ID or version != SCHEMA_VERSION:
        of = "version of nucensus" if application_id == _APPLICATION_ID else "program"
        raise RunError(
            f"{os.fspath(file)!r} was written by another {of} (its tables are of version "
            f"{version}; expected {SCHEMA_VERSION} of nucensus); open it with what wrote it, or "
            f"count again with nucensus detect --overwrite"
        )
    check_content(database, file, schema_of(columns), columns)
