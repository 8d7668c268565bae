"""Shards that know nothing of each other give, merged, what one undivided run gives."""

import json
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import PLANTED, SETTINGS, is_sound, query, run, run_here, start, tables
from test_provenance import check

import nucensus
from nucensus import Shard, merge_runs
from nucensus.batch import retry
from nucensus.errors import InputError, RunError
from nucensus.machine import slurm_shard
from nucensus.store import RunWriter
from nucensus.store.lock import RunLock
from nucensus.values import Failed, Found, Plane, Settings
from nucensus.values.synthetic import make_field

NUMBERS = Settings(threshold=300, border="keep")
AUTO = Settings()
SHARDS = 7 if "NUCENSUS_KILLS" in os.environ else 4
"""So many are killed and repeated; nox does more."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three folders of nuclei that differ in size and brightness; one is too small for itself."""
    root = tmp_path_factory.mktemp("folders")
    kinds = {"dim": (13, 6, 700), "bright": (9, 9, 2200), "few": (3, 12, 1500)}
    for number, (name, (count, radius, brightness)) in enumerate(kinds.items()):
        (root / name).mkdir()
        for site in range(count):
            field = make_field(
                100 * number + site,
                shape=(120, 160),
                nuclei=3 + site % 4,
                radius_px=radius * (1 + 0.3 * np.sin(site)),
                brightness=brightness * (1 + 0.5 * np.cos(2.3 * site)),
            )
            tifffile.imwrite(root / name / f"s{site}.tif", field.image)
    (root / "bright" / "broken.tif").write_text("nothing")
    return root


def take(inputs, folder, shard, settings=NUMBERS, **options):
    """Run one shard."""
    out = folder / f"{shard.index} of {shard.count}"
    nucensus.census(inputs, out, settings, shard=shard, **options).close()
    return out


def take_all(inputs, folder, count=3, settings=NUMBERS, **options):
    shards = [Shard(index, count) for index in range(1, count + 1)]
    return [take(inputs, folder, shard, settings, **options) for shard in shards]


def listing(out):
    """Return what the run file holds of the images, the times aside."""
    columns = (
        "id, name, path, size_bytes, mtime_ns, status, count, height, width, dtype, stage, reason, "
        "plate, well, site, channel, z, time, pixel_y_um, pixel_x_um, note, extra, plane, flag, "
        "centres, subpixel"
    )
    return query(out, f"SELECT {columns} FROM images ORDER BY id")


def assert_merged_is(expected, merged):
    assert tables(merged) == tables(expected)
    assert listing(merged) == listing(expected)
    looked_at = "SELECT name, pools, estimate, stage, reason FROM sample ORDER BY name"
    assert query(merged, looked_at) == query(expected, looked_at)
    assert is_sound(merged)
    with nucensus.Run(merged) as one, nucensus.Run(expected) as other:
        for fact in ("settings", "selection", "wells", "listing", "version", "vanished"):
            assert one.facts[fact] == other.facts[fact], fact
        for fact in ("estimates", "sample"):
            assert one.facts.get(fact) == other.facts.get(fact), fact
        assert one.sample() == other.sample()


# Which image is whose


def test_every_image_is_in_one_shard_and_the_shards_are_of_like_size():
    names = [f"plate1_{row}{column:02}_s{site}.tif" for row in "ABCDEFGHIJKLMNOP"
             for column in range(1, 25) for site in range(1, 10)]  # fmt: skip
    shards = [Shard(index, 16) for index in range(1, 17)]
    sizes = Counter(shard for name in names for shard in shards if shard.holds(name))
    assert sum(sizes.values()) == len(names)
    assert 0.75 < min(sizes.values()) / (len(names) / 16) < max(sizes.values()) / 216 < 1.25


def test_names_that_are_not_utf8_have_their_shard_too():
    assert sum(Shard(index, 5).holds("caf\udce9.tif") for index in range(1, 6)) == 1


