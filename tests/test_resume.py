"""The same command again: it carries on, and the result is that of an undisturbed run."""

import functools
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import detect_here as detect
from commands import query, statuses, tables
from formats import make_stack, write_ome_zarr

import nucensus
from nucensus.batch import retry
from nucensus.batch.content import content_hash
from nucensus.errors import InputError, RunError
from nucensus.store import RunWriter
from nucensus.store.lock import leave_marks
from nucensus.values import Centres, Found, ImageRef, Limits, Plane, Settings
from nucensus.values.pixel_size import PixelSize

SETTINGS = Settings(threshold=300, border="keep")


def census(inputs, out, settings=SETTINGS, **options):
    return nucensus.census(inputs, out, settings, **options)


def stopped_after(count, inputs, out, **options):
    """Start a run and stop it once so many images have an outcome."""
    stop, seen = threading.Event(), []

    def note(outcome):
        seen.append(outcome)
        if len(seen) >= count:
            stop.set()

    return census(inputs, out, stop=stop, on_outcome=note, **options)


@pytest.mark.parametrize("strategy", ["list-disk", "threads", "isolated", "auto"])
def test_a_run_that_was_stopped_is_carried_on_to_the_same_tables(plate, tmp_path, strategy):
    census(plate, tmp_path / "whole")
    partly = stopped_after(1, plate, tmp_path / "run", strategy=strategy, workers=1)
    is_whole = not partly.counts["pending"]  # a thread may have done all before it heard of it
    assert (tmp_path / "run" / "nuclei.csv").exists() == is_whole
    assert partly.counts["pending"] + partly.counts["found"] == 5
    census(plate, tmp_path / "run", strategy=strategy, workers=1)
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")


def test_what_a_process_died_with_is_suspected_until_all_is_done(plate, tmp_path):
    stop = threading.Event()
    stop.set()
    census(plate, tmp_path / "run", stop=stop)
    marked = tmp_path / "marked"
    with RunWriter(tmp_path / "run") as writer:
        writer.lock.mark(2)
        shutil.copytree(tmp_path / "run", marked)  # as it is left by a process that died now
    census(plate, marked, stop=stop)
    with RunWriter(marked) as writer:
        assert [each.key for each in writer.suspects()] == [2]
    shutil.copytree(marked, tmp_path / "done")
    census(plate, tmp_path / "done")
    with RunWriter(tmp_path / "done") as writer:
        writer.redo([2])
        assert writer.suspects() == []


def test_what_was_done_is_not_done_again(plate, tmp_path):
    census(plate, tmp_path / "run")
    outcomes = []
    census(plate, tmp_path / "run", on_outcome=outcomes.append)
    assert outcomes == []


def test_what_was_done_before_an_error_ended_the_run_is_not_done_again(plate, tmp_path):
    seen = []

    def fail_at_the_third(outcome):
        seen.append(outcome)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        census(plate, tmp_path / "run", strategy="list-disk", on_outcome=fail_at_the_third)
    assert query(tmp_path / "run", "SELECT count(*) FROM images WHERE status = 'found'") == [(3,)]
    census(plate, tmp_path / "run", on_outcome=seen.append)
    assert len(seen) == 5


def test_what_was_in_flight_at_a_crash_is_counted_once_and_kept_before_others_begin(
    plate, tmp_path, monkeypatch
):
    monkeypatch.setattr("nucensus.batch.run_loop._COMMIT_EVERY_S", 1000)
    out, kept = tmp_path / "run", []

    def look(_):
        kept.extend(query(out, "SELECT count(*) FROM images WHERE status = 'found'"))

    census(plate, out)
    with RunWriter(out) as writer:
        writer.redo(range(1, 6))
    leave_marks(out, [1, 2, 3])
    census(plate, out, on_outcome=look)
    assert kept[:4] == [(0,), (0,), (0,), (3,)]
    assert len(kept) == 5


def test_other_settings_are_refused_with_what_differs(plate, tmp_path):
    census(plate, tmp_path / "run")
    with pytest.raises(RunError, match=r"threshold was 300 and is 400\.?0?\); expected the same"):
        census(plate, tmp_path / "run", Settings(threshold=400, border="keep"))


