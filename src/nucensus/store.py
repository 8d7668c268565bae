"""The run file: one SQLite database that holds every image's outcome.

An image's status and its centres are one row of one table, so they go in
together or not at all. Only the process that owns the run writes it.

Tables of schema 1
    run(key, value)   settings, strategy, versions, ...: JSON by name
    images(...)       one row per image in the order of the run; `centres` holds
                      its nuclei as packed records of `NUCLEUS_RECORD`
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .draw import map_of_centres
from .errors import MissingPackageError, RunError
from .model import RUN_FILE, Centres, Failed, Found, ImageRef, Outcome, Plane, Settings

if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x6E75_6365  # "nuce"

NUCLEUS_RECORD = np.dtype([("y", "<i4"), ("x", "<i4"), ("intensity", "<f8")])
"""One nucleus as the run file packs it: (row, column) in pixels, smoothed grey level."""

VOLUME_RECORD = np.dtype([*NUCLEUS_RECORD.descr, ("z", "<i4")])
"""One nucleus of a volume: as above, and its plane."""

METADATA_COLUMNS = ("plate", "well", "site", "channel", "z", "time", "pixel_size_um", "extra")
"""Where an image comes from, as far as it says so; `extra` is a JSON object of whatever else."""

IMAGE_COLUMNS = (
    "status", "count", "height", "width", "dtype", "read_ms", "detect_ms", "stage", "reason",
    *METADATA_COLUMNS, "flag",
)  # fmt: skip
"""What the run file and `images.csv` say of an image, beside its name."""

_SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    name NOT NULL UNIQUE,
    path NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
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
    centres BLOB
);
"""


class Table(np.ndarray[Any, np.dtype[Any]]):
    """A structured array that pandas can take over."""

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the table as a `pandas.DataFrame`."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError("pandas", "A data frame", "pandas") from error
        names = self.dtype.names or ()
        return pandas.DataFrame({name: np.asarray(self[name]) for name in names})


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
        self._database = path if isinstance(path, sqlite3.Connection) else _open_existing(path)

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
    def images(self) -> Table:
        """One record per image: its name and the `IMAGE_COLUMNS`.

        A count of -1 stands for an image that was not done, NaN for a time that
        was not taken, and -1, NaN or an empty text for what is not known.
        """
        dtype = [
            ("image", object), ("status", "U7"), ("count", "i8"), ("height", "i8"),
            ("width", "i8"), ("dtype", "U10"), ("read_ms", "f8"), ("detect_ms", "f8"),
            ("stage", "U8"), ("reason", object), ("plate", object), ("well", object),
            ("site", object), ("channel", object), ("z", "i8"), ("time", "i8"),
            ("pixel_size_um", "f8"), ("extra", object), ("flag", object),
        ]  # fmt: skip
        nan = np.nan
        empty = (None, "", -1, -1, -1, "", nan, nan, "", "", "", "", "", "", -1, -1, nan, "", "")
        rows = [
            tuple(
                default if value is None else value
                for value, default in zip(row, empty, strict=True)
            )
            for row in self.image_rows()
        ]
        return np.array(rows, dtype).view(Table)

    @property
    def nuclei(self) -> Table:
        """One record per nucleus: image, y and x in pixels, intensity in grey levels.

        Where there are volumes also the plane z, which is -1 in images of one plane.
        """
        fields: list[tuple[str, Any]] = [
            ("image", object), ("y", "i8"), ("x", "i8"), ("intensity", "f8")
        ]  # fmt: skip
        has_volumes = self.has_volumes
        dtype = np.dtype([*fields, ("z", "i8")] if has_volumes else fields)
        parts = []
        for name, nuclei in self.nuclei_by_image():
            part = np.empty(len(nuclei), dtype)
            part["image"] = name
            for field in ("y", "x", "intensity"):
                part[field] = nuclei[field]
            if has_volumes:
                part["z"] = nuclei["z"] if nuclei.dtype == VOLUME_RECORD else -1
            parts.append(part)
        return (np.concatenate(parts) if parts else np.empty(0, dtype)).view(Table)

    @property
    def has_volumes(self) -> bool:
        """Whether nuclei were found in volumes, so that they have a plane z."""
        size = NUCLEUS_RECORD.itemsize
        query = "SELECT EXISTS (SELECT 1 FROM images WHERE length(centres) > ? * count)"
        return bool(self._database.execute(query, (size,)).fetchone()[0])

    @property
    def failures(self) -> Table:
        """The records of `images` that failed, with stage and reason."""
        images = self.images
        failed: Table = images[images["status"] == "failed"]
        return failed

    @property
    def counts(self) -> dict[str, int]:
        """How many images have each status, and how many nuclei there are in all."""
        row = self._database.execute(
            "SELECT count(*), total(status = 'found'), total(status = 'failed'), total(count) "
            "FROM images"
        ).fetchone()
        images, found, failed, nuclei = map(int, row)
        return {"images": images, "found": found, "failed": failed, "nuclei": nuclei}

    def image_rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the name and the `IMAGE_COLUMNS` of each image, in the order of the run."""
        query = f"SELECT name, {', '.join(IMAGE_COLUMNS)} FROM images ORDER BY id"
        for name, *rest in self._database.execute(query):
            yield _as_text(name), *rest

    def nuclei_by_image(self) -> Iterator[tuple[str, NDArray[np.void]]]:
        """Yield the name of each image that was done, with its nuclei as `NUCLEUS_RECORD`s.

        Those of a volume are `VOLUME_RECORD`s.
        """
        query = "SELECT name, count, centres FROM images WHERE status = 'found' ORDER BY id"
        for name, count, packed in self._database.execute(query):
            yield _as_text(name), unpack_nuclei(packed, count)

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

    def close(self) -> None:
        """Close the run file."""
        self._database.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_database"):
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


class RunWriter:
    """The one writer of a run file."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._database = _create(folder)

    def record_facts(self, **facts: Any) -> None:
        """Write what the run knows about itself, by name."""
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        self._database.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)
        self._database.commit()

    def plan(self, references: Iterable[ImageRef]) -> None:
        """Write every image that is to be done, as pending, in order.

        One that has a problem, known before it is read, has failed already.
        """
        rows = map(_row, references)
        self._database.executemany(
            f"INSERT INTO images ({', '.join(_PLANNED)}) VALUES ({', '.join('?' * len(_PLANNED))})",
            rows,
        )
        self._database.commit()

    def pending(self) -> Iterator[tuple[int, tuple[str, Plane]]]:
        """Yield (id, (path, plane)) of every image that has no outcome yet."""
        rows = self._database.execute("SELECT id, path, plane FROM images WHERE status = 'pending'")
        for image_id, path, plane in rows.fetchall():
            yield image_id, (_as_text(path), _plane(plane))

    def record(self, image_id: int, outcome: Outcome) -> None:
        """Write the outcome of an image; `commit` makes it last."""
        match outcome:
            case Found(centres, (*_, height, width), dtype, read_ms, detect_ms, pixel_size_um):
                self._database.execute(
                    "UPDATE images SET status = 'found', count = ?, height = ?, width = ?, "
                    "dtype = ?, read_ms = ?, detect_ms = ?, centres = ?, "
                    "pixel_size_um = coalesce(pixel_size_um, ?) WHERE id = ?",
                    (len(centres), height, width, dtype, round(read_ms, 3), round(detect_ms, 3),
                     _pack(centres), pixel_size_um, image_id),
                )  # fmt: skip
            case Failed(stage, reason):
                self._database.execute(
                    "UPDATE images SET status = 'failed', stage = ?, reason = ? WHERE id = ?",
                    (stage, reason, image_id),
                )

    def commit(self) -> None:
        """Make everything recorded so far last."""
        self._database.commit()

    def view(self) -> Run:
        """Return the run as its readers see it."""
        return Run(self._database)


