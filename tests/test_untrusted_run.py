"""A run file may come from anywhere: what makes no sense is said, and nothing of it runs."""

import os
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import tifffile

from nucensus import census
from nucensus.batch import retry
from nucensus.errors import RunError
from nucensus.store import NUCLEUS_RECORD, Run, RunWriter
from nucensus.store.check import bounded
from nucensus.store.packing import checksum_of, unpack_nuclei
from nucensus.store.sample import Sampled
from nucensus.values import RUN_FILE, Centres, Found, ImageRef, Plane, Settings

TEXTS = ("name", "path", "dtype", "reason", "plate", "well", "site", "channel", "note", "flag")
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    with RunWriter(folder) as writer:
        writer.record_facts(settings=Settings().as_dict(), version="1")
        writer.plan([ImageRef(f"{name}.tif", f"/{name}.tif", 9, 9) for name in "abc"])
        writer.sample.plan([Sampled("a.tif", "/a.tif", Plane(), "", 9, 9, ("pool",))])
        centres = Centres(np.array([[3, 4]]), np.array([5.0]))
        writer.record_all([(1, Found(centres, (10, 10), "uint16", 1.0, 1.0), None)])
        writer.commit()
    return folder


@pytest.fixture
def folder(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "run")
    return tmp_path / "run"


def refused(folder):
    """Return what both a reader and a writer say."""
    said = []
    for open_run in (Run, RunWriter):
        with pytest.raises(RunError) as caught:
            open_run(folder)
        said.append(str(caught.value))
    return said


@pytest.mark.parametrize(
    "change",
    [
        f"DROP VIEW images; CREATE VIEW images AS {ENDLESS} SELECT x AS id, 'a' AS name FROM c",
        f"DROP TABLE run; CREATE VIEW run AS {ENDLESS} SELECT x AS key, '1' AS value FROM c",
        f"CREATE TRIGGER t BEFORE INSERT ON run BEGIN SELECT 1 FROM ({ENDLESS} SELECT 1); END",
        "CREATE INDEX other ON journal (abs(key))",
        "DROP TABLE journal; CREATE TABLE journal (key, position)",
        "UPDATE journal SET height = 1000000000000",
        "UPDATE journal SET height = 2000000000, width = 2000000000",
        "UPDATE journal SET width = -1",
        "UPDATE journal SET count = 9223372036854775807",
        "UPDATE journal SET count = 2",
        "UPDATE journal SET count = NULL",
        "UPDATE journal SET centres = x'0102'",
        "UPDATE journal SET centres = 'text'",
        "UPDATE journal SET centres = NULL",
        "UPDATE journal SET subpixel = x'01'",
        "UPDATE journal SET area_px = NULL",
        "UPDATE journal SET area_px = -1",
        "UPDATE journal SET name = name || char(0)",
        "UPDATE journal SET extra = '[1]'",
        "UPDATE journal SET extra = '{'",
        "UPDATE journal SET extra = printf('%.*c', 100000, '[')",
        "UPDATE journal SET name = key",
        *(f"UPDATE journal SET {name} = CAST(x'61FF62' AS TEXT) WHERE key = 1" for name in TEXTS),
        "UPDATE run SET value = CAST(x'61FF62' AS TEXT) WHERE key = 'version'",
        "UPDATE sample SET pools = CAST(x'61FF62' AS TEXT)",
        "UPDATE sample SET path = 3",
        "UPDATE journal SET stated = '[1'",
        "UPDATE journal SET stated = x'00'",
        "UPDATE journal SET subpixel = 'x' WHERE status != 'found'",
        "UPDATE journal SET position = 'first'",
        "UPDATE journal SET mtime_ns = 1e300",
        "UPDATE journal SET pixel_y_um = 'small'",
        "UPDATE journal SET pixel_y_um = 1e300",
        "UPDATE journal SET well = printf('%.*c', 2000000, 'x')",
        "DELETE FROM run",
        "UPDATE run SET value = '{}' WHERE key = 'settings'",
        """UPDATE run SET value = '{"detector": "log", "sigma": "q"}' WHERE key = 'settings'""",
        """INSERT INTO run VALUES ('estimates', '{"": {"radius_px": 3}}')""",
        "INSERT INTO run VALUES ('estimates', 'null')",
        "INSERT INTO run VALUES ('starts', '[{}]')",
        "INSERT OR REPLACE INTO run VALUES ('started', '1099511627776')",
        """INSERT INTO run VALUES ('starts', '[{"started": NaN, "seconds": 1, "images": 1}]')""",
        "INSERT INTO run VALUES ('strategy', '{}')",
        "INSERT INTO run VALUES ('sample', '{}')",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 60000) "
        "UPDATE journal SET extra = (SELECT json_group_object(x, 1) FROM n)",
        """INSERT INTO run VALUES ('wells', '[{"well": 3}]')""",
        "INSERT INTO run VALUES ('machine', '[')",
        "INSERT INTO run VALUES ('machine', '3')",
        "INSERT INTO run VALUES ('machine', printf('%.*c', 100000, '['))",
        "UPDATE run SET value = printf('%.*c', 2000000, '1') WHERE key = 'version'",
    ],
)
def test_a_run_file_that_makes_no_sense_is_refused(folder, change):
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        database.executescript(change)
    for text in refused(folder):
        assert "is damaged, or was not written by nucensus" in text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("pragma", "what"), [("user_version", "version of nucensus"), ("application_id", "program")]
)
def test_a_run_file_of_another_schema_or_of_another_program_is_refused(folder, pragma, what):
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        (said,) = database.execute(f"PRAGMA {pragma}").fetchone()
        database.execute(f"PRAGMA {pragma} = {said + 1}")
    for text in refused(folder):
        assert f"was written by another {what} (" in text
        assert "open it with what wrote it, or count again" in text