def test_an_image_stays_in_its_shard_in_every_version():
    shards = {"A01_s1.tif": 3, "sub/folder/µ.tif": 5, "stack.tif[z=3]": 1}
    assert all(Shard(index, 7).holds(name) for name, index in shards.items())


@pytest.mark.parametrize("text", ["", "3", "0/7", "8/7", "-1/7", "3/7/9", "a/b", "1/0", "1.0/2"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(InputError, match=r"expected I/N with I from 1 to N, as in 3/7"):
        Shard.parse(text)


def array(monkeypatch, **said):
    for name in ("ID", "MIN", "MAX", "COUNT", "STEP"):
        value = said.get(name)
        key = f"SLURM_ARRAY_TASK_{name}"
        monkeypatch.delenv(key, raising=False) if value is None else monkeypatch.setenv(
            key, str(value)
        )


@pytest.mark.parametrize(
    ("first", "last", "step"), [(1, 7, 1), (0, 6, 1), (0, 6, 2), (10, 25, 5), (3, 3, 1)]
)
def test_the_tasks_of_a_slurm_array_are_the_shards(first, last, step, monkeypatch):
    tasks = range(first, last + 1, step)
    shards = []
    for task in tasks:
        array(monkeypatch, ID=task, MIN=first, MAX=last, COUNT=len(tasks), STEP=step)
        shards.append(slurm_shard())
    assert shards == [Shard(index, len(tasks)) for index in range(1, len(tasks) + 1)]


@pytest.mark.parametrize(
    ("task", "first", "last", "count", "step"),
    [(3, 0, 6, 4, 2), (4, 0, 6, 4, None), (4, 0, 6, 4, 3), (4, 0, 7, 4, 2)],
)
def test_a_task_that_its_step_does_not_reach_is_refused(
    monkeypatch, task, first, last, count, step
):
    array(monkeypatch, ID=task, MIN=first, MAX=last, COUNT=count, STEP=step)
    with pytest.raises(InputError, match=f"{count} tasks from {first} to {last}"):
        slurm_shard()


def test_outside_of_an_array_job_the_task_cannot_be_the_shard(monkeypatch, tmp_path):
    array(monkeypatch)
    done = run_here("detect", tmp_path, "-o", tmp_path / "run", "--shard", "slurm")
    assert done.returncode == 2
    assert "SLURM_ARRAY_TASK_ID" in done.stderr
    assert "sbatch --array=1-N" in done.stderr


@pytest.mark.parametrize("task", [3, 5])
def test_a_list_of_tasks_is_no_division_into_shards(task, monkeypatch):
    array(monkeypatch, ID=task, MIN=3, MAX=9, COUNT=3)
    with pytest.raises(InputError, match=r"3 tasks from 3 to 9; expected a range.*--shard I/N"):
        slurm_shard()


# A shard is a run


def test_a_shard_holds_its_own_images_alone_in_their_places(folders, tmp_path):
    nucensus.census(folders, tmp_path / "whole", NUMBERS)
    places = dict(query(tmp_path / "whole", "SELECT name, id FROM images"))
    for out in take_all(folders, tmp_path):
        own = query(out, "SELECT name, position FROM journal")
        assert own == [(name, places[name]) for name, _ in own]
        assert len(own) < len(places)


def test_a_shard_that_is_done_is_not_done_again(folders, tmp_path):
    out, outcomes = take(folders, tmp_path, Shard(2, 3), AUTO), []
    before = tables(out)
    take(folders, tmp_path, Shard(2, 3), AUTO, on_outcome=outcomes.append)
    assert outcomes == []
    assert tables(out) == before


def test_another_shard_does_not_carry_a_run_on(folders, tmp_path):
    out = take(folders, tmp_path, Shard(2, 3))
    for other, said in ((Shard(3, 3), "'3/3'"), (Shard(2, 4), "'2/4'"), (None, "not given")):
        with pytest.raises(RunError, match=rf"shard was '2/3' and is {said}.*--overwrite"):
            nucensus.census(folders, out, NUMBERS, shard=other)
    done = run_here("detect", folders, "-o", out, "--threshold", "300", "--border", "keep",
                    "--shard", "3/3", "--overwrite")  # fmt: skip
    assert done.returncode in (0, 3)
    with nucensus.Run(out) as now:
        assert now.facts["selection"]["shard"] == "3/3"


def test_a_shard_without_images_is_a_run_too(plate, tmp_path):
    nucensus.census(plate, tmp_path / "whole", AUTO)
    parts = take_all(plate, tmp_path, 6, AUTO)  # of five images
    assert min(len(query(out, "SELECT 1 FROM images")) for out in parts) == 0
    merge_runs(parts, tmp_path / "merged")
    assert_merged_is(tmp_path / "whole", tmp_path / "merged")


# Merged they are the undivided run


@pytest.fixture(scope="module")
def undivided(folders, tmp_path_factory):
    """The undivided runs."""
    outs = {}
    for name, settings in (("numbers", NUMBERS), ("auto", AUTO)):
        outs[name] = tmp_path_factory.mktemp(name)
        nucensus.census(folders, outs[name], settings).close()
    return outs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), [("numbers", SETTINGS), ("auto", ())])
