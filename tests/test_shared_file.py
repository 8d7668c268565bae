"""A file that several threads read, each at a place of its own."""

import io

import pytest

from nucensus.read.shared_file import SharedFile

CONTENT = bytes(range(200))


@pytest.fixture(params=["a file of the system", "any other"])
def shared(request, tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    with open(tmp_path / "a", "rb") as file:
        yield SharedFile(file if request.param.startswith("a") else io.BytesIO(CONTENT))


def test_each_reader_has_a_position_of_its_own(shared):
    one, other = shared.reader(), shared.reader()
    assert (one.seek(40), other.seek(190)) == (40, 190)
    assert one.read(3) == CONTENT[40:43]
    assert other.read(4) == CONTENT[190:194]
    buffer = bytearray(5)
    assert one.readinto(memoryview(buffer)) == 5
    assert bytes(buffer) == CONTENT[43:48]
    assert one.read(2) == CONTENT[48:50]
    assert other.read(4) == CONTENT[194:198]
    assert shared.reader().read(2) == CONTENT[:2]


def test_where_the_file_ends_there_is_less_and_then_nothing(shared):
    reader, buffer = shared.reader(), bytearray(9)
    reader.seek(195)
    assert reader.readinto(memoryview(buffer)) == 5
    assert buffer == CONTENT[195:] + bytes(4)
    assert (reader.readinto(memoryview(buffer)), reader.read(9)) == (0, b"")
    reader.seek(198)
    assert (reader.read(9), reader.read(1)) == (CONTENT[198:], b"")


def test_positions_are_counted_from_the_start_alone(shared):
    with pytest.raises(ValueError, match="from the start"):
        shared.reader().seek(-4, io.SEEK_END)
