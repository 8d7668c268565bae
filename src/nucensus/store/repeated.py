"""Find sites that were imaged twice: planes of them that are there in several files."""

import contextlib
import sqlite3
from collections.abc import Iterable
from typing import TypeAlias

from ..values import ImageRef
from .image_columns import IMAGES
from .packing import as_text, in_sql

Repeated: TypeAlias = tuple[int, tuple[str, str] | None]
"""How many planes of sites have several files, and the names of two images of one of them."""

_ASKED = {
    each.name: each.listed
    for each in IMAGES.listed
    if each.name in ("name", "path", "plate", "well", "site", "channel", "z", "time")
    and each.listed is not None
}


_LEAST_NUCLEI = 3
"""Fewer may be alike by chance: one bright spot in the same corner."""
_MOST_COMPARED = 100_000
"""Images whose nuclei are compared. Larger: most of a large file is read once more."""


def find_copies(database: sqlite3.Connection) -> Repeated:
    """Count the images that have to the bit the nuclei of one before them, and name two of one."""
    images = (
        f"(SELECT * FROM images WHERE status = 'found' AND count >= {_LEAST_NUCLEI} "
        f"LIMIT {_MOST_COMPARED})"
    )
    alike = f"SELECT checksum FROM {images} GROUP BY checksum HAVING count() > 1"
    found = [checksum for (checksum,) in database.execute(alike)]
    if not found:
        return 0, None
    query = f"""
        SELECT sum(copies) OVER (), first, last FROM (
            SELECT count() - 1 AS copies, min(name) AS first, max(name) AS last FROM {images}
            WHERE checksum IN ({", ".join(map(str, found))})
            GROUP BY checksum, count, height, width, centres HAVING copies > 0
        ) LIMIT 1"""
    row = database.execute(query).fetchone()
    return (0, None) if row is None else (row[0], (as_text(row[1]), as_text(row[2])))


def repeated_places(images: Iterable[ImageRef]) -> Repeated:
    """Return what `find_repeated` does of images that are in no run."""
    with contextlib.closing(sqlite3.connect("")) as database:  # on disk where they are many
        database.execute(f"CREATE TABLE images ({', '.join(_ASKED)})")
        database.executemany(
            f"INSERT INTO images VALUES ({', '.join('?' * len(_ASKED))})",
            (in_sql([listed(each) for listed in _ASKED.values()]) for each in images),
        )
        return find_repeated(database)


def find_repeated(database: sqlite3.Connection) -> Repeated:
    """Find the planes of sites in a table of images that have several files.

    That is so where a plate was imaged twice, in folders of their own. Where names tell no
    site, files of one name in several folders are of one.
    """
    query = """
        SELECT count() OVER (), first, last FROM (
            SELECT min(name) AS first, max(name) AS last FROM images
            WHERE plate NOTNULL AND well NOTNULL
            GROUP BY plate, well, channel, z, time,
                coalesce(site, '/' || replace(name, rtrim(name, replace(name, '/', '')), ''))
            HAVING count(DISTINCT path) > 1
        ) LIMIT 1"""
    row = database.execute(query).fetchone()
    return (0, None) if row is None else (row[0], (as_text(row[1]), as_text(row[2])))
