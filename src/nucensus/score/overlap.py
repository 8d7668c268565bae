"""Compares outlines with label images: F1 by overlap, mean overlap, aggregated Jaccard index."""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..store import Run
from .agreement import with_truth
from .tally import Tally
from .truth import read_labels, read_truth

OVERLAPS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Intersections over union from which on an outline is that of a nucleus."""


@dataclass(frozen=True, slots=True)
class OutlineScores:
    """How well the outlines of a set of fields are those of the truth.

    Attributes
    ----------
    f1 : dict of float to float
        Of all nuclei of the set, one to one, by the intersection over union (IoU) that a hit has
        at least; at 0.5 more than that, so that no nucleus has two.
    mean_iou : float
        Of the hits at 0.5; NaN if there is none.
    aji : float
        Mean over the fields of the aggregated Jaccard index: all pixels that a nucleus and the
        outline that fits it best share, over all that either of them has, and those of outlines
        that fit none best.

    References
    ----------
    Kumar et al., IEEE Trans. Medical Imaging 36, 2017 (AJI).
    """

    f1: dict[float, float]
    mean_iou: float
    aji: float


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Which pixels outlines and true nuclei of a field share.

    Attributes
    ----------
    found, true : int
        How many outlines and nuclei there are.
    iou : ndarray of float64, shape (pairs,)
        Intersection over union of each pair that shares pixels.
    aji : float
    """

    found: int
    true: int
    iou: NDArray[np.float64]
    aji: float

    @classmethod
    def of(cls, found: NDArray[Any], true: NDArray[Any]) -> "Overlaps":
        """Compare two label images of one shape; 0 is background."""
        numbers_found, of_found = np.unique(np.append(0, found), return_inverse=True)
        numbers_true, of_true = np.unique(np.append(0, true), return_inverse=True)
        of_found, of_true = of_found[1:], of_true[1:]
        areas_found = np.bincount(of_found, minlength=len(numbers_found))
        areas_true = np.bincount(of_true, minlength=len(numbers_true))
        both = (of_found > 0) & (of_true > 0)
        pairs, shared = np.unique(
            of_true[both] * len(numbers_found) + of_found[both], return_counts=True
        )
        nucleus, outline = np.divmod(pairs, len(numbers_found))
        union = areas_true[nucleus] + areas_found[outline] - shared
        iou = shared / union
        best = np.lexsort((-iou, nucleus))
        best = best[np.append(True, np.diff(nucleus[best]) > 0)[: len(best)]]
        unfit, unseen = (
            np.delete(areas, np.append(0, fit)).sum()
            for areas, fit in ((areas_found, outline[best]), (areas_true, nucleus[best]))
        )
        all_pixels = union[best].sum() + unfit + unseen
        aji = float(shared[best].sum() / all_pixels) if all_pixels else 1.0
        return cls(len(numbers_found) - 1, len(numbers_true) - 1, iou, aji)


def score_outlines(
    run: Run, truth: str | os.PathLike[str], *, all_fields: bool = False
) -> OutlineScores | None:
    """Score the outlines of a run; None if it has none, or the truth is a table of centres.

    `all_fields` scores fields of the truth that the run lacks or failed on as missed.

    Raises
    ------
    InputError
        As of `score_run`.
    """
    if not run.has_outlines or not os.path.isdir(truth):
        return None
    return sum_up_outlines(_overlaps(run, truth, all_fields=all_fields))


def _overlaps(run: Run, truth: str | os.PathLike[str], *, all_fields: bool) -> Iterator[Overlaps]:
    """Yield how the outlines of each field lie over those of the truth."""
    known, tally = read_truth(truth), Tally()
    for name, image, _ in with_truth(run, os.fspath(truth), known, tally):
        path, is_done = known[name], image is not None and image.shape is not None
        tally.add(name, None, is_done=is_done)
        if isinstance(path, Path) and (is_done or all_fields):
            true = read_labels(path, image)
            found = run.labels_of(image.image) if image is not None and is_done else None
            yield Overlaps.of(np.zeros_like(true) if found is None else found, true)


def sum_up_outlines(fields: Iterable[Overlaps]) -> OutlineScores:
    """Return the scores of a set of fields, of which no more than one is in memory."""
    hits, nuclei, field_count = np.zeros(len(OVERLAPS), np.int64), 0, 0
    iou = aji = 0.0
    for field in fields:
        matched = field.iou[field.iou > OVERLAPS[0]]
        hits += np.array([len(matched), *[int((matched >= least).sum()) for least in OVERLAPS[1:]]])
        nuclei += field.found + field.true
        field_count += 1
        iou += math.fsum(matched)
        aji += field.aji
    f1 = [float(2 * hit / nuclei) if nuclei else 1.0 for hit in hits]
    mean_iou = iou / int(hits[0]) if hits[0] else np.nan
    by_overlap = dict(zip(OVERLAPS, f1, strict=True))
    return OutlineScores(by_overlap, mean_iou, aji / field_count if field_count else np.nan)
