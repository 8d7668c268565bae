"""Evaluate a run of any size: of each field numbers are kept, and only the worst as they are."""

import heapq
import os

from .._dataclass import dataclass
from ..store import Run
from .agreement import FieldScore, how_well, score_fields
from .intervals import FIELDS_AT_ONCE, Scores, sum_up_blocks
from .tally import Tally
from .truth import read_truth


@dataclass(frozen=True, slots=True)
class RunEvaluation(Scores):
    """How well a run was done.

    Attributes
    ----------
    worst : tuple of FieldScore
        The worst fields: most misses and false positives.
    tally : Tally
        The numbers of all fields, and which of the truth the run has not done.
    """

    worst: tuple[FieldScore, ...]
    tally: Tally


def evaluate_run(
    run: Run, truth: str | os.PathLike[str], *, radius_px: float = 10, all_fields: bool = False,
    worst_count: int = 10,
) -> RunEvaluation:  # fmt: skip
    """Return what `evaluate` does of `score_run`, but of all fields only `worst_count`.

    `run.on_image` is called for each field of the truth and each image of the run.
    """
    known, tally = read_truth(truth, run.on_image), Tally()
    fields = score_fields(run, truth, known, tally, radius_px=radius_px, all_fields=all_fields)
    worst = heapq.nsmallest(worst_count, fields, how_well)
    scores = sum_up_blocks(tally.counts(FIELDS_AT_ONCE), tally.scored_count())
    figures = scores.precision, scores.recall, scores.f1, scores.count_error
    return RunEvaluation(*figures, tuple(worst), tally)
