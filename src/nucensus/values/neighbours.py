"""Distances between points: each one's nearest neighbour, and the pairs within a radius."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 300
"""Up to so many points, all pairs at once are faster than a sweep."""

_FEW_PAIRS = 1 << 14
"""Up to so many pairs of two sets, all at once are faster than cells."""

_MOST_CELLS = 1 << 18
"""Along an axis: those of three axes can be numbered."""


def nearest_distances(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return the distance from each point to the nearest other one.

    Parameters
    ----------
    points : ndarray, shape (N, ndim)
        Coordinates, in any unit.

    Returns
    -------
    ndarray of float64, shape (N,)
        In that unit; infinity for a point that is alone.

    Examples
    --------
    >>> nearest_distances(np.array([[0, 0], [3, 4], [3, 6]]))
    array([5., 2., 2.])
    """
    located = np.asarray(points, np.float64)
    if len(located) <= _FEW:
        squared = _squared_distances(located, located)
        np.fill_diagonal(squared, np.inf)
        nearest: NDArray[np.float64] = np.sqrt(squared.min(axis=1, initial=np.inf))
        return nearest
    along = int(np.ptp(located, axis=0).argmax())
    order = np.argsort(located[:, along])
    located, best = located[order], np.full(len(located), np.inf)
    _sweep(located, best, along)
    _sweep(-located[::-1], best[::-1], along)
    result = np.empty_like(best)
    result[order] = best
    return result


def _sweep(located: NDArray[np.float64], best: NDArray[np.float64], along: int) -> None:
    """Lower `best` to the distance of each point to the nearest of those behind it.

    The points are sorted along the axis `along`. Each is compared with the next
    one, the one after that, ... until that axis alone is farther than its best:
    about the square root of their number times.
    """
    open_, step = np.arange(len(located)), 0
    while len(open_):
        step += 1
        open_ = open_[open_ + step < len(located)]
        open_ = open_[located[open_ + step, along] - located[open_, along] < best[open_]]
        offset = located[open_ + step] - located[open_]
        best[open_] = np.minimum(best[open_], np.sqrt((offset**2).sum(axis=1)))


def pairs_within(
    a: NDArray[Any], b: NDArray[Any], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return every pair of a point of `a` and one of `b` that are at most `radius` apart.

    Parameters
    ----------
    a, b : ndarray, shapes (N, ndim) and (M, ndim)
        Coordinates in pixels.
    radius : float
        In pixels.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        Place in `a`, place in `b` and distance of each pair, the closest first;
        equal distances in the order of `a`, then of `b`.

    Examples
    --------
    >>> pairs_within(np.array([[0, 0], [9, 9]]), np.array([[9, 8], [0, 0]]), 2)
    (array([0, 1]), array([1, 0]), array([0., 1.]))
    """
    if not (len(a) and len(b)):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    if len(a) * len(b) <= _FEW_PAIRS:
        return _pairs_of_few(a, b, radius)
    parts = [_pairs_between(a, b, *each, radius) for each in _windows(a, b, radius)]
    in_a, in_b, distance = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((in_b, in_a, distance))
    return in_a[order], in_b[order], distance[order]


def _pairs_of_few(
    a: NDArray[Any], b: NDArray[Any], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    distances = np.sqrt(_squared_distances(a, b))
    in_a, in_b = np.nonzero(distances <= radius)
    distance = distances[in_a, in_b]
    order = np.argsort(distance, kind="stable")
    return in_a[order], in_b[order], distance[order]


def _squared_distances(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    squared = np.zeros((len(a), len(b)))
    for of_a, of_b in zip(a.T, b.T, strict=True):
        offset = np.subtract.outer(of_a, of_b)
        squared += offset * offset
    return squared


def _windows(
    a: NDArray[Any], b: NDArray[Any], radius: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield an order of `b`, and for each of `a` from where to where in it points may be near.

    The points are sorted into cells as wide as the radius; those of three cells
    in a row lie behind each other.
    """
    low = np.minimum(a.min(axis=0), b.min(axis=0))
    extent = float(np.maximum(a.max(axis=0), b.max(axis=0)).max() - low.min())
    width = max(radius * (1 + 1e-9), extent / _MOST_CELLS) or 1.0
    cells_a, cells_b = (np.floor((each - low) / width).astype(np.int64) for each in (a, b))
    sides = np.maximum(cells_a.max(axis=0), cells_b.max(axis=0)) + 3
    strides = np.append(np.cumprod(sides[:0:-1])[::-1], 1)
    keys_a, keys_b = cells_a @ strides, cells_b @ strides
    order = np.argsort(keys_b, kind="stable")
    keys_b = keys_b[order]
    for steps in product((-1, 0, 1), repeat=a.shape[1] - 1):
        middle = keys_a + np.dot(steps, strides[:-1]).astype(np.int64)
        yield (
            order,
            np.searchsorted(keys_b, middle - 1),
            np.searchsorted(keys_b, middle + 1, "right"),
        )


def _pairs_between(
    a: NDArray[Any], b: NDArray[Any], order: NDArray[np.int64], start: NDArray[np.int64],
    stop: NDArray[np.int64], radius: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
    count = stop - start
    in_a = np.repeat(np.arange(len(a)), count)
    within = np.arange(len(in_a)) - np.repeat(np.cumsum(count) - count, count)
    in_b = order[np.repeat(start, count) + within]
    distance = np.sqrt(((a[in_a] - b[in_b]) ** 2).sum(axis=1))
    near = distance <= radius
    return in_a[near], in_b[near], distance[near]
