import csv
import shlex

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from images import images, settings

import nucensus
from nucensus import Settings, kernel
from nucensus.cli.tune_parameters import command
from nucensus.errors import InputError
from nucensus.score.agreement import (
    count_hits,
    evaluate,
    score_against_labels,
    score_against_points,
    score_run,
)
from nucensus.values.synthetic import make_field


def _disc_labels(field):
    labels = np.zeros(field.image.shape, np.uint16)
    y, x = np.indices(labels.shape)
    for number, (cy, cx) in enumerate(field.centres, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 8**2] = number
    return labels


@pytest.fixture(scope="module")
def set_with_truth(tmp_path_factory):
    """Six fields of three wells, the truth as label images and as a table."""
    folder = tmp_path_factory.mktemp("set")
    for name in ("plate", "labels"):
        (folder / name).mkdir()
    rows = [("image", "y", "x")]
    for place, well in enumerate(("A01", "A01", "B02", "B02", "C03", "C03")):
        field = make_field(place, shape=(200, 260), nuclei=14)
        name = f"{well}_s{place % 2 + 1}.tif"
        tifffile.imwrite(folder / "plate" / name, field.image)
        tifffile.imwrite(folder / "labels" / name, _disc_labels(field))
        rows += [(name, y, x) for y, x in field.centres]
    with open(folder / "truth.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@limits(max_examples=150, deadline=None)
@given(image=images(contents=("noise", "few levels", "blobs", "saturated", "steps")),
       looks=settings(), share=st.floats(0, 1))  # fmt: skip
def test_the_centres_of_a_higher_threshold_are_the_first_of_those_of_a_lower(image, looks, share):
    if image.dtype.kind == "f":
        image = image.astype(np.float64)
    points, values = kernel.find_maxima(image, threshold_abs=-1e9, **looks)
    threshold = float(np.quantile(values, share)) if len(values) else 0.0
    higher, _ = kernel.find_maxima(image, threshold_abs=threshold, **looks)
    np.testing.assert_array_equal(higher, points[: np.count_nonzero(values > threshold)])


def test_hits_of_the_first_detections_are_those_of_a_run_that_found_no_others():
    rng = np.random.default_rng(0)
    labels = np.kron(np.arange(48).reshape(6, 8) % 3 * np.arange(48).reshape(6, 8), np.ones((9, 9)))
    labels = labels.astype(int)
    points, true = rng.integers(0, (54, 72), (60, 2)), rng.uniform(0, (54, 72), (25, 2))
    first = [0, 1, 7, 30, 60]
    by_labels = count_hits(points, labels, first, radius_px=None)
    by_points = count_hits(points, true, first, radius_px=6)
    for k, a, b in zip(first, by_labels, by_points, strict=True):
        assert a == len(score_against_labels("", points[:k], labels).hits)
        assert b == len(score_against_points("", points[:k], true, radius_px=6).hits)


@pytest.mark.parametrize("truth", ["labels", "truth.csv"])
def test_the_numbers_that_are_found_score_as_was_said(set_with_truth, truth, tmp_path):
    plate, known = set_with_truth / "plate", set_with_truth / truth
    tuned = nucensus.tune_parameters(plate, known, radius_px=8)
    assert tuned.settings.detector == "maxima"
    assert tuned.settings.border == "keep"
    assert tuned.training.f1.value > 0.9
    with nucensus.census(plate, tmp_path / "run", tuned.settings) as run:
        scored = evaluate(score_run(run, known, radius_px=8))
    assert scored.f1 == tuned.training.f1
    assert scored.count_error == tuned.training.count_error
    with nucensus.census(plate, tmp_path / "auto") as run:
        assert evaluate(score_run(run, known, radius_px=8)).f1 == tuned.automatic.f1
    assert (tuned.grouped_by, tuned.group_count, tuned.field_count) == ("well", 3, 6)


def test_wells_left_out_are_scored_with_numbers_they_had_no_part_in(set_with_truth, tmp_path):
    for path in (set_with_truth / "plate").iterdir():
        gain = {"A01": 1, "B02": 1, "C03": 4}[path.name[:3]]
        tifffile.imwrite(tmp_path / path.name, tifffile.imread(path) * np.uint16(gain))
    tuned = nucensus.tune_parameters(tmp_path, set_with_truth / "labels", sigma=[3],
                                     min_distance=[6], threshold=[600, 5000])  # fmt: skip
    assert tuned.settings.threshold == 600
    assert tuned.held_out is not None
    alone = nucensus.tune_parameters(
        [tmp_path / "C03_s1.tif", tmp_path / "C03_s2.tif"], set_with_truth / "labels",
        sigma=[3], min_distance=[6], threshold=[600, 5000],
    )  # fmt: skip
    assert alone.held_out is None
    assert alone.left_out["A01_s1"] == "no image"


def test_held_out_scores_are_lower_where_wells_need_other_numbers(set_with_truth, tmp_path):
    for path in (set_with_truth / "plate").iterdir():
        image = tifffile.imread(path).astype(np.float64)
        tifffile.imwrite(tmp_path / path.name, image * {"A": 1, "B": 10, "C": 100}[path.name[0]])
    tuned = nucensus.tune_parameters(tmp_path, set_with_truth / "labels")
    assert tuned.held_out is not None
    assert tuned.held_out.f1.value < tuned.training.f1.value


def test_where_not_every_name_tells_a_well_images_are_left_out_one_by_one(set_with_truth, tmp_path):
    for folder in ("plate", "labels"):
        (tmp_path / folder).mkdir()
        for old, new in (("A01_s1", "A01_s1"), ("A01_s2", "A01_s2"), ("B02_s1", "control")):
            path = set_with_truth / folder / f"{old}.tif"
            (tmp_path / folder / f"{new}.tif").write_bytes(path.read_bytes())
    tuned = nucensus.tune_parameters(tmp_path / "plate", tmp_path / "labels", sigma=[3],
                                     min_distance=[6], threshold=[600])  # fmt: skip
    assert (tuned.grouped_by, tuned.group_count, tuned.field_count) == ("image", 3, 3)


@pytest.mark.parametrize("tried", [{}, {"sigma": [3.0], "threshold": [1000.0625, 1000.1234567]}])
def test_tune_parameters_prints_a_command_that_works(set_with_truth, tried):
    plate, labels = str(set_with_truth / "plate"), str(set_with_truth / "labels")
    options = [f"--{name}={','.join(map(str, values))}" for name, values in tried.items()]
    result = CliRunner().invoke(command, [plate, labels, *options])
    assert result.exit_code == 0, result.output
    assert "6 images of 3 wells" in result.output
    for line in ("on these images", "on wells left out", "without any parameter"):
        assert line in result.output
    words = shlex.split(result.output.splitlines()[-1])
    assert words[:3] == ["nucensus", "detect", plate]
    numbers = dict(word[2:].split("=") for word in words if word.startswith("--"))
    assert set(numbers) == {"sigma", "min-distance", "threshold", "border"}
    assert Settings(
        sigma=float(numbers["sigma"]), min_distance=int(numbers["min-distance"]),
        threshold=float(numbers["threshold"]), border=numbers["border"],
    ) == nucensus.tune_parameters(plate, labels, **tried).settings  # fmt: skip


def test_a_best_number_at_the_edge_of_what_was_tried_is_said(set_with_truth):
    plate, labels = str(set_with_truth / "plate"), str(set_with_truth / "labels")
    result = CliRunner().invoke(
        command, [plate, labels, "--sigma", "3", "--min-distance", "4", "--threshold", "1500,3000"]
    )
    assert "The best threshold, 1500, is the least that was tried" in result.output
    assert "The best sigma" not in result.output


def test_what_cannot_be_used_is_left_out_and_said(set_with_truth, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    for path in (set_with_truth / "labels").iterdir():
        known = tifffile.imread(path)
        tifffile.imwrite(labels / path.name, known[:50] if path.name == "A01_s1.tif" else known)
    (labels / "B02_s1.tif").unlink()
    (labels / "B02_s2.tif").write_bytes(b"no image")
    tuned = nucensus.tune_parameters(set_with_truth / "plate", labels)
    assert tuned.field_count == 3
    assert "(50, 260)" in tuned.left_out["A01_s1"]
    assert tuned.left_out["B02_s1.tif"] == "no truth"
    assert "B02_s2" in tuned.left_out


def test_a_truth_of_other_images_and_images_without_nuclei_are_refused(set_with_truth, tmp_path):
    (tmp_path / "other.csv").write_text("image,y,x\nother.tif,3,4\n")
    with pytest.raises(InputError, match="holds no field of the images"):
        nucensus.tune_parameters(set_with_truth / "plate", tmp_path / "other.csv")
    (tmp_path / "blank").mkdir()
    image = np.random.default_rng(0).normal(200, 5, (100, 120)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "blank" / "A01_s1.tif", image)
    with pytest.raises(InputError, match="nothing that looks like nuclei"):
        nucensus.tune_parameters(tmp_path / "blank", set_with_truth / "labels")
    with pytest.raises(InputError, match="expected a whole number of pixels"):
        nucensus.tune_parameters(
            set_with_truth / "plate", set_with_truth / "labels", min_distance=[2.5]
        )
    with pytest.raises(InputError, match="two images are called A01_s1"):
        nucensus.tune_parameters(
            [tmp_path / "blank", set_with_truth / "plate"], set_with_truth / "labels"
        )


def test_volumes_are_not_offered(set_with_truth):
    plate, labels = str(set_with_truth / "plate"), str(set_with_truth / "labels")
    assert CliRunner().invoke(command, [plate, labels, "--volume"]).exit_code == 2
    with pytest.raises(InputError, match="in planes only"):
        nucensus.tune_parameters(plate, labels, plane=nucensus.Plane(z="volume"))


def test_a_truth_in_three_dimensions_is_no_truth_of_planes(set_with_truth, tmp_path):
    (tmp_path / "truth.csv").write_text("image,z,y,x\nA01_s1.tif,0,3,4\n")
    with pytest.raises(InputError, match="says the plane z"):
        nucensus.tune_parameters(set_with_truth / "plate", tmp_path / "truth.csv")