def test_shards_in_any_order_killed_and_repeated_are_the_undivided_run(
    name, settings, folders, undivided, tmp_path
):
    chance = random.Random(int(os.environ.get("NUCENSUS_KILLS", "8")))
    indexes = list(range(1, SHARDS + 1))
    chance.shuffle(indexes)
    killed = set(indexes[1::2])
    for index in indexes:
        out, shard = tmp_path / f"shard-{index}", f"{index}/{SHARDS}"
        if index in killed:
            moment = chance.choice(("planned", "looked at", "listed", "half done"))
            kill_when(moment, name, folders, out, shard)
        done = run("detect", folders, "-o", out, *settings, "--shard", shard)
        assert done.returncode in (0, 3), done.stderr
    parts = [tmp_path / f"shard-{index}" for index in indexes]
    done = run_here("merge", *parts, "-o", tmp_path / "merged")
    assert done.returncode == 3, done.stderr
    assert "broken.tif' (read)" in done.stderr
    assert f"merged from {SHARDS} shards" in done.stdout
    assert_merged_is(undivided[name], tmp_path / "merged")


_DIES = """
import os, signal, sys
import nucensus
from nucensus.batch import run_loop

moment, name, inputs, out, shard = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at(step):
    if step == moment:
        die()

run_loop._COMMIT_EVERY_S = 0
watched = {"listed": {"on_plan": die}, "half done": {"on_outcome": die}}
settings = nucensus.Settings(threshold=300, border="keep") if name == "numbers" else None
nucensus.census(inputs, out, settings, shard=nucensus.Shard.parse(shard),
                **watched.get(moment, {"on_step": die_at}))
"""


def kill_when(moment, name, folders, out, shard):
    """Kill a shard with -9 once it has come that far; with numbers, it looks at nothing first."""
    moment = "half done" if (name, moment) == ("numbers", "looked at") else moment
    done = run(moment, name, folders, out, shard, program=["-c", _DIES])
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert is_sound(out)
    counted = query(out, "SELECT count(*) FROM journal WHERE status != 'pending'")
    assert counted == [(moment == "half done",)]


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize(("name", "settings"), [("numbers", NUMBERS), ("auto", AUTO)])
def test_merged_shards_are_the_undivided_run(name, settings, count, folders, undivided, tmp_path):
    parts = take_all(folders, tmp_path, count, settings)
    random.Random(count).shuffle(parts)
    with merge_runs(parts, tmp_path / "merged") as merged:
        assert merged.counts["failed"] == 1
    assert_merged_is(undivided[name], tmp_path / "merged")


