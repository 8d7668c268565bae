"""A picture in a TIFF file that is larger than its tile is refused before it is decoded."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from nucensus.errors import ReadError, TooLargeError
from nucensus.read import read
from nucensus.values import Plane

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


@pytest.mark.parametrize("name", ENCODE)
def test_bytes_that_are_no_such_picture_are_damage(tmp_path, name):
    for junk in (b"junk" * 40, b"\0", b"\0\0\0\x08jp2c", b"Lerc2 "):
        with pytest.raises(ReadError, match=r"damaged|cut short"):
            read(_write(tmp_path / "a.tif", name, junk, (32, 32)), Plane(channel=0))
