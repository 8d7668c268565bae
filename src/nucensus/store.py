"""The run file: one SQLite database that holds every image's outcome.

An image's status and its centres are one row of one table, so they go in
together or not at all. Only the process that owns the run writes it.

Tables of schema 1
    run(key, value)   settings, strategy, versions, ...: JSON by name
    journal(...)      one row per image that was ever listed; `centres` holds its
                      nuclei as packed records of `NUCLEUS_RECORD`; `position` is
                      its place in the listing, NULL once it is not there any more
    images(...)       the rows of the present listing; `id` is the position: what
                      readers should ask

What lasts: on a local disk the journal is a write-ahead log. A commit outlives
the death of the process at once, and a power cut once the log was copied, every
few megabytes; what a power cut takes is redone. On a network disk it is a
rollback journal, and each commit is on the disk when it returns.
"""

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .draw import map_of_centres
from .errors import MissingPackageError, RunError
from .lock import RunLock
from .machine import network_disk
from .model import RUN_FILE, Centres, Failed, Found, ImageRef, Outcome, Plane, Settings, Shard
from .remote import absolute, is_remote, size_and_time

if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION = 2
_APPLICATION_ID = 0x6E75_6365  # "nuce"
_PAGE_BYTES = 1 << 14
"""Room for several images: in pages of 4 KB, with one image of 130 nuclei each, files are 1.7
times as large and are read at half the speed (benchmarks/export.py)."""

NUCLEUS_RECORD = np.dtype([("y", "<i4"), ("x", "<i4"), ("intensity", "<f8")])
"""One nucleus as the run file packs it: (row, column) in pixels, smoothed grey level."""

VOLUME_RECORD = np.dtype([*NUCLEUS_RECORD.descr, ("z", "<i4")])
"""One nucleus of a volume: as above, and its plane."""

METADATA_COLUMNS = ("plate", "well", "site", "channel", "z", "time", "pixel_size_um", "extra")
"""Where an image comes from, as far as it says so; `extra` is a JSON object of whatever else."""

IMAGE_COLUMNS = (
    "status", "count", "height", "width", "dtype", "read_ms", "detect_ms", "stage", "reason",
    "plate", "well", "site", "flag", "channel", "z", "time", "pixel_size_um", "extra",
)  # fmt: skip
"""What the run file and `images.csv` say of an image, beside its name.

From `plate` on as far as it is known; `extra` is a JSON object of whatever else is.
"""

ROW_COLUMNS = ("name", "path", "size_bytes", "mtime_ns", "depth", "depth_um", *IMAGE_COLUMNS)

ImageRow: TypeAlias = dict[str, Any]
"""What is known of an image, by the name of the column: all `ROW_COLUMNS`, or those asked for."""

Nuclei: TypeAlias = NDArray[np.void]
"""The nuclei of an image, brightest first, as `NUCLEUS_RECORD`s."""

_SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (
    key INTEGER PRIMARY KEY,
    position INTEGER,
    name NOT NULL UNIQUE,
    path NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    content TEXT,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'found', 'failed')),
    count INTEGER,
    height INTEGER,
    width INTEGER,
    dtype TEXT,
    read_ms REAL,
    detect_ms REAL,
    stage TEXT,
    reason TEXT,
    plate TEXT,
    well TEXT,
    site TEXT,
    channel TEXT,
    z INTEGER,
    time INTEGER,
    pixel_size_um REAL,
    extra TEXT,
    plane TEXT,
    flag TEXT,
    centres BLOB,
    subpixel BLOB,
    depth INTEGER,  -- planes of a volume, and their distance
    depth_um REAL
);
CREATE INDEX listing ON journal (position) WHERE position IS NOT NULL;
CREATE VIEW images AS SELECT position AS id, * FROM journal WHERE position IS NOT NULL;
"""

_OTHERS = """
CREATE TEMP TABLE others (
    position INTEGER PRIMARY KEY, name NOT NULL UNIQUE, path NOT NULL, plane TEXT, stage TEXT
);
"""
"""What was listed and belongs to other shards; SQLite keeps it, on disk if it is much."""

_OUTCOME = (
    "status", "count", "height", "width", "dtype", "read_ms", "detect_ms", "stage", "reason",
    "content", "flag", "centres", "subpixel", "depth", "depth_um",
)  # fmt: skip
_RECORD = (
    f"UPDATE journal SET {', '.join(f'{name} = ?' for name in _OUTCOME)}, "
    "pixel_size_um = coalesce(pixel_size_um, ?) WHERE key = ?"
)


class Table(np.ndarray[Any, np.dtype[Any]]):
    """A structured array that pandas can take over."""

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the table as a `pandas.DataFrame`."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError("pandas", "A data frame", "pandas") from error
        names = self.dtype.names or ()
        # Names as objects: strings of pandas cannot hold those that are not UTF-8.
        columns = {name: np.asarray(self[name]) for name in names}
        return pandas.DataFrame({
            name: pandas.Series(values, dtype=values.dtype if values.dtype == object else None)
            for name, values in columns.items()
        })  # fmt: skip


class Run:
    """A read-only view of one run.

    Parameters
    ----------
    path : path
        The folder of the run, or the run file in it.

    Examples
    --------
    >>> run = Run("run/")                         # doctest: +SKIP
    >>> run.images.to_pandas().groupby("status")  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str] | sqlite3.Connection) -> None:
        if isinstance(path, sqlite3.Connection):
            self._database = path
        else:
            self._database = _open_existing(path)
            _close_with(self, self._database)

    @property
    def settings(self) -> Settings:
        """The settings that the nuclei were found with."""
        return Settings.from_dict(self.facts["settings"])

    @property
    def facts(self) -> dict[str, Any]:
        """What the run recorded about itself: settings, strategy, versions, machine, times."""
        rows = self._database.execute("SELECT key, value FROM run")
        return {key: json.loads(value) for key, value in rows}

    @property
    def ring_radius_px(self) -> float:
        """The radius of a ring that lies around a nucleus, in pixels."""
        sigma, estimates = self.settings.sigma, self.facts.get("estimates")
        if estimates:
            return max(4.0, *(1.15 * float(each["radius_px"]) for each in estimates.values()))
        return 12.0 if isinstance(sigma, str) else max(4.0, 3 * float(np.max(sigma)))

    @property
    def images(self) -> Table:
        """One record per image: its name and the `IMAGE_COLUMNS`.

        A count of -1 stands for an image that was not done, NaN for a time that
        was not taken, and -1, NaN or an empty text for what is not known.
        """
        return _table_of_images(self.image_rows())

    @property
    def nuclei(self) -> Table:
        """One record per nucleus: image, y and x in pixels, intensity in grey levels.

        Where there are volumes also the plane z, which is -1 in images of one
        plane; where the settings asked for them also y_subpixel and x_subpixel.
        """
        fields: list[tuple[str, Any]] = [
            ("image", object), ("y", "i8"), ("x", "i8"), ("intensity", "f8")
        ]  # fmt: skip
        has_volumes, has_subpixel = self.has_volumes, self.has_subpixel
        fields += [("z", "i8")] if has_volumes else []
        fields += [("y_subpixel", "f8"), ("x_subpixel", "f8")] if has_subpixel else []
        dtype = np.dtype(fields)
        parts = []
        for name, nuclei in self.nuclei_by_image():
            part = np.empty(len(nuclei), dtype)
            part["image"] = name
            for field in ("y", "x", "intensity"):
                part[field] = nuclei[field]
            if has_volumes:
                part["z"] = as_volume(nuclei)["z"]
            if has_subpixel:
                part["y_subpixel"], part["x_subpixel"] = self.subpixel_of(name).T
            parts.append(part)
        return (np.concatenate(parts) if parts else np.empty(0, dtype)).view(Table)

    @property
    def has_volumes(self) -> bool:
        """Whether nuclei were found in volumes, so that they have a plane z."""
        size = NUCLEUS_RECORD.itemsize
        query = "SELECT EXISTS (SELECT 1 FROM images WHERE length(centres) > ? * count)"
        return bool(self._database.execute(query, (size,)).fetchone()[0])

    @property
    def has_subpixel(self) -> bool:
        """Whether centres are there to a fraction of a pixel too."""
        query = "SELECT EXISTS (SELECT 1 FROM images WHERE subpixel IS NOT NULL)"
        return bool(self._database.execute(query).fetchone()[0])

    @property
    def failures(self) -> Table:
        """The records of `images` that failed, with stage and reason."""
        return _table_of_images(row for row in self.image_rows() if row[1] == "failed")

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

    def image_rows(self) -> Iterator[Sequence[Any]]:
        """Yield the name and the `IMAGE_COLUMNS` of each image, in the order of the run."""
        return self.rows("name", *IMAGE_COLUMNS)

    def nuclei_by_image(self) -> Iterator[tuple[str, Nuclei]]:
        """Yield the name of each image that was done, with its nuclei as `NUCLEUS_RECORD`s.

        Those of a volume are `VOLUME_RECORD`s.
        """
        query = "SELECT name, count, centres FROM images WHERE status = 'found' ORDER BY id"
        for name, count, packed in self._database.execute(query):
            yield _as_text(name), unpack_nuclei(packed, count)

    def all_images(self) -> Iterator[tuple[ImageRow, Nuclei]]:
        """Yield the row and the nuclei of each image, none where it was not done, in order."""
        return self._records("ORDER BY id")

    def found_images(
        self, columns: Sequence[str] = ROW_COLUMNS
    ) -> Iterator[tuple[ImageRow, Nuclei]]:
        """Yield the row and the nuclei of each image that was done, in the order of the run."""
        return self._records("WHERE status = 'found' ORDER BY id", columns=columns)

    def find_image(self, name: str) -> tuple[ImageRow, Nuclei] | None:
        """Return the row and the nuclei of the image called `name`, or None if there is none."""
        return next(self._records("WHERE name = ?", _as_sql(name)), None)

    def rows(self, *columns: str) -> Iterator[Sequence[Any]]:
        """Yield these columns of the table of images for each image, in the order of the run."""
        for row in self._database.execute(f"SELECT {', '.join(columns)} FROM images ORDER BY id"):
            yield _as_texts(row)

    def input_totals(self) -> dict[str, int]:
        """Return how many images there are, their bytes, and the first and last time of change."""
        row = self._database.execute(
            "SELECT count(*), total(max(size_bytes, 0)), "
            "coalesce(min(nullif(mtime_ns, -1)), -1), coalesce(max(mtime_ns), -1) FROM images"
        ).fetchone()
        return dict(zip(("count", "size_bytes", "first_ns", "last_ns"), map(int, row), strict=True))

    def states(self, column: str) -> bool:
        """Tell whether any image states `column`, one of `IMAGE_COLUMNS`."""
        query = f"SELECT EXISTS (SELECT 1 FROM images WHERE {column} IS NOT NULL)"
        return bool(self._database.execute(query).fetchone()[0])

    def _records(
        self, which: str, *values: Any, columns: Sequence[str] = ROW_COLUMNS
    ) -> Iterator[tuple[ImageRow, Nuclei]]:
        done = "CASE WHEN status = 'found' THEN centres END"
        query = f"SELECT {', '.join(columns)}, {done}, count FROM images {which}"
        for *row, packed, count in self._database.execute(query, values):
            known = dict(zip(columns, _as_texts(row), strict=True))
            yield known, unpack_nuclei(packed or b"", count or 0)

    def reference(self, image: str) -> ImageRef:
        """Return what the run was asked to do under the name `image`."""
        query = "SELECT path, plane, size_bytes, mtime_ns FROM images WHERE name = ?"
        row = self._database.execute(query, (_as_sql(image),)).fetchone()
        path, plane, size_bytes, mtime_ns = row
        return ImageRef(image, _as_text(path), size_bytes, mtime_ns, _plane(plane))

    def nuclei_of(self, image: str) -> NDArray[np.void]:
        """Return the nuclei of the image called `image`, which was done, as `NUCLEUS_RECORD`s."""
        query = "SELECT centres, count FROM images WHERE name = ?"
        return unpack_nuclei(*self._database.execute(query, (_as_sql(image),)).fetchone())

    def subpixel_of(self, image: str) -> NDArray[np.float64]:
        """Return the centres of `nuclei_of` to a fraction of a pixel, shape (N, 2), (row, column).

        They are there if the settings asked for them.
        """
        query = "SELECT subpixel FROM images WHERE name = ?"
        packed = self._database.execute(query, (_as_sql(image),)).fetchone()[0]
        return np.frombuffer(packed or b"", "<f8").reshape(-1, 2)

    def copy_to(self, file: Path) -> None:
        """Write the run file as it is now to `file`, which is not there yet."""
        self._database.execute("VACUUM INTO ?", (os.fspath(file),))

    def close(self) -> None:
        """Close the run file."""
        self._database.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the counts, and the nuclei of the median field."""
        counts = self.counts
        words = "".join(
            f"<div><b style='font-size:1.4em'>{counts[key]:,}</b> {label}</div>"
            for key, label in (("nuclei", "nuclei"), ("images", "images"), ("failed", "failed"))
        )
        return (
            "<div style='display:flex;gap:1.5em;align-items:center;flex-wrap:wrap'>"
            f"{self._thumbnail()}<div>{words}</div></div>"
        )

    def _thumbnail(self) -> str:
        """Return a map of the nuclei of the field with the median count."""
        query = (
            "SELECT centres, count, height, width FROM images WHERE status = 'found' "
            "ORDER BY count, id LIMIT 1 OFFSET ?"
        )
        row = self._database.execute(query, (max(0, self.counts["found"] - 1) // 2,)).fetchone()
        if row is None:
            return ""
        nuclei = unpack_nuclei(row[0], row[1])
        points = np.column_stack((nuclei["y"], nuclei["x"]))
        return map_of_centres(points, (row[2], row[3]), width=220)

    def __repr__(self) -> str:
        counts = self.counts
        return (
            f"<Run: {counts['images']} images, {counts['nuclei']} nuclei, "
            f"{counts['failed']} failed>"
        )


def _table_of_images(image_rows: Iterable[Sequence[Any]]) -> Table:
    dtype = [
        ("image", object), ("status", "U7"), ("count", "i8"), ("height", "i8"),
        ("width", "i8"), ("dtype", "U10"), ("read_ms", "f8"), ("detect_ms", "f8"),
        ("stage", "U8"), ("reason", object), ("plate", object), ("well", object),
        ("site", object), ("flag", object), ("channel", object), ("z", "i8"), ("time", "i8"),
        ("pixel_size_um", "f8"), ("extra", object),
    ]  # fmt: skip
    nan = np.nan
    empty = (None, "", -1, -1, -1, "", nan, nan, "", "", "", "", "", "", "", -1, -1, nan, "")
    rows = [
        tuple(
            default if value is None else value for value, default in zip(row, empty, strict=True)
        )
        for row in image_rows
    ]
    return np.array(rows, dtype).view(Table)


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
        if self._folder is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False)
            self._closing = _close_with(self, self._database)
            self._database.executescript(_SCHEMA + _OTHERS)
            return
        with self.explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            self.lock = RunLock(self._folder)
        try:
            with self.explained():
                self._database = _open_to_write(self._folder, overwrite)
                self._inode = os.stat(self._folder / RUN_FILE)
        except BaseException:
            self.lock.release()
            raise

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self.lock is not None:
            with contextlib.suppress(sqlite3.Error):  # a reader of the log, or a full disk
                self._database.rollback()
                self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.close()
            self.lock.release()

    @property
    def facts(self) -> dict[str, Any]:
        """What the run recorded about itself so far; nothing if it is new."""
        return Run(self._database).facts

    def record_facts(self, **facts: Any) -> None:
        """Write what the run knows about itself, by name."""
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        with self.explained():
            self._database.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)
            self._database.commit()

    def plan(
        self,
        references: Iterable[ImageRef],
        *,
        check_content: bool = False,
        shard: Shard | None = None,
        keeps_others: bool = False,
    ) -> int:
        """Write the listing, in one transaction; what is new or changed becomes pending.

        A file has changed if its size or time did, or, with `check_content`, if
        no hash of it is known; compare those that are with `hashed`. An image
        with a problem has failed, and one whose problem went away is pending.
        Of a shard, only its own images are written, in their places among all;
        with `keeps_others`, `listed` yields the others too, until the run is closed.
        Return how many have a problem and had none before.
        """
        changed = (
            "content IS NULL"
            if check_content
            else "size_bytes != excluded.size_bytes OR mtime_ns != excluded.mtime_ns"
        )
        anew = (
            f"{changed} OR plane IS NOT excluded.plane OR excluded.status = 'failed' "
            "OR (status = 'failed' AND stage = 'discover')"
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
                    "pixel_size_um = coalesce(excluded.pixel_size_um, "
                    f"CASE WHEN NOT ({anew}) THEN pixel_size_um END)",
                    self._rows(
                        references, resumes=earlier > 0, shard=shard, keeps_others=keeps_others
                    ),
                )
                if earlier and earlier == self._one(
                    "SELECT count(*) FROM journal WHERE position IS NULL"
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
            yield key, _as_text(reason)

    def _rows(
        self,
        references: Iterable[ImageRef],
        *,
        resumes: bool,
        shard: Shard | None,
        keeps_others: bool,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what is to be written of each image, and at last write what tells listings apart.

        That is a digest of what the tables say of the images before they are
        read. The files themselves may change.
        """
        digest, count = hashlib.blake2b(digest_size=16), 0
        for position, each in enumerate(references):
            row = _row(each)
            count += 1
            digest.update(ascii((row[0], *row[_SAID])).encode())
            if shard is None or shard.holds(each.name):
                if resumes:
                    self._refuse_another_file(row[0], row[1], each)
                yield position, *row
            elif keeps_others:
                stage = "discover" if each.problem else None
                self._database.execute(_KEEP, (position, row[0], row[1], row[-1], stage))
        listing = json.dumps({"images": count, "digest": digest.hexdigest()})
        self._database.execute("INSERT OR REPLACE INTO run VALUES ('listing', ?)", (listing,))

    def _refuse_another_file(self, name: str | bytes, path: str | bytes, now: ImageRef) -> None:
        """Raise if both place and file are not those that the run knows by this name."""
        query = (
            "SELECT path FROM journal WHERE name = ? AND path != ? "
            "AND (size_bytes != ? OR mtime_ns != ?)"
        )
        known = self._database.execute(query, (name, path, now.size_bytes, now.mtime_ns)).fetchone()
        if known:
            raise RunError(
                f"{now.name!r} of the run in {str(self._folder)!r} was {_as_text(known[0])!r}, and "
                f"now it is {_as_text(path)!r}; {_OTHER_INPUTS}"
            )

    def hashed(self) -> Iterator[tuple[int, str, str]]:
        """Yield (key, path, hash of the content) of the images done whose hash is known."""
        query = (
            "SELECT key, path, content FROM images WHERE status != 'pending' "
            "AND content IS NOT NULL ORDER BY id"
        )
        for key, path, content in self._database.execute(query):
            yield key, _as_text(path), content

    def redo(self, keys: Iterable[int]) -> None:
        """Make these images pending again."""
        with self.explained():
            self._database.executemany(
                "UPDATE journal SET status = 'pending' WHERE key = ?", ((key,) for key in keys)
            )
            self._database.commit()

    def redo_failed(self) -> None:
        """Make every image that failed pending again, as its file is now.

        What the listing found wrong stays, unless the file was not there and is now.
        """
        query = "SELECT key, path, plane, stage, size_bytes FROM images WHERE status = 'failed'"
        for key, path, plane, stage, size_bytes in self._database.execute(query).fetchall():
            now = size_and_time(_as_text(path))
            is_there = now[0] >= 0
            is_back = is_there and size_bytes < 0
            if stage == "discover" and not (is_back and "each" not in astuple(_plane(plane))):
                continue
            is_listed = size_bytes >= 0 or stage == "discover"  # a manifest tells no size
            if is_there and (is_listed or not is_remote(_as_text(path))):
                self._database.execute(
                    "UPDATE journal SET size_bytes = ?, mtime_ns = ? WHERE key = ?", (*now, key)
                )
            self._database.execute("UPDATE journal SET status = 'pending' WHERE key = ?", (key,))
        self.commit()

    def pending(self) -> Iterator[tuple[int, str, Plane]]:
        """Yield (key, path, plane) of every image that has no outcome yet, a page at a time."""
        query = (
            "SELECT id, key, path, plane FROM images WHERE status = 'pending' AND id > ? "
            "ORDER BY id LIMIT 1000"
        )
        position = -1
        while page := self._database.execute(query, (position,)).fetchall():
            for position, key, path, plane in page:  # noqa: B007 the last is where the next starts
                yield key, _as_text(path), _plane(plane)

    def listed(self) -> Iterator[tuple[int, str, Plane]]:
        """Yield (key, path, plane) of every image that the listing found right, in its order.

        The keys of images of other shards are beyond those of the run.
        """
        query = (
            "SELECT position, key, path, plane FROM images WHERE stage IS NOT 'discover' UNION ALL "
            "SELECT position, position + 1 + coalesce((SELECT max(key) FROM journal), 0), path, "
            "plane FROM others WHERE stage IS NULL ORDER BY position"
        )
        for _, key, path, plane in self._database.execute(query):
            yield key, _as_text(path), _plane(plane)

    def absorb(self, run: str | os.PathLike[str]) -> None:
        """Take over every image of another run, in its place in the listing."""
        columns = ", ".join(
            name for _, name, *_ in self._database.execute("PRAGMA table_info(journal)")
            if name != "key"
        )  # fmt: skip
        with self.explained():
            uri = f"{_file_of(run).absolute().as_uri()}?mode=ro"
            self._database.execute("ATTACH ? AS other", (uri,))
            try:
                self._database.execute(
                    f"INSERT INTO journal ({columns}) SELECT {columns} FROM other.journal "
                    "ORDER BY key"
                )
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

    def suspects(self) -> list[tuple[int, str, Plane]]:
        """Return (key, path, plane) of the pending images that an earlier process died with."""
        left_behind = sorted(self.lock.left_behind) if self.lock is not None else []
        query = "SELECT path, plane FROM images WHERE key = ? AND status = 'pending'"
        rows = [(key, self._database.execute(query, (key,)).fetchone()) for key in left_behind]
        return [(key, _as_text(row[0]), _plane(row[1])) for key, row in rows if row]

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
            yield _as_text(name)

    def vanished_count(self) -> int:
        """Return how many images are not among the inputs any more."""
        return self._one("SELECT count(*) FROM journal WHERE position IS NULL")

    def pending_count(self) -> int:
        """Return how many images have no outcome yet."""
        return self._one("SELECT count(*) FROM images WHERE status = 'pending'")

    def record(self, key: int, outcome: Outcome) -> None:
        """Write the outcome of an image; `commit` makes it last."""
        values: tuple[Any, ...]
        match outcome:
            case Found(centres, (*depth, height, width), dtype, read_ms, detect_ms):
                values = (
                    "found", len(centres), height, width, dtype, round(read_ms, 3),
                    round(detect_ms, 3), None, None, outcome.content, centres.flag,
                    _pack(centres), _pack_subpixel(centres), depth[0] if depth else None,
                    outcome.depth_um if depth else None, outcome.pixel_size_um,
                )  # fmt: skip
            case Failed(stage, reason):
                reason_sql = _as_sql(reason)
                values = ("failed", *[None] * 6, stage, reason_sql, outcome.content, *[None] * 6)
        with self.explained():
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
        _close_with(run, self._database)
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


