import shutil
import tracemalloc

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from stated_runs import some_centres, write_run

import nucensus
from nucensus import Plane, Settings
from nucensus.cli.evaluate import command
from nucensus.errors import InputError
from nucensus.score.agreement import (
    evaluate,
    score_against_labels,
    score_against_points,
    score_run,
)
from nucensus.score.evaluate_run import evaluate_run
from nucensus.score.intervals import FIELDS_AT_ONCE, sum_up
from nucensus.score.matching import count_matched, match_points
from nucensus.score.truth import read_truth
from nucensus.values import Centres, Failed

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


def test_as_many_pairs_are_matched_as_there_can_be():
    # The nearest pair, (10, 13) and (10, 14), would leave the others without a partner.
    truth = np.array([[10.0, 10], [10, 14], [30, 30]])
    points = np.array([[10, 13], [10, 17], [30, 36]])
    field = score_against_points("a", points, truth, radius_px=4)
    np.testing.assert_array_equal(field.hits, [[10, 13], [10, 17]])
    np.testing.assert_array_equal(field.misses, [[30, 30]])
    np.testing.assert_array_equal(field.false_positives, [[30, 36]])
    none = score_against_points("a", np.empty((0, 2)), truth, radius_px=5)
    assert len(none.misses) == 3


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("side", [1, 8, 40, 400])
def test_the_matching_is_the_largest_for_every_number_of_detections(ndim, side):
    scipy = pytest.importorskip("scipy.sparse.csgraph")
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(ndim * side)
    for count, true_count in ((0, 5), (40, 60), (120, 90)):
        found = rng.uniform(0, side, (count, ndim)).round(1)
        true = rng.uniform(0, side, (true_count, ndim)).round(1)
        near = np.linalg.norm(found[:, None] - true, axis=2) <= 5

        def largest(first, near=near):
            graph = sparse.csr_array(near[:first])
            return (scipy.maximum_bipartite_matching(graph, perm_type="column") >= 0).sum()

        hit, seen = match_points(found, true, 5)
        assert hit.sum() == seen.sum() == largest(count)
        assert count_matched(found, true, 5).tolist() == [largest(k) for k in range(count + 1)]


def test_a_nucleus_is_found_by_what_is_at_most_ten_pixels_away_if_nothing_else_is_said(tmp_path):
    run = write_run(tmp_path / "run", {"a": Centres(np.array([[50, 50]]), np.array([1.0]))})
    for x, hits in ((60, 1), (60.5, 0)):
        (tmp_path / "truth.csv").write_text(f"image,y,x\na,50,{x}\n")
        assert len(score_run(run, tmp_path / "truth.csv")["a"].hits) == hits
        assert len(score_run(run, tmp_path / "truth.csv", radius_px=10.5)["a"].hits) == 1


def test_a_hundred_thousand_centres_are_matched():
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 10_000, (100_000, 2))
    hit, seen = match_points(true[::-1] + rng.uniform(-5, 5, true.shape), true, 8)
    assert hit.sum() == seen.sum() == 100_000


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


def test_intervals_are_those_of_all_draws_at_once():
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 40, (13, 3))
    table = np.column_stack((counts, np.abs(counts[:, 1] - counts[:, 2])))
    draws = np.random.default_rng(0).integers(0, 13, (2000, 13))
    errors = table[draws][:, :, 3].mean(axis=1)
    shares = table[draws][:, :, 0].sum(axis=1) / table[draws][:, :, 1].sum(axis=1)
    known = sum_up(counts)
    for each, samples in ((known.count_error, errors), (known.precision, shares)):
        assert (each.low, each.high) == tuple(
            np.quantile(samples, [(1 - 0.95) / 2, (1 + 0.95) / 2])
        )


def test_intervals_of_more_fields_than_are_held_at_once_are_as_wide_as_statistics_say():
    rng = np.random.default_rng(8)
    counts = rng.poisson(30, (FIELDS_AT_ONCE + 40_000, 3))
    counts[:FIELDS_AT_ONCE, 2] += 60  # how many of these are drawn is most of what varies
    known = sum_up(counts).count_error
    errors = np.abs(counts[:, 1] - counts[:, 2])
    assert known.value == pytest.approx(errors.mean())
    half = 1.96 * errors.std() / np.sqrt(len(counts))
    assert known.high - known.value == pytest.approx(half, rel=0.06)
    assert known.value - known.low == pytest.approx(half, rel=0.06)


