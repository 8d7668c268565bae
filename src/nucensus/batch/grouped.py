"""Count small images a few at a time: all are read, then all are counted, under one mark.

Where an image is read, counted, and then the next one, each step finds the processor's caches full
of the code of the others: images of 64 x 64 pixels took a quarter longer.
"""

import contextlib
import functools
import itertools
import operator
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..execute import Strategy
from ..values import Found, Outcome, PlannedImage
from .budget import Budget
from .divided import Divided
from .job import Job

_MOST_IMAGES, _MOST_BYTES = 16, 256 << 10
"""Images of a group, and bytes of their files. Larger: faster by little, more is done again after a
crash."""
_SMALL_BYTES = 64 << 10
"""Memory of an image that takes nothing from the budget. Larger: fewer images are counted alone."""
_QUICK_S = 0.002
"""Seconds that an image takes, up to which the next ones are a group. Larger: outcomes come later,
and a crash loses more of them."""


class Grouped:
    """Count images, small ones in groups.

    Parameters
    ----------
    job : Job
        In this process with the budget of all threads.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._of_group = replace(job, budget=job.budget and _FreeForSmall(job.budget))

    def __call__(self, planned: PlannedImage) -> Outcome | Divided | None:
        """Count one image."""
        return self._job.count(planned)

    def run(
        self, strategy: Strategy, images: Iterable[PlannedImage], workers: int
    ) -> Generator[tuple[int, Any], None, None]:
        """Yield the number and the outcome of each image."""
        count_all = functools.partial(self._of_group.count_all, small_bytes=_SMALL_BYTES)
        groups = _Groups(images)
        outcomes = strategy.run(count_all, groups, workers)
        with contextlib.closing(outcomes):  # type: ignore[type-var]  # a generator, of every strategy
            for number, group in outcomes:
                groups.are_quick = _are_quick(group)
                yield from enumerate(group, groups.firsts.pop(number))


class _Groups(Iterator[Sequence[PlannedImage]]):
    """Some images at a time: one, until it is known that they are quick.

    `firsts` has the number of the first image of each group that has no outcome yet.
    """

    def __init__(self, images: Iterable[PlannedImage]) -> None:
        self._images = iter(images)
        self._groups = self._next = 0
        self.firsts: dict[int, int] = {}
        self.are_quick = False

    @property
    def _most(self) -> int:
        return _MOST_IMAGES if self.are_quick else 1

    def __next__(self) -> Sequence[PlannedImage]:
        group = list(self._some())
        if not group:
            raise StopIteration
        self.firsts[self._groups] = self._next
        self._groups += 1
        self._next += len(group)
        return group

    def _some(self) -> Iterator[PlannedImage]:
        room = _MOST_BYTES
        for each in itertools.islice(self._images, self._most):
            yield each
            room -= each.size_bytes
            if room <= 0:
                return

    def __length_hint__(self) -> int:
        return -(-operator.length_hint(self._images) // self._most)


def _are_quick(outcomes: Iterable[Outcome | Divided | None]) -> bool:
    """Tell whether the images that were counted took less than images of a group may."""
    times_ms = [each.read_ms + each.detect_ms for each in outcomes if isinstance(each, Found)]
    return bool(times_ms) and sum(times_ms) < 1e3 * _QUICK_S * len(times_ms)


class _FreeForSmall(Budget):
    """A budget that small images take nothing from: who waits for it may have read some."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self.ceiling_bytes = budget, budget.ceiling_bytes

    def take(self, size_bytes: int) -> None:
        """Wait until there are so many bytes, and take them, if they are many."""
        if size_bytes > _SMALL_BYTES:
            self._budget.take(size_bytes)

    def give_back(self, size_bytes: int) -> None:
        """Leave these bytes to the others."""
        if size_bytes > _SMALL_BYTES:
            self._budget.give_back(size_bytes)
