"""The size of a picture is known from its first bytes, as decoding it finds it."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile

from nucensus.read import read, read_image
from nucensus.read.encoded import jpeg_size, png_size
from nucensus.values import Plane

GREY = (np.arange(37 * 53).reshape(37, 53) % 251).astype(np.uint8)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def with_chunk(png, kind, content, *, before=b"IDAT"):
    """Return a PNG with one more chunk before the first of its pixels."""
    at = png.index(before) - 4
    return png[:at] + chunk(kind, content) + png[at:]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_a_png_has_the_size_samples_and_bits_that_decoding_finds(dtype, samples):
    pixels = np.repeat(GREY[..., None], samples, axis=2).astype(dtype)
    png = imagecodecs.png_encode(pixels if samples > 1 else pixels[..., 0])
    decoded = imagecodecs.png_decode(png)
    found = png_size(io.BytesIO(png))
    assert (found.height, found.width) == decoded.shape[:2] == GREY.shape
    assert found.samples == (1 if decoded.ndim == 2 else decoded.shape[2]) == samples
    assert found.bits == 8 * decoded.dtype.itemsize


@pytest.mark.parametrize(("samples", "transparent"), [(1, b"\0\7"), (3, b"\0\7\0\7\0\7")])
def test_a_transparent_colour_of_a_png_is_a_sample_more(samples, transparent):
    pixels = np.repeat(GREY[..., None], samples, axis=2)
    png = imagecodecs.png_encode(pixels if samples > 1 else pixels[..., 0])
    png = with_chunk(with_chunk(png, b"tEXt", b"Title\0" + 900 * b"x"), b"tRNS", transparent)
    found = png_size(io.BytesIO(png))
    assert found.samples == imagecodecs.png_decode(png).shape[2] == samples + 1
    assert (found.height, found.width) == GREY.shape


def test_the_first_of_several_pictures_says_so(tmp_path):
    png, jpeg = imagecodecs.png_encode(GREY), imagecodecs.jpeg_encode(GREY)
    several = b"\xff\xe2\0\x0aMPF\0II*\0"
    for ending, alone, more in (
        ("png", with_chunk(png, b"acTL", b"\0\0\0\1\0\0\0\0"),
         with_chunk(png, b"acTL", b"\0\0\0\2\0\0\0\0")),
        ("jpg", jpeg[:2] + several.replace(b"MPF", b"ICC") + jpeg[2:],
         jpeg[:2] + several + jpeg[2:]),
    ):  # fmt: skip
        path = tmp_path / f"a.{ending}"
        path.write_bytes(alone)
        assert not read_image(path, Plane()).pixel_size.note
        path.write_bytes(more)
        image = read_image(path, Plane())
        assert image.pixels.shape == GREY.shape
        assert "several pictures" in image.pixel_size.note


def test_a_png_with_much_before_its_pixels_is_read(tmp_path):
    png = imagecodecs.png_encode(GREY)
    for number in range(50):
        png = with_chunk(png, b"tEXt", b"n%d\0" % number + number * b"x")
    (tmp_path / "a.png").write_bytes(png)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), GREY)


@pytest.mark.parametrize("samples", [1, 3])
def test_a_jpeg_has_the_size_that_decoding_finds_whatever_comes_before_its_frame(samples):
    pixels = np.repeat(GREY[..., None], samples, axis=2)
    jpeg = imagecodecs.jpeg_encode(pixels if samples > 1 else pixels[..., 0])
    for extra in (b"", b"\xff\xe1" + struct.pack(">H", 2002) + 2000 * b"\xff", b"\xff\xff\xff"):
        longer = jpeg[:2] + extra + jpeg[2:]
        found = jpeg_size(io.BytesIO(longer))
        assert (found.height, found.width, found.samples, found.bits) == (37, 53, samples, 8)
        assert imagecodecs.jpeg_decode(longer).shape[:2] == GREY.shape


@pytest.mark.parametrize("start", [b"", b"\x89PNG", b"GIF89a" + 30 * b"\0", b"\xff\xd8\0\0\0\0"])
def test_what_is_no_picture_has_no_size(start):
    for size in (png_size, jpeg_size):
        with pytest.raises((ValueError, struct.error)):
            size(io.BytesIO(start))


@pytest.mark.parametrize(
    "compression", ["jpeg", "jpeg2000", "webp", "png", "lerc", "jpegxl", "jpegxr"]
)
@pytest.mark.parametrize("shape", [(64, 80), (16, 320)])
def test_a_picture_in_a_tiff_is_read_at_its_own_size(tmp_path, compression, shape):
    samples = 3 if compression == "webp" else 1
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, samples)).astype(np.uint8)
    image = pixels if samples > 1 else pixels[..., 0]
    options = {"lossless": True} if compression in ("webp", "jpegxl") else {}
    tifffile.imwrite(
        tmp_path / "a.tif", image, compression=compression, compressionargs=options,
        rowsperstrip=shape[0], photometric="rgb" if samples > 1 else "minisblack",
    )  # fmt: skip
    expected = tifffile.imread(tmp_path / "a.tif")
    found = read(tmp_path / "a.tif", Plane(channel=1) if samples > 1 else Plane())
    np.testing.assert_array_equal(found, expected[..., 1] if samples > 1 else expected)