@pytest.mark.parametrize(
    ("now", "differs"),
    [
        ({"plane": Plane(channel=0)}, "channel was not given and is 0"),
        ({"pattern": r"(?P<well>A\d+)"}, "pattern was not given and is"),
        ({"metadata": "wells.csv"}, "metadata was not given and is .*wells.csv"),
        ({"manifest": "list.csv"}, "manifest was not given and is .*list.csv"),
    ],
)
def test_another_selection_is_refused_with_what_differs(plate, tmp_path, monkeypatch, now, differs):
    monkeypatch.chdir(tmp_path)
    Path("wells.csv").write_text("well,dose\nA1,3\n")
    Path("list.csv").write_text("path\nbeside.tif\n")
    shutil.copy("plate/A01_s1.tif", "beside.tif")
    census(plate, tmp_path / "run")
    with pytest.raises(RunError, match=f"other selection .{differs}"):
        census(plate, tmp_path / "run", **now)
    census(plate, tmp_path / "run", overwrite=True, **now)
    census(plate, tmp_path / "run", **now)


def write_two_channels(path):
    path.parent.mkdir(exist_ok=True)
    two = np.zeros((2, 40, 50), np.uint16)
    tifffile.imwrite(path, two, ome=True, metadata={"axes": "CYX"})


def test_a_run_without_a_counted_image_is_said_to_be_replaced_by_one_with_the_choice(tmp_path):
    write_two_channels(tmp_path / "in/A01.ome.tif")
    (tmp_path / "in/A02.tif").write_text("no image")
    failed = detect(tmp_path / "in", tmp_path / "run")
    assert "choose with --channel" in failed.stderr
    assert "No image was counted: to count with other options, add --overwrite to" in failed.stderr
    chosen = [tmp_path / "run", "--channel", "1"]
    refused = detect(tmp_path / "in", *chosen)
    assert "of which no image could be counted; expected the same" in refused.stderr
    assert "choose another folder" not in refused.stderr
    counted = detect(tmp_path / "in", *chosen, "--overwrite")
    assert "add --overwrite" not in counted.stderr


@pytest.mark.parametrize("count", [1, 12])
def test_what_every_image_asks_is_asked_once_before_a_run_is_made(count, tmp_path):
    for well in range(1, count + 1):
        write_two_channels(tmp_path / f"in/A{well:02}.ome.tif")
    asked = detect(tmp_path / "in", tmp_path / "run")
    assert asked.returncode == 2
    assert "'A01.ome.tif': the file holds 2 channels" in asked.stderr
    assert not (tmp_path / "run").exists()
    chosen = detect(tmp_path / "in", tmp_path / "run", "--channel", "1")
    assert chosen.returncode == 0


def test_an_image_that_asks_for_a_choice_beside_others_fails_alone(tmp_path):
    write_two_channels(tmp_path / "in/A01.ome.tif")
    tifffile.imwrite(tmp_path / "in/A02.tif", np.zeros((40, 50), np.uint16))
    assert detect(tmp_path / "in", tmp_path / "run").returncode == 3


def test_files_added_in_between_come_where_the_listing_has_them(plate, tmp_path):
    added = [plate / "A01_s10.tif", plate / "A01_s2.tif"]
    for path in added:
        shutil.move(path, tmp_path / path.name)
    census(plate, tmp_path / "run")
    for path in added:
        shutil.move(tmp_path / path.name, path)
    outcomes = []
    census(plate, tmp_path / "run", on_outcome=outcomes.append)
    census(plate, tmp_path / "whole")
    assert len(outcomes) == 2
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")


def test_a_changed_file_is_done_again(plate, tmp_path, fields):
    census(plate, tmp_path / "run")
    tifffile.imwrite(plate / "A01_s1.tif", fields[4].image[:100])
    outcomes = []
    run = census(plate, tmp_path / "run", on_outcome=outcomes.append)
    assert [each.shape for each in outcomes] == [(100, 200)]
    assert run.images[0]["height"] == 100


@pytest.mark.parametrize("strategy", ["auto", "pool-disk"])
def test_a_change_that_keeps_size_and_time_is_seen_in_the_content(
    plate, tmp_path, fields, strategy
):
    path = plate / "A01_s1.tif"
    census(plate, tmp_path / "run", check_content=True)
    before = path.stat()
    tifffile.imwrite(path, fields[4].image)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    outcomes = []
    census(plate, tmp_path / "run", on_outcome=outcomes.append)
    assert outcomes == []
    options = {"strategy": strategy, "check_content": True}
    census(plate, tmp_path / "run", on_outcome=outcomes.append, **options)
    assert len(outcomes) == 1


