"""Compares detected centres with the truth: precision, recall, F1 and count error of a set."""

import csv
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, NucensusError
from .model import Points
from .neighbours import pairs_within
from .read import SUFFIXES, read
from .store import Run

_RESAMPLES = 2000
_SEED = 0

Truth: TypeAlias = Path | NDArray[np.float64]
"""What is true of a field: its label image, or (row, column) of each nucleus, shape (N, 2)."""


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
class Scores:
    """How well a set was done.

    Attributes
    ----------
    precision, recall, f1 : Interval
        Of all nuclei of the set together, 0 to 1.
    count_error : Interval
        Mean over the fields of the absolute difference of the counts, in nuclei.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    count_error: Interval


@dataclass(frozen=True, slots=True)
class Evaluation(Scores):
    """How well a set was done, and each field of it.

    Attributes
    ----------
    fields : tuple of FieldScore
        Worst first: most misses and false positives.
    """

    fields: tuple[FieldScore, ...]


def evaluate(fields: Mapping[str, FieldScore], *, confidence: float = 0.95) -> Evaluation:
    """Sum up the fields of a set.

    Parameters
    ----------
    fields : mapping of str to FieldScore
        The score of each field.
    confidence : float
        Share of the resampled sets inside the intervals, 0 to 1.
    """
    if not fields:
        raise ValueError("there are no fields to evaluate; expected one or more with a truth")
    scores = [fields[name] for name in sorted(fields)]
    table = np.array([(len(s.hits), s.detection_count, s.nucleus_count) for s in scores])
    summary = sum_up(table, confidence=confidence)
    worst = sorted(scores, key=lambda s: (-len(s.misses) - len(s.false_positives), s.name))
    return Evaluation(
        summary.precision, summary.recall, summary.f1, summary.count_error, tuple(worst)
    )


def sum_up(counts: NDArray[Any], *, confidence: float = 0.95) -> Scores:
    """Return the scores of a set from the counts of each field.

    The intervals are percentiles over 2000 sets of fields drawn with
    replacement, the same ones every time.

    Parameters
    ----------
    counts : ndarray of int, shape (fields, 3)
        Hits, detections and nuclei of each field.
    confidence : float
        Share of the resampled sets inside the intervals, 0 to 1.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    errors = np.abs(counts[:, 1] - counts[:, 2])
    table = np.column_stack((counts, errors)).astype(np.float64)
    draws = np.random.default_rng(_SEED).integers(0, len(table), (_RESAMPLES, len(table)))
    samples = np.array([_summary(table[draw]) for draw in draws])
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(samples, tails, axis=0)
    values = _summary(table)
    return Scores(*map(Interval, values, low.tolist(), high.tolist()))


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
    under = _labels_under(points, labels)
    is_hit = _is_first(under)
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
    detections, nuclei, _ = pairs_within(found, true, radius_px)
    hit, seen = np.zeros(len(found), bool), np.zeros(len(true), bool)
    for detection, nucleus in _matched(zip(detections, nuclei, strict=True)):
        hit[detection] = seen[nucleus] = True
    return FieldScore(name, found[hit], true[~seen], found[~hit])


def count_hits(
    points: Points, truth: NDArray[Any], first: Iterable[int], *, radius_px: float | None
) -> list[int]:
    """Return how many hits the first so many detections hold, as if there were no others.

    Parameters
    ----------
    points : ndarray, shape (N, 2)
        (row, column) of each detection, in pixels.
    truth : ndarray
        A label image, or (row, column) of each nucleus if `radius_px` is given.
    first : iterable of int
        How many detections count, several times.
    radius_px : float or None
        Greatest distance from a true centre, in pixels.
    """
    if radius_px is None:
        hits = np.append(0, np.cumsum(_is_first(_labels_under(points, truth))))
        return [int(hits[count]) for count in first]
    detections, nuclei, _ = pairs_within(points, truth, radius_px)
    pairs = list(zip(detections.tolist(), nuclei.tolist(), strict=True))
    return [sum(1 for _ in _matched(p for p in pairs if p[0] < count)) for count in first]


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


