"""A start that has nothing to do touches no file, and whatever changed is seen all the same."""

import itertools
import os
import shutil
import time

import numpy as np
import pytest
import tifffile
from commands import detect_here as detect
from commands import query, statuses, tables

from nucensus import Settings, census
from nucensus.errors import RunError
from nucensus.values.synthetic import make_field

NUMBERS = Settings("maxima", sigma=2, min_distance=4, threshold=300)


@pytest.fixture
def plate(tmp_path):
    folder = tmp_path / "plate"
    (folder / "day2").mkdir(parents=True)
    for number, name in enumerate(("A01_s1.tif", "A02_s1.tif", "day2/A01_s1.tif")):
        image = make_field(number, shape=(90, 120), nuclei=9, radius_px=6).image
        tifffile.imwrite(folder / name, image, metadata=None)
    return folder


def looks(folder):
    """Return the content and the time of each file of a run."""
    return {
        each.name: (each.stat().st_mtime_ns, each.read_bytes())
        for each in folder.iterdir() if each.is_file()
    }  # fmt: skip


def count(plate, out, settings=NUMBERS, **options):
    """Return how many images a start did, and the run."""
    run = census(plate, out, settings, **options)
    return run.about.starts[-1]["images"], run


@pytest.mark.parametrize("settings", [NUMBERS, Settings()], ids=["numbers", "auto"])
def test_a_start_with_nothing_to_do_touches_no_file(plate, tmp_path, settings):
    assert count(plate, tmp_path / "run", settings)[0] == 3
    before = looks(tmp_path / "run")
    planned, learned = [], []
    done, run = count(
        plate, tmp_path / "run", settings, on_plan=planned.append, on_learned=learned.append
    )
    assert (done, run.counts["found"], planned) == (0, 3, [0])
    assert len(learned) == (settings == Settings())
    assert looks(tmp_path / "run") == before
    assert os.listdir(tmp_path / "run").count("run.lock") == 0


def test_a_clock_that_is_put_back_makes_no_start_end_before_it_began(plate, tmp_path, monkeypatch):
    clock = itertools.count(1.7e9, -3600)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    runs = [count(plate, tmp_path / "run") for _ in range(2)]
    assert [done for done, _ in runs] == [3, 0]
    assert all(each["seconds"] >= 0 for each in runs[1][1].about.starts)


def test_a_new_image_is_seen_wherever_it_lies_beside_a_run_inside_the_plate(plate):
    assert count(plate, plate / "run")[0] == 3
    for day in (3, 4, 5):  # some of the folders are listed before the run, and some after it
        shutil.copytree(plate / "day2", plate / f"day{day}")
    assert count(plate, plate / "run")[0] == 3
    for day in (2, 3, 4, 5):
        shutil.copy(plate / "A01_s1.tif", plate / f"day{day}" / "A03_s1.tif")
        assert count(plate, plate / "run")[0] == 1


def test_the_command_says_what_was_done_before(plate, tmp_path):
    detect(plate, tmp_path / "run")
    before = looks(tmp_path / "run")
    done = detect(plate, tmp_path / "run")
    assert done.returncode == 0
    assert "Done now: 0 images; 3 done before." in done.stdout
    assert looks(tmp_path / "run") == before


@pytest.mark.parametrize("named", ["plate", "link", "plate/day2/.."])
@pytest.mark.parametrize("out", ["plate/run", "link/day2/run"])
def test_a_run_in_its_own_plate_does_not_see_itself(plate, named, out):
    (plate.parent / "link").symlink_to(plate)
    named, out = plate.parent / named, plate.parent / out
    for _ in range(2):
        count(named, out)
        before = looks(out)
    count(named, out)
    assert looks(out) == before


def add(plate):
    shutil.copy(plate / "A01_s1.tif", plate / "A03_s1.tif")


def change(plate):
    path = plate / "day2/A01_s1.tif"
    tifffile.imwrite(path, np.zeros((90, 120), np.uint16), metadata=None)
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("do", [add, change])
def test_a_file_that_came_or_changed_is_done(plate, tmp_path, do):
    count(plate, tmp_path / "run")
    do(plate)
    assert count(plate, tmp_path / "run")[0] == 1
    new = census(plate, tmp_path / "new", NUMBERS)
    assert tables(tmp_path / "run") == tables(tmp_path / "new")
    assert new.counts["found"] == len(statuses(tmp_path / "run"))


def test_a_file_that_went_is_left_out(plate, tmp_path):
    count(plate, tmp_path / "run")
    (plate / "A02_s1.tif").unlink()
    done, run = count(plate, tmp_path / "run")
    assert (done, run.counts["images"], run.about.vanished) == (0, 2, 1)