def test_planes_and_images_that_are_named_twice_or_missing_are_merged(tmp_path, fields):
    folder = tmp_path / "plate"
    folder.mkdir()
    (folder / "p.HTD").write_text(
        '"XWells", 1\n"YWells", 1\n"WellsSelection1", TRUE\n"XSites", 2\n"YSites", 1\n'
        '"SiteSelection1", TRUE, TRUE\n"NWavelengths", 1\n'
    )
    stack = np.stack([field.image for field in fields])
    tifffile.imwrite(folder / "p_A01_s1.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    options = {"plane": Plane(z="each"), "settings": NUMBERS}
    inputs = [folder / "p_A01_s1.tif", folder, folder]
    nucensus.census(inputs, tmp_path / "whole", **options)
    merge_runs(take_all(inputs, tmp_path, 5, **options), tmp_path / "merged")
    assert_merged_is(tmp_path / "whole", tmp_path / "merged")
    assert {row[5] for row in listing(tmp_path / "merged")} == {"found", "failed"}


def test_files_that_come_and_go_leave_the_others_in_their_shards(folders, tmp_path):
    inputs = shutil.copytree(folders, tmp_path / "inputs")
    parts = take_all(inputs, tmp_path)
    (inputs / "dim" / "s3.tif").unlink()
    shutil.copy2(inputs / "dim" / "s4.tif", inputs / "dim" / "s1b.tif")
    outcomes = []
    take(inputs, tmp_path, Shard(1, 3), on_outcome=outcomes.append)
    with pytest.raises(RunError, match=r"lists other images.*what is done stays done"):
        merge_runs(parts, tmp_path / "merged")
    for index in (2, 3):
        take(inputs, tmp_path, Shard(index, 3), on_outcome=outcomes.append)
    assert [type(each) for each in outcomes].count(Found) == 1
    merge_runs(parts, tmp_path / "merged")
    nucensus.census(inputs, tmp_path / "whole", NUMBERS)
    assert tables(tmp_path / "merged") == tables(tmp_path / "whole")


@pytest.mark.slow
def test_a_merged_run_is_carried_on_retried_exported_and_compared(folders, undivided, tmp_path):
    inputs = shutil.copytree(folders, tmp_path / "inputs")
    merged = tmp_path / "merged"
    merge_runs(take_all(inputs, tmp_path), merged)
    outcomes = []
    nucensus.census(inputs, merged, NUMBERS, on_outcome=outcomes.append)
    assert [type(each) for each in outcomes] == [Failed]
    assert tables(merged) == tables(undivided["numbers"])
    assert run_here("diff", undivided["numbers"], merged).returncode == 0
    assert run_here("report", merged).returncode == 0
    assert run_here("wells", merged).returncode == 0
    assert run_here("export", merged, "--to", "geojson", "-o", tmp_path / "geojson").returncode == 0
    shutil.copy2(inputs / "dim" / "s1.tif", inputs / "bright" / "broken.tif")
    retry(merged, on_outcome=outcomes.append)
    assert [type(each) for each in outcomes] == [Failed, Found]
    nucensus.census(inputs, tmp_path / "whole", NUMBERS)
    assert tables(merged) == tables(tmp_path / "whole")


def test_tables_of_a_merge_that_did_not_change_keep_their_times(plate, tmp_path):
    shards = [tmp_path / f"shard-{index}" for index in (1, 2)]
    for index, out in enumerate(shards, 1):
        nucensus.census(plate, out, shard=Shard(index, 2)).close()
    merge_runs(shards, tmp_path / "run").close()
    tables = [tmp_path / "run" / name for name in ("nuclei.csv", "images.csv")]
    before = [path.stat().st_mtime_ns for path in tables]
    merge_runs(shards, tmp_path / "run", overwrite=True).close()
    assert [path.stat().st_mtime_ns for path in tables] == before


def test_the_provenance_of_a_merged_run_names_its_shards(folders, tmp_path):
    parts = take_all(folders, tmp_path)
    merge_runs(parts, tmp_path / "merged").close()
    run_here("export", tmp_path / "merged", "--to", "geojson", "-o", tmp_path / "geojson")
    document = json.loads((tmp_path / "merged" / "provenance.json").read_text())
    assert [each["shard"] for each in document["shards"]] == ["1/3", "2/3", "3/3"]
    assert [each["run"] for each in document["shards"]] == list(map(str, parts))
    assert sum(each["images"] for each in document["shards"]) == document["inputs"]["count"]
    check(document)
    image = json.loads((tmp_path / "geojson" / "dim" / "s1.tif.geojson").read_text())
    (own,) = image["provenance"]["shards"]
    assert Shard.parse(own["shard"]).holds("dim/s1.tif")
    check(image["provenance"])


# What cannot be merged is refused, and nothing is written


def refusal(parts, tmp_path):
    """Return why the shards are not merged."""
    with pytest.raises(RunError) as refused:
        merge_runs(parts, tmp_path / "merged")
    assert not (tmp_path / "merged" / "run.sqlite").exists()
    return str(refused.value)


@pytest.fixture
def parts(plate, tmp_path):
    return take_all(plate, tmp_path)


def test_a_missing_shard_is_named(parts, tmp_path):
    said = refusal([parts[1]], tmp_path)
    assert "of 3 shards, these are missing: 1/3, 3/3; expected all of them" in said


def test_no_runs_are_no_shards(tmp_path):
    assert "no run was given" in refusal([], tmp_path)
    assert run_here("merge", "-o", tmp_path / "merged").returncode == 2


def test_a_doubled_shard_is_named_with_both_runs(parts, tmp_path):
    shutil.copytree(parts[1], tmp_path / "copy")
    said = refusal([*parts, tmp_path / "copy"], tmp_path)
    assert said.startswith("shard 2/3 comes twice, in ")
    assert "2 of 3'" in said
    assert "copy'" in said


def test_shards_of_another_division_are_named(parts, plate, tmp_path):
    said = refusal([*parts, take(plate, tmp_path, Shard(2, 4))], tmp_path)
    assert "1 of 3' is shard 3/3" in said or "3 of 3' is shard 3/3" in said
    assert "2 of 4' is shard 2/4; expected shards of one division" in said


def test_an_undivided_run_is_no_shard(parts, plate, tmp_path):
    nucensus.census(plate, tmp_path / "whole", NUMBERS)
    said = refusal([*parts, tmp_path / "whole"], tmp_path)
    assert "whole' holds a run that is not divided; expected shards" in said


def test_what_is_no_run_is_no_shard(parts, tmp_path):
    assert "nowhere' is not a run" in refusal([*parts, tmp_path / "nowhere"], tmp_path)


def test_a_run_file_that_is_damaged_is_named(parts, tmp_path):
    content = bytearray((parts[1] / "run.sqlite").read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    (parts[1] / "run.sqlite").write_bytes(content)
    assert "2 of 3/run.sqlite' is damaged" in refusal(parts, tmp_path)


def test_a_run_file_that_is_damaged_where_the_nuclei_are_is_named(parts, tmp_path):
    path = parts[1] / "run.sqlite"
    with closing(sqlite3.connect(path)) as database:
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
        blob = b"n" * 160000
        database.execute("UPDATE journal SET centres = ?, count = 10000", (blob,))
        database.commit()
    content = path.read_bytes()
    start = content.find(b"n" * (page_bytes - 4)) // page_bytes * page_bytes
    path.write_bytes(content[:start] + bytes(page_bytes) + content[start + page_bytes :])
    said = refusal(parts, tmp_path)
    assert "2 of 3/run.sqlite' is damaged" in said
    assert "copy it again" in said


def test_a_shard_that_is_not_finished_is_named(plate, tmp_path):
    stop = threading.Event()
    stop.set()
    parts = take_all(plate, tmp_path)
    shutil.rmtree(parts[0])
    take(plate, tmp_path, Shard(1, 3), stop=stop)
    said = refusal(parts, tmp_path)
    assert "1 of 3' (shard 1/3) is not finished: it has " in said
    assert "images left; expected shards with an outcome for every image; run its command" in said


def test_a_shard_that_was_killed_before_it_listed_anything_is_not_finished(parts, tmp_path):
    shutil.rmtree(parts[0])
    with nucensus.store.RunWriter(parts[0]):
        pass
    assert "1 of 3' was stopped before it listed its images" in refusal(parts, tmp_path)


def test_a_shard_that_was_killed_while_it_listed_is_not_finished(parts, tmp_path):
    with nucensus.Run(parts[0]) as run:
        said = {name: run.facts[name] for name in ("settings", "selection", "version")}
    shutil.rmtree(parts[0])
    with nucensus.store.RunWriter(parts[0]) as writer:
        writer.record_facts(**said)
    assert "1 of 3' (shard 1/3) is not finished: it has listed no image yet" in refusal(
        parts, tmp_path
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"settings": Settings(threshold=400, border="keep")},
         "was found with other settings than shard 1/3 in "),
        ({"settings": Settings(threshold=400, border="keep")}, "threshold was 300 and is 400"),
        ({"plane": Plane(channel=0)}, "is of another selection of images than shard 1/3"),
        ({"plane": Plane(channel=0)}, "channel was not given and is 0"),
    ],
)  # fmt: skip
def test_a_shard_with_other_options_is_named_with_what_differs(
    options, said, plate, parts, tmp_path
):
    nucensus.census(plate, parts[1], **{"settings": NUMBERS, **options}, shard=Shard(2, 3),
                    overwrite=True)  # fmt: skip
    refused = refusal(parts, tmp_path)
    assert refused.startswith("shard 2/3 in ")
    assert said in refused
    assert "do it again with --overwrite" in refused


