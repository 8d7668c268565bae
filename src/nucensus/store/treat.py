"""Show what wells were treated with in place of what a run recorded; its file stays as it is."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..values import Treatments
from .packing import as_texts

TREATED = "treated(old.extra, old.plate, old.well)"
"""The column `extra` of an image, with other treatments for those recorded."""


def treat(
    database: sqlite3.Connection, wells: Sequence[dict[str, str]]
) -> tuple[dict[str, Any], Callable[..., str | None]]:
    """Let the images of a database show these treatments.

    Return the facts that say so, and the function that is `TREATED`.
    """
    before, now = Treatments(_recorded_wells(database)), Treatments(wells)
    for place in database.execute("SELECT DISTINCT plate, well FROM images"):
        now.join("", *as_texts([part or "" for part in place]))

    def treated(extra: str | None, *place: str | None) -> str | None:
        plate, well = as_texts([part or "" for part in place])
        return now.join(before.part(extra or "", plate, well), plate, well) or None

    facts = {"wells": list(wells), "unmatched": now.unmatched()}
    database.create_function("treated", 3, treated)
    return facts, treated


def show_images(database: sqlite3.Connection, *, are_treated: bool, are_corrected: bool) -> None:
    """Let readers see the images with other treatments, or corrected, or both."""
    from .corrections import corrected_view

    names = [row[1] for row in database.execute("PRAGMA main.table_info(images)")]
    shown = {"extra": TREATED} if are_treated else {}
    view = (
        corrected_view(names, shown)
        if are_corrected
        else (
            f"SELECT {', '.join(f'{shown.get(name, name)} AS {name}' for name in names)} "
            "FROM main.images AS old"
        )
    )
    database.execute("DROP VIEW IF EXISTS temp.images")
    database.execute(f"CREATE TEMP VIEW images AS {view}")


def write_shown(
    file: Path, facts: dict[str, Any], treated: Callable[..., str | None] | None
) -> None:
    """Write into a copy of a run file what was shown in place of what it recorded."""
    with contextlib.closing(sqlite3.connect(file)) as copy, copy:
        if treated is not None:
            copy.create_function("treated", 3, treated)
            copy.execute(f"UPDATE journal AS old SET extra = {TREATED}")
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        copy.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)


def _recorded_wells(database: sqlite3.Connection) -> list[dict[str, str]]:
    row = database.execute("SELECT value FROM run WHERE key = 'wells'").fetchone()
    return json.loads(row[0]) if row else []
