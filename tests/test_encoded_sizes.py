"""A picture in a TIFF file that is larger than its tile is refused before it is decoded."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from nucensus.errors import ReadError, TooLargeError
from nucensus.read import read
from nucensus.read.encoded import SIZES as SIZE_OF
from nucensus.values import Header, Plane

ENCODE = {
    "jpeg": lambda pixels: imagecodecs.jpeg8_encode(pixels, level=90),
    "png": imagecodecs.png_encode,
    "jpeg2000": lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="j2k"),
    "jp2": lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="jp2"),
    "jpegxr": imagecodecs.jpegxr_encode,
    "jpegxl": lambda pixels: imagecodecs.jpegxl_encode(pixels, lossless=True),
    "jpegxl container": lambda pixels: imagecodecs.jpegxl_encode(
        pixels, lossless=True, usecontainer=True
    ),
    "lerc": imagecodecs.lerc_encode,
    "webp": lambda pixels: imagecodecs.webp_encode(pixels, lossless=True),
    "webp lossy": lambda pixels: imagecodecs.webp_encode(pixels, lossless=False),
}
SIZES = [(256, 256), (300, 200), (1000, 1200)]


def _pixels(name, shape):
    rng = np.random.default_rng(shape[0])
    samples = (3,) if name.startswith("webp") else ()
    return rng.integers(0, 256, (*shape, *samples)).astype(np.uint8)


def _write(path, name, encoded, tile):
    samples = (3,) if name.startswith("webp") else ()
    compression = {"jp2": "jpeg2000"}.get(name.split()[0], name.split()[0])
    tifffile.imwrite(
        path, iter([encoded]), shape=(*tile, *samples), dtype=np.uint8, tile=tile,
        compression=compression, photometric="rgb" if samples else "minisblack", metadata=None,
    )  # fmt: skip
    return path


@pytest.mark.parametrize("name", ENCODE)
def test_a_picture_that_is_larger_than_its_tile_is_refused(tmp_path, name):
    for shape in SIZES:
        encoded = ENCODE[name](_pixels(name, shape))
        path = _write(tmp_path / "a.tif", name, encoded, (32, 32))
        with pytest.raises(TooLargeError, match=rf"{shape[0]:,} x {shape[1]:,} pixels"):
            read(path, Plane(channel=0) if name.startswith("webp") else None)


@pytest.mark.parametrize("name", ENCODE)
def test_a_picture_of_the_size_of_its_tile_is_read(tmp_path, name):
    pixels = _pixels(name, (256, 128))
    path = _write(tmp_path / "a.tif", name, ENCODE[name](pixels), (256, 128))
    found = read(path, Plane(channel=1) if pixels.ndim == 3 else None)
    expected = tifffile.imread(path)
    assert np.array_equal(found, expected[..., 1] if pixels.ndim == 3 else expected)


def test_the_memory_of_a_page_of_pictures_is_that_of_its_pixels_a_tile_and_what_is_stored(tmp_path):
    tiles = [ENCODE["png"](_pixels("png", (64, side))) for side in (48, 48)]
    tifffile.imwrite(
        tmp_path / "a.tif", iter(tiles), shape=(64, 96), dtype=np.uint8, tile=(64, 48),
        compression="png", metadata=None,
    )  # fmt: skip
    headers = []
    read(tmp_path / "a.tif", on_header=headers.append)
    stored = sum(map(len, tiles))
    assert headers == [Header(64 * 96, 64 * 96 + 64 * 48 + stored, "PNG")]


@pytest.mark.parametrize("name", ENCODE)
def test_bytes_that_are_no_such_picture_are_damage(tmp_path, name):
    for junk in (b"junk" * 40, b"\0", b"\0\0\0\x08jp2c", b"Lerc2 "):
        with pytest.raises(ReadError, match=r"damaged|cut short"):
            read(_write(tmp_path / "a.tif", name, junk, (32, 32)), Plane(channel=0))


KINDS = {
    "jpeg": (7, True), "png": (34933, True), "jpeg2000": (34712, True), "jp2": (33003, True),
    "jpegxr": (34934, False), "jpegxl": (50002, False), "jpegxl container": (52546, False),
    "lerc": (34887, True), "webp": (50001, False), "webp lossy": (34927, False),
}  # fmt: skip
"""The number of each in a TIFF page, and whether its first bytes say how many samples it has."""
SHAPES = [(1, 1), (8, 16), (32, 32), (100, 120), (90, 120), (80, 120), (90, 160), (40, 50),
          (60, 120), (7, 300), (300, 7), (600, 20), (9, 8200)]  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("samples", [1, 3])
def test_the_first_bytes_of_a_picture_say_its_size_whatever_that_is(name, samples):
    number, says_samples = KINDS[name]
    for shape in SHAPES:
        pixels = np.random.default_rng(0).integers(0, 256, (*shape, samples)).astype(np.uint8)
        if samples == 1 and not name.startswith("webp"):
            pixels = pixels[..., 0]
        elif samples == 1:
            pixels = np.repeat(pixels, 3, axis=2)
        encoded = ENCODE[name](pixels)
        assert SIZE_OF[number](encoded) == (*shape, samples if says_samples else 0), shape
