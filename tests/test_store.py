"""The run file: what its writer records, its readers find, however the run went on between."""

import errno
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from stated_runs import HARD_NAMES, some_centres, write_run

from nucensus.errors import RunError
from nucensus.store import Run, RunWriter, points_of
from nucensus.store.database import open_to_write, write_log_back, write_some_log_back
from nucensus.store.explain import explanation
from nucensus.store.image_columns import IMAGES
from nucensus.store.packing import as_records, as_sql, as_text, as_volume, plane_of
from nucensus.store.sample import Origin, Sampled
from nucensus.values import RUN_FILE, Centres, Failed, Found, ImageRef, Plane, Settings

VOLUME = Centres(np.array([[2, 30, 40], [7, 5, 6]]), np.array([9.0, 3.0]))


def found(centres, shape=(100, 120)):
    return Found(centres, shape, "uint16", 1.0, 2.0)


def refs(*names, changed=()):
    return [ImageRef(each, f"/in/{each}", 240, 5 + (each in changed)) for each in names]


@pytest.fixture
def writer(tmp_path):
    with RunWriter(tmp_path / "run") as opened:
        opened.record_facts(settings=Settings.published().as_dict(), version="1")
        yield opened


def test_nuclei_come_back_as_they_were_found_image_by_image(tmp_path):
    images = {name: some_centres(count, seed=count) for count, name in enumerate(HARD_NAMES)}
    with write_run(tmp_path / "run", images) as run:
        read = list(run.nuclei_by_image())
        assert [name for name, _ in read] == list(HARD_NAMES)
        for (name, nuclei), centres in zip(read, images.values(), strict=True):
            np.testing.assert_array_equal(points_of(nuclei), centres.points)
            np.testing.assert_array_equal(nuclei["intensity"], centres.intensities)
            np.testing.assert_array_equal(run.nuclei_of(name), nuclei)
            row, same = run.find_image(name)
            assert (row["name"], row["count"], len(same)) == (name, len(centres), len(centres))
            assert run.reference(name).path == os.path.abspath(f"/data/{name}")
        assert run.find_image("none.tif") is None
        assert len(run.nuclei) == sum(map(len, images.values())) == run.counts["nuclei"]


def test_volumes_and_planes_stand_in_one_run(tmp_path):
    plane = some_centres(3)
    with write_run(tmp_path / "run", {"v": (VOLUME, {"depth": 30}), "p": plane}) as run:
        assert run.has_volumes
        assert run.nuclei["z"].tolist() == [2, 7, -1, -1, -1]
        np.testing.assert_array_equal(points_of(run.nuclei_of("v")), VOLUME.points)
        assert as_volume(run.nuclei_of("p"))["z"].tolist() == [-1, -1, -1]
        assert as_records(run.nuclei_of("v"), run.nuclei_of("p").dtype).dtype.names == (
            "y", "x", "intensity"
        )  # fmt: skip
    with write_run(tmp_path / "planes", {"p": plane}) as run:
        assert not run.has_volumes


def test_counts_are_those_of_each_status(tmp_path):
    failed = Failed("read", "it is cut off")
    images = {"a": some_centres(4), "b": failed, "c": None, "d": some_centres(0), "e": failed}
    with write_run(tmp_path / "run", images) as run:
        assert run.counts == {"images": 5, "found": 2, "failed": 2, "pending": 1, "nuclei": 4}
        assert [row["image"] for row in run.failures] == ["b", "e"]
        assert run.failures["reason"].tolist() == ["it is cut off"] * 2
        assert [row["name"] for row, _ in run.found_images(("name",))] == ["a", "d"]
        assert [(row["name"], len(each)) for row, each in run.all_images()] == [
            ("a", 4), ("b", 0), ("c", 0), ("d", 0), ("e", 0)
        ]  # fmt: skip
        assert repr(run) == "<Run: 5 images, 4 nuclei, 2 failed>"


def test_what_is_recorded_lasts_only_once_it_is_committed(tmp_path):
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings.published().as_dict(), version="1")
        writer.plan(refs("a", "b"))
        writer.record_all([(1, found(some_centres(2)), None)])
        writer.commit()
        writer.record_all([(2, found(some_centres(3)), None)])
    with Run(tmp_path) as run:
        assert run.images["status"].tolist() == ["found", "pending"]
    assert sorted(os.listdir(tmp_path)) == [RUN_FILE]


