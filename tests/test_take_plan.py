"""Look once: a plan lists and learns for all shards, which count what a run without it counts."""

import threading

import pytest
from commands import SETTINGS, run_here, tables

from nucensus import Run, Settings, Shard, census, merge_runs
from nucensus.batch import census_planned, plan_census
from nucensus.errors import RunError

NUMBERS = Settings(threshold=300, border="keep")
SHARDS = 3


@pytest.fixture
def undivided(plate, tmp_path):
    (plate / "broken.tif").write_text("nothing")
    census(plate, tmp_path / "undivided", Settings())
    return tmp_path / "undivided"


def parts_of(plan, folder, **options):
    parts = [folder / str(index) for index in range(1, SHARDS + 1)]
    for index, part in enumerate(parts, 1):
        census_planned(plan, part, shard=Shard(index, SHARDS), **options)
    return parts


@pytest.mark.parametrize("settings", [Settings(), NUMBERS], ids=["learned", "numbers"])
def test_the_shards_of_a_plan_count_what_an_undivided_run_counts(plate, tmp_path, settings):
    (plate / "broken.tif").write_text("nothing")
    census(plate, tmp_path / "undivided", settings)
    plan_census(plate, tmp_path / "plan", settings)
    merge_runs(parts_of(tmp_path / "plan", tmp_path), tmp_path / "merged")
    assert tables(tmp_path / "merged") == tables(tmp_path / "undivided")


def test_shards_with_a_plan_and_without_are_shards_of_one_run(plate, undivided, tmp_path):
    plan_census(plate, tmp_path / "plan")
    parts = parts_of(tmp_path / "plan", tmp_path)
    census(plate, parts[1], shard=Shard(2, SHARDS), overwrite=True)
    merge_runs(parts, tmp_path / "merged")
    assert tables(tmp_path / "merged") == tables(undivided)


def test_a_shard_looks_neither_at_the_folder_nor_at_the_sample(plate, tmp_path):
    folder = plate.rename(tmp_path / "input")
    plan_census(folder, tmp_path / "plan")
    away = folder.rename(tmp_path / "away")  # nothing of the input can be looked at
    with census_planned(tmp_path / "plan", tmp_path / "run", shard=Shard(1, 2)) as found:
        assert found.counts["failed"] == found.counts["images"] > 0
        assert found.about.sample["unread"] == 0
    away.rename(folder)
    with census_planned(tmp_path / "plan", tmp_path / "run", shard=Shard(1, 2)) as found:
        assert found.counts["found"] == found.counts["images"]


def test_what_the_plan_could_not_read_stays_unread_for_all_shards(plate, tmp_path):
    cut = sorted(plate.glob("*.tif"))[0]
    content = cut.read_bytes()
    cut.write_bytes(content[:100])
    plan_census(plate, tmp_path / "plan")
    cut.write_bytes(content)
    parts = parts_of(tmp_path / "plan", tmp_path)
    with merge_runs(parts, tmp_path / "merged") as merged:
        assert merged.about.sample["unread_names"] == [cut.name]
        assert merged.counts["failed"] == 0


def test_a_shard_of_a_plan_that_is_stopped_carries_on(plate, undivided, tmp_path):
    plan_census(plate, tmp_path / "plan")
    stop = threading.Event()
    parts_of(tmp_path / "plan", tmp_path, on_outcome=lambda _: stop.set(), stop=stop)
    parts = parts_of(tmp_path / "plan", tmp_path)
    merge_runs(parts, tmp_path / "merged")
    assert tables(tmp_path / "merged") == tables(undivided)
    again = parts_of(tmp_path / "plan", tmp_path)
    assert [Run(each).about.starts[-1]["images"] for each in again] == [0, 0, 1]  # broken.tif


def test_a_plan_that_is_carried_on_is_an_undivided_run(plate, undivided, tmp_path):
    plan_census(plate, tmp_path / "plan")
    census(plate, tmp_path / "plan")
    assert tables(tmp_path / "plan") == tables(undivided)
    census_planned(tmp_path / "plan", tmp_path / "taken")  # all that it found already
    assert tables(tmp_path / "taken") == tables(undivided)


def test_what_is_no_plan_is_refused(plate, tmp_path):
    stop = threading.Event()
    stop.set()
    plan_census(plate, tmp_path / "stopped", stop=stop)
    census(plate, tmp_path / "shard", shard=Shard(1, 2))
    plan_census(plate, tmp_path / "plan")
    plan_census(plate, tmp_path / "other", NUMBERS)
    census_planned(tmp_path / "plan", tmp_path / "run", shard=Shard(1, 2))
    for plan, out, index, said in (
        ("stopped", "new", 1, "is not finished"),
        ("shard", "new", 1, "holds shard 1/2"),
        ("plan", "plan", 1, "another folder"),
        ("plan", "run", 2, r"shard was '1/2' and is '2/2'"),
        ("other", "run", 1, "a run of another plan"),
    ):
        with pytest.raises(RunError, match=said):
            census_planned(tmp_path / plan, tmp_path / out, shard=Shard(index, 2))


def test_the_commands_say_what_was_planned_and_count_it(plate, tmp_path):
    done = run_here("plan", plate, "-o", tmp_path / "plan", *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert "Planned: 5 images" in done.stdout
    word = ("detect", "--plan", tmp_path / "plan", "--shard", "1/1", "-o", tmp_path / "run")
    assert run_here(*word).returncode == 0
    assert Run(tmp_path / "run").counts["found"] == 5
    refused = run_here(*word, "--sigma", 3)
    assert refused.returncode == 2
    assert "it does not go with --sigma" in refused.stderr
