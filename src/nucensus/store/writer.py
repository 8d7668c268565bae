"""Write a run: the listing, and the outcome of each image as it becomes known."""

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InputError, RunError
from ..remote import query_of
from ..text.files import meanwhile
from ..values import RUN_FILE, ImageRef, ListedImage, Outcome, PlannedImage, Shard
from .database import (
    OTHERS,
    close_with,
    open_existing,
    open_to_write,
    remove_run,
    schema_of,
    write_log_back,
    write_some_log_back,
)
from .explain import explanation
from .facts import FACTS_VERSION, Facts
from .image_columns import IMAGES, ImageColumns
from .listing import Listing
from .lock import RunLock
from .packing import as_text, partners_of, plane_of
from .record import Recorder
from .redo import redo, redo_failed, redo_learned_otherwise, redo_unreadable
from .run import Run
from .sample import SampleTable
from .tables import tables_now


class RunWriter:
    """The one writer of a run file, in its `folder`; an existing one is carried on.

    Parameters
    ----------
    folder : path or None
        Where the run lies, made if it is not there; None keeps it in memory.
    overwrite : bool
        Whether an earlier run in `folder` is removed first.
    columns : ImageColumns
        The columns of its table of images.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        *,
        overwrite: bool = False,
        columns: ImageColumns = IMAGES,
    ) -> None:
        self._columns = columns
        self.folder = None if folder is None else Path(folder)
        self.lock: RunLock | None = None
        """Whose run it is, and which images are in flight; None in memory."""
        self._tables_may_stand = True
        if self.folder is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False)
            self._closing = close_with(self, self._database)
            self._database.executescript(schema_of(columns) + OTHERS)
            self._open_tables()
            return
        with self.explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = RunLock(self.folder)
        self._is_new = overwrite or not (self.folder / RUN_FILE).exists()
        try:
            with self.explained():
                self._database = open_to_write(self.folder, overwrite, columns)
                self._inode = os.stat(self.folder / RUN_FILE)
                self._open_tables()
        except BaseException:
            self.lock.release()
            raise

    def _open_tables(self) -> None:
        self.sample = SampleTable(self._database)
        self._listing = Listing(self._database, self._columns, self.folder)
        self._recorder = Recorder(self._database, self._columns)

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.lock is None or self.folder is None:
            return
        was_refused = False
        try:
            with self.explained() if kind is None else contextlib.suppress(sqlite3.Error):
                self._database.rollback()
                was_refused = self._was_refused(kind)
                write_log_back(self._database)
        finally:
            with contextlib.suppress(sqlite3.Error):  # somebody reads the log, which stays then
                self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.close()
            if was_refused:
                remove_run(self.folder)
            self.lock.release()

    def settling(self) -> contextlib.AbstractContextManager[None]:
        """Let what is committed reach its place in the run file meanwhile; nothing is written."""
        if self.folder is None:
            return contextlib.nullcontext()
        return meanwhile(partial(write_some_log_back, self.folder / RUN_FILE))

    def _was_refused(self, kind: type[BaseException] | None) -> bool:
        """Tell whether what was given ends a run that holds nothing yet: it leaves no trace."""
        is_refusal = kind is not None and issubclass(kind, InputError)
        return is_refusal and self._is_new and not self.has_images()

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that the run recorded about itself so far, by name; none if it is new."""
        return self.view().facts

    @property
    def about(self) -> Facts:
        """The same as one value, in which what was not recorded is empty."""
        return self.view().about

    def record_facts(self, **facts: Any) -> None:
        """Write what the run knows about itself, by the names of `Facts`."""
        with self.explained():
            self._write_facts(facts)
            self._database.commit()

    def _write_facts(self, facts: dict[str, Any]) -> None:
        known = {"facts_version": FACTS_VERSION, **facts}
        rows = [(key, json.dumps(value)) for key, value in known.items()]
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
        with self.explained():
            try:
                digests, problems = self._listing.plan(
                    references, check_content=check_content, shard=shard, keeps_others=keeps_others,
                    same_inputs=same_inputs,
                )  # fmt: skip
                self._write_facts(digests)
                self._database.commit()
            except BaseException:
                self._database.rollback()
                raise
        return problems

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield (key, reason) of the images that the listing found wrong, the last first."""
        return self._listing.problems()

    def hashed(self) -> Iterator[tuple[PlannedImage, str]]:
        """Yield the images done whose hash is known, with the hash of their content."""
        query = (
            f"SELECT content, key, {_PLANNED} FROM images WHERE status != 'pending' "
            "AND content IS NOT NULL ORDER BY id"
        )
        for content, *image in self._database.execute(query):
            yield _planned(*image), content

    def redo(self, keys: Iterable[int]) -> None:
        """Make these images pending again."""
        with self.explained():
            redo(self._database, keys)
            self._database.commit()

    def redo_learned_otherwise(self, digest: Callable[[str, str, str], str]) -> int:
        """Make images pending that were counted with something else than they would be now.

        `digest` tells of path, channel and plate what that is. It lasts with the next commit.
        Return how many there are.
        """
        with self.explained():
            return redo_learned_otherwise(self._database, digest)

    def redo_unreadable(self) -> None:
        """Make the images pending again that could not be read or worked on.

        What had no permission then may have it now, or the package that it needs. What a worker
        died of stays, until `redo_failed`.
        """
        with self.explained():
            redo_unreadable(self._database)
            self._database.commit()

    def failed_before(self, key: int) -> bool:
        """Tell whether a pending image failed when it was done the last time."""
        query = "SELECT stage IS NOT NULL FROM journal WHERE key = ?"
        return bool(self._database.execute(query, (key,)).fetchone()[0])

    def redo_failed(self) -> None:
        """Make every image that failed pending again, as its file is now.

        What the listing found wrong stays, unless the file was not there and is now.
        """
        redo_failed(self._database)
        self.commit()

    def pending(self) -> Iterator[PlannedImage]:
        """Yield every image without an outcome, page by page."""
        query = (
            f"SELECT id, key, {_PLANNED} FROM images WHERE status = 'pending' AND id > ? "
            f"ORDER BY id LIMIT 1000"
        )
        position = -1
        while page := self._database.execute(query, (position,)).fetchall():
            for position, *item in page:  # noqa: B007 the last is where the next starts
                yield _planned(*item)

    def listed(self) -> Iterator[ListedImage]:
        """Yield every image that the listing found right.

        They are sorted by path, which does not depend on the order in which they were named.
        """
        columns = "position, name, path, plane, channel, size_bytes, mtime_ns, plate"
        query = (
            f"SELECT {columns} FROM images WHERE stage IS NOT 'discover' UNION ALL "
            f"SELECT {columns} FROM others WHERE stage IS NULL ORDER BY path, position"
        )
        for _, name, path, plane, channel, size, time_ns, plate in self._database.execute(query):
            yield ListedImage(
                as_text(name), as_text(path), plane_of(plane), as_text(channel or ""), size,
                time_ns, as_text(plate or ""),
            )  # fmt: skip

    def channels(self) -> list[str]:
        """Return the channels of the images as the tables name them; "" is not known."""
        query = "SELECT DISTINCT coalesce(channel, '') FROM images"
        return [as_text(channel) for (channel,) in self._database.execute(query)]

    def absorb(self, run: str | os.PathLike[str]) -> None:
        """Take over every image of another run, in its place in the listing."""
        from .absorb import absorb

        with self.explained():
            absorb(self._database, run)

    def take_plan(
        self, plan: str | os.PathLike[str], shard: Shard | None, *, selection: dict[str, Any]
    ) -> None:
        """Take over what a plan knows, and the images of a shard of it, all of them for None."""
        from .absorb import absorb_plan

        with self.explained():
            absorb_plan(self._database, plan, shard, selection)

    def suspects(self) -> list[PlannedImage]:
        """Return the pending images that a process died with."""
        left_behind = sorted(self.lock.left_behind) if self.lock is not None else []
        query = f"SELECT {_PLANNED} FROM images WHERE key = ? AND status = 'pending'"
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
        return self.about.tables == self._tables()

    def record_tables(self) -> None:
        """Note that the tables were written."""
        self.record_facts(tables=self._tables())
        self._tables_may_stand = True

    def _tables(self) -> dict[str, Any]:
        """Return what the tables follow from beside the outcomes, and how large and old they are.

        `record_all` forgets it: then there are other outcomes.
        """
        return tables_now(self.facts, self.folder or Path())

    def is_unfinished(self) -> bool:
        """Tell whether an image has no outcome yet, or a start has not yet learned for them."""
        return bool(self.pending_count() or self.about.is_learning)

    def record_all(self, outcomes: Sequence[tuple[int, Outcome, str | None]]) -> None:
        """Write outcomes of images, each with its key and a digest of what is known of the set.

        `commit` makes them last.
        """
        if not outcomes:
            return
        try:
            if self._tables_may_stand:
                self._database.execute("DELETE FROM run WHERE key = 'tables'")
                self._tables_may_stand = False
            self._recorder.write(outcomes)
        except (OSError, sqlite3.Error) as error:
            self._tables_may_stand = True  # a full disk undoes the DELETE, too
            raise RunError(explanation(self.folder, error)) from error

    def commit(self) -> None:
        """Make everything recorded so far last."""
        with self.explained():
            if self.folder is not None and not _is_still(self.folder / RUN_FILE, self._inode):
                raise FileNotFoundError(errno.ENOENT, "the run file has vanished")
            self._database.commit()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn whatever goes wrong with the folder of the run into a `RunError` that helps."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise RunError(explanation(self.folder, error)) from error

    def view(self) -> Run:
        """Return the run as its readers see it, for as long as this writer is open."""
        return Run(self._database, columns=self._columns)

    def hand_over(self) -> Run:
        """Return the run: of a folder once this is closed, in memory for as long as it is read."""
        if self.folder is not None:
            database = open_existing(self.folder, self._columns, is_own=True)
        else:
            self._closing.detach()
            database = self._database
        run = Run(database, columns=self._columns)
        close_with(run, database)
        return run

    def _one(self, query: str) -> int:
        value: int = self._database.execute(query).fetchone()[0]
        return value


def _is_still(path: Path, known: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), known)
    except FileNotFoundError:
        return False


_PLANNED = "path, plane, channel, pixel_y_um, pixel_x_um, partners, plate, size_bytes"


def _planned(
    key: int, path: str | bytes, plane: str | None, channel: str | bytes | None,
    y_um: float | None, x_um: float | None, partners: str | None, plate: str | bytes | None,
    size_bytes: int,
) -> PlannedImage:  # fmt: skip
    where, stain = as_text(path), as_text(channel or "")
    others = partners_of(partners, os.path.dirname(where)) if partners else ()
    return PlannedImage(
        key, where, plane_of(plane), stain, y_um, x_um, query_of(where), others,
        as_text(plate or ""), size_bytes,
    )  # fmt: skip
