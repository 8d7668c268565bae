"""Join the runs of all shards into the one that an undivided run would have been."""

import itertools
import json
import os
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from .._dataclass import dataclass
from ..errors import RunError, reason_of
from ..export import write_csv
from ..remote import absolute, is_remote
from ..store import Facts, Run, RunWriter, Sampled, remove_run, runs_named, working_copy
from ..store.lock import RunLock
from ..text.files import replace_file
from ..values import RUN_FILE, Shard
from .refuse import differences

PathLike: TypeAlias = str | os.PathLike[str]

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Part:
    """The run of a shard, as it is known before its images are taken over."""

    run: str
    shard: Shard
    facts: dict[str, Any]
    counts: dict[str, int]
    sample: list[Sampled]

    @property
    def about(self) -> Facts:
        """The facts that the run of the shard recorded about itself."""
        return Facts.from_dict(self.facts)

    @property
    def started(self) -> float:
        """When the shard was started for the last time."""
        return self.about.starts[-1]["started"] if self.about.starts else 0.0

    def said(self, fact: str) -> Any:
        """Return what the other shards should say too; None if it need not be said."""
        value = self.facts.get(fact)
        if fact == "flat_field":  # a learned one is that of the sample
            return {
                each["channel"]: each["digest"] for each in self.about.flat_field if each["path"]
            }
        if fact == "selection":
            return {**self.about.selection, "shard": None}
        return {fact: value} if fact == "version" else value

    def files_of(self, other: "_Part") -> str:
        """Return a digest of the files of another shard, as this one saw them."""
        return self.about.files[other.shard.index - 1]

    @property
    def sample_files(self) -> dict[str, tuple[Any, ...]]:
        """Size, time and plane of the files of the sample, by the names of the images."""
        return {
            each.name: (each.size_bytes, each.mtime_ns, each.plane, each.estimate is not None)
            for each in self.sample
        }

    @property
    def unread(self) -> int:
        """How many images of the sample could not be used."""
        return sum(each.estimate is None for each in self.sample)

    @property
    def learned(self) -> tuple[Any, ...]:
        """The estimates of the shard, and where they come from."""
        return self.about.estimates, self.about.sample, self.about.flat_field, self.sample_files

    def summary(self) -> dict[str, Any]:
        """Return what a merged run keeps of the shard beside its images."""
        about = self.about
        return {
            "shard": str(self.shard),
            "run": absolute(self.run),
            "images": self.counts["images"],
            "started": about.started,
            "seconds": about.seconds,
            "strategy": about.strategy.get("name"),
            "workers": about.strategy.get("workers"),
            "processor": about.machine.get("processor"),
        }


def merge_runs(
    runs: Iterable[PathLike],
    out: PathLike,
    *,
    overwrite: bool = False,
    on_image: Callable[[], None] | None = None,
) -> Run:
    """Join the runs of all shards into one run, the one that an undivided run would have been.

    The nuclei and the images, their order and every byte of the tables are
    those of an undivided run, the times that images took aside. Images that
    failed stay failed. The run can be carried on and retried like any other.

    Parameters
    ----------
    runs : iterable of path
        The folder of the run of each shard, in any order; or addresses, in which a * stands for
        several.
    out : path
        The folder, or the place in a bucket, that receives `run.sqlite`, `nuclei.csv`,
        `images.csv` and `provenance.json`, all of them or none.
    overwrite : bool
        Whether an earlier run in `out` is replaced.
    on_image : callable, optional
        Called for each image that was taken over, and again for each that the tables go through.

    Returns
    -------
    Run
        A read-only view of the run file.

    Raises
    ------
    RunError
        A shard is missing, doubled or not finished, or was taken with other
        settings, another selection, another version or from another listing
        than the others; or `out` holds a run already, or cannot be written.

    Examples
    --------
    >>> for index in range(1, 8):                                            # doctest: +SKIP
    ...     census("plate/", f"shards/{index}", shard=Shard(index, 7))
    >>> run = merge_runs([f"shards/{i}" for i in range(1, 8)], out="run/")   # doctest: +SKIP
    """
    named = [each for run in runs for each in runs_named(os.fspath(run))]
    parts = sorted(map(_part, named), key=lambda part: part.shard.index)
    _refuse_incomplete(parts)
    _refuse_unlike(parts)
    _refuse_outdated(parts)
    _refuse_other_sample(parts)
    with working_copy(out, threading.Event(), overwrite=overwrite) as target:
        assert target is not None
        _refuse_to_replace(target, os.fspath(out), parts, overwrite)
        _merge(parts, target, on_image or (lambda: None))
    return Run(target)