def test_the_odd_one_out_is_blamed_also_if_it_is_the_first(plate, parts, tmp_path):
    other = Settings(threshold=400, border="keep")
    nucensus.census(plate, parts[0], other, shard=Shard(1, 3), overwrite=True)
    assert refusal(parts, tmp_path).startswith("shard 1/3 in ")


def test_a_shard_of_another_version_is_named(parts, tmp_path):
    with nucensus.store.RunWriter(parts[2]) as writer:
        writer.record_facts(version="0.0.9")
    said = refusal(parts, tmp_path)
    assert "shard 3/3 in " in said
    assert "another version of nucensus" in said
    assert "is '0.0.9'" in said


def test_a_shard_that_knows_other_treatments_is_named(plate, tmp_path):
    table = tmp_path / "wells.csv"
    table.write_text("well,dose\nA01,3\n")
    parts = take_all(plate, tmp_path, metadata=table)
    table.write_text("well,dose\nA01,4\n")
    take(plate, tmp_path, Shard(2, 3), metadata=table)
    assert "shard 2/3 in " in (said := refusal(parts, tmp_path))
    assert "other treatments of the wells" in said
    for index in (1, 3):
        take(plate, tmp_path, Shard(index, 3), metadata=table)
    merge_runs(parts, tmp_path / "merged")


