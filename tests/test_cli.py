"""The command line, as a user types it."""

import csv
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from commands import run_here
from stated_runs import some_centres, write_run

import nucensus as nc
from nucensus.cli.running import print_failures, print_notes
from nucensus.text.page import STYLE
from nucensus.values import Failed


def nucensus(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "nucensus", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_detect_writes_the_run_and_says_what_it_found(plate, tmp_path):
    done = nucensus("detect", plate, "-o", tmp_path / "run", "--threshold", 300)
    assert done.returncode == 0, done.stderr
    assert re.match(r"\d+ nuclei in 5 images, 0 failed; ", done.stdout)
    names = {"run.sqlite", "nuclei.csv", "images.csv", "provenance.json"}
    assert names == {path.name for path in (tmp_path / "run").iterdir()}


def test_no_progress_bar_is_drawn_where_nobody_watches(plate, tmp_path):
    done = nucensus("detect", plate, "-o", tmp_path / "run")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("--sigma 4", "beside --sigma: --min-distance 6, --threshold 1000; with --detector maxima"),
        ("--threshold 300", "beside --threshold: --sigma 4, --min-distance 6; with"),
        ("--sigma 4 --min-distance 6 --threshold 300", ""),
        ("--sigma 4 --detector maxima", ""),
        ("--threshold auto", ""),
        ("--as-published", ""),
        ("--sigma 4 --quiet", ""),
    ],
)
def test_numbers_that_nobody_chose_are_told(plate, tmp_path, typed, taken):
    told = run_here("detect", plate, "-o", tmp_path / "run", *typed.split()).stderr
    assert ("Taken as published, " in told) == bool(taken)
    assert taken in told


def test_quiet_prints_nothing(plate, tmp_path):
    done = nucensus("detect", plate, "-o", tmp_path / "run", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_bad_file_is_listed_and_the_exit_code_is_3(plate, tmp_path):
    (plate / "bad.tif").write_text("nothing")
    done = nucensus("detect", plate, "-o", tmp_path / "run")
    assert done.returncode == 3
    assert "5 images, 1 failed" in done.stdout
    assert "Failed: 'bad.tif' (read): " in done.stderr
    with open(tmp_path / "run" / "images.csv", newline="") as file:
        assert sum(row["status"] == "found" for row in csv.DictReader(file)) == 5


def test_a_run_in_which_every_image_failed_says_so_first(tmp_path):
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).write_text("nothing")
    done = nucensus("detect", tmp_path, "-o", tmp_path / "run")
    assert done.returncode == 3
    assert done.stdout.startswith("None of the 2 images could be counted; ")


def test_images_that_failed_for_one_reason_are_told_in_one_line(tmp_path):
    for index in range(5):
        (tmp_path / f"b{index}.tif").write_text("nothing")
    done = nucensus("detect", tmp_path, "-o", tmp_path / "run")
    told = [line for line in done.stderr.splitlines() if line.startswith("Failed: ")]
    assert len(told) == 1
    assert told[0].startswith("Failed: 'b0.tif', 'b1.tif', 'b2.tif' and 2 more (read): ")


