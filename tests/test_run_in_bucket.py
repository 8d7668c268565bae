"""A run in a bucket: sent while it lasts, carried on elsewhere, written by one at a time."""

import json
import os
import signal
import sqlite3
import threading
from pathlib import Path

import imagecodecs
import pytest
from commands import (
    PLANTED,
    SETTINGS,
    detect,
    detect_here,
    query,
    run,
    run_here,
    start,
    statuses,
    tables,
)
from gate import PATIENCE_S, Gate, wait_for, wait_until
from servers import Server, gs_environment, s3_environment

from nucensus import Run, Settings, Shard, census, merge_runs
from nucensus.batch import census_planned, plan_census, retry
from nucensus.errors import AccessError, RunError
from nucensus.remote import lease, leases
from nucensus.store import Correction, add_corrections, in_bucket, read_corrections
from nucensus.store.corrections import now
from nucensus.store.in_bucket import suspects

pytest.importorskip("obstore", reason="obstore is not installed (uv sync --group storage)")
pytest.importorskip(
    "platformdirs", reason="platformdirs is not installed (uv sync --group storage)"
)

ONE_BY_ONE = (*SETTINGS, "--strategy", "list-disk")
FOUND = "SELECT count(*) FROM images WHERE status = 'found'"
COUNT = Settings(threshold=300, border="keep")
PLACE = "s3://images/runs/one"
KEY = "/images/runs/one"


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """The server of s3://images, empty, and a machine that has kept nothing of it."""
    server = Server()
    for name, value in s3_environment(server.address).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    yield server
    server.close()


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Go on as another machine."""
    return lambda: monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))


@pytest.fixture
def hasty(monkeypatch):
    """Take a holder for dead soon."""
    monkeypatch.setattr(leases, "_LOST_S", 2.0)
    monkeypatch.setattr(leases, "_POLL_S", 0.1)
    monkeypatch.setattr(leases, "_BEAT_S", 0.5)


@pytest.fixture
def gated(tmp_path, fields, gate):
    """A folder of twenty images, of which the last ten are behind the gate."""
    folder = tmp_path / "gated"
    folder.mkdir()
    png = imagecodecs.png_encode(fields[0].image)
    for index in range(10):
        (folder / f"a{index}.png").write_bytes(png)
        (folder / f"b{index}.png").write_bytes(gate.shut(png))
    return folder


def fetched(server, folder):
    """Return a folder with the files of the run in the bucket."""
    folder.mkdir()
    for path, content in server.objects.items():
        if path.startswith(f"{KEY}/"):
            (folder / Path(path).name).write_bytes(content)
    return folder


def test_a_run_in_a_bucket_is_the_run_in_a_folder(plate, bucket, tmp_path):
    (plate / "broken.tif").write_bytes(b"no image")
    done = detect_here(plate, f"{PLACE}/", "--report")
    assert done.returncode == 3, done.stderr
    assert f"Written: {PLACE}/nuclei.csv" in done.stdout
    names = {path.removeprefix(f"{KEY}/") for path in bucket.objects}
    assert names == {"run.sqlite", "nuclei.csv", "images.csv", "provenance.json", "report.html"}
    assert detect_here(plate, tmp_path / "folder").returncode == 3
    assert tables(fetched(bucket, tmp_path / "copy")) == tables(tmp_path / "folder")
    with Run(PLACE) as there, Run(tmp_path / "folder") as here:
        assert there.counts == here.counts


def test_every_command_takes_a_run_in_a_bucket(plate, bucket, tmp_path):
    census(plate, PLACE, COUNT).close()
    census(plate, tmp_path / "run", COUNT).close()
    for command in (("wells", PLACE), ("diff", PLACE, tmp_path / "run"), ("retry", PLACE),
                    ("report", PLACE), ("export", PLACE, "--to", "geojson")):  # fmt: skip
        done = run_here(*command)
        assert done.returncode == 0, done.stderr
    assert f"{KEY}/report.html" in bucket.objects
    assert len([path for path in bucket.objects if path.startswith(f"{KEY}/geojson/")]) > 4
    missing = run_here("report", "s3://images/nowhere")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "'s3://images/nowhere' is not a run" in missing.stderr


@pytest.mark.usefixtures("bucket")
def test_nuclei_that_were_moved_by_hand_are_taken_back_into_a_run_in_a_bucket(plate, tmp_path):
    census(plate, PLACE, COUNT).close()
    for number, image in enumerate(("A01_s1.tif", "A01_s2.tif"), 1):
        points = tmp_path / f"{image}.csv"
        points.write_text("index,axis-0,axis-1\n0,50.5,60.25\n")
        done = run_here("import", PLACE, points, "--by", "Anna")
        assert done.returncode == 0, done.stderr
        assert f"Written: {PLACE}/corrections.json" in done.stdout
        assert len(read_corrections(PLACE)) == number
    again = run("detect", plate, "-o", PLACE, *SETTINGS)
    assert "2 images corrected by hand" in again.stderr
    with Run(PLACE) as there:
        assert not there.correct(read_corrections(PLACE))
        assert [each["corrected"] for each in there.corrections] == [1, 1]


def test_who_corrects_at_the_same_time_as_another_loses_nothing(bucket):
    def correction(image):
        return Correction(image, [(1.0, 2.0)], "me", now(), "", 1, 2)

    def interrupt(method, _):
        if method == "PUT":
            bucket.fault = lambda *_: None
            add_corrections(PLACE, [correction("theirs")])

    bucket.fault = interrupt
    add_corrections(PLACE, [correction("ours")])
    kept = json.loads(bucket.objects[f"{KEY}/corrections.json"])["corrections"]
    assert {each["image"] for each in kept} == {"ours", "theirs"}


def test_what_was_corrected_by_hand_is_fetched_too(plate, bucket, tmp_path):
    with census(plate, tmp_path / "run", COUNT) as known:
        file = known.reference("A01_s1.tif")
    said = Correction("A01_s1.tif", [(1.0, 2.0)], "me", now(), "", file.size_bytes, file.mtime_ns)
    add_corrections(tmp_path / "run", [said])
    bucket.add("images/runs/one", tmp_path / "run")
    for _ in range(2):
        assert [each.by for each in read_corrections(PLACE)] == ["me"]
    del bucket.objects[f"{KEY}/corrections.json"]
    assert not read_corrections(PLACE)


def count_sent(bucket, tmp_path):
    """Return how many images the run file in the bucket has counted; -1 if there is none."""
    content = bucket.objects.get(f"{KEY}/run.sqlite")
    if content is None:
        return -1
    (tmp_path / "run.sqlite").write_bytes(content)
    return query(tmp_path, FOUND)[0][0]


@pytest.mark.usefixtures("hasty")
def test_a_killed_run_is_carried_on_on_another_machine(gated, bucket, gate, elsewhere, tmp_path):
    with start("detect", gated, "-o", PLACE, *ONE_BY_ONE, program=[PLANTED]) as process:
        wait_until(process, lambda: count_sent(bucket, tmp_path) > 0)
        process.kill()
    sent = count_sent(bucket, tmp_path)
    assert gate.waiting()
    elsewhere()
    counted = []
    census(gated, PLACE, COUNT, on_outcome=counted.append).close()
    assert len(counted) == 20 - sent
    census(gated, tmp_path / "whole", COUNT).close()
    assert tables(fetched(bucket, tmp_path / "copy")) == tables(tmp_path / "whole")
    assert f"{KEY}/run.lock" not in bucket.objects


def test_the_same_machine_goes_on_at_once_and_with_what_was_not_sent(
    gated, bucket, gate, monkeypatch, tmp_path
):
    first = Gate(tmp_path / "first")
    (gated / "a0.png").write_bytes(first.shut((gated / "a0.png").read_bytes()))
    with start("detect", gated, "-o", PLACE, *ONE_BY_ONE, program=[PLANTED]) as process:
        wait_until(process, lambda: count_sent(bucket, tmp_path) == 0)
        (file,) = (tmp_path / "here").rglob("run/run.sqlite")
        note = file.parents[1] / "sent.json"
        wait_until(process, lambda: json.loads(note.read_bytes())["version"])
        bucket.fault = lambda method, path: (
            (403, "AccessDenied") if method == "PUT" and path.endswith(".sqlite") else None
        )
        first.open()
        wait_until(process, gate.waiting)
        process.kill()
    (done,) = query(file.parent, FOUND)[0]
    assert done > 0
    bucket.fault = lambda *_: None
    counted = []
    monkeypatch.setattr(leases, "_POLL_S", -1)  # which is an error, if it were to wait
    census(gated, PLACE, COUNT, on_outcome=counted.append).close()
    assert len(counted) == 20 - done
    census(gated, tmp_path / "whole", COUNT).close()
    assert tables(fetched(bucket, tmp_path / "copy")) == tables(tmp_path / "whole")


def test_an_image_that_kills_machine_after_machine_fails_alone_on_the_second(
    bucket, elsewhere, fields, monkeypatch, tmp_path
):
    monkeypatch.setenv("LOST_S", "0.5")
    png = imagecodecs.png_encode(fields[0].image)
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "c", "d"):
        (tmp_path / "images" / f"{name}.png").write_bytes(png + b"KILL" * (name == "c"))
    first = detect(tmp_path / "images", PLACE, "--strategy", "list-disk", program=[PLANTED])
    assert first.returncode == -signal.SIGKILL
    elsewhere()
    second = detect(tmp_path / "images", PLACE, "--strategy", "list-disk", program=[PLANTED])
    assert second.returncode == 3, second.stderr
    failed = {name for name, each in statuses(fetched(bucket, tmp_path / "copy")).items()
              if each == "failed"}  # fmt: skip
    assert failed == {"c.png"}


def test_suspects_are_what_was_in_flight_and_what_may_have_been_begun_since(
    gated, tmp_path, monkeypatch
):
    assert list(suspects(tmp_path / "none", [7])) == list(range(1, 101))
    stop = threading.Event()
    census(gated, tmp_path / "run", COUNT, on_outcome=lambda _: stop.set(), stop=stop, workers=1,
           strategy="list-disk").close()  # fmt: skip
    file = tmp_path / "run" / "run.sqlite"
    (done,) = query(tmp_path / "run", "SELECT count(*) FROM images WHERE status = 'found'")[0]
    monkeypatch.setattr(in_bucket, "_UNTOLD_S", 0)
    monkeypatch.setattr(in_bucket, "_FEW", 5)
    found = list(suspects(file, [1, done + 8]))
    assert found == list(range(done + 1, done + 8 + 5 + 1))


def test_what_a_holder_worked_on_is_passed_on_until_it_is_taken(bucket):
    said = json.dumps({"name": "gone", "in_flight": [3, "x", 5]}).encode()
    bucket.objects[f"{KEY}/run.lock"] = said
    held = lease(f"{PLACE}/run.lock", gone="gone", on_lost=lambda: None, in_flight=lambda: {9})
    with held.held():
        assert (held.died, held.left_behind) == ("gone", [3, 5])
        assert json.loads(bucket.objects[f"{KEY}/run.lock"])["in_flight"] == [3, 5, 9]


@pytest.mark.usefixtures("hasty", "bucket")
def test_two_machines_do_not_write_one_run(plate, elsewhere):
    def count_elsewhere(_):
        elsewhere()
        refused.append(run("detect", plate, "-o", PLACE, *SETTINGS))

    refused = []
    census(plate, PLACE, COUNT, on_plan=count_elsewhere).close()
    assert refused[0].returncode == 1
    assert f"Error: '{PLACE}' is being written by process {os.getpid()} on" in refused[0].stderr
    assert detect_here(plate, PLACE).returncode == 0


@pytest.mark.usefixtures("bucket")
def test_a_run_file_is_sent_whole_though_somebody_reads_it_at_its_end(plate, elsewhere, tmp_path):
    readers = []

    def read_to_the_end(_):
        if readers:
            return
        (file,) = (tmp_path / "here").rglob("run.sqlite")
        address = f"{file.as_uri()}?mode=ro"
        readers.append(sqlite3.connect(address, uri=True, check_same_thread=False))
        readers[0].execute("BEGIN")
        assert readers[0].execute("SELECT count(*) FROM images").fetchone()[0]
        lock = file.with_name("run.lock")
        assert lock.exists()
        threading.Thread(target=stop_reading, args=[lock], daemon=True).start()

    def stop_reading(lock):
        wait_for(lambda: not lock.exists())  # now the run file is closed, and is about to be sent
        readers[0].close()

    census(plate, PLACE, COUNT, on_outcome=read_to_the_end).close()
    elsewhere()
    done = detect_here(plate, PLACE)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("bucket")
def test_two_commands_of_one_machine_do_not_write_one_run(plate):
    refused = []
    census(plate, PLACE, COUNT, on_plan=lambda _: refused.append(detect(plate, PLACE))).close()
    assert refused[0].returncode == 1
    assert f"Error: '{PLACE}' is being written by process {os.getpid()} on" in refused[0].stderr


@pytest.mark.usefixtures("hasty")
def test_who_lost_the_place_to_another_machine_sends_nothing(plate, bucket):
    stop = threading.Event()
    stolen = json.dumps({"name": "another", "process": 7, "host": "node7"}).encode()

    def steal(_):
        bucket.objects[f"{KEY}/run.lock"] = stolen
        bucket.tags[f"{KEY}/run.lock"] = '"stolen"'
        assert stop.wait(PATIENCE_S)  # until it is noticed

    with pytest.raises(RunError, match="taken over by process 7 on node7"):
        census(plate, PLACE, COUNT, on_plan=steal, stop=stop)
    assert list(bucket.objects) == [f"{KEY}/run.lock"]


def test_a_run_that_cannot_be_sent_stays_here_and_is_sent_by_the_next_start(
    plate, bucket, tmp_path
):
    bucket.fault = lambda method, path: (
        (403, "AccessDenied") if method == "PUT" and not path.endswith(".lock") else None
    )
    done = detect_here(plate, PLACE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("Error: the run could not be sent to")
    assert str(tmp_path / "here") in done.stderr
    bucket.fault = lambda *_: None
    again = detect_here(plate, PLACE)
    assert "Done now: 0" in again.stdout, again.stderr
    census(plate, tmp_path / "whole", COUNT).close()
    assert tables(fetched(bucket, tmp_path / "copy")) == tables(tmp_path / "whole")


def test_a_bucket_that_refuses_is_told_before_anything_is_counted(plate, bucket):
    bucket.fault = lambda method, _: (403, "InvalidAccessKeyId") if method == "PUT" else None
    with pytest.raises(AccessError, match="is refused"):
        census(plate, PLACE, COUNT, on_outcome=lambda _: pytest.fail("it was counted"))


def test_what_another_machine_did_outranks_the_copy_of_this_one(plate, bucket, elsewhere, tmp_path):
    census(plate, PLACE, COUNT).close()
    here = os.environ["XDG_CACHE_HOME"]
    elsewhere()
    (plate / "A01_s1.tif").unlink()
    census(plate, PLACE, COUNT).close()
    os.environ["XDG_CACHE_HOME"] = here
    counted = []
    census(plate, PLACE, COUNT, on_outcome=counted.append).close()
    assert not counted
    assert len(tables(fetched(bucket, tmp_path / "copy"))[1]) == 4
    for path in [each for each in bucket.objects if each.startswith(KEY)]:
        del bucket.objects[path]  # it was deleted: a new run
    census(plate, PLACE, COUNT, on_outcome=counted.append).close()
    assert len(counted) == 4


@pytest.mark.usefixtures("bucket")
def test_other_settings_are_refused_and_overwrite_replaces(plate):
    census(plate, PLACE, COUNT).close()
    with pytest.raises(RunError, match=f"'{PLACE}' holds a run with other settings"):
        census(plate, PLACE, Settings(threshold=400))
    with census(plate, PLACE, Settings(threshold=400), overwrite=True) as done:
        assert done.settings.threshold == 400
    with Run(PLACE) as there:
        assert there.settings.threshold == 400


def test_a_plan_its_shards_and_what_is_merged_may_all_lie_in_a_bucket(
    plate, bucket, elsewhere, tmp_path
):
    plan_census(plate, "s3://images/plan").close()
    for index in (1, 2):
        elsewhere()
        shard = Shard(index, 2)
        census_planned("s3://images/plan", f"s3://images/shards/{index}", shard=shard).close()
    merge_runs(["s3://images/shards/*"], PLACE).close()
    census(plate, tmp_path / "whole").close()
    assert tables(fetched(bucket, tmp_path / "copy")) == tables(tmp_path / "whole")
    with pytest.raises(RunError, match=f"'{PLACE}' holds a run"):
        merge_runs(["s3://images/shards/*"], PLACE)
    assert retry(PLACE).counts["found"] == 5


@pytest.mark.usefixtures("hasty")
def test_a_run_lies_in_a_bucket_that_speaks_as_google_does(
    plate, bucket, elsewhere, monkeypatch, tmp_path
):
    for name, value in gs_environment(bucket.address, tmp_path).items():
        monkeypatch.setenv(name, value)
    bucket.add("images/plate", plate)
    place = PLACE.replace("s3://", "gs://")

    def count_elsewhere(_):
        elsewhere()
        refused.append(run("detect", "gs://images/plate", "-o", place, *SETTINGS))

    refused = []
    census("gs://images/plate", place, COUNT, on_plan=count_elsewhere).close()
    assert f"Error: '{place}' is being written by process {os.getpid()} on" in refused[0].stderr
    assert f"{KEY}/run.lock" not in bucket.objects
    assert census("gs://images/plate", place, COUNT).counts["found"] == 5
    census(plate, tmp_path / "whole", COUNT).close()
    assert tables(fetched(bucket, tmp_path / "copy")) == tables(tmp_path / "whole")


def test_a_stop_sends_what_is_done(gated, bucket, elsewhere):
    stop, done = threading.Event(), []

    def count(outcome):
        done.append(outcome)
        if len(done) == 5:
            stop.set()

    census(gated, PLACE, COUNT, on_outcome=count, stop=stop, workers=1).close()
    assert f"{KEY}/run.lock" not in bucket.objects
    elsewhere()
    with Run(PLACE) as there:
        assert there.counts["found"] == len(done)