def test_a_shard_that_listed_other_images_is_named_with_how_many(plate, parts, tmp_path):
    shutil.copy2(plate / "A01_s1.tif", plate / "A01_s7.tif")
    take(plate, tmp_path, Shard(3, 3))
    said = refusal(parts, tmp_path)
    assert "shard 3/3 in " in said
    assert "images was 5 and is 6" in said
    assert "run the command of every shard again" in said


def test_shards_that_learned_from_other_files_are_started_again(folders, tmp_path):
    inputs = shutil.copytree(folders, tmp_path / "inputs")
    parts = take_all(inputs, tmp_path, 3, AUTO)
    tifffile.imwrite(inputs / "dim" / "s0.tif", make_field(5, shape=(120, 160), nuclei=9).image)
    owner = next(index for index in (1, 2, 3) if Shard(index, 3).holds("dim/s0.tif"))
    for index in (owner, *sorted({1, 2, 3} - {owner})):
        assert not (tmp_path / "merged").exists()
        take(inputs, tmp_path, Shard(index, 3), AUTO)
        if index != max({1, 2, 3} - {owner}):
            said = refusal(parts, tmp_path)
            assert f"learned what nuclei look like from other files than shard {index}/3" in said
            assert "'dim/s0.tif' was not the same file" in said
            assert "run its command again" in said
    merge_runs(parts, tmp_path / "merged")
    nucensus.census(inputs, tmp_path / "whole", AUTO)
    assert_merged_is(tmp_path / "whole", tmp_path / "merged")


