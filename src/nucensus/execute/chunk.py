"""Some items of a task on a cluster, and the workers that were given them."""

import time
from dataclasses import field
from typing import TYPE_CHECKING, Any

from .._dataclass import dataclass

if TYPE_CHECKING:
    from distributed import Future

_LEAST_BLAMED, _MOST_BLAMED_SHARE = 3, 0.1
"""Items that others could do, and their share of all that a worker did, from which on it is used no
more. Smaller: a passing fault of a disk costs a worker."""


@dataclass(slots=True, eq=False)
class Chunk:
    """Some items with their indices, and what became of them so far.

    Attributes
    ----------
    items : list of (index, item)
    deaths : int
        How many workers died with them.
    tried : dict of str to list
        The outcomes on the workers on which every item failed, by their addresses.
    twin : Chunk or None
        The same items, given to a second worker because the first takes too long.
    future : distributed.Future or None
    since_s : float
        When they were sent, by `time.monotonic`.
    """

    items: list[tuple[int, Any]]
    deaths: int = 0
    tried: dict[str, list[Any]] = field(default_factory=dict)
    twin: "Chunk | None" = None
    future: "Future | None" = None
    since_s: float = field(default_factory=time.monotonic)

    def after_a_death(self) -> list["Chunk"]:
        """Return what to do next: the same in a subprocess, then halves of it, down to one item."""
        deaths, half = self.deaths + 1, len(self.items) // 2
        if deaths == 1 or not half:
            return [Chunk(self.items, deaths)]
        return [Chunk(self.items[:half], deaths), Chunk(self.items[half:], deaths)]

    def again(self) -> "Chunk":
        """Return the same items, to be sent once more."""
        return Chunk(self.items, self.deaths, self.tried)

    def failed_outcomes(self) -> list[tuple[int, Any]]:
        """Return the index of each item, and its outcome where it failed first."""
        first = next(iter(self.tried.values()))
        return [(index, outcome) for (index, _), outcome in zip(self.items, first, strict=True)]

    @property
    def is_done(self) -> bool:
        """Whether its worker has done it; that its outcomes are here is another thing."""
        return self.future is not None and self.future.status == "finished"

    def release(self) -> None:
        """Let the scheduler forget the chunk, and a worker that has not begun it too."""
        if self.future is not None:
            self.future.release()
            self.future = None


@dataclass(slots=True)
class Worker:
    """A worker process, and the tasks that it was given, the oldest first.

    Attributes
    ----------
    threads : int
    chunks : list of Chunk
    job : distributed.Future or None
        Its copy of the work, once it was sent.
    done, blamed : int
        How many items it did; how many failed there that another worker could do.
    """

    threads: int
    chunks: list[Chunk] = field(default_factory=list)
    job: "Future | None" = None
    done: int = 0
    blamed: int = 0

    @property
    def load(self) -> float:
        """How many tasks there are for each thread."""
        return len(self.chunks) / self.threads

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do."""
        return all(chunk.is_done for chunk in self.chunks)

    @property
    def is_at_fault(self) -> bool:
        """Whether it fails where others do not."""
        return self.blamed >= max(_LEAST_BLAMED, _MOST_BLAMED_SHARE * self.done)