def score_run(
    run: Run, truth: str | os.PathLike[str], *, radius_px: float = 10
) -> dict[str, FieldScore]:
    """Score the nuclei of a run, field by field.

    Parameters
    ----------
    run : Run
    truth : path
        A folder of label images that are named as the images are, or a CSV file
        of true centres with the columns image, y and x, in pixels. Every field
        of the truth counts; one that the run did not do is all misses.
    radius_px : float
        How far from a true centre a nucleus may be, where `truth` is a table.

    Returns
    -------
    dict of str to FieldScore
        The score of each field, by its name without folder and ending.

    Raises
    ------
    InputError
        `truth` holds no field of the run, or a table without these columns, a
        label image cannot be read or has another shape than its image, or two
        images of the run have the name of one field.
    """
    known = read_truth(truth)
    shapes = _shapes_of(run, known, os.fspath(truth))
    found = {
        field_name(name): np.column_stack((nuclei["y"], nuclei["x"]))
        for name, nuclei in run.nuclei_by_image()
    }
    none = np.empty((0, 2), np.int64)
    return {
        name: score_against_labels(
            name, found.get(name, none), _read_labels(true, shapes.get(name))
        )
        if isinstance(true, Path)
        else score_against_points(name, found.get(name, none), true, radius_px=radius_px)
        for name, true in known.items()
    }


def _shapes_of(
    run: Run, truth: dict[str, Truth], spelled: str
) -> dict[str, tuple[int, int] | None]:
    """Return the shape of each image of the run that has a truth; None if it failed."""
    shapes: dict[str, tuple[int, int] | None] = {}
    name = "A01_s1"
    for image, height, width in run.rows("name", "height", "width"):
        name = field_name(image)
        if name in shapes:
            raise InputError(
                f"several images of the run are called {name}; expected one for each field of the "
                f"truth; evaluate runs of one folder, or of one plane, each with its own truth"
            )
        if name in truth:
            shapes[name] = None if height is None else (height, width)
    if not shapes:
        raise InputError(
            f"{spelled!r} holds no field of the run; expected label images, or rows, "
            f"named as the images of the run are, such as {name!r}"
        )
    return shapes


def _read_labels(path: Path, shape: tuple[int, int] | None) -> NDArray[Any]:
    try:
        labels = read(path)
    except NucensusError as error:
        raise InputError(f"{os.fspath(path)!r} is no label image: {error}") from error
    if labels.shape != (shape or labels.shape):
        raise InputError(
            f"the label image {os.fspath(path)!r} has shape {labels.shape} and its image {shape}; "
            f"expected the same; take the label image of the image that was counted"
        )
    return labels


def read_truth(truth: str | os.PathLike[str]) -> dict[str, Truth]:
    """Return what is known of each field, by its name without folder and ending.

    Parameters
    ----------
    truth : path
        A folder of label images, or a CSV file with the columns image, y and x.

    Raises
    ------
    InputError
        It is a file that is no such table.
    """
    path = Path(truth)
    if path.is_dir():
        return {field_name(each.name): each for each in sorted(path.iterdir()) if _is_image(each)}
    return dict(_read_centres(path))


def field_name(name: str) -> str:
    """Return the name of an image without its folder and ending."""
    stem, ending = os.path.splitext(os.path.basename(name))
    return stem if ending.lower() in SUFFIXES else stem + ending


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _read_centres(path: Path) -> dict[str, NDArray[np.float64]]:
    centres: dict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            for row in csv.DictReader(file):
                centres[field_name(row["image"])].append((float(row["y"]), float(row["x"])))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{os.fspath(path)!r} cannot be read as true centres ({error!r}); expected a CSV file "
            f"with the columns image, y and x"
        ) from error
    return {name: np.array(points) for name, points in centres.items()}


def _labels_under(points: Points, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the label under each point, 0 outside the image."""
    nearest = np.rint(points).astype(np.int64).reshape(-1, 2)
    inside = ((nearest >= 0) & (nearest < labels.shape)).all(axis=1)
    under = np.zeros(len(nearest), np.int64)
    under[inside] = labels[tuple(nearest[inside].T)]
    return under


def _is_first(under: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which labels, all but 0, come for the first time."""
    _, first = np.unique(under, return_index=True)
    is_first = np.zeros(len(under), bool)
    is_first[first] = True
    is_first[under == 0] = False
    return is_first


def _matched(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of which neither one nor the other was in a pair before."""
    ones: set[int] = set()
    others: set[int] = set()
    for one, other in pairs:
        if one not in ones and other not in others:
            ones.add(one)
            others.add(other)
            yield one, other


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
