import numpy as np
import pytest
import tifffile

from nucensus.evaluate import (
    evaluate,
    evaluate_labels,
    score_against_labels,
    score_against_points,
)

LABELS = np.zeros((40, 60), np.uint16)
LABELS[5:15, 5:15] = 3
LABELS[20:30, 20:30] = 7
LABELS[20:30, 31:40] = 9


def test_a_second_detection_in_a_nucleus_is_false():
    points = np.array([[10, 10], [11, 11], [25, 25], [0, 50], [100, 3]])
    field = score_against_labels("a", points, LABELS)
    np.testing.assert_array_equal(field.hits, [[10, 10], [25, 25]])
    np.testing.assert_array_equal(field.misses, [[24.5, 35]])
    np.testing.assert_array_equal(field.false_positives, [[11, 11], [0, 50], [100, 3]])
    assert (field.detection_count, field.nucleus_count, field.count_error) == (5, 3, 2)
    assert field.f1 == pytest.approx(0.5)


def test_pairs_are_matched_one_to_one_the_nearest_first():
    truth = np.array([[10.0, 10], [10, 14], [30, 30]])
    points = np.array([[10, 13], [10, 15], [30, 36]])
    field = score_against_points("a", points, truth, radius_px=5)
    assert len(field.hits) == 1 + 0 or len(field.hits) == 2
    np.testing.assert_array_equal(field.misses[-1], [30, 30])
    none = score_against_points("a", np.empty((0, 2)), truth, radius_px=5)
    assert len(none.misses) == 3


def test_an_empty_field_without_detections_is_right():
    field = score_against_labels("blank", np.empty((0, 2)), np.zeros((5, 5), int))
    assert field.f1 == 1
    assert evaluate({"blank": field}).precision.value == 1


def test_the_worst_fields_come_first_and_intervals_hold_the_value():
    rng = np.random.default_rng(0)
    fields = {}
    for place in range(12):
        points = np.array([[10, 10], [25, 25], [25, 35]])[: 1 + place % 3]
        wrong = rng.integers(32, 38, (place % 4, 2))
        name = f"f{place:02d}"
        fields[name] = score_against_labels(name, np.concatenate([points, wrong]), LABELS)
    evaluation = evaluate(fields)
    for value in (evaluation.precision, evaluation.recall, evaluation.f1, evaluation.count_error):
        assert value.low <= value.value <= value.high
    errors = [len(one.misses) + len(one.false_positives) for one in evaluation.fields]
    assert errors == sorted(errors, reverse=True)
    assert evaluate(dict(reversed(fields.items()))).f1 == evaluation.f1


def test_a_field_without_detections_is_all_misses(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LABELS)
    truth = {"a": tmp_path / "a.tif"}
    evaluation = evaluate_labels({}, truth, read=tifffile.imread)
    assert evaluation.recall.value == 0
    assert len(evaluation.fields[0].misses) == 3
    with pytest.raises(ValueError, match="no fields"):
        evaluate({})
