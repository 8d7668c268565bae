import shutil

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

import nucensus
from nucensus.cli.evaluate import command
from nucensus.errors import InputError
from nucensus.evaluate import (
    evaluate,
    evaluate_labels,
    score_against_labels,
    score_against_points,
    score_run,
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


def test_a_run_is_scored_against_label_images_and_against_a_table(tmp_path, plate, fields):
    run = nucensus.census(plate)
    table = tmp_path / "truth.csv"
    labels = tmp_path / "labels"
    labels.mkdir()
    with open(table, "w") as file:
        file.write("image,y,x\n")
        for site, field in zip((10, 2, 1, 3, 4), fields, strict=True):
            image = np.zeros(field.image.shape, np.uint16)
            for number, (y, x) in enumerate(np.rint(field.centres).astype(int), start=1):
                image[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7] = number
                file.write(f"A01_s{site}.tif,{y},{x}\n")
            tifffile.imwrite(labels / f"A01_s{site}.tif", image)
    for truth in (labels, table):
        found = evaluate(score_run(run, truth, radius_px=8))
        assert len(found.fields) == 5
        assert found.f1.value > 0.9


def test_a_truth_of_other_images_is_refused(tmp_path, plate):
    run = nucensus.census(plate)
    (tmp_path / "truth.csv").write_text("image,y,x\nother.tif,3,4\n")
    with pytest.raises(InputError, match="holds no field of the run"):
        score_run(run, tmp_path / "truth.csv")
    (tmp_path / "truth.csv").write_text("name,y,x\nother.tif,3,4\n")
    with pytest.raises(InputError, match="with the columns image, y and x"):
        score_run(run, tmp_path / "truth.csv")


def test_a_label_image_that_is_not_that_of_its_image_is_refused_by_name(tmp_path, plate):
    run = nucensus.census(plate)
    labels = tmp_path / "labels"
    labels.mkdir()
    tifffile.imwrite(labels / "A01_s1.tif", LABELS)
    with pytest.raises(InputError, match=r"A01_s1\.tif' has shape \(40, 60\) and its image"):
        score_run(run, labels)
    (labels / "A01_s1.tif").write_text("no picture")
    with pytest.raises(InputError, match=r"A01_s1\.tif' is no label image: the file does not"):
        score_run(run, labels)


def test_two_images_of_one_name_are_not_scored_as_one(tmp_path, plate):
    (tmp_path / "truth.csv").write_text("image,y,x\nA01_s1.tif,3,4\n")
    shutil.copytree(plate, tmp_path / "both" / "first")
    shutil.copytree(plate, tmp_path / "both" / "second")
    with pytest.raises(InputError, match="several images of the run are called A01_s1"):
        score_run(nucensus.census(tmp_path / "both"), tmp_path / "truth.csv")


def test_a_table_that_a_spreadsheet_wrote_is_read(tmp_path, plate):
    run = nucensus.census(plate)
    (tmp_path / "truth.csv").write_text("\ufeffimage,y,x\nA01_s1.tif,3,4\n", "utf-8")
    assert score_run(run, tmp_path / "truth.csv").keys() == {"A01_s1"}


def test_where_every_image_failed_all_is_missed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tif").write_text("no picture")
    (tmp_path / "truth.csv").write_text("image,y,x\na,3,4\n")
    run = nucensus.census(tmp_path / "in")
    assert evaluate(score_run(run, tmp_path / "truth.csv")).recall.value == 0


def test_evaluate_prints_the_scores_and_draws_the_worst_fields(tmp_path, plate):
    nucensus.census(plate, tmp_path / "run").close()
    lines = ["image,y,x", *(f"A01_s{site}.tif,50,50" for site in (1, 2))]
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    arguments = [str(tmp_path / "run"), str(tmp_path / "truth.csv")]
    result = CliRunner().invoke(command, [*arguments, "--pictures", str(tmp_path / "worst")])
    assert result.exit_code == 0, result.output
    assert "precision" in result.output
    drawn = sorted((tmp_path / "worst").iterdir())
    assert [path.name for path in drawn] == ["A01_s1.svg", "A01_s2.svg"]
    assert drawn[0].read_text().count('class="rings"') == 3