def test_a_file_named_alone_is_seen_with_those_beside_it(plate, tmp_path):
    count(plate / "A01_s1.tif", tmp_path / "run")
    before = looks(tmp_path / "run")
    count(plate / "A01_s1.tif", tmp_path / "run")
    assert looks(tmp_path / "run") == before
    os.utime(plate / "A01_s1.tif", ns=(1, 1))
    assert count(plate / "A01_s1.tif", tmp_path / "run")[0] == 1


def test_a_table_of_wells_that_changed_is_read_again(plate, tmp_path):
    wells = tmp_path / "wells.csv"
    wells.write_text("well,drug\nA01,none\n")
    count(plate, tmp_path / "run", metadata=wells)
    wells.write_text("well,drug\nA01,taxol\n")
    _, run = count(plate, tmp_path / "run", metadata=wells)
    assert run.about.wells == [{"well": "A01", "drug": "taxol"}]


def test_a_table_that_is_gone_is_written_again(plate, tmp_path):
    count(plate, tmp_path / "run")
    before = (tmp_path / "run/nuclei.csv").read_bytes()
    (tmp_path / "run/nuclei.csv").unlink()
    count(plate, tmp_path / "run")
    assert (tmp_path / "run/nuclei.csv").read_bytes() == before


def test_an_image_that_could_not_be_read_is_tried_again(plate, tmp_path):
    good = (plate / "A02_s1.tif").read_bytes()
    (plate / "A02_s1.tif").write_bytes(good[:500])
    assert count(plate, tmp_path / "run")[1].counts["failed"] == 1
    assert count(plate, tmp_path / "run")[0] == 1


def test_other_settings_are_refused_as_before(plate, tmp_path):
    count(plate, tmp_path / "run")
    with pytest.raises(RunError, match="other settings"):
        count(plate, tmp_path / "run", Settings("maxima", sigma=3, min_distance=4, threshold=300))


def test_nuclei_that_are_not_as_they_were_written_are_found_out(plate, tmp_path):
    count(plate, tmp_path / "run")
    (centres,) = query(tmp_path / "run", "SELECT centres FROM journal WHERE count > 0")[0]
    whole = (tmp_path / "run/run.sqlite").read_bytes()
    at = whole.index(centres)
    (tmp_path / "run/run.sqlite").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(RunError, match="nuclei of the image"):
        count(plate, tmp_path / "run")


def test_files_named_one_by_one_are_seen_with_their_folder_once(plate, tmp_path, monkeypatch):
    named = sorted(plate.glob("*.tif"))
    count(named, tmp_path / "run")
    before, looked, scandir = looks(tmp_path / "run"), [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (looked.append(str(path)), scandir(path))[1])
    count(named, tmp_path / "run")
    assert looked.count(str(plate)) == 1
    assert looks(tmp_path / "run") == before
    shutil.move(plate / "A02_s1.tif", plate / "A04_s1.tif")
    (plate / "A02_s1.tif").write_bytes((plate / "A04_s1.tif").read_bytes())
    assert count(named, tmp_path / "run")[0] == 1


def test_a_file_that_moved_to_another_folder_is_seen(plate, tmp_path):
    count(plate, tmp_path / "run")
    shutil.move(plate / "A02_s1.tif", plate / "day2/A02_s1.tif")
    assert count(plate, tmp_path / "run")[1].about.vanished == 1


def test_what_a_glob_stands_for_is_seen(plate, tmp_path):
    named = plate / "*.tif"
    count(named, tmp_path / "run")
    before = looks(tmp_path / "run")
    assert count(named, tmp_path / "run")[0] == 0
    assert looks(tmp_path / "run") == before
    add(plate)
    assert count(named, tmp_path / "run")[0] == 1
    os.utime(plate / "A02_s1.tif", ns=(1, 1))
    assert count(named, tmp_path / "run")[0] == 1


def test_the_images_of_a_manifest_are_seen(plate, tmp_path):
    manifest = tmp_path / "images.csv"
    manifest.write_text("path\nplate/A01_s1.tif\nplate/day2/A01_s1.tif\n")
    count([], tmp_path / "run", manifest=manifest)
    before = looks(tmp_path / "run")
    assert count([], tmp_path / "run", manifest=manifest)[0] == 0
    assert looks(tmp_path / "run") == before
    os.utime(plate / "day2/A01_s1.tif", ns=(1, 1))
    assert count([], tmp_path / "run", manifest=manifest)[0] == 1
    with open(manifest, "a") as file:
        file.write("plate/A02_s1.tif\n")
    assert count([], tmp_path / "run", manifest=manifest)[0] == 1
