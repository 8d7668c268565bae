"""Names, plurals and pictures as text; files that are whole or not there."""

import errno
import functools
import logging
import os
import re
import sqlite3
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nucensus.errors import InputError
from nucensus.text.files import atomic_write, is_full, meanwhile, refuse_if_full, sync
from nucensus.text.names import escape, safe_path, unescape
from nucensus.text.patterns import late
from nucensus.text.plurals import pluralize
from nucensus.text.printable import printable
from nucensus.text.printable_log import PrintableFormatter
from nucensus.text.svg import map_of_nuclei, rings, scale_bar


def test_a_file_appears_whole_and_under_its_own_name_only(tmp_path):
    path = tmp_path / "new" / "a.csv"
    with atomic_write(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["a.csv"]


def test_a_file_that_says_what_it_said_before_keeps_its_time(tmp_path):
    path = tmp_path / "a.csv"
    times = []
    for content in (b"one", b"one", b"two", b"two2"):
        with atomic_write(path) as partial:
            partial.write_bytes(content)
        assert path.read_bytes() == content
        times.append(path.stat().st_mtime_ns)
        os.utime(path, ns=(times[-1], times[-1] - 10**10))
    assert times[1] == times[0] - 10**10
    assert times[2] > times[1]
    assert times[3] > times[2] - 10**10
    assert os.listdir(tmp_path) == ["a.csv"]


def test_after_an_error_the_earlier_file_stands_and_nothing_is_beside_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("earlier")

    def write():
        with atomic_write(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_an_error_names_the_file_that_was_asked_for_and_not_the_partial_one(tmp_path):
    with pytest.raises(OSError) as raised, atomic_write(tmp_path / "a.csv") as partial:  # noqa: PT011
        partial.read_text()
    assert raised.value.filename == str(tmp_path / "a.csv")


def test_that_a_file_cannot_go_to_the_disk_meanwhile_is_said_at_the_end(tmp_path):
    done = []
    waits = functools.partial(sync, tmp_path / "none.csv")
    with pytest.raises(FileNotFoundError), meanwhile(waits):
        done.append("something else")
    assert done
    with pytest.raises(KeyError), meanwhile(waits):  # what went wrong first
        raise KeyError


def test_a_folder_takes_the_place_of_an_earlier_one_and_of_what_a_crash_left(tmp_path):
    path = tmp_path / "a.zarr"
    for folder in (path, tmp_path / "a.zarr.partial"):
        folder.mkdir()
        (folder / "old").touch()
    with atomic_write(path) as partial:
        assert not partial.exists()
        partial.mkdir()
        (partial / "new").touch()
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_device_is_not_replaced_by_a_file():
    with pytest.raises(InputError, match="a device"), atomic_write(Path("/dev/null")):
        raise AssertionError("the device was taken for a file")


def test_that_a_disk_is_full_is_known_whoever_says_it(tmp_path):
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    assert is_full(OSError(errno.ENOSPC, "no space"))
    assert is_full(OSError(errno.EDQUOT, "over quota"))
    assert is_full(full)
    assert not is_full(OSError(errno.EACCES, "denied"))
    assert not is_full(ValueError("full"))
    refuse_if_full(tmp_path / "a", 1)
    with pytest.raises(OSError, match="No space left") as caught:
        refuse_if_full(tmp_path / "a", 1 << 62)
    assert is_full(caught.value)


def test_a_late_pattern_finds_what_one_that_is_compiled_at_once_finds():
    pattern = late("(b+)|c", re.IGNORECASE)
    assert pattern.pattern == "(b+)|c"
    for _ in range(2):
        assert [each[0] for each in pattern.finditer("aBbc")] == ["Bb", "c"]
        assert pattern.fullmatch("abc") is None
    with pytest.raises(re.error):
        late("(").search("a")


ANY_NAME = st.binary(max_size=60).map(os.fsdecode)


@given(ANY_NAME)
def test_any_name_is_unicode_once_escaped_and_comes_back(name):
    escaped = escape(name)
    escaped.encode("utf-8")
    assert unescape(escaped) == name
    assert unescape(escape(name, also="a-c ")) == name
    assert not re.search("[a-c ]", re.sub(r"\\x[0-9a-f]{2}", "", escape(name, also="a-c ")))


@given(
    st.one_of(ANY_NAME, st.lists(st.sampled_from(["", ".", "..", "a", "%", "..%"])).map("/".join))
)
def test_a_name_as_a_path_stays_below_its_folder(name):
    parts = safe_path(name).split("/")
    assert not {"", ".", ".."} & set(parts)
    assert all(len(os.fsencode(part)) <= 200 for part in parts)
    assert len(parts) == name.replace("://", "/").count("/") + 1


def test_names_that_differ_differ_as_paths():
    names = ["a", "a/", "./a", "../a", "%2E/a", "%/a", "a%", "a" * 300, "a" * 299 + "b", "a" * 301]
    assert len({safe_path(name) for name in names}) == len(names)
    assert safe_path("a" * 200) == "a" * 200
    long = "\u00b5" * 101
    assert safe_path(long) == "\u00b5" * 75 + "~" + sha256(long.encode()).hexdigest()[:16]
    assert safe_path("s3://bucket/plate/b.tif") == "s3/bucket/plate/b.tif"


def test_numbers_of_things_have_their_plural():
    assert [pluralize(count, "nucleus") for count in (0, 1, 2)] == [
        "0 nuclei", "1 nucleus", "2 nuclei"
    ]  # fmt: skip
    assert [pluralize(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


@given(st.text())
def test_what_a_terminal_obeys_is_shown_and_all_else_stays(text):
    shown = printable(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    if text.isprintable():
        assert shown == text


OBEYED = (
    "\0\x07\t\x0b\r\x1b\x1f\x7f\x80\x9b\x9f\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029"
    "\ufff9\ufffb"
)


@pytest.mark.parametrize("character", OBEYED, ids=ascii)
def test_a_character_that_a_terminal_obeys_is_written_out_and_a_line_ends_where_it_did(character):
    escaped = character.encode("unicode_escape").decode()
    assert printable(f"a{character}\nb") == f"a{escaped}\nb"


def test_a_log_record_is_shown_as_it_may_be():
    record = logging.LogRecord("a", logging.INFO, "", 0, "a %s\nb", ("\x1b[2J",), None)
    assert PrintableFormatter("%(message)s").format(record) == "a \\x1b[2J\nb"


def test_a_ring_goes_around_the_middle_of_its_pixel():
    path = rings(np.array([[10, 20]]), 3, "#fff")
    start, radius, turn = re.search(r'd="M([\d. ]+)a([\d. ]+) 0 1 0 ([\d. -]+) 0a', path).groups()
    assert [float(each) for each in start.split()] == [17.5, 10.5]  # its left end, as x y
    assert (radius, turn) == ("3 3", "6")
    assert 'stroke="#fff"' in path
    assert rings(np.empty((0, 2)), 3).count("M") == 0


@pytest.mark.parametrize(("count", "label"), [(0, "0 nuclei"), (1, "1 nucleus"), (3, "3 nuclei")])
def test_a_map_has_the_proportions_of_the_field_and_a_ring_for_each_centre(count, label):
    svg = map_of_nuclei(np.full((count, 2), 7), (300, 400), width=100)
    assert 'viewBox="0 0 400 300" width="100" height="75"' in svg
    assert f'aria-label="{label}"' in svg
    assert svg.count("M") == count


@pytest.mark.parametrize(
    ("width", "pixel_um", "name", "length_px"),
    [(520, 0.65, "50 µm", 76.92), (520, np.nan, "100 px", 100), (2160, 0.1, "50 µm", 500),
     (3, np.nan, "0.5 px", 0.5)],
)  # fmt: skip
def test_a_scale_is_round_and_as_long_as_it_says(width, pixel_um, name, length_px):
    drawn = scale_bar((400, width), pixel_um)
    assert f">{name}</text>" in drawn
    assert float(re.search(r'<rect [^>]*width="([^"]+)"', drawn)[1]) == pytest.approx(length_px)
