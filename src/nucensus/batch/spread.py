"""Spread the parts of one large image over the workers of a cluster."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import AccessError, ReadError
from ..execute import Lost, Strategy, in_order
from ..read import DividedImage, open_in_parts
from ..remote import keep_query
from ..values import Failed, PlannedImage
from ..values.parts import Area, Parts, WholeNeededError
from .budget import Budget
from .divided import Divided, Opened
from .in_parts import Admitted, estimate_of, found_in, taken
from .job import Estimated, Job
from .part_clock import Clock, UnreadPartError, timed
from .pools import pool_of


class Step(NamedTuple):
    """What is done with an image: in one task, and spread over the workers.

    Attributes
    ----------
    in_one_task : callable
        `in_one_task(job, why_whole, planned)`, on a worker.
    in_parts : callable
        `in_parts(divided, image, spread)`, here: the outcome, or why the image has to be read
        whole.
    """

    in_one_task: Callable[[Job, str, PlannedImage], Any]
    in_parts: "Callable[[Divided, DividedImage, _Spread], Any]"


def _find(job: Job, why_whole: str, planned: PlannedImage) -> Any:
    return job.find(job.load(planned, why_whole))


def _find_in_parts(divided: Divided, image: DividedImage, spread: "_Spread") -> Any:
    job, planned = spread.job, divided.planned
    return found_in(
        divided, image, spread.clock, job.settings,
        pool_of(job.pools, planned.path, planned.channel), threads=spread.workers,
        admit=spread.admit,
    )  # fmt: skip


def _estimate(job: Job, why_whole: str, planned: PlannedImage) -> Any:
    return job.estimate(planned, why_whole)


def _estimate_in_parts(divided: Divided, image: DividedImage, spread: "_Spread") -> Any:
    found = estimate_of(
        image, spread.clock, spread.job.settings, threads=spread.workers, admit=spread.admit
    )
    return found if isinstance(found, str) else Estimated(found.estimate, divided.content)


FIND, ESTIMATE = Step(_find, _find_in_parts), Step(_estimate, _estimate_in_parts)


def with_large(
    outcomes: Iterator[tuple[int, Any]], step: Step, job: Job, strategy: Strategy, workers: int,
    stop: threading.Event,
) -> Iterator[tuple[int, Any]]:  # fmt: skip
    """Yield outcomes; large images come last, and what is begun of them when it is stopped never.

    Each is one task as long as there are as many as workers; the last ones, which are fewer, are
    spread over all workers, one after the other.
    """
    large: list[tuple[int, Divided]] = []
    for index, outcome in outcomes:
        if isinstance(outcome, Divided):
            large.append((index, outcome))
        else:
            yield index, outcome
    spread = len(large) % workers
    alone, last = large[: len(large) - spread], large[len(large) - spread :]
    tasks = [LargeTask(each.planned) for _, each in alone]
    if tasks:
        for number, outcome in strategy.run(_InOneTask(step, job), tasks, workers):
            yield alone[number][0], outcome
    for index, each in last:
        if stop.is_set():
            return
        yield index, _spread(each, step, job, strategy, workers)


class LargeTask(NamedTuple):
    """An image, or parts of it, that are a task of their own."""

    planned: PlannedImage
    size_bytes: int = 0
    parts: Any = None

    @property
    def path(self) -> str:
        """The file."""
        return self.planned.path

    @property
    def fills_task(self) -> bool:
        """Whether no other item goes into the same task."""
        return True


@dataclass(frozen=True, slots=True)
class _InOneTask:
    """What a worker does with an image that is not spread."""

    step: Step
    job: Job
    why_whole: str = ""

    def __call__(self, task: LargeTask) -> Any:
        return self.step.in_one_task(replace(self.job, spreads=False), self.why_whole, task.planned)


def _spread(divided: Divided, step: Step, job: Job, strategy: Strategy, workers: int) -> Any:
    """Return the outcome of an image whose parts are spread; None if that is stopped."""
    assert divided.opened is not None  # by the worker that was given the image first
    opened = divided.opened
    spread = _Spread(divided.planned, opened, job, strategy, workers, Clock())
    parts = Parts(
        opened.shape, opened.dtype, opened.step, lambda area: next(spread(_read, [area])),
        is_decoded=opened.is_decoded, spread=spread,
    )  # fmt: skip
    image = DividedImage(parts, opened.pixel_size, opened.downsample)
    try:
        with divided.unchanged():
            found = step.in_parts(divided, image, spread)
    except _FailedError as error:
        return replace(error.failed, content=divided.content)
    except ReadError as error:
        return Failed.unread(error, divided.content)
    except _StoppedError:
        return None
    if not isinstance(found, str):
        return found
    whole = strategy.run(_InOneTask(step, job, found), [LargeTask(divided.planned)], workers)
    return next((outcome for _, outcome in whole), None)


def _read(plane: Parts, area: Area) -> NDArray[Any]:
    return plane.read(area)


@dataclass(slots=True)
class _Spread:
    """Gives parts of an image to the workers; what a part cannot be done for is raised."""

    planned: PlannedImage
    opened: Opened
    job: Job
    strategy: Strategy
    workers: int
    clock: Clock
    task_bytes: int = 0

    @contextlib.contextmanager
    def admit(
        self, needs: Callable[[int], int], threads: int, may_need_bytes: int
    ) -> Iterator[Admitted]:
        """Have each worker hold the memory that a task takes."""
        self.task_bytes = needs(1)
        yield Admitted(threads, may_need_bytes)

    def __call__(self, work: Callable[[Parts, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield what becomes of each item, in their order."""
        tasks = [LargeTask(self.planned, self.task_bytes, each) for each in items]
        step = _InParts(work, self.opened, self.job.budget)
        done = self.strategy.run(step, tasks, self.workers)
        results = ((number, self._result(outcome)) for number, outcome in done)
        yielded = 0
        try:
            for result in in_order(results):
                yield result
                yielded += 1
            if yielded < len(tasks):
                raise _StoppedError
        except WholeNeededError:
            raise
        except Exception as error:
            self.clock.error = error
            raise UnreadPartError from error

    def _result(self, outcome: "PartDone | WholeNeeded | Failed | Lost") -> Any:
        if isinstance(outcome, Lost):
            raise _FailedError(Failed("worker", outcome.reason))
        if isinstance(outcome, Failed):
            raise _FailedError(outcome)
        if isinstance(outcome, WholeNeeded):
            raise WholeNeededError(outcome.why)
        self.clock.wall_ms += outcome.wall_ms
        self.clock.cpu_ms += outcome.cpu_ms
        return outcome.result