def test_a_plan_says_from_how_many_images_it_learned(plate, tmp_path):
    (plate / "bad.tif").write_text("nothing")
    done = nucensus("plan", plate, "-o", tmp_path / "plan")
    assert "Planned: 6 images; learned from 5 of them\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect", "nowhere", "-o", "run"], "'nowhere' does not exist; expected"),
        (["detect", ".", "-o", "run", "--sigma", "-1"], "sigma is -1.0; expected"),
        (["detect", ".", "-o", "run", "--strategy", "magic"], "expected one of list-disk"),
        (["detect", ".", "-o", "run", "--workers", "0"], "0 is not in the range"),
        (["detect", "."], "Missing option '-o' / '--out', folder for run.sqlite"),
        (["detect", "."], "Example: nucensus detect plate/ -o run"),
        (["export", "run"], "'--to', what to write: csv, parquet, geojson,"),
        (["detect", ".", "-o", "run", "--max-memory", "4"], "'4' is no memory to hold an image in"),
        (
            ["detect", ".", "-o", "run", "--settings", "x.toml"],
            "be read (No such file or directory)",
        ),
        (["report"], "Missing argument 'RUN'. Example: nucensus report run"),
        (["detekt"], "there is no command 'detekt'; did you mean detect?"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(plate, arguments, message):
    done = run_here(*arguments, cwd=plate)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_traceback_shows_where_an_error_arose(plate):
    done = nucensus("--traceback", "detect", "nowhere", "-o", "run", cwd=plate)
    assert "Traceback" in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("command", ["detect", "bench", "demo", "info"])
def test_every_command_explains_itself_with_an_example(command):
    done = run_here(command, "--help")
    assert done.returncode == 0
    assert f"Example: nucensus {command}" in done.stdout


def test_help_starts_without_numpy():
    code = "import sys, nucensus.cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_nucensus_imports_no_more_than_numpy():
    code = (
        "import sys, nucensus; nucensus.detect_nuclei, nucensus.process_images;"
        "sys.exit(bool({'skimage', 'scipy', 'tifffile', 'rich', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


ROOMS_FOR_OTHERS = {
    "nucensus.batch": "in_parts merge other_channels packed part_clock positives process scan "
    "take_plan",
    "nucensus.detect": "laplacian",
    "nucensus.discover": "bucket index manifest metadata pair plate stacks zarr_plate",
    "nucensus.execute": "cluster connect isolated memory_limit others payload pools task",
    "nucensus.export": "to_parquet wells",
    "nucensus.read": "compressed ome_tiff slides tiff_pages tiff_series",
    "nucensus.store": "absorb corrections in_bucket positives summary treat",
    "nucensus.remote": "file_systems leases objects ome stage",
    "nucensus.values": "positives treatments",
    "nucensus": "bench report score tune viewer",
}
"""Modules for clusters, buckets, plates, other detectors, formats and commands."""
ONLY_FOR_AUTO = "automatic estimate_image evidence regions search"
PACKAGES = {"cloudpickle", "concurrent", "importlib.metadata", "jinja2", "logging", "matplotlib",
            "multiprocessing", "pebble", "rich", "scipy", "skimage", "statistics", "subprocess",
            "tifffile", "tomllib", "traceback"}  # fmt: skip


@pytest.mark.parametrize("numbers", [("--threshold", "300"), ()])
def test_counting_an_image_imports_only_what_it_needs(plate, tmp_path, numbers):
    image = str(next(plate.glob("*.tif")))
    code = (
        "import atexit, gc, sys; from nucensus.__main__ import program\n"
        "tell = lambda: print(*sys.modules, f'gc={gc.isenabled()}', file=sys.stderr)\n"
        "atexit.register(tell); program()"
    )
    command = [sys.executable, "-c", code, "detect", image, "-o", str(tmp_path / "run"), *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stderr.split())
    rooms = ROOMS_FOR_OTHERS | ({"nucensus.detect": ONLY_FOR_AUTO} if numbers else {})
    others = {f"{room}.{name}" for room, names in rooms.items() for name in names.split()}
    assert all(map(importlib.util.find_spec, others))
    assert "nucensus.read.plain_tiff" in imported
    assert not imported & (others | PACKAGES)
    assert "gc=True" in imported


def test_nobody_searches_for_garbage_while_the_command_line_is_imported():
    code = (
        "import atexit, gc; from nucensus.__main__ import program\n"
        "searches = lambda: gc.get_stats()[0]['collections']\nbefore = searches()\n"
        "atexit.register(lambda: print(searches() - before)); program()"
    )
    command = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"


def test_counting_starts_no_threads_of_numpy(plate, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")  # a number that somebody gave would stay
    code = (
        "from nucensus.cli import main\nfrom threadpoolctl import threadpool_info\n"
        "try: main()\nfinally: print({each['num_threads'] for each in threadpool_info()})"
    )
    image = str(next(plate.glob("*.tif")))
    command = [sys.executable, "-c", code, "detect", image, "-o", str(tmp_path / "run"), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("{1}", "set()")  # macOS has a library that is not asked


@pytest.mark.parametrize(("arguments", "exit_code"), [(["--version"], 0), (["--no-such"], 2)])
def test_what_waits_for_the_end_of_a_command_is_done(arguments, exit_code):
    code = (
        "import atexit; atexit.register(print, 'the last words', end='')\n"
        "from nucensus.cli import program; program()"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == exit_code
    assert done.stdout.endswith("the last words")
    watched = [sys.executable, "-m", "cProfile", "-m", "nucensus", *arguments]
    done = subprocess.run(watched, capture_output=True, text=True, check=False)
    assert "function calls" in done.stdout


def test_info_names_the_kernel_and_the_cores():
    done = nucensus("info")
    assert re.search(r"^kernel +(baseline|avx2|avx512|neon) ", done.stdout, re.MULTILINE)
    assert re.search(r"^usable cores +\d+ ", done.stdout, re.MULTILINE)


def test_bench_measures_checks_and_draws(plate, tmp_path):
    arguments = ["--repeat", "2", "--strategy", "list-disk", "--strategy", "pool-fork"]
    done = nucensus("bench", plate, "-o", tmp_path / "bench", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Of the published methods" in done.stdout
    result = json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert len(result["measurements"]) == 4
    assert all(len(each["samples_s"]) == 2 for each in result["measurements"])
    assert {each["nuclei"] for each in result["measurements"]} != {0}
    assert (tmp_path / "bench" / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "bench" / "bench.svg").read_text().lstrip().startswith("<?xml")
    page = (tmp_path / "bench" / "bench.html").read_text()
    assert "http://" not in page
    assert "https://" not in page
    assert STYLE.read_text("utf-8") in page


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], nc.Settings()),
        (["--as-published"], nc.Settings.published()),
        (["--as-published", "--border", "keep"], nc.Settings(threshold=1000, border="keep")),
        (["--as-published", "--sigma", 3], nc.Settings(sigma=3)),
        (["--border", "auto"], nc.Settings()),
        (["--threshold", 300, "--border", "auto"], nc.Settings(threshold=300)),
        (["--detector", "maxima"], nc.Settings("maxima")),
        (["--detector", "maxima", "--threshold", 300, "--sigma", "auto"],
         nc.Settings("maxima", threshold=300)),
        (["--as-published", "--settings", "FILE"], nc.Settings.published()),
        (["--settings", "FILE", "--sigma", "auto"],
         nc.Settings("log", min_distance=5, threshold=70, border="count", sigma_um=2)),
    ],
)  # fmt: skip
def test_what_is_typed_is_what_the_run_is_taken_with(options, expected, plate, tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(
        'detector = "log"\nsigma = 5\nsigma_um = 2\nmin_distance = 5\nthreshold = 70\n'
        'border = "count"\n'
    )
    options = [file if each == "FILE" else each for each in options]
    run_here("detect", plate, "-o", tmp_path / "run", *options)
    with nc.Run(tmp_path / "run") as run:
        assert run.settings == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--as-published", "--detector", "log"], "does not go with --detector log"),
        (["--as-published", "--threshold", "auto"], "does not go with --threshold auto"),
        (["--detector", "auto", "--sigma", 3], "does not go with --detector auto"),
        (["--sigma", "auto", "--threshold", 300], "or give --detector maxima, which estimates"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, expected, plate, tmp_path):
    done = run_here("detect", plate, "-o", tmp_path / "run", *options)
    assert done.returncode == 2
    assert expected in " ".join(done.stderr.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["detect", "retry", "merge"])
def test_failed_images_are_no_failure_where_that_is_said(plate, tmp_path, command):
    (plate / "broken.tif").write_text("nothing")
    shard, count = tmp_path / "1", ("--threshold", 300)
    assert run_here("detect", plate, "-o", shard, *count, "--shard", "1/1").returncode == 3
    out = ("-o", tmp_path / "run")
    words = {"detect": [plate, *out, *count], "retry": [shard], "merge": [shard, *out]}[command]
    assert run_here(command, *words, "--failed-ok").returncode == 0


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, " and 1 more")])
def test_three_images_are_named_of_those_that_failed_for_one_reason(tmp_path, capsys, count, more):
    images = {f"{n}.tif": Failed("read", "empty") for n in range(count)}
    print_failures(write_run(tmp_path, images))
    assert capsys.readouterr().err == f"Failed: '0.tif', '1.tif', '2.tif'{more} (read): empty\n"


