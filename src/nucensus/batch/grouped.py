"""Count small images a few at a time: all are read, then all are counted, under one mark.

Where an image is read, counted, and then the next one, each step finds the processor's caches full
of the code of the others: images of 64 x 64 pixels took a quarter longer.
"""

import contextlib
import itertools
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from ..execute import Strategy
from ..values import Outcome, PlannedImage
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

_Group: TypeAlias = tuple[int, Sequence[PlannedImage]]
"""The number of its first image, and the images."""


class Grouped:
    """Count images in this process, small ones in groups.

    Parameters
    ----------
    job : Job
        With the budget of all threads.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._of_group = replace(job, budget=job.budget and _FreeForSmall(job.budget))
        self._are_quick = False

    def __call__(self, planned: PlannedImage) -> Outcome | Divided | None:
        """Count one image."""
        return self._job.count(planned)

    def run(
        self, strategy: Strategy, images: Iterable[PlannedImage], workers: int
    ) -> Generator[tuple[int, Any], None, None]:
        """Yield the number and the outcome of each image."""
        outcomes = strategy.run(self._count, self._groups(iter(images)), workers)
        with contextlib.closing(outcomes):  # type: ignore[type-var]  # a generator, of every strategy
            for _, (first, group) in outcomes:
                yield from enumerate(group, first)

    def _groups(self, images: Iterator[PlannedImage]) -> Iterator[_Group]:
        first = 0
        while group := list(self._next(images)):
            yield first, group
            first += len(group)

    def _next(self, images: Iterator[PlannedImage]) -> Iterator[PlannedImage]:
        room = _MOST_BYTES
        for each in itertools.islice(images, _MOST_IMAGES if self._are_quick else 1):
            yield each
            room -= each.size_bytes
            if room <= 0:
                return

    def _count(self, group: _Group) -> tuple[int, list[Outcome | Divided | None]]:
        first, images = group
        begun = time.perf_counter()
        outcomes = self._of_group.count_all(images, _SMALL_BYTES)
        self._are_quick = time.perf_counter() - begun < _QUICK_S * len(images)
        return first, outcomes


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