class PartDone(NamedTuple):
    """What became of some parts, and how long reading them took."""

    result: Any
    wall_ms: float
    cpu_ms: float


class WholeNeeded(NamedTuple):
    """Why the image has to be read whole."""

    why: str


@dataclass(frozen=True, slots=True)
class _InParts:
    """What a worker does with some parts of an image."""

    work: Callable[[Parts, Any], Any]
    opened: Opened
    budget: Budget | None

    def __call__(self, task: LargeTask) -> PartDone | WholeNeeded | Failed:
        keep_query(task.path, task.planned.query)
        most_bytes = sys.maxsize if self.budget is None else self.budget.ceiling_bytes
        try:
            with (
                taken(self.budget, most_bytes, task.size_bytes),
                open_in_parts(task.path, task.planned.plane) as image,
            ):
                done = self._done(*timed(image.parts), task.parts)
                self.opened.check_state(task.planned)
                return done
        except AccessError:  # no image of the bucket can be read: that ends the run
            raise
        except Exception as error:  # noqa: BLE001 the worker boundary: a bad file is a row
            return Failed.unread(error)

    def _done(self, parts: Parts, clock: Clock, item: Any) -> PartDone | WholeNeeded | Failed:
        try:
            return PartDone(self.work(parts, item), clock.wall_ms, clock.cpu_ms)
        except UnreadPartError as error:
            raise clock.error or error from None
        except WholeNeededError as why:
            return WholeNeeded(str(why))
        except (Exception, SystemExit) as error:  # noqa: BLE001 a bad image is a row
            return Failed("detect", str(error) or type(error).__name__)


class _FailedError(Exception):
    """Said of an image of which a part could not be done."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.reason)
        self.failed = failed


class _StoppedError(Exception):
    """Said of an image that was not finished because the run is to stop."""
