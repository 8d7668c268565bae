"""Take over the images of another run file: all of a shard's, or a shard's part of a plan's."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import RunError
from ..values import Shard, shard_index
from .database import file_of
from .listing import digests_of_files
from .packing import as_text

_PLANNED = (
    "facts_version", "version", "settings", "wells", "listing", "places", "inputs", "left_out",
    "unmatched", "sampled", "adopted", "estimates", "sample", "ring_radius_px",
    "flat_field",
)  # fmt: skip
"""What a run takes over from its plan beside the images."""


def absorb(database: sqlite3.Connection, run: str | os.PathLike[str]) -> None:
    """Take over every image of another run, in its place in the listing, and commit."""
    with _attached(database, run) as columns:
        database.execute(
            f"INSERT INTO journal ({columns}) SELECT {columns} FROM other.journal ORDER BY key"
        )
        database.execute("INSERT OR IGNORE INTO sample SELECT * FROM other.sample")
        database.commit()


def absorb_plan(
    database: sqlite3.Connection,
    plan: str | os.PathLike[str],
    shard: Shard | None,
    selection: dict[str, Any],
) -> None:
    """Take over what a plan knows, and the images of a shard of it, and commit."""
    index, count = (shard.index, shard.count) if shard else (1, 1)
    database.create_function("shard_of", 1, lambda name: shard_index(as_text(name), count))
    with _attached(database, plan) as columns:
        database.execute(
            f"INSERT INTO journal ({columns}) SELECT {columns} FROM other.journal "
            "WHERE position IS NOT NULL AND shard_of(name) = ? ORDER BY position",
            (index,),
        )
        database.execute("INSERT INTO sample SELECT * FROM other.sample")
        marks = ", ".join("?" * len(_PLANNED))
        database.execute(
            f"INSERT OR REPLACE INTO run SELECT key, value FROM other.run WHERE key IN ({marks})",
            _PLANNED,
        )
        rows = database.execute(
            "SELECT name, size_bytes, mtime_ns, CASE stage WHEN 'discover' THEN reason END "
            "FROM other.journal WHERE position IS NOT NULL ORDER BY position"
        )
        facts = {"selection": selection, "files": digests_of_files(rows, count)}
        database.executemany(
            "INSERT OR REPLACE INTO run VALUES (?, ?)",
            [(name, json.dumps(value)) for name, value in facts.items()],
        )
        database.commit()


@contextmanager
def _attached(database: sqlite3.Connection, run: str | os.PathLike[str]) -> Iterator[str]:
    """Lend another run file as `other`; yield the columns of its images but the key."""
    columns = ", ".join(
        name for _, name, *_ in database.execute("PRAGMA table_info(journal)") if name != "key"
    )
    uri = f"{file_of(run).absolute().as_uri()}?mode=ro"
    database.execute("ATTACH ? AS other", (uri,))
    try:
        yield columns
    except sqlite3.DatabaseError as error:
        if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
            raise
        raise RunError(
            f"{os.fspath(run)!r} is damaged ({error}); expected a whole run file; copy it "
            f"again, or do it again with --overwrite"
        ) from error
    finally:
        database.rollback()
        database.execute("DETACH other")