@pytest.mark.parametrize("count", [0, 1, 3])
def test_other_channels_of_more_or_fewer_nuclei_than_there_are_are_refused(count):
    def unpack(count):
        nuclei, channels = (
            np.zeros(2, NUCLEUS_RECORD).tobytes(),
            np.arange(2 * count, dtype="<f4").tobytes(),
        )
        checksum = checksum_of(nuclei, None, None, channels)
        return unpack_nuclei("a", 2, nuclei, None, None, channels, checksum, 9, 9, None,
                             others=["GFP_mean", "GFP_std"])  # fmt: skip

    assert unpack(2)[["GFP_mean", "GFP_std"]].tolist() == [(0, 1), (2, 3)]
    with pytest.raises(RunError, match=r"nuclei of the image 'a' in it"):
        unpack(count)


def change_nuclei(folder, **fields):
    """Write other nuclei of the one image, and a checksum that is right for them."""
    nucleus = np.zeros(1, NUCLEUS_RECORD)
    for name, value in fields.items():
        nucleus[name] = value
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        row = nucleus.tobytes(), checksum_of(nucleus.tobytes(), None)
        database.execute("UPDATE journal SET centres = ?, checksum = ? WHERE count", row)
        database.commit()


READERS = {
    "nuclei": lambda run: run.nuclei,
    "find_image": lambda run: run.find_image("a.tif"),
    "nuclei_of": lambda run: run.nuclei_of("a.tif"),
    "found_images": lambda run: list(run.found_images()),
    "_repr_html_": lambda run: run._repr_html_(),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("place", [0, 9, 15])
def test_nuclei_with_a_changed_byte_are_refused_by_whoever_reads_them(folder, read, place):
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        ((packed,),) = database.execute("SELECT centres FROM journal WHERE count")
        other = packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]
        database.execute("UPDATE journal SET centres = ? WHERE count", (other,))
        database.commit()
    with Run(folder) as run, pytest.raises(RunError, match=r"nuclei of the image 'a\.tif' in it"):
        read(run)


@pytest.mark.parametrize("number", [1, 77, 298])
@pytest.mark.parametrize("change", ["checksum = 1", "height = 3"])
def test_among_many_images_the_one_is_named_whose_nuclei_are_not_what_was_written(
    tmp_path, number, change
):
    centres = Centres(np.array([[4, 5], [6, 7]]), np.array([2.0, 1.0]))
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings().as_dict())
        writer.plan(ImageRef(f"{key}.tif", f"{key}.tif") for key in range(1, 301))
        for key in range(1, 301):
            some = centres if key % 3 else Centres(np.empty((0, 2), int), np.empty(0))
            writer.record_all([(key, Found(some, (9, 9), "uint8", 1, 1), None)])
        writer.commit()
    key = number + (number % 3 == 0)
    with Run(tmp_path) as run:
        lengths = [len(each) for _, each in run.found_images()]
        assert lengths == [2 * (key % 3 > 0) for key in range(1, 301)]
        assert all((each["y"] == [4, 6]).all() for _, each in run.nuclei_by_image() if len(each))
        by_name = run.images_by("name", sort_key=str.encode)
        assert [row["name"] for row, _ in by_name][:2] == ["1.tif", "10.tif"]
    with closing(sqlite3.connect(tmp_path / RUN_FILE)) as database:
        database.execute(f"UPDATE journal SET {change} WHERE key = ?", (key,))
        database.commit()
    with Run(tmp_path) as run, pytest.raises(RunError, match=rf"nuclei of the image '{key}\.tif'"):
        list(run.found_images())


