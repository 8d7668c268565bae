"""Nothing from a name, a label or an error reaches a terminal that the terminal would obey."""

import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from nucensus.cli.terminal import PrintableStream

TITLE = "\x1b]0;title\x07"
ODD = f"{TITLE}\x9b2J\x7f\u202e"
OBEYED = (b"\x1b]", b"\x07", b"\x7f", "\x9b".encode(), "\u202e".encode())


def on_a_terminal(*arguments):
    """Run the command on a terminal, and return what that was sent."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-m", "nucensus", *map(str, arguments)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
    ):  # fmt: skip
        os.close(theirs)
        sent = bytearray()
        try:
            while more := os.read(ours, 1 << 16):
                sent += more
        except OSError:  # the other side is closed
            pass
    os.close(ours)
    return bytes(sent)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Images, a plate, a truth, and two runs, all of them with names that a terminal obeys."""
    top = tmp_path_factory.mktemp("odd") / ODD
    images = top / "images"
    images.mkdir(parents=True)
    y, x = np.mgrid[:64, :64]
    field = (200 + 3000 * ((y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 60)).astype(np.uint16)
    for site in (1, 2):
        tifffile.imwrite(images / f"{ODD}_B02_s{site}_w1.tif", field)
    (images / f"{ODD}.tif").write_bytes(b"II*\0" + bytes(20))
    xml = "<OME xmlns='http://www.openmicroscopy.org/Schemas/OME/2016-06'><Image ID='I:0'><Pixels"
    xml += " DimensionOrder='XYCZT' Type='uint16' SizeX='64' SizeY='64' SizeZ='1' SizeC='2'"
    xml += " SizeT='1'><Channel Name='&#x9b;2J&#x202e;1'/><Channel Name='&#x9b;2J&#x202e;2'/>"
    xml += "<TiffData/></Pixels></Image></OME>"
    tifffile.imwrite(
        images / f"{ODD}.ome.tif", [field, field], description=xml.encode(), metadata=None
    )
    wells = f"well,{ODD}\nB02,{ODD}\n"
    (top / "wells.csv").write_text(wells)
    (top / "truth.csv").write_text(f"image,y,x\n{ODD}_B02_s1_w1.tif,16,16\n{ODD},1,1\n")
    for name, threshold in (("a", 1000), ("b", 5000)):
        on_a_terminal(
            "detect", images, "-o", top / name, "--threshold", threshold,
            "--metadata", top / "wells.csv", "--border", "keep",
        )  # fmt: skip
    return top


COMMANDS = {
    "detect": ("detect", "images", "-o", "c", "--explain", "--metadata", "wells.csv"),
    "detect a channel": ("detect", "images", "-o", "d", "--channel", ODD),
    "detect nothing": ("detect", f"no{ODD}", "-o", "e"),
    "isolated": ("detect", "images", "-o", "g", "--isolate", "--threshold", "9"),
    "wrong usage": ("detect", "images", "-o", "h", f"--{ODD}"),
    "scan": ("scan", "images"),
    "wells": ("wells", "a"),
    "diff": ("diff", "a", "b"),
    "retry": ("retry", "a"),
    "report": ("report", "a"),
    "evaluate": ("evaluate", "a", "truth.csv", "--radius", "5"),
    "tune-parameters": ("tune-parameters", "images", "truth.csv", "--radius", "5"),
    "export": ("export", "a", "--to", "labels", "--out", f"x{ODD}"),
    "merge": ("merge", "a", "b", "-o", "m"),
    "bench": ("bench", "images", "--strategy", "list-disk", "--repeat", "1", "--out", "bench"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_sends_what_a_terminal_obeys(odd, name, monkeypatch):
    monkeypatch.chdir(odd)
    sent = on_a_terminal(*COMMANDS[name])
    assert sent
    assert not [each for each in OBEYED if each in sent], sent


def test_what_a_terminal_would_obey_is_shown_as_it_is_written(odd):
    assert rb"\x1b]0;title\x07\x9b2J\x7f\u202e" in on_a_terminal("scan", odd / "images")


def test_a_stream_has_no_way_around():
    behind = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    stream = PrintableStream(behind)
    stream.writelines(["µm\n", "\x1b", "\r\t", "\x85"])
    print("\u2066", file=stream)
    behind.flush()
    assert behind.buffer.getvalue().decode() == "µm\n\\x1b\\r\\t\\x85\\u2066\n"
    assert not hasattr(stream, "buffer")