def test_a_run_is_evaluated_as_its_scores_are(tmp_path):
    rng = np.random.default_rng(3)
    images = {f"f{n}.tif": some_centres(int(rng.integers(0, 9)), seed=n) for n in range(20)}
    run = write_run(tmp_path / "run", {**images, "bad.tif": Failed("read", "empty")})
    lines = [f"f{rng.integers(22)},{y},{x}" for y, x in rng.integers(0, 100, (90, 2))]
    (tmp_path / "truth.csv").write_text("\n".join(["image,y,x", "bad,3,4", *lines]))
    for every in (False, True):
        scores = score_run(run, tmp_path / "truth.csv", all_fields=every)
        known = evaluate(scores)
        found = evaluate_run(run, tmp_path / "truth.csv", all_fields=every, worst_count=4)
        for name in ("precision", "recall", "f1", "count_error"):
            assert getattr(found, name) == getattr(known, name)
        assert [each.name for each in found.worst] == [each.name for each in known.fields[:4]]
        told = [
            (each["image"], each["missed"], each["false"]) for each in found.tally.worst_first()
        ]
        assert told == [(s.name, len(s.misses), len(s.false_positives)) for s in known.fields]
        assert set(found.tally.lacking()) - {"f20", "f21"} == {"bad"}


def test_a_truth_is_read_field_by_field_in_whatever_order_its_rows_stand(tmp_path):
    rows = ["image,z,y,x", "b.tif,-1,1,2", "a,,3,4", "", "b.tif,,5,6", "c", "a.tif,,7,8,9"]
    (tmp_path / "truth.csv").write_text("\n".join(rows))
    truth = read_truth(tmp_path / "truth.csv")
    assert (list(truth), len(truth), "c" in truth, "d" in truth) == (
        ["b", "a", "c"],
        3,
        True,
        False,
    )
    assert {name: points.tolist() for name, points in truth.items()} == {
        "b": [[1, 2], [5, 6]], "a": [[3, 4], [7, 8]], "c": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        "image;y;x\na,1.tif;3,5;4\nb.tif;5;6,25\n",
        'image;y;x\r\n"a,1.tif";3.5;4\r\nb.tif;5;6.25\r\n',
        "image\ty\tx\na,1.tif\t3.5\t4\nb.tif\t5\t6.25\n",
        '\ufeffimage,y,x\n"a,1.tif",3.5,4\nb.tif,5,6.25\n',
    ],
)
def test_a_truth_is_read_as_spreadsheets_of_any_country_write_it(tmp_path, table):
    (tmp_path / "truth.csv").write_bytes(table.encode())
    truth = read_truth(tmp_path / "truth.csv")
    assert {name: points.tolist() for name, points in truth.items()} == {
        "a,1": [[3.5, 4]], "b": [[5, 6.25]],
    }  # fmt: skip


def test_an_image_that_is_called_like_a_number_with_a_comma_keeps_its_name(tmp_path):
    (tmp_path / "truth.csv").write_text("image;y;x\n1,2;3,5;4\n")
    truth = read_truth(tmp_path / "truth.csv")
    assert {name: points.tolist() for name, points in truth.items()} == {"1,2": [[3.5, 4]]}


def test_a_number_with_a_comma_is_not_guessed_at_where_commas_divide_cells(tmp_path):
    (tmp_path / "truth.csv").write_text('image,y,x\na.tif,"1,234",4\n')
    with pytest.raises(InputError, match="1,234"):
        read_truth(tmp_path / "truth.csv")


def test_planes_of_a_truth_are_read_with_blanks_around_them(tmp_path):
    (tmp_path / "truth.csv").write_text("image,z,y,x\na, ,3,4\nb, 2 ,5,6\n")
    truth = read_truth(tmp_path / "truth.csv")
    assert {name: points.tolist() for name, points in truth.items()} == {
        "a": [[3, 4]], "b": [[2, 5, 6]],
    }  # fmt: skip


def test_a_row_that_says_less_changes_nothing_of_the_others_of_its_image(tmp_path):
    table = tmp_path / "truth.csv"
    many = "".join(f"a.tif,{n},{n % 7},-1\n" for n in range(9000))
    table.write_text(f"image,y,x,z\n{many}a.tif,3,4\na.tif,,,\na.tif,5,6,\nb.tif,1,2,\n")
    truth = read_truth(table)
    assert list(truth) == ["a", "b"]
    assert truth["a"].tolist() == [*([n, n % 7] for n in range(9000)), [3, 4], [5, 6]]
    table.write_text("image,y,x\na.tif,1,2\na.tif,inf,2\n")
    with pytest.raises(InputError, match=r"a nucleus of 'a.tif' lies at \(inf, 2"):
        read_truth(table)


def test_ten_times_the_truth_takes_no_more_memory(tmp_path):
    def peak(fields):
        with open(tmp_path / "truth.csv", "w") as file:
            file.write("image,y,x\n")
            file.writelines(f"field-{n // 20:07d}.tif,{n},{n}\n" for n in range(20 * fields))
        tracemalloc.start()
        try:
            assert len(read_truth(tmp_path / "truth.csv")) == fields
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(1000) < peak(100) + 900 * 20  # a name alone is as much


