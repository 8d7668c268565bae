"""A signal ends a command soon, whatever it is waiting for: a listing, a sample, a server."""

import signal
import socket
import threading

import imagecodecs
import pytest
from commands import PLANTED, SETTINGS, start, statuses
from gate import wait_until
from servers import s3_environment

ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def silent():
    """A server that takes requests and answers none; whether there was one."""
    asked, taken = threading.Event(), []

    def take(server):
        while True:
            try:
                taken.append(server.accept()[0])
            except OSError:
                return
            asked.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=take, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for each in taken:
        each.close()


@pytest.mark.parametrize(
    ("what", "number"), [*(("a listing", each) for each in ENDINGS), ("an image", signal.SIGTERM)]
)
def test_a_signal_ends_a_request_that_nobody_answers(silent, tmp_path, what, number, monkeypatch):
    pytest.importorskip("obstore", reason="obstore is not installed (uv sync --group storage)")
    address, asked = silent
    for name, value in s3_environment(address).items():
        monkeypatch.setenv(name, value)
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"path\n{address}/1.tif\n")
    inputs = ["s3://bucket/plate"] if what == "a listing" else ["--manifest", manifest]
    with start("detect", *inputs, "-o", tmp_path / "run", *SETTINGS) as process:
        wait_until(process, asked.is_set)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert "Stopped; the same command carries on" in stderr


def test_ctrl_c_ends_a_look_at_a_bucket_that_nobody_answers(silent, monkeypatch):
    pytest.importorskip("obstore", reason="obstore is not installed (uv sync --group storage)")
    address, asked = silent
    for name, value in s3_environment(address).items():
        monkeypatch.setenv(name, value)
    with start("scan", "s3://bucket/plate") as process:
        wait_until(process, asked.is_set)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
    assert process.returncode == 130


_CTRL_C_WHILE_IMPORTING = """
import runpy, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
runpy.run_module("nucensus", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "module", ["nucensus.cli", "click", "nucensus.cli.detect", "nucensus.batch"]
)
def test_ctrl_c_while_the_command_is_imported_ends_it_without_a_word(tmp_path, module):
    program = ["-c", _CTRL_C_WHILE_IMPORTING.format(module=module)]
    with start("detect", tmp_path, "-o", tmp_path / "run", program=program) as process:
        said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert said == ("", "")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def planted(tmp_path, fields):
    """Return a function that makes images which do what the last bytes of their files say."""
    png = imagecodecs.png_encode(fields[0].image)
    folder = tmp_path / "images"
    folder.mkdir()

    def plant(ending, count):
        for index in range(count):
            (folder / f"{index}.png").write_bytes(png + ending)
        return folder

    return plant


@pytest.mark.parametrize("options", [(), SETTINGS, ("--isolate",)])
def test_a_signal_ends_a_sample_and_a_pilot_that_hang(planted, tmp_path, options):
    out = tmp_path / "run"
    lock = out / "run.lock"
    images = planted(b"HANG", 3)
    with start("detect", images, "-o", out, *options, program=[PLANTED]) as process:
        wait_until(process, lambda: lock.exists() and b"\1" in lock.read_bytes()[4096:])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_run_that_shall_outlive_its_terminal_does(planted, gate, tmp_path):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    out = tmp_path / "run"
    images = planted(gate.shut(b""), 8)
    with start(
        "detect", images, "-o", out, *SETTINGS, program=[PLANTED], preexec_fn=ignore
    ) as process:
        wait_until(process, gate.waiting)
        process.send_signal(signal.SIGHUP)
        gate.open()
        process.communicate(timeout=300)
    assert process.returncode == 0
    assert set(statuses(out).values()) == {"found"}
