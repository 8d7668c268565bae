"""Compares detected centres with the truth: precision, recall, F1 and count error of a set."""

import os
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import InputError
from ..store import Run, points_of
from ..values import Points
from .field_name import field_name
from .intervals import Scores, ratio, sum_up
from .matching import count_matched, match_points
from .tally import Tally
from .truth import Imaged, Truth, imaged, read_labels, read_truth, refuse_other_axes, refuse_outside


@dataclass(frozen=True, slots=True)
class FieldScore:
    """The detections of one field, each as (row, column), of a volume (plane, row, column).

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
    def counts(self) -> tuple[int, int, int]:
        """How many hits, misses and false positives there are."""
        return len(self.hits), len(self.misses), len(self.false_positives)

    @property
    def count_error(self) -> int:
        """Detections less nuclei."""
        return self.detection_count - self.nucleus_count

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there is nothing to find or found."""
        return ratio(2 * len(self.hits), self.detection_count + self.nucleus_count)


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
    worst = tuple(sorted(scores, key=how_well))
    return Evaluation(summary.precision, summary.recall, summary.f1, summary.count_error, worst)


def how_well(score: FieldScore) -> tuple[int, str]:
    """Return what sorts fields: the worst first, those that are as bad by name."""
    return -len(score.misses) - len(score.false_positives), score.name


def score_against_labels(name: str, points: Points, labels: NDArray[Any]) -> FieldScore:
    """Score detections against a label image: a hit is the first detection in a nucleus.

    Parameters
    ----------
    name : str
        The field.
    points : ndarray, shape (N, 2) or (N, 3)
        (row, column) of each detection, in pixels, in a volume (plane, row, column); those
        outside the image are false.
    labels : ndarray of int, shape (rows, columns) or (planes, rows, columns)
        0 background, any other number a nucleus.
    """
    under = _labels_under(points, labels)
    is_hit = _is_first(under)
    numbers, centres = _label_centres(labels)
    missed = ~np.isin(numbers, under)
    at = np.asarray(points, np.float64).reshape(-1, labels.ndim)
    return FieldScore(name, at[is_hit], centres[missed], at[~is_hit])


def score_against_points(
    name: str, points: Points, truth: NDArray[Any], *, radius_px: float
) -> FieldScore:
    """Score detections against true centres: matched one to one, as many as there can be.

    Parameters
    ----------
    name : str
        The field.
    points, truth : ndarray, shapes (N, ndim) and (M, ndim)
        (row, column) of each detection and of each nucleus, in pixels, in a volume
        (plane, row, column).
    radius_px : float
        Greatest distance of a pair, in pixels; from plane to plane is one, too.
    """
    found, true = np.asarray(points, np.float64), np.asarray(truth, np.float64)
    hit, seen = match_points(found, true, radius_px)
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
    matched = count_matched(points, truth, radius_px)
    return [int(matched[count]) for count in first]


def score_run(
    run: Run, truth: str | os.PathLike[str], *, radius_px: float = 10, all_fields: bool = False
) -> dict[str, FieldScore]:
    """Score the nuclei of a run, field by field.

    Parameters
    ----------
    run : Run
    truth : path
        A folder of label images that are named as the images are, or a CSV file
        of true centres with the columns image, y and x, and z of volumes, in
        pixels and planes.
    radius_px : float
        How far from a true centre a nucleus may be, where `truth` is a table;
        from plane to plane is one pixel, too.
    all_fields : bool
        Whether fields of the truth that the run does not have, has not done
        yet, or failed on are scored as all misses. By default they are left out.

    Returns
    -------
    dict of str to FieldScore
        The score of each field, by its name without folder and ending.

    Raises
    ------
    InputError
        `truth` holds no field of the run, or a table without these columns, a
        label image cannot be read or has another shape than its image, a table
        says planes of an image of one plane, or none of a volume, or two images
        of the run have the name of one field.
    """
    known = read_truth(truth)
    scored = score_fields(run, truth, known, Tally(), radius_px=radius_px, all_fields=all_fields)
    scores = {each.name: each for each in scored}
    return {name: scores[name] for name in known if name in scores}


def score_fields(
    run: Run, truth: str | os.PathLike[str], known: Mapping[str, Truth], tally: Tally, *,
    radius_px: float, all_fields: bool,
) -> Iterator[FieldScore]:  # fmt: skip
    """Yield the scores that `score_run` returns, and note each field of the truth in `tally`."""
    for name, image, points in with_truth(run, os.fspath(truth), known, tally):
        is_done = image is not None and image.shape is not None
        score = None
        if is_done or all_fields:
            score = _score(name, points, known[name], image, radius_px)
            yield score
        tally.add(name, None if score is None else score.counts, is_done=is_done)
    if tally.is_empty():
        raise InputError(
            f"every image that {os.fspath(truth)!r} has a truth of failed in the run; expected one "
            f"that was counted; see its reason, or score them all as missed with --all"
        )


def with_truth(
    run: Run, truth: str, known: Mapping[str, Truth], done: Container[str]
) -> Iterator[tuple[str, Imaged | None, Points | None]]:
    """Yield each field of a truth: its image in the run and what was found there, if it is there.

    First those of the run, in its order; each is in `done` before the next is asked for.
    """
    name, is_any = "A01_s1", False
    for row, nuclei in run.all_images(("name", "status", "plane", "depth", "height", "width")):
        name = field_name(row["name"])
        if name in done:
            raise InputError(
                f"several images of the run are called {name}; expected one for each field of the "
                f"truth; evaluate runs of one folder, or of one plane, each with its own truth"
            )
        if name in known and row["status"] != "pending":
            is_any = True
            yield name, imaged(row), points_of(nuclei) if row["status"] == "found" else None
    if not is_any:
        raise InputError(
            f"{truth!r} holds no field of the run; expected label images, or rows, "
            f"named as the images of the run are, such as {name!r}"
        )
    for name in known:
        if name not in done:
            yield name, None, None


def _score(
    name: str, found: Points | None, truth: Truth, image: Imaged | None, radius_px: float
) -> FieldScore:
    is_labels = isinstance(truth, Path)
    true = read_labels(truth, image) if isinstance(truth, Path) else truth
    axes = true.ndim if is_labels else true.shape[1]
    if image is not None and not is_labels and not len(true):
        axes = 3 if image.is_volume else 2
        true = np.empty((0, axes))
    if image is not None:
        refuse_other_axes(name, axes, image)
    if image is not None and not is_labels:
        refuse_outside(name, true, image, radius_px=radius_px)
    points = np.empty((0, axes), np.int64) if found is None else found
    if is_labels:
        return score_against_labels(name, points, true)
    return score_against_points(name, points, true, radius_px=radius_px)


def _labels_under(points: Points, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the label under each point, 0 outside the image."""
    nearest = np.rint(points).astype(np.int64).reshape(-1, labels.ndim)
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


def _label_centres(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    inside = np.nonzero(labels)
    numbers, place = np.unique(labels[inside], return_inverse=True)
    counts = np.maximum(np.bincount(place, minlength=len(numbers)), 1)
    sums = [np.bincount(place, axis, minlength=len(numbers)) for axis in inside]
    return numbers, np.stack([s / counts for s in sums], axis=1)