_OTHER_INPUTS = (
    "expected the inputs it was made from; choose another folder with -o, or --overwrite it"
)


def _close_with(owner: Any, database: sqlite3.Connection) -> "weakref.finalize[..., Any]":
    """Close `database` when nobody holds its owner any more, be it in a reference cycle."""
    return weakref.finalize(owner, database.close)


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
    "plane",
)  # fmt: skip

_SAID = slice(_PLANNED.index("reason") + 1, None)
"""Where a planned row says what the tables will say of an image, beside its name."""

_KEEP = (
    "INSERT INTO others VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) "
    "DO UPDATE SET path = excluded.path, plane = excluded.plane, stage = excluded.stage"
)

_RELISTED = tuple(
    name for name in _PLANNED if name not in ("name", "status", "stage", "reason", "pixel_size_um")
)
"""What the listing says anew of an image that the run knows."""


def _or_as_it_was(name: str, anew: str) -> str:
    """Return how the listing sets a column of the outcome: anew, or not at all."""
    return f"{name} = CASE WHEN {anew} THEN excluded.{name} ELSE {name} END"


def _row(reference: ImageRef) -> tuple[Any, ...]:
    """Return what `_PLANNED` says of an image; what is not known is NULL."""
    place, plane = reference.place, reference.plane
    channel = place.stain or place.channel or plane.channel
    failed = ("failed", "discover", reference.problem)
    row = (
        reference.name, absolute(reference.path), reference.size_bytes, reference.mtime_ns,
        *(failed if reference.problem else ("pending", None, None)),
        place.plate or None, place.well or None, place.site or None,
        None if channel is None else str(channel), _whole(place.z or plane.z),
        _whole(place.time or plane.time), reference.pixel_size_um, reference.extra or None,
        json.dumps(asdict(plane)) if str(plane) else None,
    )  # fmt: skip
    return tuple(_as_sql(value) if isinstance(value, str) else value for value in row)


