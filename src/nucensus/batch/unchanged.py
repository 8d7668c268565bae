"""Know a run that has nothing to do, without listing its images: the files are as they were."""

import glob
import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from .._version import __version__
from ..discover.walk import find_glob
from ..errors import InputError, RunError
from ..remote import absolute, is_remote
from ..store import LOCK_FILE, Origin, Run, is_done, show_start, tables_now
from ..values import RUN_FILE, Resume, Selection, Settings, Watcher
from ..values.flat_field import LEARN
from .learn import Learned, pools_in
from .lights import lights_in
from .refuse import differences, digest_of, facts_of

PathLike: TypeAlias = str | os.PathLike[str]
_BUSY = (LOCK_FILE, f"{RUN_FILE}-wal", f"{RUN_FILE}-journal")
"""Files beside a run that is being written, or was when its process died."""


def seen_of(inputs: Sequence[PathLike], selection: Selection, out: PathLike | None) -> str | None:
    """Return a digest of all files in and beside the inputs, as they are now.

    What is listed follows from their names, sizes and times. It is None where that is not so, or
    would take long to tell: of buckets, and folders behind links.
    """
    paths = [os.fspath(each) for each in inputs]
    if out is None or any(map(is_remote, (*paths, out))):
        return None
    beside = [selection.metadata, selection.manifest, *selection.light.values()]
    paths += [os.fspath(each) for each in beside if each is not None and each != LEARN]
    files = _Files(os.path.realpath(out))
    try:
        for path in paths:
            files.add(path)
        if selection.manifest is not None:
            from ..discover.manifest import read_manifest

            for each in read_manifest(os.fspath(selection.manifest)):
                files.add(each.path)
    except (InputError, OSError, ValueError):
        return None
    return files.hexdigest()


class _Files:
    """A digest of files, the same in whatever order they come: a million need not be sorted.

    Parameters
    ----------
    skipped : str
        The folder of the run itself, whose files are none of the inputs.
    """

    def __init__(self, skipped: str) -> None:
        self._skipped = skipped
        self._sum = 0
        self._beside: set[str] = set()

    def add(self, path: str) -> None:
        """Take in a file, all files below a folder, or what a glob stands for."""
        if os.path.isdir(path):
            self._add_below(path)
        elif os.path.lexists(path) or not glob.has_magic(path):
            self._add_beside(os.path.abspath(path))
        else:
            for each in find_glob(path):
                self.add(each)

    def _add_beside(self, path: str) -> None:
        """Take in a file and all those beside it, once: some have a part of what it is."""
        os.stat(path)  # an address has none
        self._add(path)
        folder = os.path.dirname(path)
        if folder in self._beside:
            return
        self._beside.add(folder)
        with os.scandir(folder) as entries:
            for each in entries:
                if each.is_file():
                    self._add_file(folder, each)

    def _add_below(self, folder: str) -> None:
        """Take in each file below a folder, but for those of the run itself.

        Links are followed to the folder, and below it none are: to ask it of each folder again
        would take a second for a thousand that lie in one another.
        """
        pending = [os.path.realpath(folder)]
        while pending:
            folder = pending.pop()
            if folder == self._skipped:
                continue
            self._add(folder)
            with os.scandir(folder) as entries:
                for each in entries:
                    if each.is_dir(follow_symlinks=False):
                        pending.append(each.path)
                    elif each.is_dir():
                        raise ValueError("a folder behind a link may loop")
                    else:
                        self._add_file(folder, each)

    def hexdigest(self) -> str:
        """Return the sum of the digests of all of them."""
        return f"{self._sum % (1 << 128):032x}"

    def _add_file(self, folder: str, entry: "os.DirEntry[str]") -> None:
        try:
            status = entry.stat()
            self._add(f"{folder}/{entry.name}/{status.st_size}/{status.st_mtime_ns}")
        except OSError:  # a link to nothing
            self._add(f"{folder}/{entry.name}/")

    def _add(self, text: str) -> None:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        self._sum += int.from_bytes(digest)


def finished_run(
    inputs: Sequence[PathLike], out: PathLike | None, settings: Settings, selection: Selection,
    resume: Resume, seen: str | None,
) -> Run | None:  # fmt: skip
    """Return the run in `out` if a start with the same inputs and settings has nothing to do.

    Nothing is written then. What is doubtful is left to a start that lists all images.
    """
    if seen is None or out is None or resume != Resume():
        return None
    folder = Path(out)
    if not (folder / RUN_FILE).is_file() or any((folder / each).exists() for each in _BUSY):
        return None
    start, clock = time.time(), time.monotonic()
    try:
        run = Run(folder)
        about = run.about
        stands = (
            about.seen == seen
            and about.version == __version__
            and about.inputs == digest_of(absolute(os.fspath(each)) for each in inputs)
            and not differences(about.settings, _as_json(settings.as_dict()))
            and not differences(about.selection, _as_json(facts_of(selection)))
            and not about.is_learning
            and about.sample.get("source") not in ("kept", "run")
            and not about.sample.get("unread")
            and about.tables == tables_now(run.facts, folder)
            and is_done(run)
        )
    except RunError:  # said by who writes it
        return None
    if not stands:
        return None
    show_start(run, {"started": start, "seconds": time.monotonic() - clock, "images": 0})
    return run


def _as_json(values: dict[str, object]) -> dict[str, object]:
    known: dict[str, object] = json.loads(json.dumps(values))
    return known


def tell(run: Run, watcher: Watcher) -> None:
    """Tell what a start that has nothing to do tells."""
    if not run.settings.are_numbers:
        about = run.about
        watcher.on_learned(
            Learned(pools_in(about), Origin.from_dict(about.sample), 0, (), lights_in(about))
        )
    watcher.on_plan(0)
