"""The sample of a run: which images it learned from, as they were then, and what each one said."""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import field
from typing import Any, Literal

from .._dataclass import dataclass
from ..remote import query_of
from ..text.plurals import pluralize
from ..values import Plane, PlannedImage
from .packing import as_sql, as_text, damaged, plane_of

_NAMES_SHOWN = 5

SAMPLE_SCHEMA = """
CREATE TABLE sample (
    number INTEGER PRIMARY KEY,
    name NOT NULL UNIQUE,
    path NOT NULL,
    plane TEXT,
    channel TEXT,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    pools TEXT NOT NULL,  -- JSON: the names of the pools that learn from it
    round INTEGER NOT NULL,  -- from 1 on it is looked at only where those before disagree
    content TEXT,
    estimate TEXT,  -- JSON; NULL until it was looked at, and if it cannot be used
    stage TEXT,
    reason TEXT,
    plate TEXT,  -- whose light it tells of
    lit INTEGER NOT NULL  -- whether it is asked what that is
);
"""


@dataclass(frozen=True, slots=True)
class Sampled:
    """An image of the sample.

    Attributes
    ----------
    name, path, plane, channel
        As in the listing.
    size_bytes, mtime_ns : int
        Size and time of last change when it was listed, before it was estimated.
    pools : tuple of str
        The names of the pools that learn from it; the last is that of its own set.
    round : int
        0, or from 1 on for an image that is looked at only where those before disagree.
    content : str or None
        The hash of the file, where it was asked for.
    estimate : dict or None
        What it says of its nuclei (`nucensus.detect.Estimate`); None if it was not estimated yet,
        or cannot be used.
    stage, reason : str or None
        Where and why it cannot be used.
    plate : str
        As in the listing.
    is_lit : bool
        Whether the light of its plate is learned from it.
    """

    name: str
    path: str
    plane: Plane
    channel: str
    size_bytes: int
    mtime_ns: int
    pools: tuple[str, ...]
    round: int = 0
    content: str | None = None
    estimate: dict[str, Any] | None = None
    stage: str | None = None
    reason: str | None = None
    plate: str = ""
    is_lit: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether it was looked at, successfully or not."""
        return self.estimate is not None or self.stage is not None

    def planned(self, key: int) -> PlannedImage:
        """Return the image as it goes to a worker."""
        query = query_of(self.path)
        return PlannedImage(key, self.path, self.plane, self.channel, query=query, plate=self.plate)


class SampleTable:
    """The table `sample` of a run file; its writer commits."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def plan(self, images: Iterable[Sampled]) -> None:
        """Make these images the sample; what those said that did not change stays."""
        self._database.execute("CREATE TEMP TABLE kept (name PRIMARY KEY) WITHOUT ROWID")
        for each in images:
            row = (
                as_sql(each.name), as_sql(each.path), _as_json(each.plane), as_sql(each.channel),
                each.size_bytes, each.mtime_ns, json.dumps(each.pools), each.round,
                as_sql(each.plate), each.is_lit,
            )  # fmt: skip
            self._database.execute(_PLAN, row)
            self._database.execute("INSERT INTO kept VALUES (?)", row[:1])
        self._database.execute("DELETE FROM sample WHERE name NOT IN (SELECT name FROM kept)")
        self._database.execute("DROP TABLE kept")

    def refresh(self) -> None:
        """Forget what images said whose files are not as they were, by the present listing."""
        self._database.execute(
            f"UPDATE sample SET {_FORGET}, size_bytes = now.size_bytes, mtime_ns = now.mtime_ns "
            "FROM (SELECT name, size_bytes, mtime_ns FROM images UNION ALL "
            "SELECT name, size_bytes, mtime_ns FROM others) AS now "
            f"WHERE now.name = sample.name AND {_DIFFERS.format(now='now')}"
        )

    def forget(self, name: str) -> None:
        """Forget what an image said."""
        self._database.execute(f"UPDATE sample SET {_FORGET} WHERE name = ?", (as_sql(name),))

    def forget_others(self, names: Collection[str]) -> None:
        """Forget what images said but these: others do not tell any more than they do."""
        looked_at = "SELECT name FROM sample WHERE estimate IS NOT NULL OR stage IS NOT NULL"
        for name in [as_text(row[0]) for row in self._database.execute(looked_at)]:
            if name not in names:
                self.forget(name)

    def forget_plate(self, plate: str) -> None:
        """Forget what images of a plate said, but for those that a worker died of."""
        self._database.execute(
            f"UPDATE sample SET {_FORGET} WHERE plate = ? AND stage IS NOT 'worker'",
            (as_sql(plate),),
        )

    def of_plates(self, plates: Collection[str]) -> list[tuple[int, Sampled]]:
        """Return (key, image) of those that tell their light, but for what a worker died of."""
        found = self._keyed("WHERE lit AND stage IS NOT 'worker'")
        return [(key, each) for key, each in found if each.plate in plates]

    def to_estimate(self, *, deadly: bool) -> list[tuple[int, Sampled]]:
        """Return (key, image) of those not estimated yet, and of those that could not be used.

        Those that a worker died of come only if `deadly`. A key is the image's in the journal, or
        beyond all of them.
        """
        left_out = "" if deadly else "AND stage IS NOT 'worker'"
        return self._keyed(f"WHERE estimate IS NULL {left_out}")

    def _keyed(self, which: str) -> list[tuple[int, Sampled]]:
        key = (
            "coalesce((SELECT key FROM journal WHERE journal.name = sample.name), "
            "1 + number + (SELECT coalesce(max(key), 0) FROM journal))"
        )
        return [(row[0], _sampled(row[1:])) for row in self._rows(f"{key}, {_COLUMNS}", which)]

    def record(self, name: str, content: str | None, estimate: dict[str, Any]) -> None:
        """Write what an image says of its nuclei."""
        values = (content, json.dumps(estimate), as_sql(name))
        self._database.execute(
            "UPDATE sample SET content = ?, estimate = ?, stage = NULL, reason = NULL "
            "WHERE name = ?", values,
        )  # fmt: skip

    def record_failure(self, name: str, content: str | None, stage: str, reason: str) -> None:
        """Write where and why an image cannot be used."""
        values = (content, stage, as_sql(reason), as_sql(name))
        self._database.execute(
            "UPDATE sample SET content = ?, stage = ?, reason = ? WHERE name = ?", values
        )

    def __iter__(self) -> Iterator[Sampled]:
        """Yield the images that are learned from, sorted by name."""
        return (each for each in self.candidates() if not each.round or each.is_seen)

    def candidates(self) -> Iterator[Sampled]:
        """Yield those, too, that are looked at only where others disagree."""
        return map(_sampled, self._rows(_COLUMNS, ""))

    def _rows(self, columns: str, which: str) -> sqlite3.Cursor:
        return self._database.execute(f"SELECT {columns} FROM sample {which} ORDER BY name")