def _plane(text: str | None) -> Plane:
    return Plane(**json.loads(text)) if text else Plane()


def _whole(position: int | str | None) -> int | None:
    """Return a position as a number, or None where it is none, as of a projection."""
    text = str(position)
    return int(text) if text.isdecimal() else None


def _pack(centres: Centres) -> bytes:
    is_volume = centres.points.shape[1] == 3
    records = np.empty(len(centres), VOLUME_RECORD if is_volume else NUCLEUS_RECORD)
    *z, records["y"], records["x"] = centres.points.T
    if is_volume:
        records["z"] = z[0]
    records["intensity"] = centres.intensities
    return records.tobytes()


def _pack_subpixel(centres: Centres) -> bytes | None:
    return None if centres.subpixel is None else centres.subpixel.astype("<f8").tobytes()


def unpack_nuclei(packed: bytes, count: int) -> NDArray[np.void]:
    """Return the nuclei of an image as the run file holds them; those of a volume have a z."""
    is_volume = len(packed) != count * NUCLEUS_RECORD.itemsize
    return np.frombuffer(packed, VOLUME_RECORD if is_volume else NUCLEUS_RECORD)


def as_volume(nuclei: Nuclei) -> Nuclei:
    """Return the nuclei of an image as `VOLUME_RECORD`s; the z of those of one plane is -1."""
    if nuclei.dtype == VOLUME_RECORD:
        return nuclei
    records = np.empty(len(nuclei), VOLUME_RECORD)
    for field in NUCLEUS_RECORD.names or ():
        records[field] = nuclei[field]
    records["z"] = -1
    return records


