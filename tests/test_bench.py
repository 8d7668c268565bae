"""The comparison: fair times, equal points, one sentence of advice."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from nucensus.bench import Comparison, Measurement, compare, recommend
from nucensus.bench.measure import _check_equal
from nucensus.bench.memory import _held_elsewhere, pause_after
from nucensus.bench.publish import draw, table_rows
from nucensus.cli.bench import command
from nucensus.discover import discover
from nucensus.errors import InputError, NucensusError
from nucensus.values import ImageRef, Plane, Settings


def measurement(strategy, seconds, detector="scikit-image", load_s=0.0):
    return Measurement(detector, strategy, (seconds, seconds * 1.1), load_s, 10**8, 100)


def comparison(*measurements):
    return Comparison(
        measurements, 24, 24 * 10**6, (), Settings(), 1, 2, 2, {"processor": "one"}, {}
    )


def test_each_strategy_is_timed_in_a_process_of_its_own(plate):
    found = compare(
        discover([plate], (".tif",)),
        strategies=["list-disk", "list-memory"],
        detectors=["native"],
        settings=Settings(threshold=300),
        repeat=2,
    )
    disk, memory = found.measurements
    assert disk.load_s == 0
    assert memory.load_s > 0
    assert disk.nuclei == memory.nuclei > 0
    assert disk.peak_memory_bytes > 10**6


def test_files_that_cannot_be_read_are_left_out_and_listed(plate):
    (plate / "bad.tif").write_text("nothing")
    found = compare(
        discover([plate], (".tif",)), strategies=["list-disk"], detectors=["native"], repeat=1
    )
    assert found.images == 5
    assert [name for name, _ in found.skipped] == ["bad.tif"]


def test_one_channel_of_a_plate_is_timed(plate, tmp_path):
    for path in sorted(plate.iterdir()):
        for channel in (1, 2):
            shutil.copy(path, plate / f"p_{path.stem}_w{channel}.tif")
        path.unlink()
    arguments = [str(plate), "-o", str(tmp_path / "out"), "--channel", "2", "--threshold", "300"]
    arguments += ["--strategy", "list-disk", "--detector", "native", "--repeat", "1"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out" / "bench.json").read_text())["images"] == 5


def test_a_plane_of_a_file_is_refused_and_a_known_problem_left_out(plate):
    path = str(plate / "A01_s1.tif")
    with pytest.raises(InputError, match="expected files of one plane"):
        compare([ImageRef("a", path, plane=Plane(z=1))])
    with pytest.raises(InputError, match="the first: it is promised"):
        compare([ImageRef("a", path, problem="it is promised")])


def test_a_folder_without_a_readable_image_is_an_error(tmp_path):
    (tmp_path / "bad.tif").write_text("nothing")
    with pytest.raises(InputError, match="none of the 1 images can be read"):
        compare(discover([tmp_path], (".tif",)))


def test_different_points_are_a_failure_that_names_the_image():
    images = [ImageRef("one.tif", "one.tif"), ImageRef("two.tif", "two.tif")]
    with pytest.raises(NucensusError, match=r"A and B give different points for 'two.tif'"):
        _check_equal(("A", ["x", "y"]), ("B", ["x", "z"]), images)


def test_loading_counts_in_the_total_and_not_in_the_published_time():
    each = measurement("list-memory", 2.0, load_s=0.5)
    assert (each.best_s, each.total_s) == (2.0, 2.5)


def test_the_table_tells_how_long_loading_took_of_methods_that_load():
    rows = table_rows(comparison(measurement("a", 2.0, load_s=0.5), measurement("b", 2.0)))
    assert [row[2] for row in rows] == ["0.500", ""]


def test_the_seconds_beside_the_longest_bar_have_room_in_the_chart():
    pytest.importorskip("matplotlib")
    axes = draw(comparison(Measurement("native", "threads", (20.0,), 0.0, 0, 100))).axes[0]
    (place,) = (each.xy[0] for each in axes.texts if each.get_text() == "20.0 s")
    assert place == 20 < 0.9 * axes.get_xlim()[1]


def test_the_advice_names_the_best_published_method_and_how_far_ours_is_ahead():
    advice = recommend(
        comparison(
            measurement("list-disk", 9.0),
            measurement("pool-fork", 4.0, load_s=0.5),
            measurement("threads", 0.1, detector="native"),
        )
    )
    assert advice.startswith("Of the published methods pool-fork is best here (4.5 s")
    assert "45.0 times faster" in advice


def test_memory_is_known_where_there_is_no_proc_too():
    pytest.importorskip("psutil")
    assert _held_elsewhere(os.getpid()) > 10**7
    assert _held_elsewhere(2**30) == 0


def test_memory_that_cannot_be_known_is_said_to_be_unknown():
    unknown = Measurement("native", "threads", (1.0,), 0.0, 0, 5)
    assert table_rows(comparison(unknown))[0][-1] == "unknown"


def test_who_watches_memory_takes_little_of_a_core_however_much_there_is_to_watch():
    assert pause_after(0.0001) < 0.05
    assert pause_after(0.1) >= 49 * 0.1
