"""A run: every image has exactly one outcome, and everyone can read it."""

import csv
import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import tifffile

import nucensus
from nucensus.errors import InputError, RunError
from nucensus.execute import STRATEGIES
from nucensus.values import MEASURED, Settings

SETTINGS = Settings(threshold=300, border="keep")


def rows(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_a_run_holds_the_points_of_each_image_in_natural_order(plate, tmp_path):
    run = nucensus.census(plate, tmp_path / "run", SETTINGS)
    names = [f"A01_s{site}.tif" for site in (1, 2, 3, 4, 10)]
    assert run.images["image"].tolist() == names
    for name in names:
        expected = nucensus.detect_nuclei(
            tifffile.imread(plate / name), threshold_abs=300, exclude_border=False
        )
        nuclei = run.nuclei[run.nuclei["image"] == name]
        assert len(expected) > 0
        np.testing.assert_array_equal(np.column_stack((nuclei["y"], nuclei["x"])), expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_writes_the_same_nuclei(plate, tmp_path, strategy):
    nucensus.census(plate, tmp_path / "one", SETTINGS, strategy="list-disk")
    nucensus.census(plate, tmp_path / "other", SETTINGS, strategy=strategy, workers=2)
    one, other = ((tmp_path / run / "nuclei.csv").read_bytes() for run in ("one", "other"))
    assert one == other


def test_the_tables_say_what_became_of_each_image(plate, tmp_path):
    (plate / "bad.tif").write_text("nothing")
    run = nucensus.census(plate, tmp_path / "run", SETTINGS)
    images = {row["image"]: row for row in rows(tmp_path / "run" / "images.csv")}
    good = images["A01_s1.tif"]
    assert (good["status"], good["height"], good["width"], good["dtype"]) == (
        "found", "160", "200", "uint16",
    )  # fmt: skip
    assert float(good["read_ms"]) > 0
    assert float(good["detect_ms"]) > 0
    bad = images["bad.tif"]
    assert (bad["status"], bad["stage"], bad["count"]) == ("failed", "read", "")
    assert "does not decode as TIFF" in bad["reason"]
    assert run.failures["image"].tolist() == ["bad.tif"]
    nuclei = rows(tmp_path / "run" / "nuclei.csv")
    assert list(nuclei[0]) == ["image", "y", "x", "intensity"]
    assert sum(int(row["count"] or 0) for row in images.values()) == len(nuclei)


def test_intensities_are_the_smoothed_values_brightest_first(plate):
    run = nucensus.census(plate / "A01_s1.tif", settings=SETTINGS)
    nuclei = run.nuclei
    assert np.all(np.diff(nuclei["intensity"]) <= 0)
    assert np.all(nuclei["intensity"] > 300)


def test_an_image_that_detection_refuses_is_a_row_with_its_stage(tmp_path):
    tifffile.imwrite(tmp_path / "nan.tif", np.full((50, 60), np.nan, np.float32))
    run = nucensus.census(tmp_path, settings=SETTINGS)
    (failure,) = run.failures
    assert failure["stage"] == "detect"
    assert "NaN" in failure["reason"]


def test_a_run_without_a_folder_is_kept_in_memory(plate):
    run = nucensus.census(plate, settings=SETTINGS)
    assert run.counts["images"] == 5
    assert run.counts["nuclei"] == len(run.nuclei)


def test_a_run_opens_again_with_its_settings(plate, tmp_path):
    settings = Settings(sigma=(3, 4), threshold=None, border="keep")
    nucensus.census(plate, tmp_path / "run", settings)
    run = nucensus.Run(tmp_path / "run")
    assert run.settings == settings
    assert run.facts["strategy"]["name"] in STRATEGIES
    assert run.facts["version"] == nucensus.__version__


def test_a_run_goes_to_pandas(plate):
    frame = nucensus.census(plate, settings=SETTINGS).nuclei.to_pandas()
    assert list(frame.columns) == ["image", "y", "x", "intensity"]
    assert frame.groupby("image").size().sum() == len(frame)


def test_an_earlier_run_is_replaced_only_when_asked(plate, tmp_path):
    nucensus.census(plate, tmp_path / "run", SETTINGS)
    other = Settings(threshold=100_000)
    with pytest.raises(RunError, match="--overwrite"):
        nucensus.census(plate, tmp_path / "run", other)
    run = nucensus.census(plate, tmp_path / "run", other, overwrite=True)
    assert run.counts["nuclei"] == 0


def test_odd_names_come_back_unharmed(fields, tmp_path):
    odd = [b"a, b.tif", b'c"d.tif', b"e\nf.tif", "g\N{MICROSCOPE}.tif".encode(), b"h\xff.tif"]
    folder = tmp_path / "odd"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", fields[0].image)
    image = (folder / "a.tif").read_bytes()
    (folder / "a.tif").unlink()
    for name in odd:
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            file.write(image)
    run = nucensus.census(folder, tmp_path / "run", SETTINGS)
    assert {os.fsencode(name) for name in run.images["image"]} == set(odd)
    for table in ("images.csv", "nuclei.csv"):
        found = {os.fsencode(row["image"]) for row in rows(tmp_path / "run" / table)}
        assert found == set(odd)


def test_no_inputs_at_all_is_an_error():
    with pytest.raises(InputError, match="no input was given"):
        nucensus.census([])


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_what_is_not_a_run_is_said_not_to_be_one(tmp_path, content):
    if content is not None:
        (tmp_path / "run.sqlite").write_bytes(content)
    with pytest.raises(RunError, match="run"):
        nucensus.Run(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [("user_version", "another version of nucensus"), ("application_id", "another program")],
)
def test_a_run_file_that_this_version_did_not_write_is_refused(plate, tmp_path, changed, said):
    nucensus.census(plate, tmp_path, Settings(threshold=600), strategy="list-disk")
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as database:
        database.execute(f"PRAGMA {changed} = 99")
    with pytest.raises(RunError, match=f"was written by {said}.* open it with what wrote it"):
        nucensus.Run(tmp_path)


@pytest.mark.parametrize("detector", ["auto", "maxima", "log"])
def test_subpixel_centres_are_extra_columns_near_the_pixels(plate, tmp_path, detector):
    run = nucensus.census(
        plate, tmp_path / "run", Settings(detector=detector, subpixel=True), strategy="list-disk"
    )
    nuclei = run.nuclei
    assert len(nuclei) > 0
    for axis in ("y", "x"):
        # The pixels of auto are those of its working grid, whose pixels are several of the image.
        most = 1.5 if detector == "auto" else 0.5
        assert np.abs(nuclei[f"{axis}_subpixel"] - nuclei[axis]).max() <= most
    written = rows(tmp_path / "run" / "nuclei.csv")
    own = {"log": ["contrast"], "auto": [*MEASURED.names, "confidence"], "maxima": []}[detector]
    measured = ["intensity", *own]
    assert list(written[0]) == ["image", "y", "x", *measured, "y_subpixel", "x_subpixel"]
    assert [float(row["y_subpixel"]) for row in written] == nuclei["y_subpixel"].tolist()
