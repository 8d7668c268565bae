"""Write the listing of a run: which images there are, and which of them are new or changed."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import compress, islice
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..values import ImageRef, Shard, shard_index
from .image_columns import ImageColumns
from .packing import are_said, as_text, in_sql

_OTHER_INPUTS = (
    "expected the inputs it was made from; choose another folder with -o, or --overwrite it"
)

_KEEP = (
    "INSERT INTO others VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) "
    "DO UPDATE SET path = excluded.path, plane = excluded.plane, channel = excluded.channel, "
    "size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, plate = excluded.plate, "
    "stage = excluded.stage"
)

_AT_ONCE = 256
"""Images that are written together. Larger: faster by little, more memory."""

_FIRST = ("name", "path", "size_bytes", "mtime_ns", "status", "stage", "reason")
"""The first columns of a listed row; the others are those that the tables will show."""


class Listing:
    """The columns of a run file that the listing fills.

    Parameters
    ----------
    database : sqlite3.Connection
    columns : ImageColumns
    folder : path or None
        The folder of the run, for messages.
    """

    def __init__(
        self, database: sqlite3.Connection, columns: ImageColumns, folder: Path | None
    ) -> None:
        self._database, self._columns, self._folder = database, columns, folder
        self._names = [each.name for each in columns.listed]
        self._asked = [each.listed for each in columns.listed if each.listed is not None]
        if tuple(self._names[: len(_FIRST)]) != _FIRST:
            raise ValueError(f"the listing begins with {self._names}; expected {_FIRST}")

    def plan(
        self,
        references: Iterable[ImageRef],
        *,
        check_content: bool,
        shard: Shard | None,
        keeps_others: bool,
        same_inputs: bool,
    ) -> tuple[dict[str, Any], int]:
        """Do what `RunWriter.plan` says, but do not commit.

        Return what tells listings apart, and how many have a problem and had none before.
        """
        earlier = self._one("SELECT count(*) FROM journal")
        known = {key for key, _ in self.problems()}
        self._database.execute("UPDATE journal SET position = NULL")
        digests = _Digests(shard)
        refuses = earlier > 0 and not same_inputs
        rows = self._rows(references, digests, refuses=refuses, keeps_others=keeps_others)
        insert = cache(partial(self._insert, check_content))
        while some := list(islice(rows, _AT_ONCE)):
            columns = list(zip(*some, strict=True))
            which = tuple(are_said(columns))
            said = zip(*compress(columns, which), strict=True)
            self._database.executemany(insert(which), said)
        absent = self._one("SELECT count(*) FROM journal WHERE position IS NULL")
        if earlier and not same_inputs and earlier == absent:
            raise RunError(
                f"none of the {earlier} images of the run in {str(self._folder)!r} is "
                f"among the inputs; {_OTHER_INPUTS}"
            )
        return digests.facts(), sum(key not in known for key, _ in self.problems())

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield (key, reason) of the images that the listing found wrong, the last first."""
        query = (
            "SELECT key, reason FROM images WHERE status = 'failed' AND stage = 'discover' "
            "ORDER BY id DESC"
        )
        for key, reason in self._database.execute(query):
            yield key, as_text(reason)

    def _insert(self, check_content: bool, which: Sequence[bool]) -> str:
        """Return how a row is written, as new or over what is known of the image.

        Of the position and the columns of the listing `which` are said, the others are NULL.
        """
        changed = (
            "content IS NULL"
            if check_content
            else "size_bytes != excluded.size_bytes OR mtime_ns != excluded.mtime_ns"
        )
        anew = (
            f"{changed} OR plane IS NOT excluded.plane OR stated IS NOT excluded.stated "
            "OR partners IS NOT excluded.partners "
            "OR excluded.status = 'failed' OR (status = 'failed' AND stage = 'discover')"
        )
        of_both, of_outcome = self._columns.of_both, self._columns.of_outcome
        others = {each.name for each in (*of_both, *of_outcome)} | {"name"}
        relisted = [name for name in self._names if name not in others]
        sets = (
            "position = coalesce(position, excluded.position)",
            *(f"{name} = excluded.{name}" for name in relisted),
            *(
                f"{each.name} = CASE WHEN {anew} THEN excluded.{each.name} ELSE {each.name} END"
                for each in of_outcome
            ),
            *(
                f"{each.name} = coalesce(excluded.{each.name}, "
                f"CASE WHEN NOT ({anew}) THEN {each.name} END)"
                for each in of_both
            ),
        )
        said = list(compress(("position", *self._names), which))
        return (
            f"INSERT INTO journal ({', '.join(said)}) "
            f"VALUES ({', '.join('?' * len(said))}) ON CONFLICT (name) "
            f"DO UPDATE SET {', '.join(sets)}"
        )

    def _row(self, reference: ImageRef) -> list[Any]:
        """Return what the listing says of an image; what is not known is NULL."""
        return in_sql([ask(reference) for ask in self._asked])

    def _rows(
        self,
        references: Iterable[ImageRef],
        digests: "_Digests",
        *,
        refuses: bool,
        keeps_others: bool,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what is to be written of each image; what belongs to other shards is kept apart."""
        channel_at, plane_at, plate_at = map(self._names.index, ("channel", "plane", "plate"))
        for position, each in enumerate(references):
            row = self._row(each)
            channel, plate = row[channel_at], row[plate_at]
            if digests.add(each, row, channel, plate):
                if refuses:
                    self._refuse_another_file(row[0], row[1], each)
                yield position, *row
            elif keeps_others:
                stage = "discover" if each.problem else None
                kept = (position, row[0], row[1], row[plane_at], channel, *row[2:4], plate, stage)
                self._database.execute(_KEEP, kept)

    def _refuse_another_file(self, name: str | bytes, path: str | bytes, now: ImageRef) -> None:
        """Raise if both place and file are not those that the run knows by this name."""
        query = (
            "SELECT path FROM journal WHERE name = ? AND path != ? "
            "AND (size_bytes != ? OR mtime_ns != ?)"
        )
        known = self._database.execute(query, (name, path, now.size_bytes, now.mtime_ns)).fetchone()
        if known:
            raise RunError(
                f"{now.name!r} of the run in {str(self._folder)!r} was {as_text(known[0])!r}, and "
                f"now it is {as_text(path)!r}; {_OTHER_INPUTS}"
            )

    def _one(self, query: str) -> int:
        value: int = self._database.execute(query).fetchone()[0]
        return value


def digests_of_files(rows: Iterable[tuple[Any, ...]], count: int) -> list[str]:
    """Return the digests of the files of `count` shards, from name, size, time and problem."""
    digests = [hashlib.blake2b(digest_size=16) for _ in range(count)]
    for name, size_bytes, mtime_ns, problem in rows:
        _add_file(digests, as_text(name), (size_bytes, mtime_ns, as_text(problem or "")))
    return [each.hexdigest() for each in digests]


def _add_file(digests: Sequence[Any], name: str, file: tuple[int, int, str]) -> int:
    """Take a file into the digest of its shard, and return which shard that is, from 1."""
    index = shard_index(name, len(digests)) if len(digests) > 1 else 1
    digests[index - 1].update(ascii(file).encode())
    return index


class _Digests:
    """A digest of a listing, to tell it from others.

    `listing` says what the tables say of the images before they are read, which all shards agree
    on; `places` what the sample follows from; `files` the files as they are now, those of each
    shard for themselves.
    """

    def __init__(self, shard: Shard | None) -> None:
        self._index, self._shards = (shard.index, shard.count) if shard else (1, 1)
        self._said, self._places, *self._files = (
            hashlib.blake2b(digest_size=16) for _ in range(2 + self._shards)
        )
        self._count = 0

    def add(
        self, image: ImageRef, row: list[Any], channel: str | bytes | None,
        plate: str | bytes | None,
    ) -> bool:  # fmt: skip
        """Take an image in, and return whether it belongs to this shard."""
        self._count += 1
        self._said.update(ascii((row[0], *row[len(_FIRST) :])).encode())
        place = row[0], row[1], channel, plate, bool(image.problem)
        self._places.update(ascii(place).encode())
        file = (image.size_bytes, image.mtime_ns, image.problem)
        return _add_file(self._files, image.name, file) == self._index

    def facts(self) -> dict[str, Any]:
        """Return the digests as the run records them."""
        return {
            "listing": {"images": self._count, "digest": self._said.hexdigest()},
            "places": self._places.hexdigest(),
            "files": [each.hexdigest() for each in self._files],
        }