def test_a_field_without_detections_is_all_misses():
    evaluation = evaluate({"a": score_against_labels("a", np.empty((0, 2), np.int64), LABELS)})
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
    with pytest.raises(
        InputError, match=r"A01_s1\.tif' cannot be read as a label image \(the file does not"
    ):
        score_run(run, labels)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("250,90", "'a' has 1 nucleus outside of its image of 100 x 120 pixels"),
        ("-30,9", r"as at \(-30, 9\)"),
        ("nan,9", "a nucleus of 'a.tif' lies at"),
        ("inf,9", "a nucleus of 'a.tif' lies at"),
    ],
)
def test_a_true_centre_that_is_nowhere_in_its_image_is_refused(tmp_path, row, reason):
    run = write_run(tmp_path / "run", {"a.tif": some_centres(3)})
    (tmp_path / "truth.csv").write_text(f"image,y,x\na.tif,100,120\na.tif,{row}\n")
    with pytest.raises(InputError, match=reason):
        score_run(run, tmp_path / "truth.csv")


def test_two_label_images_of_one_field_are_refused(tmp_path):
    for name in ("a.tif", "a.tiff"):
        tifffile.imwrite(tmp_path / name, LABELS)
    with pytest.raises(InputError, match="both called like one field"):
        read_truth(tmp_path)


def test_images_without_a_truth_are_said_first(tmp_path):
    write_run(tmp_path / "run", {f"{n}.tif": some_centres(3) for n in "abc"}).close()
    (tmp_path / "truth.csv").write_text("image,y,x\na.tif,7,8\n")
    said = CliRunner().invoke(command, [str(tmp_path / "run"), str(tmp_path / "truth.csv")]).output
    assert said.startswith("Without a truth: 2 of 3 images; not scored.")


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


def test_a_row_without_a_place_is_a_field_without_nuclei(tmp_path, plate, volume):
    for run, name in ((nucensus.census(plate), "A01_s1"), (volume, "v")):
        count = len(run.nuclei_of(f"{name}.tif"))
        (tmp_path / "truth.csv").write_text(f"image,y,x\n{name}.tif,,\n")
        [score] = score_run(run, tmp_path / "truth.csv").values()
        assert list(map(len, (score.hits, score.misses, score.false_positives))) == [0, 0, count]


def test_images_that_failed_are_scored_only_with_all(tmp_path, plate):
    shutil.copytree(plate, tmp_path / "in")
    (tmp_path / "in" / "a.tif").write_text("no picture")
    (tmp_path / "truth.csv").write_text("image,y,x\na,3,4\nA01_s1,3,4\n")
    run = nucensus.census(tmp_path / "in", tmp_path / "run")
    run.close()
    with nucensus.Run(tmp_path / "run") as run:
        assert score_run(run, tmp_path / "truth.csv").keys() == {"A01_s1"}
        every = score_run(run, tmp_path / "truth.csv", all_fields=True)
        assert len(every["a"].misses) == 1
    arguments = [str(tmp_path / "run"), str(tmp_path / "truth.csv")]
    said = CliRunner().invoke(command, arguments).output
    assert said.startswith("Not done in the run: 1 of 2 images of the truth, such as 'a'")


def test_where_every_image_failed_all_is_missed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tif").write_text("no picture")
    (tmp_path / "truth.csv").write_text("image,y,x\na,3,4\n")
    run = nucensus.census(tmp_path / "in")
    with pytest.raises(InputError, match="failed in the run"):
        score_run(run, tmp_path / "truth.csv")
    scores = score_run(run, tmp_path / "truth.csv", all_fields=True)
    assert evaluate(scores).recall.value == 0


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


VOLUME = np.array([[6, 40, 40], [22, 40, 40], [14, 20, 20]])


@pytest.fixture
def volume(tmp_path):
    """A run of one volume with three nuclei, and a plane with one."""
    plane = Centres(np.array([[7, 8]]), np.array([1.0]))
    images = {
        "v.tif": (Centres(VOLUME, np.array([3.0, 2, 1])), {"depth": 30}),
        "p.tif": plane,
    }
    return write_run(tmp_path / "run", images)


@pytest.mark.parametrize(("shift", "f1"), [(0, 1), (2, 1), (3, 0), (-6, 0)])
def test_centres_in_other_planes_are_not_hits(tmp_path, volume, shift, f1):
    rows = [f"v.tif,{z + shift},{y},{x}" for z, y, x in VOLUME]
    (tmp_path / "truth.csv").write_text("\n".join(["image,z,y,x", *rows]))
    evaluation = evaluate(score_run(volume, tmp_path / "truth.csv", radius_px=2))
    assert evaluation.f1.value == f1


