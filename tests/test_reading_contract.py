"""Every plane of a TIFF, PNG or JPEG is the one that another reader finds, however it is stored."""

from itertools import product

import numpy as np
import pytest
import tifffile
from reading_contract import check_reading

from nucensus.model import Plane

COMPRESSIONS = [None, "lzw", "zlib", "zstd", "packbits", "lzma", "lzw+", "zlib+", "zstd+"]
"""With a plus: and a predictor."""

LAYOUTS = {
    "one strip": {"rowsperstrip": 1000},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
}
DTYPES = ["u1", "u2", "i2", "u4", "f4", "f8"]


def draw(number, shape=(33, 41), dtype="u2"):
    """Return a page with noise on a slope, unlike any other."""
    rng = np.random.default_rng(number)
    slope = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
    return (slope + rng.integers(0, 50, shape) + 10 * number).astype(dtype)


def compressed(name):
    """Return the options of `tifffile.imwrite` for a compression."""
    return {"compression": name and name.rstrip("+"), "predictor": bool(name and "+" in name)}


def pages_of(path):
    """Return every page of a file as tifffile reads it, by its own tags."""
    with tifffile.TiffFile(path) as tiff:
        tiff.pages.useframes = False
        return [page.asarray() for page in tiff.pages]


def as_z(pages):
    """Say that pages are z planes."""
    return [(Plane(z=z if len(pages) > 1 else None), page) for z, page in enumerate(pages)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("pages", [1, 3])
def test_every_page_is_read_whatever_its_compression_and_layout(
    tmp_path, compression, layout, pages
):
    number = list(product(COMPRESSIONS, LAYOUTS, (1, 3))).index((compression, layout, pages))
    dtype = DTYPES[number % len(DTYPES)]
    options = {"byteorder": "<>"[number % 2], "bigtiff": number % 3 == 0}
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **options) as file:
        for page in range(pages):
            file.write(
                draw(page, dtype=dtype), metadata=None, contiguous=False,
                **LAYOUTS[layout], **compressed(compression),
            )  # fmt: skip
    check_reading(path, as_z(pages_of(path)))