@pytest.mark.parametrize("workers", [1, 5])
def test_content_is_compared_by_as_many_threads_as_there_are_workers(
    plate, tmp_path, monkeypatch, workers
):
    census(plate, tmp_path / "run", check_content=True)
    together, threads = threading.Barrier(workers), set()

    def hash_together(*image):
        together.wait(timeout=60)
        threads.add(threading.current_thread())
        return content_hash(*image)

    monkeypatch.setattr("nucensus.batch.take_census.content_hash", hash_together)
    census(plate, tmp_path / "run", check_content=True, workers=workers)
    assert len(threads) == workers


def test_a_new_time_alone_does_not_matter_where_the_content_is_compared(plate, tmp_path):
    census(plate, tmp_path / "run", check_content=True)
    os.utime(plate / "A01_s1.tif")
    outcomes = []
    census(plate, tmp_path / "run", check_content=True, on_outcome=outcomes.append)
    assert outcomes == []


@pytest.mark.parametrize("options", [{}, {"check_content": True}])
@pytest.mark.parametrize("change", ["a chunk", "a chunk less", "metadata"])
def test_a_change_inside_an_ome_zarr_is_seen(change, options, tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed")
    folder = tmp_path / "in" / "a.ome.zarr"
    write_ome_zarr(folder, make_stack((1, 1, 1, 24, 31)), "0.4")
    count = functools.partial(census, tmp_path / "in", tmp_path / "run", **options)
    count()
    chunk = next(path for path in folder.rglob("0/0/0/0/0/*") if path.is_file())
    if change == "a chunk":
        content = chunk.read_bytes()
        chunk.write_bytes(bytes(len(content)) if options else content + b" ")
    elif change == "a chunk less":
        chunk.unlink()
    else:
        attributes = json.loads((folder / ".zattrs").read_text())
        (folder / ".zattrs").write_text(json.dumps({**attributes, "new": 1}))
    outcomes = []
    count(on_outcome=outcomes.append)
    assert len(outcomes) == 1


def test_vanished_files_are_reported_left_out_and_not_forgotten(plate, tmp_path):
    census(plate, tmp_path / "whole")
    census(plate, tmp_path / "run")
    shutil.move(plate / "A01_s3.tif", tmp_path / "A01_s3.tif")
    run = census(plate, tmp_path / "run")
    assert (run.facts["vanished"], run.facts["vanished_names"]) == (1, ["A01_s3.tif"])
    assert "A01_s3.tif" not in statuses(tmp_path / "run")
    shutil.move(tmp_path / "A01_s3.tif", plate / "A01_s3.tif")
    outcomes = []
    census(plate, tmp_path / "run", on_outcome=outcomes.append)
    assert outcomes == []
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")


def test_the_images_of_another_plate_do_not_replace_those_of_the_run(plate, tmp_path, fields):
    census(plate, tmp_path / "run")
    other = tmp_path / "other"
    other.mkdir()
    tifffile.imwrite(other / "A01_s1.tif", fields[0].image[:90])
    with pytest.raises(RunError, match="expected the inputs it was made from"):
        census(other, tmp_path / "run")
    (other / "A01_s1.tif").rename(other / "else.tif")
    with pytest.raises(RunError, match="none of the 5 images"):
        census(other, tmp_path / "run")
    outcomes = []
    census(plate, tmp_path / "run", on_outcome=outcomes.append)
    assert outcomes == []


def test_a_folder_that_moved_with_its_times_is_the_same(plate, tmp_path):
    census(plate, tmp_path / "run")
    plate.rename(tmp_path / "moved")
    outcomes = []
    census(tmp_path / "moved", tmp_path / "run", on_outcome=outcomes.append)
    assert outcomes == []


def test_wrong_inputs_leave_no_run_behind(tmp_path):
    with pytest.raises(InputError):
        census(tmp_path / "nowhere", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_image_that_two_inputs_name_is_done_once(plate, tmp_path):
    run = census([plate / "A01_s3.tif", plate], tmp_path / "run")
    assert list(run.images["image"]) == [f"A01_s{i}.tif" for i in (3, 1, 2, 4, 10)]


def test_retry_does_only_the_failed_ones_again(plate, tmp_path, fields):
    (plate / "bad.tif").write_text("nothing")
    census(plate, tmp_path / "run")
    tifffile.imwrite(plate / "bad.tif", fields[0].image)
    outcomes = []
    run = retry(tmp_path / "run", on_outcome=outcomes.append)
    assert [type(each) for each in outcomes] == [Found]
    assert run.counts["failed"] == 0
    assert run.settings == SETTINGS
    census(plate, tmp_path / "whole")
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")


def test_retry_needs_a_run(tmp_path):
    with pytest.raises(RunError, match="is not a run"):
        retry(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_that_ended_while_it_listed_its_images_is_carried_on_and_not_retried(plate, tmp_path):
    def end(step, *_):
        if step == "planned":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        census(plate, tmp_path / "run", on_step=end)
    with pytest.raises(RunError, match="was stopped before it listed its images"):
        retry(tmp_path / "run")
    census(plate, tmp_path / "run")
    census(plate, tmp_path / "whole")
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")


def test_too_many_failures_stop_the_run_early(plate, tmp_path):
    for number in range(20):
        (plate / f"bad{number}.tif").write_text("nothing")
    with pytest.raises(RunError, match=r"3 images failed, .* expected at most 2"):
        census(plate, tmp_path / "run", limits=Limits(max_failures=2), strategy="list-disk")
    assert query(tmp_path / "run", "SELECT count(*) FROM images WHERE status = 'failed'") == [(3,)]


def test_the_command_works_from_another_folder_too(plate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert detect([plate.name], Path("run")).returncode == 0
    (plate / "A01_s1.tif").write_text("nothing")
    monkeypatch.chdir(plate)
    done = detect(["."], Path("../run"))
    assert done.returncode == 3
    assert "Done now: 1" in done.stdout


HTD = (
    '"XWells", 1\n"YWells", 1\n"WellsSelection1", TRUE\n"XSites", 2\n"YSites", 1\n'
    '"SiteSelection1", TRUE, TRUE\n"NWavelengths", 1\n'
)


@pytest.fixture
def promised(tmp_path, fields):
    """A plate whose index promises two sites, of which the first is there."""
    folder = tmp_path / "promised"
    folder.mkdir()
    (folder / "p.HTD").write_text(HTD)
    tifffile.imwrite(folder / "p_A01_s1.tif", fields[0].image)
    return folder


def test_retry_keeps_the_reason_of_what_the_listing_found_wrong(promised, tmp_path):
    before = census(promised, tmp_path / "run").failures
    assert "promises this image" in before["reason"][0]
    after = retry(tmp_path / "run").failures
    assert after[["stage", "reason"]].tolist() == before[["stage", "reason"]].tolist()


def test_retry_keeps_the_reason_of_a_file_that_could_not_be_listed_by_plane(tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"II*\0 no image")
    before = census(tmp_path, tmp_path / "run", plane=Plane(z="each")).failures
    after = retry(tmp_path / "run").failures
    assert after[["stage", "reason"]].tolist() == before[["stage", "reason"]].tolist()


def test_an_image_that_cannot_be_listed_any_more_loses_its_nuclei(tmp_path):
    path = tmp_path / "a.tif"
    with RunWriter(None) as writer:
        writer.plan([ImageRef("a.tif", str(path), 9, 9)])
        centres = Centres(np.array([[3, 4]]), np.array([5.0]))
        size = PixelSize(0.5, 0.5)
        outcome = Found(centres, (10, 10), "uint16", 1.0, 1.0, pixel_size=size)
        writer.record_all([(1, outcome, None)])
        writer.plan([ImageRef("a.tif", str(path), 9, 9)])
        assert writer.view().counts["nuclei"] == 1
        writer.plan([ImageRef("a.tif", str(path), 9, 9, problem="it is gone")])
        (row,) = writer.view().images
        assert (row["status"], row["stage"], row["reason"]) == ("failed", "discover", "it is gone")
        assert np.isnan([row["count"], row["height"]]).all()
        assert writer.view().counts["nuclei"] == len(writer.view().nuclei) == 0
        writer.plan([ImageRef("a.tif", str(path), 9, 9)])
        (row,) = writer.view().images
        assert (row["status"], row["stage"], row["reason"]) == ("pending", "", "")


def test_an_index_that_comes_or_goes_leaves_no_pixel_size_behind(tmp_path):
    own = PixelSize(y=0.125, x=0.125)
    found = Found(Centres(np.array([[3, 4]]), np.array([5.0])), (10, 10), "uint16", 1.0, 1.0)
    with RunWriter(None) as writer:
        for size in (PixelSize(y=0.5, x=0.5), PixelSize(), PixelSize(y=0.25, x=0.25)):
            writer.plan([ImageRef("a.tif", str(tmp_path / "a.tif"), 9, 9, pixel_size=size)])
            assert writer.pending_count() == 1
            writer.record_all([(1, replace(found, pixel_size=own), None)])
            assert writer.view().images[0]["pixel_size_um"] == (size.y or own.y)


def test_a_changed_file_has_the_pixel_size_that_it_states_now(plate, tmp_path, fields):
    path = plate / "A01_s1.tif"
    for side, shape in ((0.5, 100), (0.25, 90)):
        image, per_um = fields[0].image[:shape], (1 / side, 1 / side)
        tifffile.imwrite(path, image, imagej=True, resolution=per_um, metadata={"unit": "um"})
        run = census(path, tmp_path / "run")
        assert run.images[0]["pixel_size_um"] == side


def test_an_image_that_is_promised_and_not_there_is_one_of_the_failures(promised, tmp_path):
    with pytest.raises(RunError, match=r"1 image failed, .*promises this image.* at most 0"):
        census(promised, tmp_path / "run", limits=Limits(max_failures=0))
    done = detect(promised, tmp_path / "other")
    assert "Done now" not in done.stdout, done.stderr
    again = detect(promised, tmp_path / "other", "--max-failures", "0")
    assert "Done now: 0" in again.stdout, again.stderr


@pytest.mark.parametrize("out", [".", "sub"])
def test_a_run_inside_the_folder_of_its_images_works_for_ever(out, plate, monkeypatch):
    monkeypatch.chdir(plate)
    (plate / "sub").mkdir()
    shutil.copy(plate / "A01_s2.tif", plate / "sub" / "beside.tif")
    for _ in range(3):
        run = census(".", out)
        assert run.counts["found"] == 6
        nucensus.export_run(run, "labels", out)


def test_a_channel_is_the_same_as_a_number_and_as_a_text(tmp_path):
    planes = np.zeros((2, 40, 40), np.uint16)
    planes[1, 20, 20] = 40_000
    tifffile.imwrite(tmp_path / "in.tif", planes, imagej=True, metadata={"axes": "CYX"})
    census(tmp_path / "in.tif", tmp_path / "run", plane=Plane(channel=1))
    run = census(tmp_path / "in.tif", tmp_path / "run", plane=Plane(channel="1"))
    assert run.counts["found"] == 1
    with pytest.raises(RunError, match=r"channel was .*1.* and is 0"):
        census(tmp_path / "in.tif", tmp_path / "run", plane=Plane(channel=0))


def test_a_pixel_size_does_not_outlive_the_content_that_stated_it(tmp_path):
    path, image = tmp_path / "in.tif", np.zeros((40, 40), np.uint16)
    sized = {"imagej": True, "metadata": {"unit": "um"}}
    tifffile.imwrite(path, image, resolution=(2, 2), **sized)
    run = census(path, tmp_path / "run", check_content=True)
    assert run.images["pixel_y_um"].tolist() == [0.5]
    tifffile.imwrite(path, image, resolution=(1, 1), **sized)
    run = census(path, tmp_path / "run", check_content=True)
    assert run.images["pixel_y_um"].tolist() == [1.0]


@pytest.mark.parametrize("fault", ["metadata", "estimates", "itself"])
def test_a_run_is_not_removed_before_its_successor_is_listed(plate, tmp_path, fault):
    out = tmp_path / "run"
    nucensus.census(plate, out).close()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "wells.csv").write_text("well,dose\nP24,3\n")
    census(plate, tmp_path / "numbers").close()
    options = {
        "metadata": {"metadata": tmp_path / "wells.csv"},
        "estimates": {"estimates_from": tmp_path / "numbers"},
        "itself": {"estimates_from": out},
    }[fault]
    with pytest.raises((InputError, RunError)):
        nucensus.census(plate, out, overwrite=True, **options)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    nucensus.census(plate, out, SETTINGS, overwrite=True).close()