def test_a_run_that_goes_on_keeps_what_did_not_change_and_does_the_rest(writer):
    assert writer.plan(refs("a", "b", "c")) == 0
    for key in (1, 2, 3):
        writer.record_all([(key, found(some_centres(key)), None)])
    writer.commit()
    problem = ImageRef("e", "/in/e", problem="the index promises it in vain")
    assert writer.plan([*refs("c", "b", "d", changed="b"), problem]) == 1
    assert [each.path for each in writer.pending()] == ["/in/b", "/in/d"]
    assert writer.pending_count() == 2
    assert list(writer.problems()) == [(5, "the index promises it in vain")]
    assert (writer.vanished_count(), list(writer.vanished(9))) == (1, ["a"])
    assert [each.name for each in writer.listed()] == ["b", "c", "d"]
    run = writer.view()
    assert run.images["image"].tolist() == ["c", "b", "d", "e"]
    assert run.images["status"].tolist() == ["found", "pending", "pending", "failed"]
    assert writer.plan([*refs("a", "c"), problem]) == 0  # it is known
    assert run.images["status"].tolist() == ["found", "found", "failed"]


def test_all_that_is_pending_comes_once_however_many_there_are(writer):
    names = [f"i{number:04d}" for number in range(2500)]
    writer.plan(refs(*names))
    writer.record_all([(7, found(some_centres(0)), None)])
    pending = [each.path for each in writer.pending()]
    assert pending == [f"/in/{name}" for name in names if name != "i0006"]


def test_what_failed_is_done_again_as_far_as_that_may_help(writer):
    writer.plan(refs("a", "b", "c", "d"))
    for key, stage in ((1, "read"), (2, "detect"), (3, "worker")):
        writer.record_all([(key, Failed(stage, "it went wrong"), None)])
    writer.record_all([(4, found(some_centres(1)), None)])
    writer.commit()
    writer.redo_unreadable()
    assert [each.key for each in writer.pending()] == [1, 2]
    assert [writer.failed_before(key) for key in (1, 2)] == [True, True]
    writer.redo_failed()
    assert [each.key for each in writer.pending()] == [1, 2, 3]
    writer.redo([4])
    assert writer.pending_count() == 4
    assert not writer.failed_before(4)


def test_what_the_listing_found_wrong_keeps_nothing_else_from_being_done_again(writer):
    writer.plan([*refs("a"), replace(*refs("b"), problem="it is damaged"), *refs("c")])
    for key in (1, 3):
        writer.record_all([(key, Failed("read", "it went wrong"), None)])
    writer.redo_failed()
    assert [each.key for each in writer.pending()] == [1, 3]


def test_what_failed_is_done_again_with_the_size_that_its_file_has_now(writer, tmp_path):
    there, gone = str(tmp_path / "there.tif"), str(tmp_path / "gone.tif")
    (tmp_path / "there.tif").write_bytes(b"seven b")
    vain, each = {"problem": "it is not there"}, {"plane": Plane(time="each")}
    cases = {  # where it is, the size that was listed, what more is known of it: the size then
        "it is back": (there, -1, vain, 7),
        "it is back, of many times": (there, -1, vain | each, None),
        "it is still gone": (gone, -1, vain, None),
        "it is damaged": (there, 9, vain, None),
        "it was cut off": (there, 9, {}, 7),
        "it is gone now": (gone, 9, {}, 9),
        "a manifest names it": (there, -1, {}, 7),
        "a manifest named it in vain": (gone, -1, {}, -1),
    }
    writer.plan(
        ImageRef(name, path, size, 5, **more) for name, (path, size, more, _) in cases.items()
    )
    for key in [each.key for each in writer.pending()]:
        writer.record_all([(key, Failed("read", "it went wrong"), None)])
    writer.redo_failed()
    writer.commit()
    with closing(sqlite3.connect(tmp_path / "run" / RUN_FILE)) as database:
        query = "SELECT CAST(name AS TEXT), size_bytes FROM images WHERE status = 'pending'"
        pending = dict(database.execute(query))
    assert pending == {name: now for name, (*_, now) in cases.items() if now is not None}


def test_images_that_were_counted_with_something_else_are_done_again(writer):
    writer.plan(refs("a", "b", "c"))
    for key, learned in ((1, "old"), (2, "new"), (3, None)):
        writer.record_all([(key, found(some_centres(1)), learned)])
    writer.commit()
    assert writer.redo_learned_otherwise(lambda *_: "new") == 2
    assert [each.key for each in writer.pending()] == [1, 3]


