"""How many items go into a task of a cluster: about two seconds of work, as it is measured."""

import math

LEAST, MOST = 16, 256
"""Items of the first task, and the most of any. Larger: fewer messages, and more lost with a
worker."""
_TASK_S = 2.5
"""Seconds that a task is to take. Larger: fewer messages, progress in larger steps."""
_LEAST_S = 0.1
"""Seconds that the last tasks take at least; below that messages cost more than cores that idle."""
_MOST_BYTES = 64_000_000
"""Bytes that the results of a task may take."""
_WEIGHT = 0.3
"""Weight of the newest task in the mean time of an item. Larger: follows changes sooner."""
_ROUNDS_LEFT = 2
"""Rounds of tasks over all workers that what is left is cut into. Larger: smaller tasks at the
end."""


class TaskSize:
    """The size of the next task, from what the tasks so far took."""

    def __init__(self) -> None:
        self._item_s = self._item_bytes = 0.0
        self.used: dict[str, int] = {}
        """The least, the most and the last items of a task, once there was one."""

    def learn(self, count: int, *, seconds: float, size_bytes: int) -> None:
        """Take in that a task of `count` items took that long and returned that much."""
        weight = _WEIGHT if self._item_s else 1.0
        self._item_s += weight * (seconds / count - self._item_s)
        self._item_bytes = max(self._item_bytes, size_bytes / count)

    def seconds_of(self, count: int) -> float:
        """Return how long a task of `count` items should take; without end before any came back."""
        return count * self._item_s if self._item_s else math.inf

    def next(self, remaining: int | None, workers: int) -> int:
        """Return the size of the next task.

        When few items are left for so many workers, tasks become smaller
        (guided self-scheduling, Polychronopoulos and Kuck 1987), so that all
        workers end together.
        """
        size = MOST if self._item_s else LEAST
        if self._item_s:
            size = min(size, max(LEAST, int(_TASK_S / self._item_s)))
        if self._item_bytes:
            size = min(size, int(_MOST_BYTES / self._item_bytes))
        if remaining is not None:
            least = int(_LEAST_S / self._item_s) if self._item_s else 1
            size = min(size, max(least, remaining // (_ROUNDS_LEFT * workers)))
        size = max(1, size)
        used = self.used
        used |= {"least": min(used.get("least", size), size),
                 "most": max(used.get("most", size), size), "last": size}  # fmt: skip
        return size
