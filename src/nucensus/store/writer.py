"""Write a run: the listing, and the outcome of each image as it becomes known."""

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..remote import absolute, is_remote, size_and_time
from ..values import (
    RUN_FILE,
    Failed,
    Found,
    ImageRef,
    ListedImage,
    Outcome,
    PlannedImage,
    Shard,
    shard_index,
)
from .database import METADATA_COLUMNS, OTHERS, SCHEMA, TABLES, file_of, open_to_write
from .lock import RunLock
from .packing import as_sql, as_text, checksum_of, pack, pack_subpixel, plane_of
from .run import Run, close_with
from .sample import SampleTable

_OUTCOME = (
    "status", "count", "height", "width", "dtype", "read_ms", "detect_ms", "stage", "reason",
    "content", "learned", "flag", "centres", "subpixel", "checksum", "depth", "depth_um", "area_px",
)  # fmt: skip
_SIZES = ("pixel_y_um", "pixel_x_um", "note")
"""What an index states beforehand, and else the file itself."""
_RECORD = (
    f"UPDATE journal SET {', '.join(f'{name} = ?' for name in _OUTCOME)}, "
    f"{', '.join(f'{name} = coalesce({name}, ?)' for name in _SIZES)} WHERE key = ?"
)


class RunWriter:
    """The one writer of a run file; an existing one is carried on.

    Parameters
    ----------
    folder : path or None
        Where the run lies, made if it is not there; None keeps it in memory.
    overwrite : bool
        Whether an earlier run in `folder` is removed first.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, *, overwrite: bool = False) -> None:
        refuse_address(folder)
        self._folder = None if folder is None else Path(folder)
        self.lock: RunLock | None = None
        """Whose run it is, and which images are in flight; None in memory."""
        self._tables_may_stand = True
        if self._folder is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False)
            self._closing = close_with(self, self._database)
            self._database.executescript(SCHEMA + OTHERS)
            self.sample = SampleTable(self._database)
            return
        with self.explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            self.lock = RunLock(self._folder)
        try:
            with self.explained():
                self._database = open_to_write(self._folder, overwrite)
                self._inode = os.stat(self._folder / RUN_FILE)
                self.sample = SampleTable(self._database)
        except BaseException:
            self.lock.release()
            raise

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.lock is None:
            return
        try:
            with self.explained() if kind is None else contextlib.suppress(sqlite3.Error):
                self._database.rollback()
                self._database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            with contextlib.suppress(sqlite3.Error):  # somebody reads the log, which stays then
                self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.close()
            self.lock.release()

    @property
    def facts(self) -> dict[str, Any]:
        """What the run recorded about itself so far; nothing if it is new."""
        return Run(self._database).facts

    def record_facts(self, **facts: Any) -> None:
        """Write what the run knows about itself, by name."""
        with self.explained():
            self._write_facts(facts)
            self._database.commit()

    def _write_facts(self, facts: dict[str, Any]) -> None:
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        self._database.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)

    def plan(
        self,
        references: Iterable[ImageRef],
        *,
        check_content: bool = False,
        shard: Shard | None = None,
        keeps_others: bool = False,
        same_inputs: bool = False,
    ) -> int:
        """Write the listing, in one transaction; what is new or changed becomes pending.

        A file has changed if its size or time did, or, with `check_content`, if
        no hash of it is known; compare those that are with `hashed`. An image
        with a problem has failed, and one whose problem went away is pending.
        Of a shard, only its own images are written, in their places among all;
        with `keeps_others`, `listed` yields the others too, until the run is closed.
        Unless it is of the `same_inputs`, a listing that looks like another plate's is refused.
        Return how many have a problem and had none before.
        """
        changed = (
            "content IS NULL"
            if check_content
            else "size_bytes != excluded.size_bytes OR mtime_ns != excluded.mtime_ns"
        )
        anew = (
            f"{changed} OR plane IS NOT excluded.plane OR stated IS NOT excluded.stated "
            "OR excluded.status = 'failed' OR (status = 'failed' AND stage = 'discover')"
        )
        with self.explained():
            try:
                earlier = self._one("SELECT count(*) FROM journal")
                known = {key for key, _ in self.problems()}
                self._database.execute("UPDATE journal SET position = NULL")
                self._database.executemany(
                    f"INSERT INTO journal (position, {', '.join(_PLANNED)}) "
                    f"VALUES ({', '.join('?' * (len(_PLANNED) + 1))}) ON CONFLICT (name) "
                    "DO UPDATE SET position = coalesce(position, excluded.position), "
                    f"{', '.join(f'{name} = excluded.{name}' for name in _RELISTED)}, "
                    f"{', '.join(_or_as_it_was(name, anew) for name in _OUTCOME)}, "
                    f"{', '.join(_as_stated(name, anew) for name in _SIZES)}",
                    self._rows(
                        references,
                        refuses=earlier > 0 and not same_inputs,
                        shard=shard,
                        keeps_others=keeps_others,
                    ),
                )
                if (
                    earlier
                    and not same_inputs
                    and earlier == self._one("SELECT count(*) FROM journal WHERE position IS NULL")
                ):
                    raise RunError(
                        f"none of the {earlier} images of the run in {str(self._folder)!r} is "
                        f"among the inputs; {_OTHER_INPUTS}"
                    )
                self._database.commit()
            except BaseException:
                self._database.rollback()
                raise
        return sum(key not in known for key, _ in self.problems())

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield (key, reason) of the images that the listing found wrong, the last first."""
        query = (
            "SELECT key, reason FROM images WHERE status = 'failed' AND stage = 'discover' "
            "ORDER BY id DESC"
        )
        for key, reason in self._database.execute(query):
            yield key, as_text(reason)

    def _rows(
        self,
        references: Iterable[ImageRef],
        *,
        refuses: bool,
        shard: Shard | None,
        keeps_others: bool,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what is to be written of each image, and at last write what tells listings apart.

        These are digests: `listing` of what the tables say of the images before they are read,
        which all shards agree on; `places` of what the sample follows from; `files` of the files
        as they are now, those of each shard for themselves.
        """
        shards = shard.count if shard else 1
        said, places, *files = (hashlib.blake2b(digest_size=16) for _ in range(2 + shards))
        count = 0
        for position, each in enumerate(references):
            row = _row(each)
            count += 1
            said.update(ascii((row[0], *row[_SAID])).encode())
            channel = row[_PLANNED.index("channel")]
            places.update(ascii((row[0], row[1], channel, bool(each.problem))).encode())
            index = shard_index(each.name, shards) if shard else 1
            file = (each.size_bytes, each.mtime_ns, each.problem)
            files[index - 1].update(ascii(file).encode())
            if shard is None or index == shard.index:
                if refuses:
                    self._refuse_another_file(row[0], row[1], each)
                yield position, *row
            elif keeps_others:
                stage = "discover" if each.problem else None
                kept = (position, row[0], row[1], row[-1], channel, *row[2:4], stage)
                self._database.execute(_KEEP, kept)
        facts = {
            "listing": {"images": count, "digest": said.hexdigest()},
            "places": places.hexdigest(), "files": [each.hexdigest() for each in files],
        }  # fmt: skip
        self._write_facts(facts)

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

    def hashed(self) -> Iterator[tuple[int, str, str]]:
        """Yield (key, path, hash of the content) of the images done whose hash is known."""
        query = (
            "SELECT key, path, content FROM images WHERE status != 'pending' "
            "AND content IS NOT NULL ORDER BY id"
        )
        for key, path, content in self._database.execute(query):
            yield key, as_text(path), content

    def redo(self, keys: Iterable[int]) -> None:
        """Make these images pending again."""
        with self.explained():
            self._database.executemany(
                "UPDATE journal SET status = 'pending' WHERE key = ?", ((key,) for key in keys)
            )
            self._database.commit()

    def redo_learned_otherwise(self, digest: Callable[[str, str], str]) -> int:
        """Make images pending that were counted with something else than they would be now.

        `digest` tells of a path and a channel what that is. It lasts with the next commit. Return
        how many there are.
        """

        def learned_now(path: str | bytes, channel: str | bytes | None) -> str:
            return digest(as_text(path), as_text(channel or ""))

        with self.explained():
            self._database.create_function("learned_now", 2, learned_now, deterministic=True)
            return self._database.execute(
                "UPDATE journal SET status = 'pending' WHERE position IS NOT NULL "
                "AND status = 'found' AND learned IS NOT learned_now(path, channel)"
            ).rowcount

    def redo_unreadable(self) -> None:
        """Make the images pending again that could not be read or worked on.

        What had no permission then may have it now, or the package that it needs. What a worker
        died of stays, until `redo_failed`.
        """
        with self.explained():
            self._database.execute(
                "UPDATE journal SET status = 'pending' WHERE position IS NOT NULL "
                "AND status = 'failed' AND stage IN ('read', 'detect')"
            )
            self._database.commit()

    def failed_before(self, key: int) -> bool:
        """Tell whether a pending image failed when it was done the last time."""
        query = "SELECT stage IS NOT NULL FROM journal WHERE key = ?"
        return bool(self._database.execute(query, (key,)).fetchone()[0])

    def redo_failed(self) -> None:
        """Make every image that failed pending again, as its file is now.

        What the listing found wrong stays, unless the file was not there and is now.
        """
        query = "SELECT key, path, plane, stage, size_bytes FROM images WHERE status = 'failed'"
        for key, path, plane, stage, size_bytes in self._database.execute(query).fetchall():
            now = size_and_time(as_text(path))
            is_there = now[0] >= 0
            is_back = is_there and size_bytes < 0
            if stage == "discover" and not (is_back and "each" not in astuple(plane_of(plane))):
                continue
            is_listed = size_bytes >= 0 or stage == "discover"  # a manifest tells no size
            if is_there and (is_listed or not is_remote(as_text(path))):
                self._database.execute(
                    "UPDATE journal SET size_bytes = ?, mtime_ns = ? WHERE key = ?", (*now, key)
                )
            self._database.execute("UPDATE journal SET status = 'pending' WHERE key = ?", (key,))
        self.commit()

    def pending(self) -> Iterator[PlannedImage]:
        """Yield key, path, plane and channel of every image without an outcome, page by page."""
        query = (
            "SELECT id, key, path, plane, channel FROM images WHERE status = 'pending' AND id > ? "
            "ORDER BY id LIMIT 1000"
        )
        position = -1
        while page := self._database.execute(query, (position,)).fetchall():
            for position, *item in page:  # noqa: B007 the last is where the next starts
                yield _planned(*item)

    def listed(self) -> Iterator[ListedImage]:
        """Yield name, path, plane, channel, size and time of every image the listing found right.

        They are sorted by path, which does not depend on the order in which they were named.
        """
        columns = "position, name, path, plane, channel, size_bytes, mtime_ns"
        query = (
            f"SELECT {columns} FROM images WHERE stage IS NOT 'discover' UNION ALL "
            f"SELECT {columns} FROM others WHERE stage IS NULL ORDER BY path, position"
        )
        for _, name, path, plane, channel, *file in self._database.execute(query):
            yield ListedImage(
                as_text(name), as_text(path), plane_of(plane), as_text(channel or ""), *file
            )

    def channels(self) -> list[str]:
        """Return the channels of the images as the tables name them; "" is not known."""
        query = "SELECT DISTINCT coalesce(channel, '') FROM images"
        return [as_text(channel) for (channel,) in self._database.execute(query)]

    def absorb(self, run: str | os.PathLike[str]) -> None:
        """Take over every image of another run, in its place in the listing."""
        columns = ", ".join(
            name for _, name, *_ in self._database.execute("PRAGMA table_info(journal)")
            if name != "key"
        )  # fmt: skip
        with self.explained():
            uri = f"{file_of(run).absolute().as_uri()}?mode=ro"
            self._database.execute("ATTACH ? AS other", (uri,))
            try:
                self._database.execute(
                    f"INSERT INTO journal ({columns}) SELECT {columns} FROM other.journal "
                    "ORDER BY key"
                )
                self._database.execute("INSERT OR IGNORE INTO sample SELECT * FROM other.sample")
                self._database.commit()
            except sqlite3.DatabaseError as error:
                if not error.sqlite_errorname.startswith("SQLITE_CORRUPT"):
                    raise
                raise RunError(
                    f"{os.fspath(run)!r} is damaged ({error}); expected a whole run file; copy it "
                    f"again, or do it again with --overwrite"
                ) from error
            finally:
                self._database.rollback()
                self._database.execute("DETACH other")

    def suspects(self) -> list[PlannedImage]:
        """Return key, path, plane and channel of the pending images a process died with."""
        left_behind = sorted(self.lock.left_behind) if self.lock is not None else []
        query = "SELECT path, plane, channel FROM images WHERE key = ? AND status = 'pending'"
        rows = [(key, self._database.execute(query, (key,)).fetchone()) for key in left_behind]
        return [_planned(key, *row) for key, row in rows if row]

    def forget_suspects(self) -> None:
        """Forget what an earlier process died with: every image has an outcome."""
        if self.lock is not None:
            self.lock.unmark_all()

    def has_images(self) -> bool:
        """Tell whether anything was ever listed."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM journal)"))

    def vanished(self, limit: int) -> Iterator[str]:
        """Yield the names of the first images that are not among the inputs any more."""
        query = "SELECT name FROM journal WHERE position IS NULL ORDER BY key LIMIT ?"
        for (name,) in self._database.execute(query, (limit,)):
            yield as_text(name)

    def vanished_count(self) -> int:
        """Return how many images are not among the inputs any more."""
        return self._one("SELECT count(*) FROM journal WHERE position IS NULL")

    def pending_count(self) -> int:
        """Return how many images have no outcome yet."""
        return self._one("SELECT count(*) FROM images WHERE status = 'pending'")

    def tables_stand(self) -> bool:
        """Tell whether the tables in the folder of the run say what they would say now."""
        return self.facts.get("tables") == self._tables()

    def record_tables(self) -> None:
        """Note that the tables were written."""
        self.record_facts(tables=self._tables())
        self._tables_may_stand = True

    def _tables(self) -> dict[str, Any]:
        """Return what the tables follow from beside the outcomes, and how large and old they are.

        `record` forgets it: then there are other outcomes.
        """
        facts = self.facts
        said = json.dumps([facts.get(name) for name in _TABLES_SAY], sort_keys=True)
        folder = self._folder or Path()
        return {
            "of": hashlib.blake2b(said.encode(), digest_size=16).hexdigest(),
            "files": {name: list(size_and_time(os.fspath(folder / name))) for name in TABLES},
        }

    def is_unfinished(self) -> bool:
        """Tell whether an image has no outcome yet, or a start has not yet learned for them."""
        return bool(self.pending_count() or self.facts.get("is_learning"))

    def record(self, key: int, outcome: Outcome, learned: str | None = None) -> None:
        """Write the outcome of an image; `commit` makes it last.

        `learned` is a digest of what was known of the set.
        """
        values: tuple[Any, ...]
        match outcome:
            case Found(centres, (*depth, height, width), dtype, read_ms, detect_ms):
                size = outcome.pixel_size
                packed, subpixel = pack(centres), pack_subpixel(centres)
                values = (
                    "found", len(centres), height, width, dtype, round(read_ms, 3),
                    round(detect_ms, 3), None, None, outcome.content, learned, centres.flag,
                    packed, subpixel, checksum_of(packed, subpixel),
                    depth[0] if depth else None, size.z if depth else None,
                    height * width if centres.area_px is None else centres.area_px,
                    size.y, size.x, size.note or None,
                )  # fmt: skip
            case Failed(stage, reason):
                reason_sql = as_sql(reason)
                values = ("failed", *[None] * 6, stage, reason_sql, outcome.content, *[None] * 11)
        with self.explained():
            if self._tables_may_stand:
                self._database.execute("DELETE FROM run WHERE key = 'tables'")
                self._tables_may_stand = False
            self._database.execute(_RECORD, (*values, key))

    def commit(self) -> None:
        """Make everything recorded so far last."""
        with self.explained():
            if self._folder is not None and not _is_still(self._folder / RUN_FILE, self._inode):
                raise FileNotFoundError(errno.ENOENT, "the run file has vanished")
            self._database.commit()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn whatever goes wrong with the folder of the run into a `RunError` that helps."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise RunError(_explanation(self._folder, error)) from error

    def view(self) -> Run:
        """Return the run as its readers see it, for as long as this writer is open."""
        return Run(self._database)

    def hand_over(self) -> Run:
        """Return the run in memory; it is closed with the last who reads it."""
        run = Run(self._database)
        self._closing.detach()
        close_with(run, self._database)
        return run

    def _one(self, query: str) -> int:
        value: int = self._database.execute(query).fetchone()[0]
        return value