def test_an_image_in_flight_when_a_process_died_is_a_suspect(tmp_path):
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings.published().as_dict(), version="1")
        writer.plan(refs("a", "b"))
        writer.lock.mark(1)
        writer.lock.mark(2)
        writer.record_all([(2, found(some_centres(1)), None)])
        writer.commit()
    with RunWriter(tmp_path) as writer:
        assert [each.path for each in writer.suspects()] == ["/in/a"]
        writer.forget_suspects()
    with RunWriter(tmp_path) as writer:
        assert writer.suspects() == []


def test_a_run_in_memory_is_handed_over_to_its_reader():
    writer = RunWriter(None)
    writer.record_facts(settings=Settings.published().as_dict(), version="1")
    writer.plan(refs("a"))
    writer.record_all([(1, found(some_centres(5)), None)])
    writer.commit()
    run = writer.hand_over()
    del writer
    seen = []
    reader = threading.Thread(target=lambda: seen.append(run.counts["nuclei"]))
    reader.start()
    reader.join()
    assert seen == [5]
    run.close()
    with pytest.raises(sqlite3.ProgrammingError):
        run.counts  # noqa: B018


def test_a_run_in_a_folder_is_handed_over_to_be_read_alone(tmp_path):
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings.published().as_dict(), version="1")
        writer.plan(refs("a"))
        writer.record_all([(1, found(some_centres(5)), None)])
        writer.commit()
    run = writer.hand_over()
    assert run.counts == Run(tmp_path).counts
    assert run.nuclei_of("a").tolist() == Run(tmp_path).nuclei_of("a").tolist()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        run._database.execute("DELETE FROM journal")
    run.close()
    (tmp_path / RUN_FILE).unlink()
    with pytest.raises(RunError, match="is not a run"):
        writer.hand_over()


def test_a_run_file_that_vanished_is_not_written_to_in_vain(tmp_path):
    with RunWriter(tmp_path / "run") as writer:
        writer.plan(refs("a"))
        (tmp_path / "run" / RUN_FILE).unlink()
        writer.record_all([(1, found(some_centres(1)), None)])
        with pytest.raises(RunError, match=r"cannot be made|has vanished"):
            writer.commit()


def test_the_disk_is_waited_for_until_the_run_file_holds_what_is_in_its_log(tmp_path):
    def waits():
        write_log_back(database)
        return bool(database.execute("PRAGMA synchronous").fetchone()[0])

    with (
        closing(open_to_write(tmp_path, False, IMAGES)) as database,
        closing(sqlite3.connect(tmp_path / RUN_FILE)) as reader,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM run").fetchall()  # it holds on to what it has seen
        database.execute("INSERT INTO run VALUES ('key', 'value')")
        database.commit()
        assert waits()
        reader.rollback()
        assert not waits()


def test_a_run_file_that_vanished_is_not_made_again_for_its_log(tmp_path):
    write_some_log_back(tmp_path / RUN_FILE)
    assert not (tmp_path / RUN_FILE).exists()


def test_what_is_committed_reaches_its_place_while_something_else_is_done(writer, tmp_path):
    nuclei = some_centres(5)
    writer.plan(refs("a"))
    writer.record_all([(1, found(nuclei), None)])
    writer.commit()
    with writer.settling():
        assert writer.view().counts["nuclei"] == len(nuclei)
    without_log = tmp_path / RUN_FILE
    without_log.write_bytes((tmp_path / "run" / RUN_FILE).read_bytes())
    with Run(without_log) as run:
        np.testing.assert_array_equal(points_of(run.nuclei_of("a")), nuclei.points)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "no"), "is full; what was found so far is kept"),
        (OSError(errno.EDQUOT, "no"), "is full; what was found so far is kept"),
        (OSError(errno.ENOENT, "no"), "has vanished"),
        (OSError(errno.EACCES, "no"), "cannot be written to"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_what_helps(tmp_path, error, says):
    (tmp_path / RUN_FILE).touch()
    assert says in explanation(tmp_path, error)


def test_what_is_wrong_without_a_folder_is_said_too(tmp_path):
    assert "has vanished" in explanation(tmp_path / "gone", OSError(errno.EIO, "no"))
    never_made = explanation(tmp_path / "gone", OSError(errno.EACCES, "Permission denied"))
    assert "cannot be written to" in never_made
    assert "(Permission denied); expected a folder that can be written" in never_made
    assert "that holds memory is full" in explanation(None, OSError(errno.ENOSPC, "no"))


def test_tables_do_not_stand_where_an_outcome_is_written_once_a_full_disk_has_space(
    tmp_path, monkeypatch
):
    write_run(tmp_path, {"a": Failed("read", "no permission")})
    opened, connect = [], sqlite3.connect

    def connect_and_keep(*where, **how):
        opened.append(connect(*where, **how))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connect_and_keep)
    with RunWriter(tmp_path) as writer:
        writer.record_tables()
        assert writer.tables_stand()
        opened[0].execute("PRAGMA max_page_count = 1")  # no more than there are
        with pytest.raises(RunError, match="is full"):
            writer.record_all([(1, Failed("read", "long" * 100_000), None)])
        opened[0].execute("PRAGMA max_page_count = 1000")
        writer.record_all([(1, Failed("read", "short"), None)])
        writer.commit()
        assert not writer.tables_stand()


