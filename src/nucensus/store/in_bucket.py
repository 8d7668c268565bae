"""A run in a bucket: it lies in a folder of this machine, and goes to the bucket now and then.

SQLite needs a file. So the run file is worked on in the cache folder of the user, and sent whole:
while the run lasts, and at its end with its tables. Whoever starts the run elsewhere fetches it.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..errors import MissingPackageError, NucensusError, RunError
from ..remote import (
    Lease,
    check_writable,
    fetch,
    is_remote,
    lease,
    list_below,
    send,
    size_and_time,
    version_of,
)
from ..text.files import atomic_write
from ..values import RUN_FILE
from .lock import LOCK_FILE, RunLock, leave_marks, marks_in

_FIRST_S, _MOST_S = 2.0, 60.0
"""Seconds until the run file is sent for the first time, and the longest until the next. Larger:
more is done again after a kill, fewer bytes are sent."""
_MOST_SHARE = 0.1
"""The share of the time that sending may take while the run lasts."""
_SENT = ("nuclei.csv", "images.csv", RUN_FILE, "provenance.json")
"""The files of a run as they are sent, one after the other: with the last, everything is there."""

_FEW, _UNTOLD_S = 100, 10.0
"""Images, and seconds of images, that a process may have begun since its last sign of life, with
which it may have died. Larger: more are done in processes of their own before all others."""
_SPEED = """
SELECT json_extract(value, '$[#-1].images') / max(0.1, json_extract(value, '$[#-1].seconds'))
FROM run WHERE key = 'starts'
"""

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def copy_here(address: str, stop: threading.Event, *, overwrite: bool) -> Iterator[Path]:
    """Lend a folder with a copy of what an address holds, as `working_copy` says."""
    address = address.rstrip("/")
    check_writable(address)
    copy = _Copy(address)
    copy.home.mkdir(parents=True, exist_ok=True)
    lock = RunLock(copy.home, called=address)  # nobody else has this copy
    try:
        held = lease(
            f"{address}/{LOCK_FILE}", gone=copy.holder, on_lost=stop.set, in_flight=copy.in_flight
        )
        with held.held():
            copy.begin(held, overwrite=overwrite)
            try:
                with copy.sent_meanwhile(held.check):
                    yield copy.folder
            finally:
                held.check()
                copy.send()
    finally:
        lock.release()


def local_copy(run: str) -> Path:
    """Return the run file of an address, fetched unless this version of it is there already.

    Raises
    ------
    RunError
        There is no run.
    """
    address = f"{home_of(run)}/{RUN_FILE}"
    version = version_of(address)
    if version is None:
        raise RunError(
            f"{run!r} is not a run: there is no {RUN_FILE}; expected the place in a bucket that "
            f"nucensus detect -o wrote"
        )
    file = _cache(address) / _digest(version) / RUN_FILE
    if not file.exists():
        shutil.rmtree(file.parent.parent, ignore_errors=True)
        fetch(address, file)
    return file


def home_of(run: str) -> str:
    """Return the address of the folder of a run, which may be named by its file."""
    return run.removesuffix(f"/{RUN_FILE}").rstrip("/")


def runs_named(run: str) -> list[str]:
    """Return the runs that an address with * stands for, as a shell does of folders."""
    if not is_remote(run) or "*" not in run:
        return [run]
    top = run[: run.index("*")].rpartition("/")[0]
    pattern = f"{run[len(top) + 1 :].rstrip('/')}/{RUN_FILE}"
    depth = pattern.count("/")
    return sorted(
        f"{top}/{each.name.rpartition('/')[0]}"
        for each in list_below(top)
        if each.name.count("/") == depth and fnmatchcase(each.name, pattern)
    )


def suspects(run: Path, in_flight: Iterable[int]) -> Iterator[int]:
    """Yield the keys of the images that a process may have died of that wrote a run elsewhere.

    They are those that it had in flight at its last sign of life, and what it may have begun and
    done since the run file was sent, and since that sign: the pending ones in their order.
    """
    if not run.exists():
        yield from range(1, 1 + _FEW)
        return
    with contextlib.closing(sqlite3.connect(f"{run.as_uri()}?mode=ro", uri=True)) as database:
        speed = database.execute(_SPEED).fetchone()
        beyond = _FEW + int(_UNTOLD_S * ((speed and speed[0]) or 0))
        is_pending = "SELECT 1 FROM images WHERE key = ? AND status = 'pending'"
        left = {key for key in in_flight if database.execute(is_pending, (key,)).fetchone()}
        for (key,) in database.execute(
            "SELECT key FROM images WHERE status = 'pending' ORDER BY id"
        ):
            if not left and not beyond:
                return
            beyond -= not left
            left.discard(key)
            yield key


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _cache(address: str) -> Path:
    """Return the folder of this machine for what is kept of an address."""
    try:
        from platformdirs import user_cache_path
    except ImportError as error:
        raise MissingPackageError("platformdirs", "A run in a bucket", "cloud") from error
    return user_cache_path("nucensus", appauthor=False) / "runs" / _digest(address)


class _Copy:
    """The copy of a run on this machine, and what of it is in the bucket."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.home = _cache(address)
        self.folder = self.home / "run"
        self._note = self.home / "sent.json"
        self._sent: dict[str, Any] = {"holder": "", "version": None, "files": {}}
        with contextlib.suppress(OSError, ValueError):
            self._sent |= json.loads(self._note.read_bytes())

    @property
    def holder(self) -> str:
        """The last process that had this copy, by the name of its lease."""
        return str(self._sent["holder"])

    def in_flight(self) -> set[int]:
        """Return the keys of the images that are being worked on."""
        return marks_in(self.folder)

    def begin(self, held: Lease, *, overwrite: bool) -> None:
        """Let the copy be what the bucket holds, or what was not yet sent of it."""
        there = version_of(f"{self._address}/{RUN_FILE}")
        is_new = there != self._sent["version"]
        died_elsewhere = held.died not in ("", self.holder)
        if is_new:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._sent["files"] = {}
            file = self.folder / RUN_FILE
            if there is not None and not overwrite:
                fetch(f"{self._address}/{RUN_FILE}", file)
                self._sent["files"] = {RUN_FILE: list(size_and_time(os.fspath(file)))}
        if held.died and (is_new or died_elsewhere):
            with contextlib.suppress(sqlite3.Error):  # whoever opens the run says what is wrong
                leave_marks(self.folder, suspects(self.folder / RUN_FILE, held.left_behind))
        held.left_behind = []
        self._remember(holder=held.name, version=there)

    def send(self) -> None:
        """Send the files that are not in the bucket as they are here."""
        try:
            self._settle()
            for name in _SENT:
                now = list(size_and_time(os.fspath(self.folder / name)))
                if now[0] >= 0 and now != self._sent["files"].get(name):
                    self._send(self.folder / name, name)
                    self._remember(files={**self._sent["files"], name: now})
        except (NucensusError, sqlite3.Error) as error:
            raise RunError(
                f"the run could not be sent to {self._address!r}, and is kept in "
                f"{os.fspath(self.folder)!r}: {error}; then run the same command again on this "
                f"machine: it carries on, and sends it"
            ) from error

    def _settle(self) -> None:
        """Let the run file hold what its log has: who closed it last may only have read it."""
        file = self.folder / RUN_FILE
        if not file.with_name(f"{RUN_FILE}-wal").exists():
            return
        with contextlib.closing(sqlite3.connect(file, timeout=30)) as database:
            if database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise RunError("another program reads the run file; let it end")

    @contextlib.contextmanager
    def sent_meanwhile(self, check: Any) -> Iterator[None]:
        """Send the run file now and then, for the case that this process comes to no end."""
        ended = threading.Event()

        def keep_sending() -> None:
            wait_s = _FIRST_S
            while not ended.wait(wait_s):
                start = time.monotonic()
                try:
                    check()
                    self._send_snapshot()
                except (NucensusError, OSError, sqlite3.Error) as error:
                    _logger.warning("the run could not be sent to %r yet: %s", self._address, error)
                took_s = time.monotonic() - start
                wait_s = max(min(2 * wait_s, _MOST_S), took_s / _MOST_SHARE)

        sending = threading.Thread(target=keep_sending, daemon=True)
        sending.start()
        try:
            yield
        finally:
            ended.set()
            sending.join()

    def _send_snapshot(self) -> None:
        """Send the run file as of its last commit."""
        file, snapshot = self.folder / RUN_FILE, self.home / "snapshot"
        if not file.exists():
            return
        snapshot.unlink(missing_ok=True)
        database = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)
        with contextlib.closing(database):
            if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return
            database.execute("VACUUM INTO ?", (os.fspath(snapshot),))
        self._send(snapshot, RUN_FILE)
        snapshot.unlink()

    def _send(self, file: Path, name: str) -> None:
        address = f"{self._address}/{name}"
        send(file, address)
        if name == RUN_FILE:
            self._remember(version=version_of(address))

    def _remember(self, **sent: Any) -> None:
        self._sent |= sent
        with atomic_write(self._note) as partial:
            partial.write_text(json.dumps({"address": self._address, **self._sent}))