def refuse_address(folder: str | os.PathLike[str] | None) -> None:
    """Raise if a run is to be written where no run file can be."""
    if folder is not None and is_remote(folder):
        raise RunError(
            f"{os.fspath(folder)!r} was given to write the run to; expected a folder of this "
            f"machine; put the run into the bucket when it is done, with nucensus export --to run"
        )


_TABLES_SAY = ("version", "settings", "listing", "files", "wells", "estimates", "sample")

_OTHER_INPUTS = (
    "expected the inputs it was made from; choose another folder with -o, or --overwrite it"
)


def _is_still(path: Path, known: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), known)
    except FileNotFoundError:
        return False


def _explanation(folder: Path | None, error: OSError | sqlite3.Error) -> str:
    code = getattr(error, "errno", None)
    name = getattr(error, "sqlite_errorname", "")
    where = repr(os.fspath(folder)) if folder else "memory"
    if code in (errno.ENOSPC, errno.EDQUOT) or name.startswith("SQLITE_FULL") or _is_full(folder):
        return (
            f"the disk that holds {where} is full; what was found so far is kept; make space, and "
            f"run the same command again: it carries on"
        )
    if folder is not None and not (folder / RUN_FILE).exists() and folder.exists() and name:
        return f"the run file in {where} cannot be made ({error}); choose another folder with -o"
    if folder is not None and (code == errno.ENOENT or not folder.exists()):
        return (
            f"the run in {where} has vanished; expected its folder to stay while the run lasts; "
            f"check the disk, and run the same command again"
        )
    return (
        f"the run cannot be written to {where} ({error}); expected a folder that can be written; "
        f"choose another with -o"
    )


