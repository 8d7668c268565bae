"""Nuclei that people corrected: taken back, shown everywhere, and never in silence."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from test_provenance import check

from nucensus import Run, Settings, census, open_run
from nucensus.cli import _nucensus
from nucensus.errors import InputError, RunError
from nucensus.export import export_run
from nucensus.export.wells import well_table
from nucensus.report import write_report
from nucensus.score.read_points import read_points
from nucensus.store import (
    Correction,
    add_corrections,
    describe_corrections,
    read_corrections,
)
from nucensus.tune import Marks
from nucensus.values import ImageRef, Plane, Resume
from nucensus.values.synthetic import make_field

NAMES = ["P_A01_s1.tif", "P_A01_s2.tif", "P_B02_s1.tif"]
SETTINGS = Settings(threshold=600, border="keep")


@pytest.fixture(scope="module", params=["plain", "outlined"])
def counted(tmp_path_factory, request):
    """A run of three fields, and their folder."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "in").mkdir()
    for seed, name in enumerate(NAMES):
        field = make_field(seed, shape=(200, 240), nuclei=9, touching=0)
        tifffile.imwrite(folder / "in" / name, field.image)
    settings = SETTINGS if request.param == "plain" else Settings(outlines=True, subpixel=True)
    census(folder / "in", folder / "run", settings)
    return folder


@pytest.fixture
def folder(counted, tmp_path):
    """A copy of the run."""
    return shutil.copytree(counted / "run", tmp_path / "run")


def _first(folder, name, image):
    folder.mkdir()
    tifffile.imwrite(folder / name, image)


def counts(run):
    return {row["image"]: int(row["count"]) for row in run.images}


def invoke(*arguments):
    return CliRunner().invoke(_nucensus, [str(each) for each in arguments])


def import_points(run, *arguments):
    done = invoke("import", run, *arguments, "--by", "Anna")
    assert done.exit_code == 0, done.output
    return done.output


def exported_by_napari(folder, image=NAMES[0], *, drop=2, add=((50.5, 60.25),)):
    """Export the points of an image, and save them as napari does after they were changed."""
    export_run(Run(folder), "napari", folder / "points")
    path = folder / "points" / f"{image}.csv"
    _, *rows = path.read_text().splitlines()
    places = [row.split(",")[1:3] for row in rows[drop:]] + [list(map(str, each)) for each in add]
    lines = [f"{index}.0,{y},{x}" for index, (y, x) in enumerate(places)]
    path.write_text("\n".join(["index,axis-0,axis-1", *lines]) + "\n")
    return path


def test_points_moved_in_napari_come_back(folder):
    before = counts(Run(folder))
    said = import_points(folder, exported_by_napari(folder))
    count = before[NAMES[0]] - 1
    assert f"{NAMES[0]}: {count} nuclei, {count + 1} counted (1 added, 2 removed)" in said
    assert counts(open_run(folder)) == before | {NAMES[0]: count}
    assert counts(Run(folder)) == before


def test_detections_of_qupath_come_back(folder):
    export_run(Run(folder), "geojson", folder / "q")
    path = folder / "q" / f"{NAMES[1]}.geojson"
    document = json.loads(path.read_text())
    document["features"] = document["features"][1:]
    document["features"].append(
        {"type": "Feature", "properties": {},
         "geometry": {"type": "Polygon",
                      "coordinates": [[[10, 20], [14, 20], [14, 26], [10, 26], [10, 20]]]}}
    )  # fmt: skip
    path.write_text(json.dumps(document))
    before = counts(Run(folder))
    assert "(1 added, 1 removed)" in import_points(folder, path)
    run = open_run(folder)
    assert counts(run) == before
    nuclei = run.nuclei_of(NAMES[1])
    assert (23, 12) in set(zip(nuclei["y"].tolist(), nuclei["x"].tolist(), strict=True))


def square(middle_x, middle_y, half):
    low, high = (middle_x - half, middle_y - half), (middle_x + half, middle_y + half)
    ring = [low, (high[0], low[1]), high, (low[0], high[1]), low]
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]}