@pytest.mark.parametrize(
    ("count", "more"), [(20, None), (21, "1 more failed image"), (23, "3 more failed images")]
)
def test_of_reasons_for_failures_twenty_are_told_and_the_images_beyond_are_counted(
    tmp_path, capsys, count, more
):
    images = {f"{n:02}.tif": Failed("read", f"reason {min(n, 21)}") for n in range(count)}
    print_failures(write_run(tmp_path, images))
    told = capsys.readouterr().err.splitlines()
    assert told[:20] == [f"Failed: '{n:02}.tif' (read): reason {n}" for n in range(20)]
    assert told[20:] == ([f"... and {more}, with the reasons in images.csv"] if more else [])


@pytest.mark.parametrize(("count", "more"), [(3, None), (4, "1 more note"), (5, "2 more notes")])
def test_of_notes_on_images_three_are_told_and_the_others_are_counted(
    tmp_path, capsys, count, more
):
    images = {f"{n}.tif": (some_centres(9 + n), {"note": f"note {n}"}) for n in range(count)}
    print_notes(write_run(tmp_path, images))
    told = capsys.readouterr().err.splitlines()
    assert told[:3] == [f"Note: 1 image: note {n}" for n in range(3)]
    assert told[3:] == ([f"... and {more} in images.csv"] if more else [])


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([None, None], []),
        (["debris", None, "blank", "debris"],
         ["Note: 3 images of 4 may be odd (2 debris, 1 blank): look at these first"]),
        (["blank", "blank"], ["Note: no nucleus was found in any image; if nuclei are dark"]),
    ],
)  # fmt: skip
def test_odd_images_are_told_by_their_flags(tmp_path, capsys, flags, told):
    images = {
        f"{n}.tif": replace(some_centres(0 if flag == "blank" else 9 + n), flag=flag)
        for n, flag in enumerate(flags)
    }
    print_notes(write_run(tmp_path, images, settings=nc.Settings()))
    assert [line[: len(start)] for line, start in zip(capsys.readouterr().err.splitlines(), told,
                                                      strict=True)] == told  # fmt: skip


def test_pixels_of_several_sizes_are_told(tmp_path, capsys):
    sizes = {"a": 0.5, "b": 0.5, "c": 0.25, "d": None}
    images = {
        f"{name}.tif": (some_centres(9 + n), {"pixel_y_um": size, "pixel_x_um": size})
        for n, (name, size) in enumerate(sizes.items())
    }
    print_notes(write_run(tmp_path / "several", images))
    several = "0.5 um in 2 images, not stated in 1 image, 0.25 um in 1 image"
    assert f"Note: pixels are not of one size ({several}):" in capsys.readouterr().err
    for n, name in enumerate(("c.tif", "d.tif")):
        images[name] = (some_centres(12 + n), {"pixel_y_um": 0.5, "pixel_x_um": 0.5001})
    print_notes(write_run(tmp_path / "one", images))
    assert capsys.readouterr().err == ""