def _is_full(folder: Path | None) -> bool:
    try:
        return folder is not None and os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


_PLANNED = (
    "name", "path", "size_bytes", "mtime_ns", "status", "stage", "reason", *METADATA_COLUMNS,
    "stated", "plane",
)  # fmt: skip

_SAID = slice(_PLANNED.index("reason") + 1, None)
"""Where a planned row says what the tables will say of an image, beside its name."""

_KEEP = (
    "INSERT INTO others VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) "
    "DO UPDATE SET path = excluded.path, plane = excluded.plane, channel = excluded.channel, "
    "size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, stage = excluded.stage"
)

_RELISTED = tuple(
    name for name in _PLANNED if name not in ("name", "status", "stage", "reason", *_SIZES)
)
"""What the listing says anew of an image that the run knows."""


def _or_as_it_was(name: str, anew: str) -> str:
    """Return how the listing sets a column of the outcome: anew, or not at all."""
    return f"{name} = CASE WHEN {anew} THEN excluded.{name} ELSE {name} END"


def _as_stated(name: str, anew: str) -> str:
    """Return how the listing sets what the file may state too: anew, or as the file said."""
    return f"{name} = coalesce(excluded.{name}, CASE WHEN NOT ({anew}) THEN {name} END)"


def _planned(
    key: int, path: str | bytes, plane: str | None, channel: str | bytes | None
) -> PlannedImage:
    return PlannedImage(key, as_text(path), plane_of(plane), as_text(channel or ""))


def _row(reference: ImageRef) -> tuple[Any, ...]:
    """Return what `_PLANNED` says of an image; what is not known is NULL."""
    place, plane, size = reference.place, reference.plane, reference.pixel_size
    failed = ("failed", "discover", reference.problem)
    stated = (size.y, size.x, size.note or None)
    row = (
        reference.name, absolute(reference.path), reference.size_bytes, reference.mtime_ns,
        *(failed if reference.problem else ("pending", None, None)),
        place.plate or None, place.well or None, place.site or None,
        reference.channel or None, _whole(place.z or plane.z),
        _whole(place.time or plane.time), *stated, reference.extra or None,
        json.dumps(stated) if any(stated) else None,
        json.dumps(asdict(plane)) if str(plane) else None,
    )  # fmt: skip
    return tuple(as_sql(value) if isinstance(value, str) else value for value in row)


def _whole(position: int | str | None) -> int | None:
    """Return a position as a number, or None where it is none, as of a projection."""
    text = str(position)
    return int(text) if text.isdecimal() else None
