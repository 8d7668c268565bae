"""Find sites of a plate that were imaged more than once."""

import sqlite3

from .packing import as_text


def repeated_places(database: sqlite3.Connection) -> tuple[int, tuple[str, str] | None]:
    """Return how many sites have several files for one plane of them, and two of these files.

    That is so where a plate was imaged twice, in folders of their own.
    """
    query = """
        SELECT count() OVER (), first, last FROM (
            SELECT min(name) AS first, max(name) AS last FROM images
            WHERE plate NOTNULL AND well NOTNULL AND site NOTNULL
            GROUP BY plate, well, site, channel, z, time HAVING count(DISTINCT path) > 1
        ) LIMIT 1"""
    row = database.execute(query).fetchone()
    return (0, None) if row is None else (row[0], (as_text(row[1]), as_text(row[2])))