def test_label_volumes_are_compared_in_three_dimensions(tmp_path, volume):
    (tmp_path / "labels").mkdir()
    for shift, hits in ((0, 3), (9, 0)):
        labels = np.zeros((30, 100, 120), np.uint8)
        for number, (z, y, x) in enumerate(VOLUME, start=1):
            z = (z + shift) % 30
            labels[max(0, z - 2) : z + 3, y - 4 : y + 5, x - 4 : x + 5] = number
        tifffile.imwrite(tmp_path / "labels" / "v.tif", labels, metadata={"axes": "ZYX"})
        field = score_run(volume, tmp_path / "labels")["v"]
        assert (len(field.hits), len(field.misses)) == (hits, 3 - hits)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["image,y,x", "v.tif,40,40"], "a column z"),
        (["image,z,y,x", "v.tif,,40,40"], "a column z"),
        (["image,z,y,x", "p.tif,0,7,8"], "counted as one plane"),
        (["image,z,y,x", "v.tif,6,40,40", "v.tif,,40,40"], "of some nuclei of 'v'"),
    ],
)
def test_a_truth_with_other_axes_than_the_image_is_refused(tmp_path, volume, lines, reason):
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=reason):
        score_run(volume, tmp_path / "truth.csv")


def test_a_flat_label_image_is_no_truth_of_a_volume(tmp_path, volume):
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "v.tif", np.ones((100, 120), np.uint8))
    with pytest.raises(InputError, match=r"v\.tif"):
        score_run(volume, tmp_path / "labels")


def test_the_tables_of_a_run_are_its_own_truth(tmp_path, volume):
    nucensus.export_run(volume, "csv", tmp_path / "tables")
    evaluation = evaluate(score_run(volume, tmp_path / "tables" / "nuclei.csv", radius_px=0.5))
    assert evaluation.f1.value == 1
    assert len(evaluation.fields) == 2


def test_images_of_the_truth_that_the_run_lacks_are_said_first_and_not_scored(tmp_path):
    centres = Centres(np.array([[7, 8]]), np.array([1.0]))
    images = {"a.tif": centres, "failed.tif": Failed("read", "empty"), "later.tif": None}
    write_run(tmp_path / "run", images).close()
    rows = [f"{name}.tif,7,8" for name in ("a", "failed", "later", "gone")]
    (tmp_path / "truth.csv").write_text("\n".join(["image,y,x", *rows]))
    arguments = [str(tmp_path / "run"), str(tmp_path / "truth.csv")]
    some = CliRunner().invoke(command, arguments).output
    assert some.startswith("Not done in the run: 3 of 4 images of the truth, such as 'failed'")
    assert " 1.0000" in some.split("recall")[1][:20]
    every = CliRunner().invoke(command, [*arguments, "--all"]).output
    assert " 0.2500" in every.split("recall")[1][:20]
    assert "scored as missed" in every


def test_planes_of_a_stack_are_drawn(tmp_path):
    stack = np.random.default_rng(0).normal(100, 2, (3, 60, 80))
    y, x = np.mgrid[:60, :80]
    stack[1] += 900 * np.exp(-((y - 30) ** 2 + (x - 20) ** 2) / 40)
    tifffile.imwrite(
        tmp_path / "stack.tif", stack.astype(np.uint16), imagej=True, metadata={"axes": "ZYX"}
    )
    settings = Settings(sigma=2, threshold=300, border="keep")
    nucensus.census(tmp_path / "stack.tif", tmp_path / "run", settings, plane=Plane(z="each"))
    (tmp_path / "truth.csv").write_text("image,y,x\nstack.tif[z=1],30,20\n")
    arguments = [str(tmp_path / "run"), str(tmp_path / "truth.csv")]
    result = CliRunner().invoke(command, [*arguments, "--pictures", str(tmp_path / "worst")])
    assert result.exit_code == 0, result.output
    drawn = (tmp_path / "worst" / "stack.tif[z=1].svg").read_text()
    assert "data:image/webp" in drawn
    assert "1 hits" in drawn


@pytest.mark.usefixtures("volume")
def test_volumes_are_drawn_from_above(tmp_path):
    rows = [f"v.tif,{z},{y},{x}" for z, y, x in VOLUME]
    (tmp_path / "truth.csv").write_text("\n".join(["image,z,y,x", *rows]))
    arguments = [str(tmp_path / "run"), str(tmp_path / "truth.csv")]
    result = CliRunner().invoke(command, [*arguments, "--pictures", str(tmp_path / "worst")])
    assert result.exit_code == 0, result.output
    drawn = (tmp_path / "worst" / "v.svg").read_text()
    assert drawn.count("M") >= 3
