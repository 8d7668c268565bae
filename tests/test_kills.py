"""A run that is killed, stopped, crowded out or cut off from its disk loses nothing."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tifffile
from commands import (
    PLANTED,
    SETTINGS,
    detect,
    detect_here,
    is_sound,
    query,
    run,
    start,
    statuses,
    tables,
)
from gate import PATIENT, wait_until, wait_until_said

ONE_BY_ONE = (*SETTINGS, "--strategy", "list-disk")
FOUND = "SELECT count(*) FROM images WHERE status = 'found'"
KILLS = int(os.environ.get("NUCENSUS_KILLS", "5"))


@pytest.fixture(scope="module")
def wells(tmp_path_factory, fields):
    """A folder of 1200 images: a run lasts through several commits on a fast machine too."""
    folder = tmp_path_factory.mktemp("wells")
    for index in range(1200):
        path = folder / f"s{index}.tif"
        if index < len(fields):
            tifffile.imwrite(path, fields[index].image)
        else:
            os.link(folder / f"s{index % len(fields)}.tif", path)
    return folder


@pytest.fixture(scope="module")
def whole(wells, tmp_path_factory):
    """The tables of an undisturbed run, and how many seconds it took."""
    out = tmp_path_factory.mktemp("whole")
    started = time.perf_counter()
    assert detect(wells, out).returncode == 0
    return tables(out), time.perf_counter() - started


@pytest.fixture
def png(fields):
    import imagecodecs

    return imagecodecs.png_encode(fields[0].image)


def marks(out):
    """Return a byte for each image of a run: 1 while it is being worked on."""
    lock = out / "run.lock"
    return lock.read_bytes()[4096:] if lock.exists() else b""


def wait_until_it_hangs(process, out):
    """Wait until the seventh image is being worked on: the first that hangs."""
    wait_until(process, lambda: marks(out)[7:8] == b"\1")


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_run_killed_at_any_instant_is_carried_on(kill, wells, whole, tmp_path):
    expected, seconds = whole
    with start("detect", wells, "-o", tmp_path, *SETTINGS) as process:
        time.sleep(random.Random(kill).uniform(0.2, 1) * seconds)
        process.kill()
    assert is_sound(tmp_path)
    done = detect(wells, tmp_path)
    assert done.returncode == 0, done.stderr
    assert is_sound(tmp_path)
    assert tables(tmp_path) == expected
    assert not (tmp_path / "run.lock").exists()


@pytest.mark.parametrize("cut", [0.0, 0.7])
def test_a_power_cut_that_takes_the_end_of_the_log_is_carried_on(cut, gated, gate, tmp_path):
    """What was not yet synced may read as zeros afterwards; a process that dies keeps its log."""
    out = tmp_path / "run"
    with start("detect", gated, "-o", out, *ONE_BY_ONE, program=[PLANTED]) as process:
        wait_until(process, gate.waiting)
        assert 1 <= query(out, FOUND)[0][0] <= 6  # small images are read a few at a time
        process.kill()
    log = out / "run.sqlite-wal"
    written = log.read_bytes()
    assert written
    kept = int(cut * len(written))
    log.write_bytes(written[:kept] + bytes(len(written) - kept))
    (out / "run.sqlite-shm").unlink(missing_ok=True)
    assert is_sound(out)
    assert_it_is_carried_on(gated, out, tmp_path)


def assert_it_is_carried_on(images, out, tmp_path):
    """Let the same command end a run, and compare it with one that nothing disturbed."""
    done = detect(images, out)
    assert done.returncode == 0, done.stderr
    assert is_sound(out)
    assert detect_here(images, tmp_path / "whole").returncode == 0
    assert tables(out) == tables(tmp_path / "whole")


@pytest.mark.parametrize("left", [b"", bytes(1 << 14)])
def test_a_power_cut_that_takes_a_new_run_file_lets_the_run_begin_again(
    left, wells, whole, tmp_path
):
    """The disk is not waited for before there is anything to lose."""
    for name in ("run.sqlite", "run.sqlite-wal"):
        (tmp_path / name).write_bytes(left)
    done = detect(wells, tmp_path)
    assert done.returncode == 0, done.stderr
    assert is_sound(tmp_path)
    assert tables(tmp_path) == whole[0]


@pytest.fixture
def slow(tmp_path, png):
    """A folder of a few good images, and then two that hang."""
    folder = tmp_path / "slow"
    folder.mkdir()
    for index in range(6):
        (folder / f"a{index}.png").write_bytes(png)
    for index in range(2):
        (folder / f"b{index}.png").write_bytes(png + b"HANG")
    return folder


@pytest.fixture
def gated(tmp_path, png, gate):
    """A folder of a few good images, and then some behind the gate."""
    folder = tmp_path / "gated"
    folder.mkdir()
    for index in range(6):
        (folder / f"a{index}.png").write_bytes(png)
        (folder / f"b{index}.png").write_bytes(gate.shut(png))
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_in_flight_and_says_how_to_go_on(number, gated, gate, tmp_path):
    out = tmp_path / "run"
    with start("detect", gated, "-o", out, *ONE_BY_ONE, program=[PLANTED], env=PATIENT) as process:
        wait_until(process, gate.waiting)
        process.send_signal(number)
        wait_until_said(process.stderr, "Stopping as soon as the images begun are done")
        gate.open()
        stdout, stderr = process.stdout.read(), process.stderr.read()
    assert process.returncode == 128 + number, stderr
    assert "5 images are left; the same command carries on" in stdout
    assert query(out, FOUND) == [(7,)]
    assert_it_is_carried_on(gated, out, tmp_path)


def test_a_second_ctrl_c_stops_at_once(slow, tmp_path):
    out = tmp_path / "run"
    with start("detect", slow, "-o", out, *ONE_BY_ONE, program=[PLANTED], env=PATIENT) as process:
        wait_until_it_hangs(process, out)
        process.send_signal(signal.SIGINT)
        wait_until_said(process.stderr, "Ctrl-C again stops at once")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=300) == 130
    assert is_sound(out)


def test_two_processes_do_not_write_one_run(slow, tmp_path):
    out = tmp_path / "run"
    with start("detect", slow, "-o", out, *ONE_BY_ONE, program=[PLANTED]) as process:
        wait_until_it_hangs(process, out)
        second = detect(slow, out)
        process.kill()
    assert second.returncode == 1
    assert f"is being written by process {process.pid} on" in second.stderr


@pytest.mark.parametrize("death", [b"SEGV", b"EXIT", b"KILL"])
def test_the_same_command_twice_gets_past_an_image_that_kills_it(death, png, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(6):
        (folder / f"s{index}.png").write_bytes(png + (death if index == 3 else b""))
    first = detect(folder, tmp_path / "run", program=[PLANTED])
    assert first.returncode not in (0, 3)
    second = detect(folder, tmp_path / "run", program=[PLANTED])
    assert second.returncode == 3, second.stderr
    assert "Failed: 's3.png' (worker): the worker process" in second.stderr
    good = statuses(tmp_path / "run")
    assert good.pop("s3.png") == "failed"
    assert set(good.values()) == {"found"}


def test_isolated_images_fail_alone_however_their_worker_ends(png, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    deaths = {"SEGV": "SIGSEGV", "EXIT": "code 7", "KILL": "memory runs out",
              "HANG": "longer than 3 s", "EATS": "more memory than there is"}  # fmt: skip
    for number, death in enumerate(deaths):
        (folder / f"{death}.png").write_bytes(png + death.encode())
        (folder / f"good{number}.png").write_bytes(png)
    limits = ("--timeout", "3", "--isolate", "--max-memory", "300MB")
    done = detect(folder, tmp_path / "run", *limits, program=[PLANTED])
    assert done.returncode == 3, done.stderr
    images = {row["image"]: row for row in tables(tmp_path / "run")[1]}
    for number, (death, reason) in enumerate(deaths.items()):
        assert images[f"good{number}.png"]["status"] == "found"
        assert images[f"{death}.png"]["status"] == "failed"
        assert reason in images[f"{death}.png"]["reason"]


def test_no_worker_outlives_a_parent_that_is_killed(slow, tmp_path):
    arguments = ("detect", slow, "-o", tmp_path / "run", *SETTINGS, "--isolate")
    with start(*arguments, program=[PLANTED], start_new_session=True) as process:
        wait_until_it_hangs(process, tmp_path / "run")
        session = os.getsid(process.pid)
        process.kill()
    deadline = time.monotonic() + 60
    while (left := _processes_of(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def _processes_of(session):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def test_a_run_whose_folder_vanishes_ends_with_a_clear_error(gated, gate, tmp_path):
    out = tmp_path / "run"
    with start("detect", gated, "-o", out, *SETTINGS, program=[PLANTED]) as process:
        wait_until(process, gate.waiting)
        shutil.rmtree(out)
        gate.open()
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stderr
    assert "has vanished; expected its folder to stay" in stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_output_folder_is_said_to_be_one(plate, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = detect(plate, tmp_path / "locked" / "run")
    assert done.returncode == 1
    assert "expected a folder that can be written" in done.stderr


def test_a_file_where_the_folder_should_be_is_an_error(plate, tmp_path):
    (tmp_path / "run").write_text("a file")
    done = detect(plate, tmp_path / "run")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


_ON_A_FULL_DISK = """
mount -t tmpfs -o size=8m tmpfs {disk} || exit 77
{python} -m nucensus detect {images} -o {disk}/run {settings} --strategy list-disk
echo first $?
rm -f {disk}/filler
{python} -m nucensus detect {images} -o {disk}/run {settings}
echo second $?
cp -r {disk}/run {copy}
"""


@pytest.mark.parametrize("room_kb", [0, 100])
def test_a_disk_that_is_full_is_said_so_and_the_run_goes_on_with_space(
    room_kb, wells, whole, tmp_path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    lines = _ON_A_FULL_DISK.format(
        disk=disk,
        python=sys.executable,
        images=wells,
        copy=tmp_path / "copy",
        settings=" ".join(SETTINGS),
    ).splitlines()
    lines.insert(2, f"dd if=/dev/zero of={disk}/filler bs=1k count={8192 - room_kb} status=none")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", "\n".join(lines)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert "first 1" in done.stdout, done.stdout + done.stderr
    assert "is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "second 0" in done.stdout, done.stdout + done.stderr
    assert is_sound(tmp_path / "copy")
    assert tables(tmp_path / "copy") == whole[0]


def test_retry_is_a_command(plate, tmp_path):
    (plate / "bad.tif").write_text("nothing")
    assert detect(plate, tmp_path / "run").returncode == 3
    done = run("retry", tmp_path / "run")
    assert done.returncode == 3
    assert "Done now: 1" in done.stdout
    (plate / "bad.tif").write_bytes((plate / "A01_s1.tif").read_bytes())
    assert run("retry", tmp_path / "run").returncode == 0