def test_nuclei_with_a_changed_byte_are_refused_by_who_carries_on_with_nothing_to_do(
    folder, tmp_path
):
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        database.execute("UPDATE journal SET centres = zeroblob(length(centres)) WHERE count")
        database.commit()
    for carry_on in (lambda: census(tmp_path, folder), lambda: retry(folder)):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((10, 10), np.uint16))
        with pytest.raises(RunError, match=r"nuclei of the image 'a\.tif' in it"):
            carry_on()


@pytest.mark.parametrize("fields", [{"y": 10}, {"x": 10}, {"y": -1}, {"x": -1}])
def test_nuclei_beside_their_image_are_refused(folder, fields):
    change_nuclei(folder, y=9, x=9)
    with Run(folder) as run:
        assert len(run.nuclei) == 1
    change_nuclei(folder, **fields)
    with Run(folder) as run, pytest.raises(RunError, match=r"nuclei of the image 'a\.tif' in it"):
        _ = run.nuclei


@pytest.mark.parametrize(
    "plane",
    ["[1]", '{"q": 1}', '{"z": [1]}', '{"level": -1}', '{"level": "1"}', "hello", "[" * 9999],
)
def test_a_plane_that_is_none_is_refused(folder, plane):
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        database.execute("UPDATE journal SET plane = ?", (plane,))
        database.commit()
    with Run(folder) as run, pytest.raises(RunError, match=r"the plane .* in it"):
        run.reference("a.tif")


def test_a_run_that_was_stopped_before_it_knew_its_settings_says_so(tmp_path):
    with RunWriter(tmp_path):
        pass
    with pytest.raises(RunError, match="stopped before it listed its images"):
        Run(tmp_path)
    with RunWriter(tmp_path) as writer:
        assert not writer.has_images()


def test_tables_of_others_beside_ours_do_no_harm(folder):
    with closing(sqlite3.connect(folder / RUN_FILE)) as database:
        database.executescript(f"CREATE VIEW mine AS {ENDLESS} SELECT x FROM c; CREATE TABLE t (x)")
    with Run(folder) as run:
        assert run.counts["images"] == 3


@pytest.mark.parametrize("content", [bytes(range(256)) * 100, b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_database_is_refused(folder, content):
    (folder / RUN_FILE).write_bytes(content)
    assert refused(folder)


def test_a_run_file_that_was_overwritten_in_its_middle_is_refused(folder):
    path = folder / RUN_FILE
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(range(256)) * 80)
    assert refused(folder)


def test_what_sqlite_says_in_several_lines_is_told_in_one(folder):
    path = folder / RUN_FILE
    with closing(sqlite3.connect(path)) as database:
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
    with open(path, "r+b") as file:
        file.seek(page_bytes + 1)  # of the second page: where its free space begins
        file.write(b"\xff\xff")
    assert not any("\n" in text for text in refused(folder))


def test_a_run_file_that_was_cut_is_refused(folder):
    os.truncate(folder / RUN_FILE, (folder / RUN_FILE).stat().st_size // 2)
    assert refused(folder)


def test_a_log_that_is_no_log_is_passed_over(folder):
    (folder / f"{RUN_FILE}-wal").write_bytes(bytes(range(256)) * 20)
    with Run(folder) as run:
        assert run.counts["nuclei"] == 1


def test_no_query_takes_more_steps_than_the_file_is_large():
    with closing(sqlite3.connect(":memory:")) as database:
        with bounded(database, 1000), pytest.raises(sqlite3.OperationalError, match="interrupted"):
            database.execute(f"{ENDLESS} SELECT max(x) FROM c").fetchone()
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_a_query_may_take_as_many_steps_as_a_large_file_needs_and_some_in_any_case():
    count = f"{ENDLESS} SELECT max(x) FROM (SELECT x FROM c LIMIT {{}})"
    with closing(sqlite3.connect(":memory:")) as database:
        with bounded(database, 0):
            assert database.execute(count.format(1_000)).fetchone() == (1_000,)
        with bounded(database, 10**9):
            assert database.execute(count.format(500_000)).fetchone() == (500_000,)