_COLUMNS = (
    "name, path, plane, channel, size_bytes, mtime_ns, pools, round, content, estimate, stage, "
    "reason, plate, lit"
)
_FORGET = "content = NULL, estimate = NULL, stage = NULL, reason = NULL"
_DIFFERS = "(sample.size_bytes != {now}.size_bytes OR sample.mtime_ns != {now}.mtime_ns)"
_CHANGED = f"{_DIFFERS.format(now='excluded')} OR sample.plane IS NOT excluded.plane"
_PLAN = (
    "INSERT INTO sample (name, path, plane, channel, size_bytes, mtime_ns, pools, round, plate, "
    "lit) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET path = excluded.path, "
    "channel = excluded.channel, pools = excluded.pools, plane = excluded.plane, "
    "round = excluded.round, plate = excluded.plate, lit = excluded.lit, "
    "size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, "
    + ", ".join(
        f"{name} = CASE WHEN {_CHANGED} THEN NULL ELSE {name} END"
        for name in ("content", "estimate", "stage", "reason")
    )
)


def _as_json(plane: Plane) -> str | None:
    return json.dumps(plane.as_dict()) if str(plane) else None


def _sampled(row: tuple[Any, ...]) -> Sampled:
    *first, estimate, stage, why, plate, is_lit = row
    name, path, plane, channel, size, mtime_ns, pools, number, content = first
    try:
        known, of = json.loads(estimate) if estimate else None, json.loads(pools)
    except (ValueError, TypeError, RecursionError):
        known = of = ()
    if not (isinstance(known, dict | None) and isinstance(of, list) and _are_texts(of)):
        raise damaged(f"what the image {as_text(name)!r} of the sample in it says")
    return Sampled(
        as_text(name), as_text(path), plane_of(plane), as_text(channel or ""), size, mtime_ns,
        tuple(of), number, content, known, stage, None if why is None else as_text(why),
        as_text(plate or ""), bool(is_lit),
    )  # fmt: skip


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(each, str) for each in values)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the estimates of a run come from: the fact `sample` of a run file.

    Attributes
    ----------
    source : {"sample", "kept", "run"}
        The sample of the present listing; the sample of an earlier start, kept; another run.
    run : str or None
        The folder of the other run.
    images : int
        How many images the sample holds.
    unread : int
        How many of them could not be used.
    unread_names : tuple of str
        The first of these.
    short : dict of str to (int, int)
        Of the pools that learned from fewer images than wanted: from how many, and of how many.
    """

    source: Literal["sample", "kept", "run"]
    run: str | None = None
    images: int = 0
    unread: int = 0
    unread_names: tuple[str, ...] = ()
    short: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def used(self) -> int:
        """From how many images something was learned."""
        return self.images - self.unread

    @classmethod
    def of(cls, sample: Iterable[Sampled]) -> "Origin":
        """Return the origin of estimates that come from this sample."""
        listed = list(sample)
        unread = [each.name for each in listed if each.estimate is None]
        wanted = Counter(name for each in listed for name in each.pools)
        used = Counter(n for each in listed if each.estimate is not None for n in each.pools)
        short = {name: (used[name], count) for name, count in wanted.items() if used[name] < count}
        return cls("sample", None, len(listed), len(unread), tuple(unread[:_NAMES_SHOWN]), short)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Origin":
        """Return the value that `dataclasses.asdict` and JSON turned into a dictionary."""
        short = {name: tuple(counts) for name, counts in values["short"].items()}
        return cls(**{**values, "unread_names": tuple(values["unread_names"]), "short": short})

    def __str__(self) -> str:
        """Say it in a line."""
        if self.source == "run":
            return f"What nuclei look like was taken from the run in {self.run!r}."
        said = []
        if self.source == "kept":
            said.append("What nuclei look like was kept from an earlier start.")
        if self.unread:
            names = ", ".join(map(repr, self.unread_names))
            more = ", ..." if self.unread > len(self.unread_names) else ""
            learned = f"{self.used or 'none'} of {pluralize(self.images, 'image')}"
            said.append(
                f"What nuclei look like was learned from {learned} of the sample; {names}{more} "
                f"could not be used."
            )
        return " ".join(said)