_PLANNED = (
    "name", "path", "size_bytes", "mtime_ns", "status", "stage", "reason", *METADATA_COLUMNS,
    "plane",
)  # fmt: skip


def _row(reference: ImageRef) -> tuple[Any, ...]:
    """Return what `_PLANNED` says of an image; what is not known is NULL."""
    place, plane = reference.place, reference.plane
    channel = place.stain or place.channel or plane.channel
    failed = ("failed", "discover", reference.problem)
    return (
        _as_sql(reference.name), _as_sql(reference.path), reference.size_bytes, reference.mtime_ns,
        *(failed if reference.problem else ("pending", None, None)),
        place.plate or None, place.well or None, place.site or None,
        None if channel is None else str(channel), _whole(place.z or plane.z),
        _whole(place.time or plane.time), reference.pixel_size_um, reference.extra or None,
        json.dumps(asdict(plane)) if str(plane) else None,
    )  # fmt: skip


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


def unpack_nuclei(packed: bytes, count: int) -> NDArray[np.void]:
    """Return the nuclei of an image as the run file holds them; those of a volume have a z."""
    is_volume = len(packed) != count * NUCLEUS_RECORD.itemsize
    return np.frombuffer(packed, VOLUME_RECORD if is_volume else NUCLEUS_RECORD)


def _as_sql(text: str) -> str | bytes:
    """Return `text` as SQLite can hold it: names that are not UTF-8 as their bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def _as_text(value: str | bytes) -> str:
    return os.fsdecode(value)


def _create(folder: str | os.PathLike[str] | None) -> sqlite3.Connection:
    if folder is None:
        database = sqlite3.connect(":memory:", check_same_thread=False)
    else:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(Path(folder, RUN_FILE))
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
        except (OSError, sqlite3.Error) as error:
            raise RunError(
                f"the run cannot be written to {os.fspath(folder)!r} ({error}); "
                f"expected a folder that can be written; choose another with -o"
            ) from error
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.executescript(_SCHEMA)
    return database


def _open_existing(path: str | os.PathLike[str]) -> sqlite3.Connection:
    file = Path(path, RUN_FILE) if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise RunError(
            f"{os.fspath(path)!r} is not a run: there is no {RUN_FILE}; expected the folder that "
            f"nucensus detect -o wrote"
        )
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        application_id = database.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.Error as error:
        database.close()
        raise RunError(f"{os.fspath(file)!r} cannot be opened as a run file: {error}") from error
    if application_id != _APPLICATION_ID or version != SCHEMA_VERSION:
        database.close()
        raise RunError(
            f"{os.fspath(file)!r} is not a run file of schema {SCHEMA_VERSION} "
            f"(it says {version}); open it with the version of nucensus that wrote it"
        )
    return database
