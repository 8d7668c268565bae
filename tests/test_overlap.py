"""Outlines against true label images."""

import tracemalloc

import numpy as np
import pytest
import tifffile
from commands import run_here as command

import nucensus
from nucensus.score.overlap import Overlaps, score_outlines, sum_up_outlines
from nucensus.values import Settings


def labels_of(*boxes):
    labels = np.zeros((20, 20), int)
    for number, (y, x, height, width) in enumerate(boxes, 5):
        labels[y : y + height, x : x + width] = number
    return labels


def test_scores_are_those_that_follow_from_the_definitions():
    true = labels_of((0, 0, 4, 5), (10, 0, 4, 5), (0, 10, 2, 2))
    found = labels_of((0, 0, 4, 5), (11, 0, 4, 5), (15, 15, 3, 3))
    scores = sum_up_outlines([Overlaps.of(found, true)])
    assert scores.f1 == pytest.approx({0.5: 4 / 6, 0.6: 4 / 6, 0.7: 2 / 6, 0.8: 2 / 6, 0.9: 2 / 6})
    assert scores.mean_iou == pytest.approx((1 + 15 / 25) / 2)
    assert scores.aji == pytest.approx((20 + 15) / (20 + 25 + 4 + 9))


def test_a_half_of_a_nucleus_is_no_hit_so_that_none_has_two():
    true, found = labels_of((0, 0, 4, 4)), labels_of((0, 0, 4, 2), (0, 2, 4, 2))
    assert sum_up_outlines([Overlaps.of(found, true)]).f1[0.5] == 0


def test_the_pairs_are_those_of_the_definition_by_pixels():
    rng = np.random.default_rng(0)
    for _ in range(20):
        true, found = rng.integers(0, 4, (2, 9, 9))
        overlaps = Overlaps.of(found, true)
        expected = [
            ((found == f) & (true == t)).sum() / ((found == f) | (true == t)).sum()
            for t in range(1, 4) for f in range(1, 4) if ((found == f) & (true == t)).any()
        ]  # fmt: skip
        assert overlaps.iou == pytest.approx(expected)


def test_fields_without_nuclei_are_right_if_nothing_is_found():
    none, one = np.zeros((9, 9), int), labels_of((0, 0, 3, 3))[:9, :9]
    assert Overlaps.of(none, none).aji == 1
    assert Overlaps.of(one, none).aji == Overlaps.of(none, one).aji == 0
    assert sum_up_outlines([Overlaps.of(none, none)]).f1[0.9] == 1


def test_fields_are_summed_up_one_by_one():
    def drawn():
        rng = np.random.default_rng(6)
        for _ in range(100):
            yield Overlaps(30_000, 25_000, rng.uniform(0, 1, 20_000), rng.uniform())

    tracemalloc.start()
    try:
        scores = sum_up_outlines(drawn())
        assert tracemalloc.get_traced_memory()[1] < 100 * 20_000 * 8 / 10
    finally:
        tracemalloc.stop()
    iou = np.concatenate([field.iou for field in drawn()])
    assert scores.mean_iou == pytest.approx(iou[iou > 0.5].mean(), rel=1e-12)
    assert scores.f1[0.7] == 2 * (iou >= 0.7).sum() / 5_500_000
    assert scores.aji == pytest.approx(np.mean([field.aji for field in drawn()]), rel=1e-12)


def test_evaluate_says_how_outlines_fit_label_images(tmp_path, fields):
    for folder in ("plate", "truth"):
        (tmp_path / folder).mkdir()
    for site, field in enumerate(fields):
        tifffile.imwrite(tmp_path / "plate" / f"s{site}.tif", field.image)
        truth = nucensus.label_nuclei(field.image).astype(np.uint16)
        tifffile.imwrite(tmp_path / "truth" / f"s{site}.tif", truth)
    with nucensus.census(tmp_path / "plate", tmp_path / "run", Settings(outlines=True)) as run:
        scores = score_outlines(run, tmp_path / "truth")
    assert scores.f1[0.8] > 0.95
    done = command("evaluate", tmp_path / "run", tmp_path / "truth")
    assert f"AJI {scores.aji:.4f}" in done.stdout
    overlaps, f1 = done.stdout.partition("Outlines, one to one")[2].splitlines()[1:3]
    assert overlaps.split() == ["0.5", "0.6", "0.7", "0.8", "0.9"]
    assert f1.split() == ["F1", *(f"{each:.4f}" for each in scores.f1.values())]
    tifffile.imwrite(tmp_path / "truth" / "gone.tif", truth)
    with nucensus.Run(tmp_path / "run") as run:
        assert score_outlines(run, tmp_path / "truth") == scores
        every = score_outlines(run, tmp_path / "truth", all_fields=True)
        assert every.aji == pytest.approx(scores.aji * len(fields) / (len(fields) + 1))
    with nucensus.census(tmp_path / "plate", tmp_path / "bare") as run:
        assert score_outlines(run, tmp_path / "truth") is None