def test_a_shard_whose_files_changed_is_named_by_one_that_was_started_later(plate, parts, tmp_path):
    name = query(parts[1], "SELECT name FROM images")[0][0]
    os.utime(plate / name, ns=(1, 1))
    take(plate, tmp_path, Shard(3, 3))
    assert "images of shard 2/3 in " in (said := refusal(parts, tmp_path))
    assert "run its command again" in said
    take(plate, tmp_path, Shard(2, 3))
    merge_runs(parts, tmp_path / "merged")


def test_a_changed_file_that_is_nobodys_sample_concerns_its_shard_alone(plate, parts, tmp_path):
    name = query(parts[1], "SELECT name FROM images")[0][0]
    os.utime(plate / name, ns=(1, 1))
    take(plate, tmp_path, Shard(2, 3))
    merge_runs(parts, tmp_path / "merged")


def test_a_run_is_not_replaced_unless_that_is_asked_for(parts, tmp_path):
    merge_runs(parts, tmp_path / "merged").close()
    done = run_here("merge", *parts, "-o", tmp_path / "merged")
    assert done.returncode == 1
    assert "holds a run; expected a folder without one" in done.stderr
    (tmp_path / "merged" / "mine.txt").write_text("stays")
    done = run_here("merge", *parts, "-o", tmp_path / "merged", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "merged").iterdir()) == [
        "images.csv", "mine.txt", "nuclei.csv", "provenance.json", "run.sqlite"
    ]  # fmt: skip


def test_a_shard_is_not_replaced_by_the_merged_run(parts, tmp_path):
    for path in (parts[0], parts[0].parent / "." / parts[0].name):
        with pytest.raises(RunError, match=r"is one of the shards"):
            merge_runs(parts, path, overwrite=True)
    merge_runs([path / "run.sqlite" for path in parts], tmp_path / "merged")


def test_a_run_that_somebody_writes_is_not_replaced(parts, tmp_path):
    (tmp_path / "merged").mkdir()
    lock = RunLock(tmp_path / "merged")
    assert "is being written by process" in refusal(parts, tmp_path)
    lock.release()


def test_a_place_that_cannot_be_written_is_said_to_be_one(parts, tmp_path):
    (tmp_path / "merged").write_text("a file")
    with pytest.raises(RunError, match=r"merged' cannot be written.*choose another with -o"):
        merge_runs(parts, tmp_path / "merged")


