"""Match detected centres with true ones, one to one: as many pairs as there can be.

The number of pairs is that of a maximum matching; the nearest pairs come first, so that
they are given up only where that makes a pair more.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..values.neighbours import pairs_within


def match_points(
    found: NDArray[Any], true: NDArray[Any], radius_px: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which detections are matched, and which true centres.

    Parameters
    ----------
    found, true : ndarray, shapes (N, ndim) and (M, ndim)
        Coordinates in pixels.
    radius_px : float
        Greatest distance of a pair.

    Examples
    --------
    The detection in the middle goes to the farther centre, because the other one has no other:

    >>> found, true = np.array([[0, 4], [0, 0]]), np.array([[0, 3], [0, 7]])
    >>> match_points(found, true, 3)
    (array([ True,  True]), array([ True,  True]))
    """
    in_found, in_true, _ = pairs_within(found, true, radius_px)
    matching = _Matching(len(found), len(true), in_found, in_true)
    matching.take(zip(in_found.tolist(), in_true.tolist(), strict=True))
    for place, partner in enumerate(matching.of_found):
        if partner < 0:
            matching.add(place)
    return np.array(matching.of_found) >= 0, np.array(matching.of_true) >= 0


def count_matched(found: NDArray[Any], true: NDArray[Any], radius_px: float) -> NDArray[np.int64]:
    """Return how many of the first 0, 1, ... N detections can be matched, shape (N + 1,)."""
    in_found, in_true, _ = pairs_within(found, true, radius_px)
    matching = _Matching(len(found), len(true), in_found, in_true)
    return np.cumsum([0, *map(matching.add, range(len(found)))])


class _Matching:
    """Pairs that grow by one at a time along augmenting paths.

    References
    ----------
    Berge, "Two theorems in graph theory", PNAS 43, 1957.
    """

    def __init__(
        self,
        found_count: int,
        true_count: int,
        in_found: NDArray[np.int64],
        in_true: NDArray[np.int64],
    ) -> None:
        order = np.argsort(in_found, kind="stable")
        near = in_true[order].tolist()
        ends = np.searchsorted(in_found[order], np.arange(found_count + 1)).tolist()
        self._near = [near[start:end] for start, end in pairwise(ends)]
        self.of_found = [-1] * found_count
        self.of_true = [-1] * true_count
        self._closed = bytearray(true_count)  # from these no path leads to one that is free

    def take(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Take each pair of which both are free."""
        for one, other in pairs:
            if self.of_found[one] < 0 and self.of_true[other] < 0:
                self.of_found[one], self.of_true[other] = other, one

    def add(self, found: int) -> bool:
        """Match one more detection, moving others where they have a choice."""
        came_from: dict[int, int] = {}
        reached = [found]
        for one in reached:
            for other in self._near[one]:
                if other in came_from or self._closed[other]:
                    continue
                came_from[other] = one
                if self.of_true[other] < 0:
                    self._augment(other, came_from)
                    return True
                reached.append(self.of_true[other])
        for other in came_from:
            self._closed[other] = True
        return False

    def _augment(self, other: int, came_from: dict[int, int]) -> None:
        while other >= 0:
            one = came_from[other]
            self.of_true[other] = one
            self.of_found[one], other = other, self.of_found[one]
