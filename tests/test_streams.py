"""Closed, full and vanished places end a command in one line, with the right exit code."""

import subprocess
import sys

import pytest
from runs import write_fields, write_run

from nucensus.export import FORMATS

NUCENSUS = f"{sys.executable} -m nucensus"


def shell(command, folder):
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("streams", ["2>&-", "1>&-", "0<&- 1>&- 2>&-", "2>/dev/full"])
def test_a_run_does_not_mind_streams_that_are_closed(plate, streams):
    done = shell(f"{NUCENSUS} detect . -o run --as-published {streams}", plate)
    assert done.returncode == 0
    assert done.stderr == ""
    again = shell(f"{NUCENSUS} wells run", plate)
    assert again.returncode == 0


@pytest.mark.parametrize("command", ["info", "--help"])
def test_an_output_that_cannot_be_written_is_said_in_one_line(tmp_path, command):
    done = shell(f"{NUCENSUS} {command} > /dev/full", tmp_path)
    assert done.returncode == 1
    assert "no space is left" in done.stderr.lower()
    assert done.stderr.count("\n") == 1


def test_a_temporary_file_that_may_grow_no_further_is_said_in_words(tmp_path):
    write_run(tmp_path / "run", write_fields(tmp_path / "in", count=1))
    rows = (f"plate1_A01_s1.tif,{n % 300},{n % 397}\n" for n in range(400_000))
    (tmp_path / "truth.csv").write_text(f"image,y,x\n{''.join(rows)}")
    limited = f"ulimit -f 200; TMPDIR=. SQLITE_TMPDIR=. {NUCENSUS} evaluate run truth.csv"
    done = shell(limited, tmp_path)
    assert done.returncode == 1
    assert "could not be read or written" in done.stderr
    assert "ulimit -f" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error_to_tell(tmp_path):
    assert shell(f"{NUCENSUS} info | true", tmp_path).stderr == ""


def test_a_folder_that_was_removed_is_said(tmp_path):
    (tmp_path / "gone").mkdir()
    done = shell(f"cd gone; rmdir ../gone; {NUCENSUS} detect . -o run", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the folder that you are in has been removed; go to one that is there\n"
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder / "run", write_fields(folder / "images", count=2), rows=2, columns=2)
    return folder / "run"


def test_a_device_is_not_replaced_by_a_report(run, tmp_path):
    done = shell(f"{NUCENSUS} report {run} -o /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("'/dev/full' is a device, and no file; choose another output\n")


def test_what_was_not_foreseen_is_one_line_too(run, tmp_path):
    done = shell(
        f"{sys.executable} -c 'import nucensus.cli; from nucensus.export import wells; "
        f"wells.well_table = None; nucensus.cli.main()' wells {run}",
        tmp_path,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: unexpectedly, TypeError: ")
    assert done.stderr.count("\n") == 1


_ON_A_FULL_DISK = """
import os, pathlib, sys
from nucensus.errors import MissingPackageError, RunError
from nucensus.export import FORMATS, export_run
from nucensus.values import ImageRef
from nucensus.report import write_report
from nucensus.store import Run, RunWriter

disk = pathlib.Path(sys.argv[2])
files = lambda: [path for path in disk.rglob("*.partial*")]
def fill():
    with open(disk / "filler", "ab", buffering=0) as filler:
        for size in (1 << 16, 4096, 1):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                pass
try:
    with RunWriter(disk / "run") as writer:
        writer.plan(ImageRef(f"{i}.tif", f"/{i}.tif", 9, 9) for i in range(2000))
        writer.commit()
        fill()
except RunError as error:
    print("checkpoint", error)
run = Run(sys.argv[1])
for to in FORMATS:
    try:
        export_run(run, to, disk / f"to-{to}")
    except (RunError, MissingPackageError) as error:
        print(to, error)
try:
    write_report(run, disk / "report.html")
except OSError as error:
    print("report", error)
print("left", files())
"""


def test_a_full_disk_is_said_and_nothing_half_written_stays(run, tmp_path):
    disk, script = tmp_path / "disk", tmp_path / "script.py"
    disk.mkdir()
    script.write_text(_ON_A_FULL_DISK)
    commands = (
        f"mount -t tmpfs -o size=2m tmpfs {disk} || exit 77\n{sys.executable} {script} {run} {disk}"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", commands], capture_output=True, text=True, check=False
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert (done.stderr, done.returncode) == ("", 0)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["checkpoint", *FORMATS, "report", "left"]
    assert all("is full" in line or "not installed" in line for line in lines[:-2])
    assert "No space left" in lines[-2]
    assert lines[-1] == "left []"