@pytest.mark.slow
@pytest.mark.parametrize("kill", range(3))
def test_a_merge_that_is_killed_leaves_a_whole_run_or_none(kill, parts, undivided, tmp_path):
    out = tmp_path / "merged"
    if kill % 2:
        shutil.copytree(undivided["numbers"], out)
    before = tables(out) if kill % 2 else None
    with start("merge", *parts, "-o", out, "--overwrite") as process:
        there = ("merge.partial", "merge.partial/run.sqlite", "merge.partial/nuclei.csv")[kill % 3]
        while process.poll() is None and not (out / there).exists():
            time.sleep(0.0005)
        process.kill()
    if (out / "run.sqlite").exists():
        assert is_sound(out)
        assert tables(out) in (before, tables_of(parts))
    done = run_here("merge", *parts, "-o", out, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert tables(out) == tables_of(parts)
    assert not (out / "merge.partial").exists()


def tables_of(parts):
    out = parts[0].parent / "expected"
    merge_runs(parts, out, overwrite=True).close()
    return tables(out)


# The sample that all shards look at


def test_a_shard_that_is_stopped_while_it_looks_knows_nothing_yet(folders, undivided, tmp_path):
    stop = threading.Event()

    class StopsSoon(threading.Event):
        asked = 0

        def is_set(self):
            self.asked += 1
            return stop.is_set() or self.asked > 12

    out = take(folders, tmp_path, Shard(1, 2), AUTO, stop=StopsSoon(), workers=1)
    with nucensus.Run(out) as stopped:
        assert "estimates" not in stopped.facts
    retry(out).close()
    merge_runs(take_all(folders, tmp_path, 2, AUTO), tmp_path / "merged")
    assert_merged_is(undivided["auto"], tmp_path / "merged")


@pytest.fixture
def deadly(tmp_path, fields):
    """A folder of eight images, all of the sample; whoever reads one of them dies."""
    import imagecodecs

    folder = tmp_path / "deadly"
    folder.mkdir()
    for index in range(8):
        png = imagecodecs.png_encode(fields[index % 5].image)
        (folder / f"s{index}.png").write_bytes(png + (b"SEGV" if index == 3 else b""))
    return folder


@pytest.mark.slow
def test_an_image_that_kills_whoever_looks_at_it_changes_nothing(deadly, tmp_path):
    """Whoever dies of it, and whoever owns it: the same command twice gets past it."""

    def detect(out, *options):
        return run("detect", deadly, "-o", tmp_path / out, *options, program=[PLANTED])

    assert detect("isolated", "--isolate").returncode == 3
    shards = [("--shard", f"{index}/2") for index in (1, 2)]
    for number, options in enumerate([(), *shards]):
        codes = [detect(f"run-{number}", *options).returncode for _ in range(2)]
        assert codes[0] not in (0, 3)
        assert codes[1] in (0, 3)
        assert not (tmp_path / f"run-{number}" / "run.lock").exists()
    done = run("merge", tmp_path / "run-1", tmp_path / "run-2", "-o", tmp_path / "merged")
    assert done.returncode == 3, done.stderr
    assert_merged_is(tmp_path / "run-0", tmp_path / "merged")
    assert tables(tmp_path / "run-0")[0] == tables(tmp_path / "isolated")[0]


def test_paths_of_every_kind_are_taken(parts, tmp_path):
    merge_runs((str(path) for path in parts), str(tmp_path / "merged")).close()
    merge_runs(map(Path, parts), tmp_path / "again").close()
    assert tables(tmp_path / "merged") == tables(tmp_path / "again")


@pytest.mark.parametrize(("count", "more"), [(6, ""), (7, " and 1 more"), (9, " and 3 more")])
def test_of_missing_shards_five_are_named_and_the_others_are_counted(plate, tmp_path, count, more):
    nucensus.census(plate, tmp_path / "one", NUMBERS, shard=Shard(1, count))
    shown = ", ".join(f"{number}/{count}" for number in range(2, 7))
    said = refusal([tmp_path / "one"], tmp_path)
    assert f"of {count} shards, these are missing: {shown}{more}; expected" in said


def test_a_merged_run_says_of_the_machines_what_is_the_same_of_all(parts, tmp_path):
    for place, (part, processor) in enumerate(zip(parts, "aab", strict=True)):
        with RunWriter(part) as writer:
            facts = {"processor": processor, "system": "s"}
            writer.record_facts(machine=facts, started=50.0 - place, seconds=1.5)
            writer.commit()
    with merge_runs(parts, tmp_path / "merged") as merged:
        about = merged.about
        assert about.machine == {"system": "s"}
        assert (about.started, about.seconds) == (48, 4.5)
        assert [each["processor"] for each in merged.facts["shards"]] == ["a", "a", "b"]
