"""Python for people who know scikit-image: keywords, paths, tables, names that are there."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import nucensus
from nucensus.values.synthetic import make_field, write_plate

DOCS = Path(__file__).parent.parent / "docs"
NO_NAMES = {  # files, an entry point, a key
    "nucensus.toml",
    "nucensus.cwl",
    "nucensus.svg",
    "nucensus.detectors",
    "nucensus.provenance",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_plate(folder / "plate", fields=1, corrupt=False)
    for name, sigma in (("a", 4), ("b", 3)):
        nucensus.census(folder / "plate", folder / name, nucensus.Settings(sigma=sigma))
    return folder


def test_the_keywords_of_find_nuclei_are_settings():
    image = make_field(1).image
    settings = nucensus.Settings(sigma=3, threshold=300)
    expected = nucensus.find_nuclei(image, settings).points
    assert np.array_equal(nucensus.find_nuclei(image, sigma=3, threshold=300).points, expected)
    found = nucensus.find_nuclei(image, sigma=3, threshold_abs=300)  # as scikit-image calls it
    assert np.array_equal(found.points, expected)
    assert len(expected)


def test_a_threshold_that_nobody_typed_is_warned_about_where_it_finds_nothing():
    dim = make_field(1).image // 8
    with pytest.warns(
        UserWarning, match="the threshold 1000, which is taken as published beside s"
    ):
        assert len(nucensus.find_nuclei(dim, sigma=4)) == 0
    assert len(nucensus.find_nuclei(dim, sigma=4, threshold=1000)) == 0
    assert len(nucensus.find_nuclei(dim, sigma=4, detector="maxima")) > 10


def test_a_keyword_that_is_none_and_settings_twice_say_what_to_do():
    image = np.zeros((8, 8), np.uint16)
    with pytest.raises(TypeError, match="no setting 'min_sigma'; expected one of detector, sigma"):
        nucensus.find_nuclei(image, min_sigma=3)
    with pytest.raises(TypeError, match=r"dataclasses\.replace"):
        nucensus.find_nuclei(image, nucensus.Settings(), sigma=3)


IMAGE = np.zeros((8, 9), np.uint16)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: nucensus.find_nuclei("a.tif"), "'a.tif'; expected its pixels"),
        (lambda: nucensus.detect_nuclei(Path("a.tif")), "'a.tif'; expected its pixels"),
        (lambda: nucensus.label_nuclei(None), "is None; expected an array"),
        (lambda: nucensus.find_nuclei(IMAGE, 4), "the settings are 4; expected nucensus.Settings"),
        (lambda: nucensus.census("plate", settings={"sigma": 4}), "expected nucensus.Settings"),
        (lambda: nucensus.census("plate", min_sigma=4), "unexpected keyword argument 'min_sigma'"),
        (lambda: nucensus.census("plate", selection="DAPI"), "expected nucensus.Selection"),
        (lambda: nucensus.census("plate", plane="DAPI"), "expected nucensus.Plane"),
        (lambda: nucensus.census("plate", workers="two"), "expected a whole number"),
        (lambda: nucensus.census([IMAGE]), "type ndarray; expected paths .* by process_images"),
        (lambda: nucensus.census(None), "type NoneType; expected paths"),
        (lambda: nucensus.process_images([IMAGE], "find_nuclei"), "without quotes"),
        (lambda: nucensus.process_images(IMAGE), "one image of 8 x 9 pixels was given"),
    ],
)  # fmt: skip
def test_what_is_something_else_is_said_and_what_was_expected(tmp_path, monkeypatch, call, says):
    monkeypatch.chdir(tmp_path)
    Path("plate").mkdir()
    tifffile.imwrite("plate/A01.tif", IMAGE)
    with pytest.raises((TypeError, nucensus.errors.NucensusError), match=says):
        call()


def test_the_keywords_of_census_are_settings_too(runs):
    run = nucensus.census(runs / "plate", sigma=3, outlines=False)
    with nucensus.Run(runs / "b") as same:
        assert run.settings == same.settings
        assert run.nuclei.tolist() == same.nuclei.tolist()


def test_an_image_that_the_run_has_not_counted_is_said(tmp_path):
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", IMAGE + 1)
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:-9])
    with nucensus.census(tmp_path) as run:
        assert not len(run.nuclei_of("a.tif"))
        for of in (run.nuclei_of, run.outlines_of, run.labels_of, run.subpixel_of):
            with pytest.raises(nucensus.errors.InputError, match=r"no image 'c\.tif'"):
                of("c.tif")
            with pytest.raises(nucensus.errors.InputError, match=r"not counted .the file is"):
                of("b.tif")


def test_runs_may_be_given_by_their_path(runs):
    with nucensus.Run(runs / "a") as run:
        wells = nucensus.well_table(str(runs / "a"))
        assert repr(wells.tolist()) == repr(nucensus.well_table(run).tolist())
    changes = list(nucensus.diff_images(runs / "a", runs / "b"))
    assert changes
    assert not list(nucensus.diff_images(str(runs / "a"), runs / "a"))
    written = nucensus.export_run(runs / "a", "csv", runs / "tables")
    assert len(written) == 3
    assert all(path.exists() for path in written)


@pytest.mark.parametrize("subpixel", [False, True])
def test_nuclei_have_micrometres_where_an_image_states_them(tmp_path, subpixel):
    image = make_field(1).image
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    tifffile.imwrite(tmp_path / "stated.ome.tif", image, metadata={"axes": "YX", **sizes})
    tifffile.imwrite(tmp_path / "unstated.tif", image)
    settings = nucensus.Settings(sigma=3, threshold=300, subpixel=subpixel)
    nuclei = nucensus.census(tmp_path, settings=settings).nuclei
    stated = nuclei[nuclei["image"] == "stated.ome.tif"]
    y, x = ("y_subpixel", "x_subpixel") if subpixel else ("y", "x")
    assert len(stated)
    np.testing.assert_allclose(stated["y_um"], stated[y] * 0.25)
    np.testing.assert_allclose(stated["x_um"], stated[x] * 0.5)
    assert np.isnan(nuclei[nuclei["image"] == "unstated.tif"]["y_um"]).all()


def test_the_head_of_a_table_is_a_table_of_plain_numbers(runs):
    with nucensus.Run(runs / "a") as run:
        nuclei = run.nuclei
    head = nuclei.head()
    assert len(head) == 5
    assert head.to_pandas().equals(nuclei.to_pandas().head())
    assert [type(value) for value in head.tolist()[0][:4]] == [str, int, int, float]
    assert "y_um" not in head.dtype.names  # no image states it


def test_every_name_that_the_documentation_prints_is_there_after_import_nucensus():
    texts = [path.read_text("utf-8") for path in (*DOCS.glob("*.md"), *DOCS.glob("*/*.ipynb"))]
    printed = {
        each.rstrip(".")
        for text in texts
        for each in re.findall(r"(?<![\w/.-])nucensus(?:\.\w+)+", text)
    }
    names = sorted(printed - NO_NAMES)
    assert len(names) > 15
    program = f"import nucensus\nfor name in {names}: eval(name)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
