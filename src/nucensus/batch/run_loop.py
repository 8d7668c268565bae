"""The loop of a run: what is pending in its file is worked on, and what became of it recorded."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from .._version import __version__
from ..detect import ring_radius
from ..errors import RunError
from ..execute import STRATEGIES, Lost, Strategy, isolated
from ..export import write_sidecar, write_tables
from ..machine import facts, usable_cores
from ..store import Origin, RunWriter, Sampled
from ..text.plurals import pluralize
from ..values import (
    Execution,
    Failed,
    Found,
    OtherChannels,
    Outcome,
    PlannedImage,
    Resume,
    Settings,
    Watcher,
)
from .bottleneck import Tally
from .budget import Budget, default_ceiling_bytes
from .choose import Choice, choose_from
from .divided import Divided
from .grouped import Grouped
from .job import Job, Loaded
from .kept import Kept
from .learn import adopt, asked, estimate_sample, forget_changed, pool_sample, pools_in, take_from
from .lights import find_lights
from .plan import telling
from .pools import learned_of
from .run_over import Steps, run_over
from .starts import Start

_COMMIT_EVERY_S = 0.5
_COMMIT_EVERY_IMAGES = 1000
"""Seconds of work that a crash may lose at most: images done since are done again."""
_WRITE_IMAGES, _WRITE_NUCLEI = 64, 20_000
"""Outcomes that are written together: one by one, with an image counted after each, 64 small
images took half as long again, for the processor's caches hold the code of one or the other.
Larger: faster by little, more memory."""
_SUSPECT_TIMEOUT_S = 120.0
"""The longest that an image may take that was in flight at a crash, where no limit is given."""
_NAMES_SHOWN = 5


class RunLoop:
    """The loop over what is pending in a run file, from a start to a stop.

    Parameters
    ----------
    writer : RunWriter
    settings : Settings
    choice : Choice or None
        The strategy that the user chose; None leaves it to a pilot.
    execution : Execution
    watcher : Watcher
    resume : Resume
    problems : int
        How many images the listing found unreadable: they count as failures.
    is_retry : bool
        Whether images of the sample that workers died of are tried again.
    is_planned : bool
        Whether the run holds to what its plan learned.
    """

    def __init__(
        self,
        writer: RunWriter,
        settings: Settings,
        choice: Choice | None,
        *,
        execution: Execution,
        watcher: Watcher,
        resume: Resume,
        problems: int = 0,
        is_retry: bool = False,
        is_planned: bool = False,
    ) -> None:
        self._writer, self._choice = writer, choice
        self._is_retry, self._is_planned = is_retry, is_planned
        self._watcher, self._resume, self._limits = watcher, resume, execution.limits
        self._workers = execution.workers or usable_cores()
        self._stop = watcher.stop or threading.Event()
        self._ceiling_bytes = self._limits.max_memory_bytes or default_ceiling_bytes()
        self._job = Job(
            settings, self._limits.max_pixels, self._ceiling_bytes, writer.lock,
            resume.check_content,
            others=OtherChannels.of_selection(writer.about.selection),
        )  # fmt: skip
        self._kept = Kept[Loaded | Divided](self._ceiling_bytes // 8)
        self._learned_by: Callable[[str, str, str], str] | None = None
        self._tally = Tally()
        self._lost: list[int] = []
        self._unwritten: list[tuple[int, Outcome, str | None]] = []
        self._unwritten_nuclei = 0
        self._uncommitted, self._failures, self._done = 0, problems, problems
        self._committed_at = time.monotonic()
        self._start = Start(writer.about)

    def run(self) -> None:
        """Do what is pending; then, unless it was stopped, write the tables."""
        self.learn()
        try:
            self._watcher.on_plan(self._writer.pending_count())
            self._run_suspects()
            self._run_pending()
        finally:
            self._commit()
        self._write_outputs()

    def learn(self) -> None:
        """Do what comes before the first image is counted."""
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
        finally:
            self._commit()

    def _write_outputs(self) -> None:
        """Write the tables, unless images are left or they stand; say how the run went."""
        is_unfinished = self._writer.is_unfinished()
        is_done = is_unfinished or self._writer.tables_stand()
        target = None if is_done else self._writer.folder
        with self._writer.explained():
            if target is not None:
                self._choose_positive()
                view = self._writer.view()
                view.on_image = partial(self._watcher.on_step, "gone through for the tables")
                with self._writer.settling():
                    write_tables(view, target, threads=self._workers)
            if not is_unfinished:
                self._writer.forget_suspects()
        if self._choice is not None:
            self._writer.record_facts(strategy=self._choice.as_dict())
        if self._tally.in_parts:
            in_parts = {"images": self._tally.in_parts, "at_a_time": self._tally.parts_at_a_time}
            strategy = {**self._writer.about.strategy, "in_parts": in_parts}
            self._writer.record_facts(strategy=strategy)
        self._writer.record_facts(
            **self._start.facts(self._done),
            bottleneck=self._tally.bottleneck(self._start.seconds),
        )
        if target is not None:
            with self._writer.explained():
                write_sidecar(self._writer.view(), target)
            self._writer.record_tables()

    def _choose_positive(self) -> None:
        """Choose thresholds that were recorded again: there are other images."""
        if self._writer.about.positive:
            from .positives import choose_again

            choose_again(self._writer)

    def _run_suspects(self) -> None:
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
        settings, about = self._job.settings, self._writer.about
        lights = find_lights(
            self._writer, self._look_at_light, is_planned=self._is_planned,
            keeps=self._resume.keep_estimates, checks=self._resume.check_content,
        )  # fmt: skip
        if lights is None:
            return
        self._job = replace(self._job, lights=lights)
        if settings.are_numbers:
            if lights:
                self._learned_by = learned_of({}, settings, lights)
                self._writer.redo_learned_otherwise(self._learned_by)
            return
        if self._is_planned:
            known = pools_in(about), Origin.from_dict(about.sample)
        elif self._resume.estimates_from is not None:
            known = take_from(self._resume.estimates_from, settings, self._writer.channels())
        elif self._resume.keep_estimates and about.estimates:
            origin = Origin.from_dict(about.sample)
            kept = origin if origin.source == "run" else replace(origin, source="kept")
            known = pools_in(about), kept
        else:
            self._estimate_sample()
            if self._stop.is_set():
                return
            sample = list(self._writer.sample)
            known = pool_sample(sample), Origin.of(sample)
        learned = adopt(self._writer, *known, lights)
        self._job = replace(self._job, pools=learned.pools)
        self._learned_by = learned_of(learned.pools, settings, lights)
        self._watcher.on_learned(learned)

    def _look_at_light(self, items: list[PlannedImage]) -> Iterable[tuple[int, Any]]:
        """Look at the light in images of the sample."""
        self._writer.record_facts(is_learning=True)
        strategy = self._sample_strategy(deadly=False)
        return strategy.run(self._job_for(strategy).look_at_light, items, self._workers)

    def _estimate_sample(self) -> None:
        """Estimate from the images of the sample of which nothing is known, as far as needed."""
        table, tried = self._writer.sample, set[str]()
        if self._job.check_content:
            forget_changed(self._writer)
        while not self._stop.is_set():
            wanted = asked(table.candidates())
            left = wanted - tried
            known = table.to_estimate(deadly=self._is_retry) if left else []
            sample = [(key, each) for key, each in known if each.name in left]
            if not sample:
                table.forget_others(wanted)
                return
            tried.update(each.name for _, each in sample)
            self._estimate(sample)

    def _estimate(self, sample: list[tuple[int, Sampled]]) -> None:
        self._writer.record_facts(is_learning=True)
        strategy = self._sample_strategy(deadly=any(each.stage == "worker" for _, each in sample))
        job, tell = self._job_for(strategy), self._watcher.on_step
        if len(sample) == 1 and self._writer.pending_count() == 1:
            job = replace(job, is_of_one=True)

        def estimate(items: list[PlannedImage]) -> Iterator[tuple[int, Any]]:
            found = strategy.run(job.estimate, items, self._workers)
            return telling(self._with_large(found, "ESTIMATE", strategy), tell, "looked at")

        estimate_sample(self._writer, sample, estimate)

    def _with_large(
        self, outcomes: Iterator[tuple[int, Any]], step: str, strategy: Strategy | None
    ) -> Iterator[tuple[int, Any]]:
        """Have the parts of large images spread over the workers, where they are on a cluster."""
        if self._choice is None or strategy is None or not strategy.is_remote:
            return outcomes
        from . import spread

        workers = max(self._choice.workers, strategy.facts["worker_processes"])
        job = self._job_for(strategy)
        return spread.with_large(
            outcomes, getattr(spread, step), job, strategy, workers, self._stop
        )

    def _sample_strategy(self, *, deadly: bool) -> Strategy:
        if self._choice is not None and self._choice.strategy.isolates_crashes:
            return self._choice.strategy
        lock = self._writer.lock
        died = lock is not None and bool(lock.left_behind)  # the sample may hold what that died of
        return self._isolated() if deadly or died else STRATEGIES["threads"]

    def _run_pending(self) -> None:
        self._run(
            self._writer.pending(), self._writer.pending_count(), self._choice, self._announce
        )

    def _announce(self, choice: Choice) -> None:
        if not choice.strategy.in_process:
            self._kept.clear()
        self._tally.workers = choice.workers if choice.strategy.parallel else 1
        self._writer.record_facts(strategy=choice.as_dict())
        self._watcher.on_choice(choice)

    def _run(
        self,
        items: Iterable[PlannedImage],
        count: int,
        choice: Choice | None,
        on_choice: Callable[[Choice], None] | None = None,
    ) -> None:
        keys: dict[int, tuple[int, str | None]] = {}
        outcomes = run_over(
            self._until_stopped(items, keys), count, self._steps_for, choice,
            lambda measured, remaining: choose_from(
                measured, remaining, workers=self._workers, function=self._job.find,
                memory_bytes=self._ceiling_bytes,
            ),
            on_choice=on_choice,
        )  # fmt: skip
        strategy = choice.strategy if choice else None
        with self._writer.explained(), contextlib.closing(outcomes):
            for index, outcome in self._with_large(outcomes, "FIND", strategy):
                self._record(*keys.pop(index), outcome)
        self._commit()  # what comes next asks the run file what is left, and may end the process

    def _until_stopped(
        self, items: Iterable[PlannedImage], keys: dict[int, tuple[int, str | None]]
    ) -> Iterator[PlannedImage]:
        for index, item in enumerate(items):
            if self._stop.is_set():
                return
            by = self._learned_by
            keys[index] = item.key, by(item.path, item.channel, item.plate) if by else None
            yield item

    def _steps_for(self, strategy: Strategy | None) -> Steps:
        """Return what to do with an image: threads share a budget, processes have a part each.

        It is read and counted in one step, unless a pilot measures both, or all are read first.
        """
        job = self._job_for(strategy)
        if strategy is None or strategy.loads_first:
            return job.load, job.find
        is_alone = strategy.isolates_crashes or strategy.is_remote
        return _same, job.count if is_alone else Grouped(job)

    def _job_for(self, strategy: Strategy | None) -> Job:
        if strategy is not None and strategy.is_remote:
            return self._job.elsewhere(self._limits.max_memory_bytes)
        if strategy is None or (strategy.in_process and not strategy.loads_first):
            threads = self._workers if strategy is None or strategy.parallel else 1
            budget = Budget(self._ceiling_bytes)
            return self._job.in_process(budget, self._stop, self._kept, threads)
        return self._job if strategy.loads_first else self._job.in_one_of(self._workers)

    def _record(self, key: int, learned: str | None, outcome: Outcome | Lost | None) -> None:
        if outcome is None or (isinstance(outcome, Lost) and self._stop.is_set()):
            return  # stays pending
        if isinstance(outcome, Lost):
            self._lost.append(key)
            outcome = Failed("worker", outcome.reason)
        is_new = isinstance(outcome, Failed) and not self._writer.failed_before(key)
        self._unwritten.append((key, outcome, learned))
        self._unwritten_nuclei += len(outcome.centres) if isinstance(outcome, Found) else 0
        self._done += 1
        self._uncommitted += 1
        due = time.monotonic() - self._committed_at > _COMMIT_EVERY_S
        if due or self._uncommitted >= _COMMIT_EVERY_IMAGES:
            self._commit()
        elif len(self._unwritten) >= _WRITE_IMAGES or self._unwritten_nuclei >= _WRITE_NUCLEI:
            self._write()
        self._watcher.on_outcome(outcome)
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

    def _write(self) -> None:
        """Write the outcomes that have come since the last time."""
        self._writer.record_all(self._unwritten)
        for _, outcome, _ in self._unwritten:
            self._tally.add(outcome)
        self._unwritten.clear()
        self._unwritten_nuclei = 0

    def _commit(self) -> None:
        self._write()
        self._writer.commit()
        self._writer.record_facts(**self._start.facts(self._done))
        for key in self._lost:
            if self._writer.lock is not None:
                self._writer.lock.unmark(key)
        self._lost.clear()
        self._committed_at, self._uncommitted = time.monotonic(), 0


def _same(item: PlannedImage) -> PlannedImage:
    return item