def _merge(parts: Sequence[_Part], target: Path, on_image: Callable[[], None]) -> None:
    """Take over every image of every part."""
    with _put_in_place(target) as folder, RunWriter(folder) as writer:
        for part in parts:
            writer.absorb(part.run)
            for _ in range(sum(part.counts[status] for status in ("found", "failed"))):
                on_image()
        if any(
            count != sum(part.counts[status] for part in parts)
            for status, count in writer.view().counts.items()
        ):
            raise RunError(
                "a shard changed while it was merged; expected runs that nobody writes; wait until "
                "all are done, and merge them again"
            )
        writer.record_facts(**_facts(parts))
        merged = writer.view()
        merged.on_image = on_image
        with writer.explained():
            write_csv(merged, folder)


def _part(run: str) -> _Part:
    """Look at the run of a shard, and refuse what is none or not finished."""
    try:
        with Run(run) as opened:
            facts, counts, sample = opened.facts, opened.counts, opened.sample()
    except sqlite3.Error as error:
        raise RunError(
            f"{run!r} cannot be read ({error}); expected the finished run of a shard; copy it "
            f"again, or do it again with --overwrite"
        ) from error
    about = Facts.from_dict(facts)
    shard = about.selection.get("shard")
    if about.selection and shard is None:
        raise RunError(
            f"{run!r} holds a run that is not divided; expected shards, as nucensus detect --shard "
            f"I/N makes them; leave it out"
        )
    if about.listing is None or counts["pending"] or about.is_learning:
        left = f"{counts['pending']} images left" if counts["pending"] else "listed no image yet"
        left = "images of the sample left" if about.is_learning else left
        raise RunError(
            f"{run!r} {f'(shard {shard}) ' if shard else ''}is not finished: it has {left}; "
            f"expected shards with an outcome for every image; run its command again, it carries on"
        )
    return _Part(run, Shard.parse(shard or ""), facts, counts, sample)


def _refuse_incomplete(parts: Sequence[_Part]) -> None:
    """Raise unless there is each shard of one division, once."""
    if not parts:
        raise RunError("no run was given; expected the runs of all shards")
    divisions = {part.shard.count: part for part in parts}
    if len(divisions) > 1:
        found = " and ".join(f"{part.run!r} is shard {part.shard}" for part in divisions.values())
        raise RunError(
            f"{found}; expected shards of one division; merge those of one N, or do the others "
            f"again with the same N"
        )
    for one, other in itertools.pairwise(parts):
        if one.shard == other.shard:
            raise RunError(
                f"shard {one.shard} comes twice, in {one.run!r} and {other.run!r}; expected every "
                f"shard once; leave one of them out"
            )
    (count,) = divisions
    missing = sorted(set(range(1, count + 1)) - {part.shard.index for part in parts})
    if missing:
        shown = ", ".join(str(Shard(index, count)) for index in missing[:_NAMES_SHOWN])
        more = f" and {len(missing) - _NAMES_SHOWN} more" if len(missing) > _NAMES_SHOWN else ""
        raise RunError(
            f"of {count} shards, these are missing: {shown}{more}; expected all of them; give "
            f"their runs too, or do them with nucensus detect --shard"
        )


_AGAIN = "do it again with --overwrite"
_LIST_AGAIN = "run the command of every shard again: what is done stays done"
_START_AGAIN = "run its command again: what is done stays done"
_ALIKE = {
    "version": ("was found by another version of nucensus", _AGAIN),
    "settings": ("was found with other settings", _AGAIN),
    "selection": ("is of another selection of images", _AGAIN),
    "flat_field": ("was corrected with another flat field", _START_AGAIN),
    "wells": ("knows other treatments of the wells", _LIST_AGAIN),
    "listing": ("lists other images, or says something else of them", _LIST_AGAIN),
}
"""The facts that all shards must agree on: what it means if one does not, and what to do."""

_TAKEN = (*_ALIKE, "estimates", "sample", "places", "sampled", "adopted", "ring_radius_px")
"""The facts that a merged run has from its shards, if all say the same."""