def test_of_a_cell_of_qupath_the_nucleus_counts_and_a_region_around_nuclei_is_none(folder):
    cell = {
        "type": "Feature", "properties": {"objectType": "cell"},
        "geometry": square(30.5, 40.5, 12), "nucleusGeometry": square(24.5, 44.5, 3),
    }  # fmt: skip
    drawn = {
        "type": "Feature", "properties": {"objectType": "annotation"},
        "geometry": square(60.5, 20.5, 4),
    }  # fmt: skip
    path = folder / f"{NAMES[1]}.geojson"
    path.write_text(json.dumps([cell, drawn]))
    import_points(folder, path)
    nuclei = open_run(folder).nuclei_of(NAMES[1])
    assert set(zip(nuclei["y"].tolist(), nuclei["x"].tolist(), strict=True)) == {(44, 24), (20, 60)}
    region = {**drawn, "geometry": square(40.5, 40.5, 40)}
    path.write_text(json.dumps([cell, drawn, region]))
    with pytest.raises(InputError, match="a region around 2 nuclei"):
        CliRunner().invoke(
            _nucensus, ["import", str(folder), str(path)], catch_exceptions=False,
            standalone_mode=False,
        )  # fmt: skip


def test_a_round_trip_without_a_change_changes_nothing(folder):
    for to, ending in (("napari", ".csv"), ("geojson", ".geojson")):
        export_run(Run(folder), to, folder / to)
        said = import_points(folder, folder / to / f"{NAMES[0]}{ending}")
        assert "(0 added, 0 removed)" in said
        expected, found = Run(folder).nuclei_of(NAMES[0]), open_run(folder).nuclei_of(NAMES[0])
        np.testing.assert_array_equal(found, expected)


def test_the_truth_of_the_tuner_comes_back_and_evaluate_takes_it(folder):
    truth = folder / "mine.csv"
    truth.write_text(f"image,y,x\n{NAMES[2]},40,50\n{NAMES[2]},90.5,100\n{NAMES[0]},,\n")
    import_points(folder, truth)
    found = counts(open_run(folder))
    assert (found[NAMES[0]], found[NAMES[2]]) == (0, 2)
    (path, _) = export_run(open_run(folder), "truth", folder)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["image"] for row in rows} == {NAMES[0], NAMES[2]}
    assert invoke("evaluate", folder, path).exit_code == 0


def test_tables_wells_and_provenance_say_what_was_corrected(folder, tmp_path):
    import_points(folder, exported_by_napari(folder))
    run = open_run(folder)
    said = run.images["corrected"].tolist()
    assert said[0].startswith("by Anna, 20")
    assert said[0].endswith("(+1, -2)")
    assert said[1:] == ["", ""]
    wells = well_table(run)
    assert wells["Metadata_Corrected"].tolist() == [1, 0]
    assert wells["Nuclei_Count"].sum() == sum(counts(run).values()) == run.counts["nuclei"]
    assert np.isfinite(wells["Nuclei_Intensity_Mean"]).all()
    export_run(run, "csv", tmp_path / "out")
    images = list(csv.DictReader((tmp_path / "out" / "images.csv").read_text().splitlines()))
    assert [row["corrected"] for row in images] == said
    nuclei = list(csv.DictReader((tmp_path / "out" / "nuclei.csv").read_text().splitlines()))
    assert len(nuclei) == run.counts["nuclei"]
    document = json.loads((tmp_path / "out" / "provenance.json").read_text())
    check(document)
    (kept,) = document["corrections"]
    assert (kept["by"], kept["source"]) == ("Anna", f"{NAMES[0]}.csv")
    assert (kept["added"], kept["removed"]) == (1, 2)
    assert "Metadata_Corrected" in invoke("wells", folder, "--csv").output


def test_a_run_that_nobody_corrected_looks_as_before(folder):
    run = open_run(folder)
    assert "corrected" not in run.images.dtype.names
    assert "Metadata_Corrected" not in well_table(run).dtype.names