@pytest.mark.parametrize("name", [*HARD_NAMES, "half a character \ud800"])
def test_every_name_goes_into_a_table_and_comes_back(name):
    with sqlite3.connect(":memory:") as database:
        (value,) = database.execute("SELECT ?", (as_sql(name),)).fetchone()
    if "\ud800" not in name:
        assert as_text(value) == name
    database.close()


def test_a_plane_is_read_as_it_was_written():
    assert plane_of(None) == plane_of("") == Plane()
    assert plane_of('{"channel": "DAPI", "z": 3}') == Plane(channel="DAPI", z=3)
    for text in ('{"z": [1]}', '{"q": 1}', "5", "{"):
        with pytest.raises(RunError, match="cannot be believed"):
            plane_of(text)


def sampled(name, *pools, estimate=None):
    return Sampled(name, f"/in/{name}", Plane(), "", 240, 5, pools, estimate=estimate)


def test_a_sample_keeps_what_its_images_said_and_forgets_those_that_left(writer):
    writer.plan(refs("a", "b", "c"))
    sample = writer.sample
    sample.plan([sampled("a", "one"), sampled("b", "one", "two"), sampled("c")])
    sample.record("a", "hash", {"count": 3})
    sample.record_failure("b", None, "read", "it is cut off")
    sample.record_failure("c", None, "worker", "it died")
    assert [(key, each.name) for key, each in sample.to_estimate(deadly=True)] == [
        (2, "b"), (3, "c")
    ]  # fmt: skip
    assert [each.name for _, each in sample.to_estimate(deadly=False)] == ["b"]
    sample.plan([sampled("a", "three"), sampled("d")])
    a, d = sample
    assert (a.estimate, a.content, a.pools) == ({"count": 3}, "hash", ("three",))
    assert (d.estimate, d.stage) == (None, None)
    assert [(key, each.name) for key, each in sample.to_estimate(deadly=True)] == [(3 + 1 + 4, "d")]
    sample.forget("a")
    assert next(iter(sample)).estimate is None


def test_an_image_of_a_sample_that_changed_says_nothing_any_more(writer):
    writer.plan(refs("a", "b"))
    writer.sample.plan([sampled("a"), sampled("b")])
    for name in "ab":
        writer.sample.record(name, None, {"count": 3})
    writer.plan(refs("a", "b", changed="b"))
    writer.sample.refresh()
    a, b = writer.sample
    assert (a.estimate, b.estimate) == ({"count": 3}, None)
    assert b.mtime_ns == 6


def test_the_origin_of_estimates_says_what_could_not_be_used():
    images = [sampled("a", "one", "two", estimate={}), sampled("b", "one"), sampled("c", "two")]
    origin = Origin.of(images)
    assert (origin.images, origin.unread, origin.unread_names) == (3, 2, ("b", "c"))
    assert origin.short == {"one": (1, 2), "two": (1, 2)}
    assert "learned from 1 of 3 images of the sample; 'b', 'c' could not be used" in str(origin)
    assert Origin.of([sampled("a", "one", estimate={})]).short == {}
    whole = Origin.of([sampled("a", "one", estimate={})])
    assert str(whole) == ""
    assert "was taken from the run in 'other'." in str(Origin("run", "other", 3, 2, ("b", "c")))
    assert "was kept from an earlier start." in str(replace(whole, source="kept"))
    assert str(replace(whole, source="kept")) == (
        "What nuclei look like was kept from an earlier start."
    )
    assert str(replace(origin, source="kept")) == f"{replace(whole, source='kept')} {origin}"
    assert str(replace(origin, source="run", run="/a")) == (
        "What nuclei look like was taken from the run in '/a'."
    )
    many = Origin.of([sampled(f"{number}") for number in range(6)])
    assert len(many.unread_names) == 5
    assert "'4', ... could" in str(many)
