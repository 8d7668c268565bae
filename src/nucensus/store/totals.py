"""Ask the table of images what holds of all images of a run together."""

import json
import sqlite3

from ..text.plurals import pluralize
from .packing import as_text, as_texts
from .repeated import Repeated, find_copies, find_repeated

_POOLS_SHOWN = 5


def describe_pools(pools: dict[str, int]) -> str:
    """Say which images were counted alike, by how many there are of each pool."""
    shown = [
        f"{pluralize(count, 'image')} {'each by itself' if pool == 'itself' else f'as {pool}'}"
        for pool, count in list(pools.items())[:_POOLS_SHOWN]
    ]
    if len(pools) > _POOLS_SHOWN:
        shown.append(f"and those of {len(pools) - _POOLS_SHOWN} more")
    return ", ".join(shown)


class Totals:
    """What holds of all images of a run together."""

    _database: sqlite3.Connection

    @property
    def counts(self) -> dict[str, int]:
        """How many images have each status, and how many nuclei there are in all."""
        row = self._database.execute(
            "SELECT count(*), total(status = 'found'), total(status = 'failed'), "
            "total(status = 'pending'), total(count) FILTER (WHERE status = 'found') FROM images"
        ).fetchone()
        return dict(
            zip(("images", "found", "failed", "pending", "nuclei"), map(int, row), strict=True)
        )

    def input_totals(self) -> dict[str, int]:
        """Return how many images there are, their bytes, and the first and last time of change."""
        row = self._database.execute(
            "SELECT count(*), total(max(size_bytes, 0)), "
            "coalesce(min(nullif(mtime_ns, -1)), -1), coalesce(max(mtime_ns), -1) FROM images"
        ).fetchone()
        return dict(zip(("count", "size_bytes", "first_ns", "last_ns"), map(int, row), strict=True))

    @property
    def has_subpixel(self) -> bool:
        """Whether centres are there to a fraction of a pixel too."""
        return self._is_found("subpixel")

    @property
    def has_outlines(self) -> bool:
        """Whether the outlines of nuclei are there."""
        return self._is_found("outlines")

    def states(self, column: str) -> bool:
        """Tell whether any image states `column`, one of `ImageColumns.row_names`."""
        query = f"SELECT EXISTS (SELECT 1 FROM images WHERE {column} IS NOT NULL)"
        return bool(self._database.execute(query).fetchone()[0])

    @property
    def metadata_names(self) -> list[str]:
        """The names of the entries of `extra`, in the order in which images have them."""
        names, last = dict[str, None](), ""
        query = "SELECT extra FROM images WHERE extra NOT NULL ORDER BY id"
        for (text,) in self._database.execute(query):
            if text != last:
                names.update(dict.fromkeys(json.loads(as_text(text))))
                last = text
        return list(names)

    @property
    def pools(self) -> dict[str, int]:
        """The sets that images were counted by, with how many there are of each, the most first."""
        return self._said("pool")

    @property
    def notes(self) -> dict[str, int]:
        """Notes on what is not believed of images, with how many have each, the most first."""
        return self._said("note")

    @property
    def flags(self) -> dict[str, int]:
        """What the automatic detector found odd, with in how many images, the most first."""
        return self._said("flag")

    @property
    def pixel_widths(self) -> dict[float | None, int]:
        """The widths of pixels to three digits, with how many images have each, the most first."""
        query = (
            "SELECT CASE WHEN pixel_x_um NOTNULL THEN CAST(printf('%.2e', pixel_x_um) AS REAL) END "
            "AS rounded, count(*) FROM images WHERE status = 'found' "
            "GROUP BY rounded ORDER BY count(*) DESC, rounded"
        )
        return dict(self._database.execute(query).fetchall())

    @property
    def unmeasured(self) -> dict[str, int]:
        """Why other channels could not be measured, with in how many images, the most first."""
        return self._said("unmeasured")

    def count_without_room(self, margin: int) -> int:
        """Return how many images that were done have no pixel so far from every edge."""
        query = (
            "SELECT count(*) FROM images WHERE status = 'found' "
            "AND min(height, width, coalesce(depth, height)) <= 2 * ?"
        )
        return int(self._database.execute(query, (margin,)).fetchone()[0]) if margin else 0

    def first_and_last_path(self) -> tuple[str, str]:
        """Return the paths of its images that sort first and last, both "" if there is none."""
        query = "SELECT ifnull(min(path), ''), ifnull(max(path), '') FROM images"
        first, last = as_texts(self._database.execute(query).fetchone())
        return str(first), str(last)

    def without_well(self) -> tuple[int, str]:
        """Return how many images were counted that state no well, and what one is called."""
        query = "SELECT count(*), min(name) FROM images WHERE well IS NULL AND status = 'found'"
        count, name = self._database.execute(query).fetchone()
        return int(count), as_text(name or "")

    def repeated_places(self) -> Repeated:
        """Return how many planes of sites have several files, and two images of one of them."""
        return find_repeated(self._database)

    def copies(self) -> Repeated:
        """Return how many images have to the bit the nuclei of another one, and two of them."""
        return find_copies(self._database)

    def _said(self, column: str) -> dict[str, int]:
        query = (
            f"SELECT {column}, count(*) FROM images WHERE {column} IS NOT NULL GROUP BY {column} "
            "ORDER BY count(*) DESC, min(id)"
        )
        return {as_text(text): count for text, count in self._database.execute(query)}

    def _is_found(self, column: str) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM images WHERE {column} NOTNULL AND status = 'found')"
        return bool(self._database.execute(query).fetchone()[0])