def _refuse_unlike(parts: Sequence[_Part]) -> None:
    """Raise if a shard was not taken like most of the others."""
    for fact, (what, advice) in _ALIKE.items():
        said = [(part, json.dumps(part.said(fact), sort_keys=True)) for part in parts]
        said = [(part, text) for part, text in said if text != "null"]
        usual = Counter(text for _, text in said).most_common(1)
        for odd, text in said:
            if text == usual[0][0]:
                continue
            like = next(part for part, other in said if other == usual[0][0])
            how = f" ({differences(like.said(fact), odd.said(fact))})" if fact != "wells" else ""
            raise RunError(
                f"shard {odd.shard} in {odd.run!r} {what} than shard {like.shard} in "
                f"{like.run!r}{how}; expected shards of one run; {advice}"
            )


def _refuse_outdated(parts: Sequence[_Part]) -> None:
    """Raise if a file of a shard changed, and another shard that was started later saw it."""
    for part in parts:
        for other in parts:
            if other.started > part.started and other.files_of(part) != part.files_of(part):
                raise RunError(
                    f"images of shard {part.shard} in {part.run!r} changed before shard "
                    f"{other.shard} was started; expected the images as they are now; "
                    f"{_START_AGAIN}"
                )


def _refuse_other_sample(parts: Sequence[_Part]) -> None:
    """Raise if a shard learned from other files than the one that knows best.

    That is the one that had to leave out the least of the sample, and of these the last.
    """
    best = max(parts, key=lambda part: (-part.unread, part.started))
    learned, sample_files = best.learned, best.sample_files.items()
    for part in parts:
        if part.learned == learned:
            continue
        odd = min((name for name, _ in part.sample_files.items() ^ sample_files), default="")
        which = f" ({odd!r} was not the same file, or could not be read)" if odd else ""
        raise RunError(
            f"shard {part.shard} in {part.run!r} learned what nuclei look like from other files "
            f"than shard {best.shard} in {best.run!r}{which}; expected one sample; {_START_AGAIN}"
        )


def _refuse_to_replace(target: Path, out: str, parts: Sequence[_Part], overwrite: bool) -> None:
    if any(os.path.realpath(out) == os.path.realpath(_folder(part.run)) for part in parts):
        raise RunError(
            f"{out!r} is one of the shards; expected a folder of its own for the merged "
            f"run; choose another with -o"
        )
    if os.path.lexists(target / RUN_FILE) and not overwrite:
        raise RunError(
            f"{out!r} holds a run; expected a folder without one; choose another with "
            f"-o, or replace the run with --overwrite"
        )


def _folder(run: str) -> str:
    return run if is_remote(run) or os.path.isdir(run) else os.path.dirname(run)


@contextmanager
def _put_in_place(out: Path) -> Iterator[Path]:
    """Lend a folder inside `out`, and move what was written there to `out` once all of it is.

    The run file comes last: without it there is no run.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = RunLock(out)
    except OSError as error:
        raise RunError(
            f"{os.fspath(out)!r} cannot be written ({reason_of(error)}); expected a folder that "
            f"can be written; choose another with -o"
        ) from error
    partial = out / "merge.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        yield partial
        written = sorted(partial.iterdir(), key=lambda path: path.name == RUN_FILE)
        remove_run(out, keeps={path.name for path in written} - {RUN_FILE})
        for path in written:
            replace_file(path, out / path.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        lock.release()


def _facts(parts: Sequence[_Part]) -> dict[str, Any]:
    """Return what the merged run says of itself: what all shards say, and their sums."""
    said = [part.about for part in parts]
    alike = {fact: [p.facts[fact] for p in parts if fact in p.facts] for fact in _TAKEN}
    machines = [each.machine for each in said]
    summaries = [part.summary() for part in parts]
    vanished = [name for each in said for name in each.vanished_names]
    return {
        **{
            fact: each[0]
            for fact, each in alike.items()
            if each and each.count(each[0]) == len(each)
        },
        "selection": parts[0].said("selection"),
        "machine": {
            name: value
            for name, value in machines[0].items()
            if all(each.get(name) == value for each in machines)
        },
        "strategy": {
            "name": "shards",
            "workers": sum(each["workers"] or 1 for each in summaries),
            "reason": f"{len(parts)} shards were merged",
        },
        "started": min((each["started"] for each in summaries if each["started"]), default=0.0),
        "seconds": round(sum(each["seconds"] or 0 for each in summaries), 3),
        "starts": sorted(
            (start for each in said for start in each.starts),
            key=lambda start: float(start["started"]),
        ),
        "bottleneck": "The run of each shard says what took most of its time.",
        "vanished": sum(each.vanished for each in said),
        "vanished_names": vanished[:_NAMES_SHOWN],
        "shards": summaries,
    }
