"""Make images of a run pending again; nothing here commits.

The methods of `RunWriter` of the same names say which these are, and why.
"""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import astuple

from ..remote import is_remote, size_and_time
from .packing import as_text, plane_of

_STATED = ", ".join(
    f"{name} = json_extract(stated, '$[{place}]')"
    for place, name in enumerate(("pixel_y_um", "pixel_x_um", "note"))
)
"""Forgets what the file said of its pixels, which may have changed."""


def redo(database: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Make these images pending again."""
    database.executemany(
        f"UPDATE journal SET status = 'pending', {_STATED} WHERE key = ?", ((key,) for key in keys)
    )


def redo_learned_otherwise(
    database: sqlite3.Connection, digest: Callable[[str, str, str], str]
) -> int:
    """Make images pending whose `learned` is not what `digest` says, and return how many."""

    def learned_now(
        path: str | bytes, channel: str | bytes | None, plate: str | bytes | None
    ) -> str:
        return digest(as_text(path), as_text(channel or ""), as_text(plate or ""))

    database.create_function("learned_now", 3, learned_now, deterministic=True)
    return database.execute(
        "UPDATE journal SET status = 'pending' WHERE position IS NOT NULL "
        "AND status = 'found' AND learned IS NOT learned_now(path, channel, plate)"
    ).rowcount


def redo_unreadable(database: sqlite3.Connection) -> None:
    """Make images pending that could not be read or worked on."""
    database.execute(
        "UPDATE journal SET status = 'pending' WHERE position IS NOT NULL "
        "AND status = 'failed' AND stage IN ('read', 'detect')"
    )


def redo_failed(database: sqlite3.Connection) -> None:
    """Make images pending that failed, with the size and time that their files have now."""
    query = "SELECT key, path, plane, stage, size_bytes FROM images WHERE status = 'failed'"
    for key, path, plane, stage, size_bytes in database.execute(query).fetchall():
        now = size_and_time(as_text(path))
        is_there = now[0] >= 0
        is_back = is_there and size_bytes < 0
        if stage == "discover" and not (is_back and "each" not in astuple(plane_of(plane))):
            continue
        is_listed = size_bytes >= 0 or stage == "discover"  # a manifest tells no size
        if is_there and (is_listed or not is_remote(as_text(path))):
            database.execute(
                "UPDATE journal SET size_bytes = ?, mtime_ns = ? WHERE key = ?", (*now, key)
            )
        redo(database, [key])