def _as_sql(text: str) -> str | bytes:
    """Return `text` as SQLite can hold it: names that are not UTF-8 as their bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def _as_text(value: str | bytes) -> str:
    return os.fsdecode(value)


def _as_texts(row: Sequence[Any]) -> Sequence[Any]:
    if bytes not in map(type, row):
        return row
    return tuple(_as_text(value) if type(value) is bytes else value for value in row)


def _open_to_write(folder: Path, overwrite: bool) -> sqlite3.Connection:
    """Open the run file of `folder`, made whole or not at all."""
    if overwrite:
        remove_run(folder)
    network = network_disk(folder)
    database = sqlite3.connect(
        (folder / RUN_FILE).absolute(), timeout=30, check_same_thread=False, uri=True
    )
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _check_schema(database, folder / RUN_FILE)
        wanted, safety = ("TRUNCATE", "FULL") if network else ("WAL", "NORMAL")
        mode = database.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
        database.execute(f"PRAGMA synchronous = {safety}")
        if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            database.executescript(
                f"BEGIN; PRAGMA application_id = {_APPLICATION_ID}; "
                f"PRAGMA user_version = {SCHEMA_VERSION}; {_SCHEMA} COMMIT;"
            )
        what = f"network disk ({network})" if network else "local disk"
        database.executescript(_OTHERS)
        row = ("journal", json.dumps(f"{mode}, {what}"))
        database.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", row)
        database.commit()
    except BaseException:
        database.close()
        raise
    return database


_OF_A_RUN = (
    RUN_FILE, *(RUN_FILE + end for end in ("-wal", "-shm", "-journal")),
    "nuclei.csv", "images.csv", "provenance.json",
)  # fmt: skip


def remove_run(folder: Path) -> None:
    """Remove the run in `folder`, its tables too."""
    for name in _OF_A_RUN:
        (folder / name).unlink(missing_ok=True)


def _file_of(run: str | os.PathLike[str]) -> Path:
    return Path(run, RUN_FILE) if Path(run).is_dir() else Path(run)


def _open_existing(path: str | os.PathLike[str]) -> sqlite3.Connection:
    file = _file_of(path)
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
        _check_schema(database, file)
    except sqlite3.Error as error:
        database.close()
        raise RunError(f"{os.fspath(file)!r} cannot be opened as a run file: {error}") from error
    except RunError:
        database.close()
        raise
    return database


def _check_schema(database: sqlite3.Connection, file: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    application_id = database.execute("PRAGMA application_id").fetchone()[0]
    if application_id != _APPLICATION_ID or version != SCHEMA_VERSION:
        raise RunError(
            f"{os.fspath(file)!r} is not a run file of schema {SCHEMA_VERSION} "
            f"(it says {version}); open it with the version of nucensus that wrote it"
        )
