"""A bad file is a row with a reason that helps; it never stops the others."""

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from commands import detect_here as detect
from commands import tables
from drawn_tiff import page_tags, write_tiff
from fuzz_reading import FORMATS

from nucensus import Settings, census
from nucensus.batch.in_parts import Divided, find_in_parts
from nucensus.errors import ReadError, TooLargeError
from nucensus.read import read
from nucensus.values import Header, Plane, PlannedImage

NUMBERS = Settings("maxima", sigma=2, min_distance=4, threshold=300)
LOG = Settings("log", sigma=3, min_distance=4, threshold=300)
FUZZER = str(Path(__file__).with_name("fuzz_reading.py"))


def tiff_header(width, height):
    """Return a TIFF of a few bytes that claims a size it does not hold."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (262, 3, 1, 1),
            (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 16)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def png_header(width, height):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + bytes(4)


def jpeg_header(width, height):
    return b"\xff\xd8\xff\xe0\0\4\0\0\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1)


def encoded(image, **options):
    import io

    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


@pytest.fixture
def bad(tmp_path, fields):
    """Bad files by name, each with the part of its reason that helps; good ones beside them."""
    folder = tmp_path / "bad"
    folder.mkdir()
    image = fields[0].image
    raw, lzw = encoded(image), encoded(image, compression="lzw")
    png, zstd = imagecodecs.png_encode(image), encoded(image, compression="zstd")
    damaged = bytearray(zstd)
    damaged[len(zstd) // 2 : len(zstd) // 2 + 400] = bytes(400)
    torn = bytearray(lzw)
    torn[600:1600] = bytes(1000)
    nan = np.full(image.shape, np.nan, np.float32)
    inks = imagecodecs.jpeg8_encode(np.full((40, 50, 4), 90, np.uint8))
    contents = {
        "inks.jpg": (inks, "the pixels are inks (CMYK)"),
        "truncated.tif": (raw[:9000], "truncated: 4372 of 32000 pixels"),
        "truncated-lzw.tif": (lzw[:9000], "truncated: its pixels reach to byte"),
        "cut.png": (png[:900], "does not decode as PNG"),
        "zero.tif": (b"", "empty (0 bytes)"),
        "text.tif": (b"well;site\nB02;1\n", "it holds text"),
        "png-named.tif": (png, "its content is PNG; rename"),
        "tiff-named.png": (raw, "its content is TIFF; rename"),
        "noise.tif": (bytes(range(1, 256)), "does not decode as TIFF"),
        "huge.tif": (tiff_header(100_000, 100_000), "claims 10,000,000,000 pixels"),
        "large.png": (png_header(100_000, 100_000), "claims 10,000,000,000 pixels"),
        "enormous.jpg": (jpeg_header(60_000, 60_000), "claims 3,600,000,000 pixels"),
        "liar.tif": (tiff_header(9000, 9000), "truncated"),
        "damaged-zstd.tif": (bytes(damaged), "damaged: strip 1 of 1 does not decode as zstd"),
        "damaged-lzw.tif": (bytes(torn), "damaged: "),
        "nan.tif": (encoded(nan), "NaN"),
        "colours.tif": (encoded(np.zeros((9, 9, 3), np.uint8), photometric="rgb"), "--channel"),
        "stack.tif": (encoded(np.zeros((5, 9, 9), np.uint8)), "expected one plane"),
        "complex.tif": (encoded(np.zeros((9, 9), np.complex64)), "SampleFormat 6"),
    }
    reasons = {}
    for name, (content, reason) in contents.items():
        (folder / name).write_bytes(content)
        reasons[name] = reason
    (folder / "folder.tif").mkdir()
    (folder / "dangling.tif").symlink_to("nowhere.tif")
    (folder / "loop.tif").symlink_to("loop.tif")
    (folder / "device.tif").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.tif")
    reasons |= {
        "folder.tif": "a folder with a name like an image's",
        "dangling.tif": "a link to a file that does not exist",
        "loop.tif": "symbolic links",
        "device.tif": "a pipe, a socket or a device",
        "pipe.tif": "a pipe, a socket or a device",
    }
    if os.geteuid() != 0:
        (folder / "locked.tif").write_bytes(raw)
        (folder / "locked.tif").chmod(0)
        reasons["locked.tif"] = "Permission denied"
    for number in range(3):
        (folder / f"good{number}.tif").write_bytes(raw)
    return folder, reasons


@pytest.mark.parametrize("options", [[], ["--isolate"]], ids=["auto", "isolate"])
def test_every_kind_of_bad_file_fails_alone_with_a_reason_that_helps(bad, tmp_path, options):
    folder, reasons = bad
    assert len(reasons) >= 20
    done = detect(folder, tmp_path / "run", *options)
    assert done.returncode == 3, done.stderr
    rows = {row["image"]: row for row in tables(tmp_path / "run")[1]}
    assert {name for name, row in rows.items() if row["status"] == "found"} == {
        f"good{number}.tif" for number in range(3)
    }
    found = {name: (rows[name]["status"], rows[name]["stage"]) for name in reasons}
    assert found == {
        name: ("failed", "detect" if name == "nan.tif" else "read") for name in reasons
    }
    unhelpful = {
        n: rows[n]["reason"] for n, part in reasons.items() if part not in rows[n]["reason"]
    }
    assert unhelpful == {}


def test_a_file_that_goes_between_listing_and_reading_is_a_row(plate):
    import nucensus

    run = nucensus.census(plate, on_plan=lambda _: (plate / "A01_s3.tif").unlink())
    assert list(run.failures["image"]) == ["A01_s3.tif"]
    assert "moved or deleted since it was listed" in run.failures[0]["reason"]


@pytest.mark.parametrize("limit", [["--max-pixels", "30000"], ["--max-memory", "50KB"]])
def test_the_limits_are_those_of_the_user(plate, tmp_path, limit):
    done = detect(plate, tmp_path / "run", *limit)
    assert done.returncode == 3
    assert done.stderr.count(limit[0]) == 1
    assert "and 2 more" in done.stderr
    done = detect(plate, tmp_path / "run2", limit[0], "64000")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "content", "header"),
    [
        ("a.tif", tiff_header(70_000, 50_000), Header(3_500_000_000, 7_000_000_000, "")),
        ("a.png", png_header(70_000, 50_000), Header(3_500_000_000, 7_000_000_033, "PNG")),
        ("a.jpg", jpeg_header(50_000, 60_000), Header(3_000_000_000, 3_000_000_018, "JPEG")),
    ],
)
def test_what_a_header_claims_is_known_before_memory_is_taken(tmp_path, name, content, header):
    (tmp_path / name).write_bytes(content)

    def refuse(claimed):
        assert claimed == header
        raise TooLargeError("too large")

    with pytest.raises(TooLargeError, match="too large"):
        read(tmp_path / name, on_header=refuse)


@pytest.mark.skipif(sys.platform != "linux", reason="sockets have paths on Linux")
def test_a_socket_is_no_image(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.tif"))
        done = detect(tmp_path, tmp_path / "run")
    assert "a pipe, a socket or a device" in done.stderr


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


NEEDS = {"nd2": "nd2", "czi": "czifile", "lif": "liffile"}


@pytest.mark.parametrize("ending", ["tif", "ome.tiff", "svs", "png", "jpg", "zarr", *NEEDS])
def test_a_pointer_of_git_lfs_is_called_that(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(POINTER)
    with pytest.raises(ReadError, match=r"^the file is a pointer of Git LFS, a text.*lfs pull$"):
        read(path)


@pytest.mark.parametrize("ending", NEEDS)
@pytest.mark.parametrize(
    ("content", "says"), [(b"well;site\nB02;1\n", "it holds text"), (b"\x89PNG\r\n", "is PNG")]
)
def test_a_file_of_another_kind_is_called_that_and_not_damaged(tmp_path, ending, content, says):
    pytest.importorskip(NEEDS[ending])
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content * 20)
    with pytest.raises(ReadError, match=says) as error:
        read(path)
    assert "damaged" not in str(error.value)


def test_what_is_raised_at_the_header_comes_through_as_it_is(tmp_path):
    (tmp_path / "a.tif").write_bytes(encoded(np.zeros((9, 9), np.uint16)))

    def refuse(_):
        raise LookupError("my own")

    with pytest.raises(LookupError, match="my own"):
        read(tmp_path / "a.tif", on_header=refuse)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as on Linux")
@pytest.mark.parametrize("name", FORMATS)
def test_a_mutated_file_gives_a_picture_or_a_read_error(name):
    cases = "8" if name == "ome-zarr" else "80"  # each is a folder of files; nox does more
    command = [sys.executable, FUZZER, "--cases", cases, "--seed", "1", "--format", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_picture_in_a_tiff_is_no_larger_than_its_tile(tmp_path):
    large, small = np.zeros((900, 900), np.uint8), np.zeros((64, 64), np.uint8)
    for compression, encode in ((7, imagecodecs.jpeg_encode), (34933, imagecodecs.png_encode)):
        page = page_tags(small, compression=compression), [encode(large)]
        write_tiff(tmp_path / "a.tif", [page])
        with pytest.raises(TooLargeError, match="900 x 900 pixels is in the place of a tile"):
            read(tmp_path / "a.tif")


@pytest.mark.skipif(sys.platform == "win32", reason="there files have no holes")
@pytest.mark.parametrize("tag", [258, 270, 273, 279, 320, 330, 65000])
def test_a_tag_that_claims_gigabytes_is_refused_before_it_is_read(tmp_path, tag):
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8), (278, 4, 1, 64), (279, 4, 1, 4096)]  # fmt: skip
    tags = [each for each in tags if each[0] != tag] + [(tag, 2 if tag == 270 else 4, 10**9, 500)]
    entries = b"".join(struct.pack("<HHII", *each) for each in sorted(tags))
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4))
    with open(path, "r+b") as file:
        file.truncate(6_000_000_000)
    with pytest.raises(TooLargeError, match=f"tag {tag} of the file claims 1,000,000,000 values"):
        read(path)


def test_pages_in_a_circle_are_refused(tmp_path):
    image = np.zeros((8, 8), np.uint8)
    write_tiff(tmp_path / "a.tif", [(page_tags(image), [image.tobytes()])] * 150)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        struct.pack_into("<I", content, len(content) - 4, tiff.pages[120].offset)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ReadError, match="in a circle"):
        read(tmp_path / "a.tif", Plane(z=0))


@pytest.mark.parametrize("compression", [1, 5, 8, 7])
def test_what_strips_claim_counts_before_memory_is_taken(tmp_path, compression):
    image = np.zeros((64, 64), np.uint8)
    tags = page_tags(image, compression=compression) | {
        322: (4, [65536]), 323: (4, [65536])
    }  # fmt: skip
    write_tiff(tmp_path / "a.tif", [(tags, [bytes(100)])])

    def refuse(header):
        assert header.pixels >= 65536**2
        raise TooLargeError("too large")

    with pytest.raises(TooLargeError, match="too large"):
        read(tmp_path / "a.tif", on_header=refuse)


@pytest.mark.parametrize("level", [np.inf, 600.0])
def test_an_image_with_an_infinite_grey_level_says_that_maxima_beside_it_are_no_nuclei(
    tmp_path, level
):
    image = np.zeros((60, 60), np.float32)
    image[30, 30], image[5, 5] = 1e5, level
    tifffile.imwrite(tmp_path / "a.tif", image)
    with census(tmp_path / "a.tif", threshold=100, sigma=2, min_distance=3, border="keep") as run:
        (note,) = run.images["note"]
        assert ("infinitely bright" in note) == np.isinf(level)


@pytest.mark.parametrize(
    ("gaps", "is_told"),
    [
        ((slice(28, 33), slice(28, 33)), True),
        ((slice(0, 9), slice(0, 60)), False),
        ((slice(0, 60), slice(50, 60)), False),
        ((slice(28, 33), slice(50, 60)), False),
        ((slice(0, 0), slice(0, 0)), False),
    ],
)
@pytest.mark.parametrize("level", [np.nan, np.inf])
@pytest.mark.parametrize("settings", [Settings(), LOG])
def test_an_image_says_that_pixels_within_it_are_no_numbers_and_not_that_its_margin_is_none(
    tmp_path, gaps, is_told, level, settings
):
    y, x = np.mgrid[:60, :60]
    image = 1e4 * np.exp(-((y % 20 - 10) ** 2 + (x % 20 - 10) ** 2) / 18) + 100 + y % 3
    image[gaps] = level
    tifffile.imwrite(tmp_path / "a.tif", image.astype(np.float32))
    with census(tmp_path / "a.tif", settings=settings) as run:
        (note,) = run.images["note"]
        assert ("within the image are no numbers" in note) == is_told


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("brightest", [0.4, 0.9])
@pytest.mark.parametrize("is_signed", [True, False])
def test_levels_without_a_sign_that_a_file_says_have_one_are_told(
    tmp_path, bits, brightest, is_signed
):
    y, x = np.mgrid[:90, :90]
    nuclei = np.exp(-((y % 30 - 15) ** 2 + (x % 30 - 15) ** 2) / 50)
    levels = ((brightest * nuclei + 0.02) * (1 << bits)).astype(f"u{bits // 8}")
    levels = levels.view(f"i{bits // 8}") if is_signed else levels
    tifffile.imwrite(tmp_path / "a.tif", levels)
    with census(tmp_path / "a.tif") as run:
        (note,) = run.images["note"]
        assert ("levels without a sign" in note) == (is_signed and brightest > 0.5)


@pytest.mark.parametrize(("level", "said"), [(np.inf, "infinitely bright"), (np.nan, "a NaN")])
def test_an_image_that_is_read_part_by_part_says_so_too(tmp_path, level, said):
    image = np.zeros((600, 500), np.float32)
    image[300, 300], image[5, 5] = 1e5, level
    tifffile.imwrite(tmp_path / "a.tif", image, rowsperstrip=1, compression="zlib")
    divided = Divided(PlannedImage(1, str(tmp_path / "a.tif"), Plane(), ""), "", None)
    found = find_in_parts(divided, NUMBERS, None, threads=2, budget=None, most_bytes=10**9)
    assert said in (found.reason if np.isnan(level) else found.pixel_size.note)
