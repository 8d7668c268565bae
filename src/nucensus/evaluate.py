"""Compares detected centres with the truth: precision, recall, F1 and count error of a set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import Points

_RESAMPLES = 2000
_SEED = 0


@dataclass(frozen=True, slots=True)
class FieldScore:
    """What was found in one field, each as (row, column) of shape (N, 2).

    Attributes
    ----------
    name : str
        The field.
    hits : ndarray of float64
        Detections that match a nucleus no other detection matches.
    misses : ndarray of float64
        Centres of nuclei without a detection.
    false_positives : ndarray of float64
        Detections without a nucleus of their own.
    """

    name: str
    hits: NDArray[np.float64]
    misses: NDArray[np.float64]
    false_positives: NDArray[np.float64]

    @property
    def detection_count(self) -> int:
        """How many detections there were."""
        return len(self.hits) + len(self.false_positives)

    @property
    def nucleus_count(self) -> int:
        """How many nuclei there are in truth."""
        return len(self.hits) + len(self.misses)

    @property
    def count_error(self) -> int:
        """Detections less nuclei."""
        return self.detection_count - self.nucleus_count

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there is nothing to find or found."""
        return _ratio(2 * len(self.hits), self.detection_count + self.nucleus_count)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its bootstrap confidence interval over fields."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a set was done.

    Attributes
    ----------
    precision, recall, f1 : Interval
        Of all nuclei of the set together, 0 to 1.
    count_error : Interval
        Mean over the fields of the absolute difference of the counts, in nuclei.
    fields : tuple of FieldScore
        Worst first: most misses and false positives.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    count_error: Interval
    fields: tuple[FieldScore, ...]


def evaluate(fields: Mapping[str, FieldScore], *, confidence: float = 0.95) -> Evaluation:
    """Sum up the fields of a set.

    The intervals are percentiles over 2000 sets of fields drawn with
    replacement, the same ones every time.

    Parameters
    ----------
    fields : mapping of str to FieldScore
        The score of each field.
    confidence : float
        Share of the resampled sets inside the intervals, 0 to 1.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    if not fields:
        raise ValueError("there are no fields to evaluate; expected one or more with a truth")
    scores = [fields[name] for name in sorted(fields)]
    table = np.array(
        [(len(s.hits), s.detection_count, s.nucleus_count, abs(s.count_error)) for s in scores],
        np.float64,
    )
    draws = np.random.default_rng(_SEED).integers(0, len(table), (_RESAMPLES, len(table)))
    samples = np.array([_summary(table[draw]) for draw in draws])
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(samples, tails, axis=0)
    values = _summary(table)
    precision, recall, f1, count_error = map(Interval, values, low.tolist(), high.tolist())
    worst = sorted(scores, key=lambda s: (-len(s.misses) - len(s.false_positives), s.name))
    return Evaluation(precision, recall, f1, count_error, tuple(worst))


def score_against_labels(name: str, points: Points, labels: NDArray[Any]) -> FieldScore:
    """Score detections against a label image: a hit is the first detection in a nucleus.

    Parameters
    ----------
    name : str
        The field.
    points : ndarray, shape (N, 2)
        (row, column) of each detection, in pixels; those outside the image are false.
    labels : ndarray of int, shape (rows, columns)
        0 background, any other number a nucleus.
    """
    nearest = np.rint(points).astype(np.int64).reshape(-1, 2)
    inside = ((nearest >= 0) & (nearest < labels.shape)).all(axis=1)
    under = np.zeros(len(nearest), np.int64)
    under[inside] = labels[tuple(nearest[inside].T)]
    _, first = np.unique(under, return_index=True)
    is_hit = np.zeros(len(nearest), bool)
    is_hit[first] = True
    is_hit &= under != 0
    numbers, centres = _label_centres(labels)
    missed = ~np.isin(numbers, under)
    at = np.asarray(points, np.float64).reshape(-1, 2)
    return FieldScore(name, at[is_hit], centres[missed], at[~is_hit])


def score_against_points(
    name: str, points: Points, truth: NDArray[Any], *, radius_px: float
) -> FieldScore:
    """Score detections against true centres: matched one to one, the nearest pairs first.

    Parameters
    ----------
    name : str
        The field.
    points, truth : ndarray, shape (N, 2)
        (row, column) of each detection and of each nucleus, in pixels.
    radius_px : float
        Greatest distance of a pair, in pixels.
    """
    found = np.asarray(points, np.float64).reshape(-1, 2)
    true = np.asarray(truth, np.float64).reshape(-1, 2)
    distance = np.hypot(*(found[:, None, :] - true[None, :, :]).transpose(2, 0, 1))
    pairs = np.argwhere(distance <= radius_px)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distance[tuple(pairs.T)]))
    hit, seen = np.zeros(len(found), bool), np.zeros(len(true), bool)
    for detection, nucleus in pairs[order]:
        if not hit[detection] and not seen[nucleus]:
            hit[detection] = seen[nucleus] = True
    return FieldScore(name, found[hit], true[~seen], found[~hit])


def evaluate_labels(
    detections: Mapping[str, Points],
    truth: Mapping[str, Path],
    *,
    read: Callable[[Path], NDArray[Any]],
) -> Evaluation:
    """Evaluate a set against a label image for each field; a field not detected in is all misses.

    Parameters
    ----------
    detections : mapping of str to ndarray, shape (N, 2)
        (row, column) of the detections, by field.
    truth : mapping of str to Path
        The label image of each field that counts.
    read : callable
        Reads a label image.
    """
    none = np.empty((0, 2), np.int64)
    return evaluate(
        {
            name: score_against_labels(name, detections.get(name, none), read(path))
            for name, path in truth.items()
        }
    )


def _summary(table: NDArray[np.float64]) -> tuple[float, float, float, float]:
    hits, detections, nuclei, errors = table.sum(axis=0)
    return (
        _ratio(hits, detections),
        _ratio(hits, nuclei),
        _ratio(2 * hits, detections + nuclei),
        errors / len(table),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0


def _label_centres(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    rows, columns = np.nonzero(labels)
    numbers, place = np.unique(labels[rows, columns], return_inverse=True)
    counts = np.maximum(np.bincount(place, minlength=len(numbers)), 1)
    sums = [np.bincount(place, axis, minlength=len(numbers)) for axis in (rows, columns)]
    return numbers, np.stack([s / counts for s in sums], axis=1)