def test_the_report_says_that_counts_are_corrected(folder, tmp_path):
    import_points(folder, exported_by_napari(folder))
    write_report(open_run(folder), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "1 image was corrected by hand by Anna" in page
    assert "1 nucleus added, 2 removed" in page


@pytest.mark.parametrize(
    "to", ["parquet", "geojson", "napari", "imagej", "labels", "anndata", "wells", "xlsx", "run"]
)
def test_every_export_takes_a_corrected_run(folder, tmp_path, to):
    import_points(folder, exported_by_napari(folder))
    assert export_run(open_run(folder), to, tmp_path / "out")
    if to == "run":
        assert counts(open_run(tmp_path / "out")) == counts(open_run(folder))


def test_a_later_correction_of_an_image_counts_and_the_others_stay(folder):
    import_points(folder, exported_by_napari(folder))
    import_points(folder, exported_by_napari(folder, NAMES[1], drop=0))
    import_points(folder, exported_by_napari(folder, drop=4, add=()))
    assert [each.image for each in read_corrections(folder)] == NAMES[:2]
    assert counts(open_run(folder))[NAMES[0]] == counts(Run(folder))[NAMES[0]] - 4


def test_treatments_and_corrections_go_together(folder, tmp_path):
    import_points(folder, exported_by_napari(folder))
    (tmp_path / "m.csv").write_text("well,compound\nA01,x\nB02,y\n")
    run = open_run(folder, metadata=tmp_path / "m.csv")
    assert [json.loads(each)["compound"] for each in run.images["extra"]] == ["x", "x", "y"]
    assert run.images["corrected"][0]
    assert well_table(run)["Metadata_compound"].tolist() == ["x", "y"]


def test_a_correction_of_a_file_that_changed_is_left_out(folder, counted):
    for name in NAMES[:2]:
        import_points(folder, exported_by_napari(folder, name))
    shutil.copytree(counted / "in", folder.parent / "in")
    image = tifffile.imread(folder.parent / "in" / NAMES[0])
    tifffile.imwrite(folder.parent / "in" / NAMES[0], np.vstack([image, image]))
    run = census(folder.parent / "in", settings=SETTINGS)
    assert run.correct(read_corrections(folder)) == {NAMES[0]: "its file has changed since"}
    assert [each["image"] for each in run.corrections] == [NAMES[1]]


def recounted(folder, counted, *options):
    """Count the images of the run again, with other settings, and return what is said."""
    command = ["detect", counted / "in", "-o", folder, "--overwrite", *options]
    done = invoke(*command, "--sigma", 2, "--threshold", 900)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_run_that_is_counted_again_says_what_becomes_of_its_corrections(folder, counted):
    import_points(folder, exported_by_napari(folder))
    corrected = counts(open_run(folder))[NAMES[0]]
    said = recounted(folder, counted, "--report")
    assert "1 image corrected by hand: nuclei.csv and images.csv hold what was counted" in said
    again = f"1 image corrected by hand was counted again since, with other nuclei ('{NAMES[0]}')"
    assert again in said
    assert counts(open_run(folder))[NAMES[0]] == corrected
    assert again in invoke("wells", folder).output
    page = (folder / "report.html").read_text().replace("&#39;", "'")
    assert again in page
    assert "1 image was corrected by hand by Anna" in page
    import_points(folder, exported_by_napari(folder))
    assert "counted again" not in invoke("wells", folder).output


def test_a_correction_that_is_not_shown_any_more_is_told_everywhere(folder, counted, tmp_path):
    import_points(folder, exported_by_napari(folder))
    images = shutil.copytree(counted / "in", tmp_path / "in")
    tifffile.imwrite(images / NAMES[0], make_field(7, shape=(220, 240), nuclei=9).image)
    census(images, folder, SETTINGS, resume=Resume(overwrite=True))
    why = f"('{NAMES[0]}': its file has changed since)"
    assert why in invoke("wells", folder).output
    invoke("report", folder)
    assert why in (folder / "report.html").read_text().replace("&#39;", "'")


def test_a_volume_is_refused_with_the_reason(tmp_path):
    _first(tmp_path / "in", "stack.tif", np.zeros((5, 40, 40), np.uint16))
    census(tmp_path / "in", tmp_path / "run", Settings(threshold=100), plane=Plane(z="volume"))
    table = tmp_path / "t.csv"
    table.write_text("image,y,x\nstack.tif,1,2\n")
    done = invoke("import", tmp_path / "run", table)
    assert "is a volume of 5 planes" in str(done.exception)
    assert not (tmp_path / "run" / "corrections.json").exists()
    references = [ImageRef("stack.tif", "stack.tif", plane=Plane(z="volume"))]
    with pytest.raises(InputError, match="only images of one plane can be corrected"):
        Marks(tmp_path / "run", references, "Anna")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "x.csv",
            "index,axis-0,axis-1\n0,1,2\n",
            "has the name of no image of the run, or of several",
        ),
        ("P_A01_s1.csv", "a,b\n1,2\n", "its columns are a, b"),
        ("P_A01_s1.csv", "index,axis-0,axis-1\n0,one,2\n", "could not convert"),
        ("P_A01_s1.csv", "index,axis-0,axis-1\n0,nan,2\n", "a nucleus lies at"),
        ("P_A01_s1.csv", "index,axis-0,axis-1\n0,1000,2\n", "lies beside the image"),
        ("P_A01_s1.geojson", "{}", "KeyError"),
        ("P_A01_s1.geojson", "no json", "Expecting value"),
        ("t.csv", "image,y,x\nother.tif,1,2\n", "no image of the run is called so"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_reason(tmp_path, name, text, message):
    _first(tmp_path / "in", NAMES[0], make_field(0, shape=(200, 240), nuclei=5).image)
    census(tmp_path / "in", tmp_path / "run", SETTINGS)
    (tmp_path / name).write_text(text)
    done = invoke("import", tmp_path / "run", tmp_path / name)
    assert done.exit_code != 0
    assert message in f"{done.output} {done.exception}".replace("\n", " ")
    assert not (tmp_path / "run" / "corrections.json").exists()


def test_a_file_of_another_name_is_taken_for_the_image_that_is_named(tmp_path):
    _first(tmp_path / "in", NAMES[0], make_field(0, shape=(200, 240), nuclei=5).image)
    run = census(tmp_path / "in", settings=SETTINGS)
    path = tmp_path / "Points.csv"
    path.write_text("index,axis-0,axis-1\n0,1.5,2\n")
    assert read_points(path, run, NAMES[0]) == {NAMES[0]: [(1.5, 2.0)]}
    with pytest.raises(InputError, match=r"--image is 'other\.tif'"):
        read_points(path, run, "other.tif")


def test_a_damaged_file_of_corrections_is_told(tmp_path):
    (tmp_path / "corrections.json").write_text('{"version": 1}')
    with pytest.raises(RunError, match="cannot be read as corrections"):
        read_corrections(tmp_path / "run.sqlite")
    (tmp_path / "corrections.json").write_text('{"version": 2, "corrections": []}')
    with pytest.raises(RunError, match="version 2; expected at most 1"):
        read_corrections(tmp_path / "run.sqlite")


def test_corrections_of_names_that_are_not_utf8_are_kept(tmp_path):
    name = "caf\udce9.tif"
    add_corrections(tmp_path / "run.sqlite", [Correction(name, [(1, 2)], "A", "now", "f", 1, 2)])
    assert read_corrections(tmp_path / "run.sqlite")[0].image == name


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, "; ...")])
def test_five_images_of_odd_corrections_are_named_and_whether_there_are_more(count, more):
    names = [str(number) for number in range(count)]
    images = [{"image": name, "counted_again": True} for name in names]
    left, again = describe_corrections(images, dict.fromkeys(names, "why"))
    assert f"corrections of {count} images are not shown ('0': why; " in left
    assert f"; '4': why{more}); correct them again" in left
    assert f", '4'{more.replace(';', ',')}); those corrected" in again


def test_a_correction_takes_the_place_of_that_of_its_image_or_is_forgotten(tmp_path):
    run = tmp_path / "run.sqlite"
    a, b = (Correction(name, [(1, 2)], "A", "now", "f", 1, 2) for name in "ab")
    later = replace(a, points=[(3, 4)])
    for more, forget, kept in (([a, b], None, [a, b]), ([later], None, [later, b]),
                               ([], "a", [b]), ([a], "b", [a]), ([], None, [a])):  # fmt: skip
        add_corrections(run, more, forget=forget)
        assert [(each.image, list(map(tuple, each.points))) for each in read_corrections(run)] == [
            (each.image, each.points) for each in kept
        ]
