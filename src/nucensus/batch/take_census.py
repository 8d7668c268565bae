"""Find the nuclei of many images, and keep what became of each in a run file."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from operator import itemgetter
from typing import TypeAlias

from .._version import __version__
from ..detect import check_axes, detector_named, ring_radius
from ..discover import LeftOut, list_images, read_metadata
from ..errors import RunError
from ..execute import STRATEGIES, Lost, Scheduler, Strategy, Traffic, isolated, refuse_unguarded
from ..export import write_sidecar, write_tables
from ..machine import facts, usable_cores
from ..read import SUFFIXES
from ..remote import absolute
from ..store import Origin, Run, RunWriter, refuse_address
from ..text.plurals import pluralize
from ..values import Failed, Limits, Outcome, Plane, Settings, Shard
from .bottleneck import Tally
from .budget import Budget, default_ceiling_bytes
from .choose import Choice, choose_from
from .decide import decided
from .job import Job, content_hash
from .learn import (
    Learned,
    adopt,
    forget_changed,
    look_at,
    plan_sample,
    pool_sample,
    pools_in,
    take_from,
)
from .packed import pack, unpack
from .plan import expand, join_treatments
from .pools import digests_of
from .process import Steps, run_over
from .refuse import digest_of, refuse_other, refuse_two_sources, refuse_version, selection_of
from .starts import Start

PathLike: TypeAlias = str | os.PathLike[str]
Item: TypeAlias = tuple[int, str, Plane, str]
"""Key, path, plane and channel of an image."""

_TRAFFIC = Traffic(pack, unpack, path_of=itemgetter(1))
"""How images and outcomes travel to and from other machines."""

_COMMIT_EVERY_S = 0.5
_COMMIT_EVERY_IMAGES = 1000
_SUSPECT_TIMEOUT_S = 120.0
_NAMES_SHOWN = 5


def census(
    inputs: PathLike | Iterable[PathLike],
    out: PathLike | None = None,
    settings: Settings | None = None,
    *,
    plane: Plane | None = None,
    pattern: str | None = None,
    manifest: PathLike | None = None,
    metadata: PathLike | None = None,
    strategy: str = "auto",
    workers: int | None = None,
    limits: Limits | None = None,
    shard: Shard | None = None,
    scheduler: Scheduler | None = None,
    overwrite: bool = False,
    check_content: bool = False,
    keep_estimates: bool = False,
    estimates_from: PathLike | None = None,
    stop: threading.Event | None = None,
    on_plan: Callable[[int], None] | None = None,
    on_learned: Callable[[Learned], None] | None = None,
    on_choice: Callable[[Choice], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Run:
    """Find the nuclei of every image that `inputs` name.

    A run in `out` that was made with the same inputs and settings is carried
    on, to what a new run would find: images are done that are new, whose files
    changed, that could not be read, or that were counted with estimates which
    the images that are there now do not confirm. The others stay.

    Parameters
    ----------
    inputs : path or iterable of path
        Files, folders and globs of images; or addresses, such as
        "s3://bucket/plate".
    out : path, optional
        The folder that receives `run.sqlite`, `nuclei.csv`, `images.csv` and
        `provenance.json`.
        Without it the run is kept in memory.
    settings : Settings, optional
        How nuclei are detected.
    plane : Plane, optional
        Which channel, z plane, time point and scene count, of files and plates
        that hold several; "each" counts all, as images of their own.
    pattern : str, optional
        A regular expression that names of files are understood with, with
        groups named plate, well (or row and column), site, channel, z, time.
    manifest : path, optional
        A CSV or Parquet file that lists images, in a column `path`; any other
        columns are carried through to the outputs.
    metadata : path, optional
        A CSV or Parquet file with a row for each well, in a column `well`: what
        the wells were treated with. It is kept for the well table.
    strategy : str
        As in `process_images`.
    workers : int, optional
        As in `process_images`.
    limits : Limits, optional
        What the run may take, and when it gives up. Of a cluster the memory is
        that of each worker process.
    shard : Shard, optional
        Only this part of the images is done, as all of them would be; join the
        parts with `merge_runs`.
    scheduler
        As in `process_images`: the images are worked on by a Dask cluster,
        whose workers find them under the same paths.
    overwrite : bool
        Whether an earlier run in `out` is replaced.
    check_content : bool
        Whether a changed file is known by a hash of its content, and not by its
        size and time.
    keep_estimates : bool
        Whether what an earlier start learned of the nuclei holds, whatever
        images came and went since. The run file says so.
    estimates_from : path, optional
        Another run, whose estimates are taken in place of those of the images.
        The run file says which.
    stop : threading.Event, optional
        Once it is set, what is in flight is finished and the rest stays pending.
    on_plan : callable, optional
        Called once with the number of images to be done.
    on_learned : callable, optional
        Called once with what is known of the nuclei (`Learned`), if anything is
        to be estimated; before `on_plan`.
    on_choice : callable, optional
        Called once with the `Choice` of a strategy, which a pilot may precede.
    on_outcome : callable, optional
        Called with the outcome of each image as it becomes known.

    Returns
    -------
    Run
        A read-only view of the run file. A file that could not be read or
        worked on is in `run.failures`, with a reason.

    Raises
    ------
    InputError
        An input does not exist or holds no image.
    RunError
        `out` holds a run of other settings or inputs or of another version,
        somebody else writes it, or it cannot be written; or the run that
        estimates are to come from has none that fit.
    ClusterError
        The cluster cannot be reached, was lost, or has other versions. The run
        can be carried on.

    Examples
    --------
    >>> run = census("plate/", out="run/", settings=Settings(threshold=300))  # doctest: +SKIP
    >>> run.nuclei.to_pandas().groupby("image").size()                        # doctest: +SKIP
    """
    refuse_unguarded()
    settings = settings or Settings()
    detector_named(settings.detector)
    check_axes(settings, 3 if plane is not None and plane.z == "volume" else 2)
    refuse_address(out)
    refuse_two_sources(settings, keep_estimates=keep_estimates, estimates_from=estimates_from)
    named = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    left_out = LeftOut()
    found = list_images(
        named, SUFFIXES, plane=plane, pattern=pattern, manifest=manifest, left_out=left_out
    )
    wells = read_metadata(os.fspath(metadata)) if metadata is not None else []
    listed = join_treatments(expand(found), wells)
    first = next(listed)  # what is wrong with the inputs shows before a run is made
    selection = selection_of(plane or Plane(), pattern, shard, manifest=manifest, metadata=metadata)
    with (
        decided(
            strategy, workers, limits, scheduler=scheduler, traffic=_TRAFFIC, stop=stop
        ) as choice,
        RunWriter(out, overwrite=overwrite) as writer,
    ):
        if writer.has_images():
            refuse_other(writer, "settings", settings.as_dict(), out)
            refuse_other(writer, "selection", selection, out)
            refuse_version(writer, out)
        writer.record_facts(settings=settings.as_dict(), selection=selection, wells=wells)
        given = digest_of(absolute(os.fspath(each)) for each in named)
        problems = writer.plan(
            itertools.chain([first], listed), check_content=check_content, shard=shard,
            keeps_others=not settings.are_numbers, same_inputs=writer.facts.get("inputs") == given,
        )  # fmt: skip
        writer.record_facts(left_out=left_out.lines(), inputs=given)
        writer.redo_unreadable()
        if check_content:
            writer.redo(_changed(writer, choice, workers))
        if not settings.are_numbers:
            plan_sample(writer)
        _Shift(
            writer, settings, choice, workers=workers, limits=limits or Limits(), stop=stop,
            problems=problems, check_content=check_content, keep_estimates=keep_estimates,
            estimates_from=estimates_from, on_learned=on_learned, on_choice=on_choice,
            on_outcome=on_outcome,
        ).work(out, on_plan)  # fmt: skip
    return writer.hand_over() if out is None else Run(out)


def retry(
    out: PathLike,
    *,
    strategy: str = "auto",
    workers: int | None = None,
    limits: Limits | None = None,
    scheduler: Scheduler | None = None,
    stop: threading.Event | None = None,
    on_plan: Callable[[int], None] | None = None,
    on_learned: Callable[[Learned], None] | None = None,
    on_choice: Callable[[Choice], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Run:
    """Do the images of the run in `out` again that failed, and those not done yet.

    Images that could not be used to learn what nuclei look like are looked at
    again too. The parameters are those of `census`.
    """
    Run(out).close()  # raises if it is not a run
    with (
        decided(
            strategy, workers, limits, scheduler=scheduler, traffic=_TRAFFIC, stop=stop
        ) as choice,
        RunWriter(out) as writer,
    ):
        facts = writer.facts
        if "listing" not in facts:
            raise RunError(
                f"the run in {os.fspath(out)!r} was stopped before it listed its images; expected "
                f"one that did; carry it on with nucensus detect"
            )
        settings = Settings.from_dict(facts["settings"])
        refuse_version(writer, out)
        writer.redo_failed()
        if not settings.are_numbers:
            if facts["selection"]["shard"] and facts.get("sampled") != facts.get("places"):
                raise RunError(
                    f"the shard in {os.fspath(out)!r} was stopped before it knew its sample; "
                    f"expected one that listed all images; carry it on with nucensus detect"
                )
            plan_sample(writer)
        was_given = facts.get("sample", {}).get("source") in ("kept", "run")
        _Shift(
            writer, settings, choice, workers=workers, limits=limits or Limits(), stop=stop,
            is_retry=True, keep_estimates=was_given, on_learned=on_learned, on_choice=on_choice,
            on_outcome=on_outcome,
        ).work(out, on_plan)  # fmt: skip
    return Run(out)


def _changed(writer: RunWriter, choice: Choice | None, workers: int | None) -> list[int]:
    """Return the keys of the images whose content is not what it was."""

    def look(row: tuple[int, str, str]) -> int | None:
        key, path, content = row
        return None if content_hash(path) == content else key

    is_remote = choice is not None and choice.strategy.is_remote
    strategy = choice.strategy if choice and is_remote else STRATEGIES["threads"]
    keys = strategy.run(look, writer.hashed(), workers or usable_cores())
    return [key for _, key in keys if key is not None and not isinstance(key, Lost)]


class _Shift:
    """The time from a start to a stop: what is pending in a run file is worked on."""

    def __init__(
        self,
        writer: RunWriter,
        settings: Settings,
        choice: Choice | None,
        *,
        workers: int | None,
        limits: Limits,
        stop: threading.Event | None,
        problems: int = 0,
        check_content: bool = False,
        is_retry: bool = False,
        keep_estimates: bool = False,
        estimates_from: PathLike | None = None,
        on_learned: Callable[[Learned], None] | None,
        on_choice: Callable[[Choice], None] | None,
        on_outcome: Callable[[Outcome], None] | None,
    ) -> None:
        self._writer = writer
        self._choice = choice
        self._workers = workers or usable_cores()
        self._limits = limits
        self._stop = stop or threading.Event()
        self._is_retry = is_retry
        self._keep_estimates, self._estimates_from = keep_estimates, estimates_from
        self._on_learned = on_learned
        self._on_choice = on_choice
        self._on_outcome = on_outcome
        self._ceiling_bytes = limits.max_memory_bytes or default_ceiling_bytes()
        self._job = Job(
            settings, limits.max_pixels, self._ceiling_bytes, writer.lock, check_content
        )
        self._learned_by: Callable[[str, str], str] | None = None
        self._tally = Tally()
        self._lost: list[int] = []
        self._uncommitted, self._failures, self._done = 0, problems, problems
        self._committed_at = time.monotonic()
        self._start = Start(writer.facts)

    def work(self, out: PathLike | None, on_plan: Callable[[int], None] | None) -> None:
        """Do what is pending; then, unless it was stopped, write the tables."""
        vanished = list(self._writer.vanished(_NAMES_SHOWN))
        self._writer.record_facts(
            version=__version__, machine=facts(), **self._start.facts(0),
            vanished=self._writer.vanished_count(), vanished_names=vanished,
        )  # fmt: skip
        if self._failures:
            self._give_up_beyond_limit(next(reason for _, reason in self._writer.problems()))
        try:
            self._learn()
            ring_px = ring_radius(self._job.settings, self._job.pools.values())
            self._writer.record_facts(ring_radius_px=ring_px)
            if on_plan is not None:
                on_plan(self._writer.pending_count())
            self._work_on_suspects()
            self._work_on_pending()
        finally:
            self._commit()
        is_unfinished = self._writer.is_unfinished()
        target = None if is_unfinished or self._writer.tables_stand() else out
        with self._writer.explained():
            if target is not None:
                write_tables(self._writer.view(), target)
            if not is_unfinished:
                self._writer.forget_suspects()
        if self._choice is not None:
            self._writer.record_facts(strategy=self._choice.as_dict())
        self._writer.record_facts(
            **self._start.facts(self._done),
            bottleneck=self._tally.bottleneck(self._start.seconds),
        )
        if target is not None:
            with self._writer.explained():
                write_sidecar(self._writer.view(), target)
            self._writer.record_tables()

    def _work_on_suspects(self) -> None:
        """Take what an earlier process died with to processes that may die."""
        suspects = self._writer.suspects()
        if not suspects:
            return
        workers = min(self._workers, len(suspects))
        choice = Choice(self._isolated(), workers, "in flight at a crash")
        self._run(suspects, len(suspects), choice)

    def _isolated(self) -> Strategy:
        return isolated(self._limits.timeout_s or _SUSPECT_TIMEOUT_S, self._ceiling_bytes)

    def _learn(self) -> None:
        """Learn what the settings leave open; unless it is stopped before it knows."""
        settings, facts = self._job.settings, self._writer.facts
        if settings.are_numbers:
            return
        if self._estimates_from is not None:
            known = take_from(self._estimates_from, settings, self._writer.channels())
        elif self._keep_estimates and facts.get("estimates"):
            origin = Origin.from_dict(facts["sample"])
            kept = origin if origin.source == "run" else replace(origin, source="kept")
            known = pools_in(facts), kept
        else:
            self._look_at_sample()
            if self._stop.is_set():
                return
            known = pool_sample(self._writer.sample), Origin.of(self._writer.sample)
        learned = adopt(self._writer, *known)
        self._job = replace(self._job, pools=learned.pools)
        self._learned_by = digests_of(learned.pools)
        if self._on_learned is not None:
            self._on_learned(learned)

    def _look_at_sample(self) -> None:
        """Look at the images of the sample that nothing is known of."""
        if self._job.check_content:
            forget_changed(self._writer)
        sample = self._writer.sample.to_look_at(deadly=self._is_retry)
        if not sample:
            return
        self._writer.record_facts(is_learning=True)
        strategy = self._strategy_to_look(deadly=any(each.stage == "worker" for _, each in sample))
        work = self._job_for(strategy).look
        look_at(self._writer, sample, lambda items: strategy.run(work, items, self._workers))

    def _strategy_to_look(self, *, deadly: bool) -> Strategy:
        if self._choice is not None and self._choice.strategy.isolates_crashes:
            return self._choice.strategy
        lock = self._writer.lock
        died = lock is not None and bool(lock.left_behind)  # the sample may hold what that died of
        return self._isolated() if deadly or died else STRATEGIES["threads"]

    def _work_on_pending(self) -> None:
        self._run(self._writer.pending(), self._writer.pending_count(), self._choice, self._chosen)

    def _chosen(self, choice: Choice) -> None:
        self._tally.workers = choice.workers if choice.strategy.parallel else 1
        self._writer.record_facts(strategy=choice.as_dict())
        if self._on_choice is not None:
            self._on_choice(choice)

    def _run(
        self,
        items: Iterable[Item],
        count: int,
        choice: Choice | None,
        on_choice: Callable[[Choice], None] | None = None,
    ) -> None:
        keys: dict[int, tuple[int, str | None]] = {}
        outcomes = run_over(
            self._handed_out(items, keys), count, self._steps_for, choice,
            lambda measured, remaining: choose_from(
                measured, remaining, workers=self._workers, function=self._job.find,
                memory_bytes=self._ceiling_bytes,
            ),
            on_choice=on_choice,
        )  # fmt: skip
        with self._writer.explained(), contextlib.closing(outcomes):
            for index, outcome in outcomes:
                self._record(*keys.pop(index), outcome)

    def _handed_out(
        self, items: Iterable[Item], keys: dict[int, tuple[int, str | None]]
    ) -> Iterator[Item]:
        for index, item in enumerate(items):
            if self._stop.is_set():
                return
            key, path, _, channel = item
            keys[index] = key, self._learned_by(path, channel) if self._learned_by else None
            yield item

    def _steps_for(self, strategy: Strategy | None) -> Steps:
        """Return what to do with an image: threads share a budget, processes have a part each."""
        job = self._job_for(strategy)
        return job.load, job.find

    def _job_for(self, strategy: Strategy | None) -> Job:
        if strategy is not None and strategy.is_remote:
            return self._job.elsewhere(self._limits.max_memory_bytes)
        if strategy is None or (strategy.in_process and not strategy.loads_first):
            return self._job.in_process(Budget(self._ceiling_bytes), self._stop)
        return self._job if strategy.loads_first else self._job.in_one_of(self._workers)

    def _record(self, key: int, learned: str | None, outcome: Outcome | Lost | None) -> None:
        if outcome is None or (isinstance(outcome, Lost) and self._stop.is_set()):
            return  # stays pending
        if isinstance(outcome, Lost):
            self._lost.append(key)
            outcome = Failed("worker", outcome.reason)
        is_new = isinstance(outcome, Failed) and not self._writer.failed_before(key)
        self._writer.record(key, outcome, learned)
        self._tally.add(outcome)
        self._done += 1
        self._uncommitted += 1
        due = time.monotonic() - self._committed_at > _COMMIT_EVERY_S
        if due or self._uncommitted >= _COMMIT_EVERY_IMAGES:
            self._commit()
        if self._on_outcome is not None:
            self._on_outcome(outcome)
        if isinstance(outcome, Failed) and is_new:
            self._failures += 1
            self._give_up_beyond_limit(outcome.reason)

    def _give_up_beyond_limit(self, reason: str) -> None:
        most = self._limits.max_failures
        if most is not None and self._failures > most:
            raise RunError(
                f"{pluralize(self._failures, 'image')} failed, the last because {reason!r}; "
                f"expected at most {most}; run the same command again to carry on, or nucensus "
                f"retry to do the failed ones again"
            )

    def _commit(self) -> None:
        self._writer.commit()
        self._writer.record_facts(**self._start.facts(self._done))
        for key in self._lost:
            if self._writer.lock is not None:
                self._writer.lock.unmark(key)
        self._lost.clear()
        self._committed_at, self._uncommitted = time.monotonic(), 0
