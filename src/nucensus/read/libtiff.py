"""Decode one page of a TIFF file with libtiff, which knows the LZW of the first years of TIFF, too.

libtiff is given a file of this page alone, made of the tags that say how the pixels are stored and
of no others: what it makes of colours, or of other pages, cannot matter.
"""

import itertools
import struct
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from . import ifd
from .ifd import File, fill_from
from .layout import Layout


def decode_page(file: File, layout: Layout) -> NDArray[Any]:
    """Return the pixels of samples that lie together, shape (height, width, samples).

    Raises
    ------
    RuntimeError, ValueError, struct.error
        libtiff cannot read the page, or gives another type; or it is larger than 4 GB.
    """
    import imagecodecs

    pixels: NDArray[Any] = imagecodecs.tiff_decode(_file_of_page(file, layout))
    if pixels.dtype.newbyteorder("=") != layout.dtype.newbyteorder("="):
        raise ValueError(f"libtiff gives {pixels.dtype}")
    return pixels.reshape(layout.shape[1:])


def _file_of_page(file: File, layout: Layout) -> bytearray:
    """Return a TIFF file of one page: its tags, their values, its strips or tiles."""
    lengths = list(map(layout.shortened, layout.lengths))
    tags = _tags_of_page(layout, lengths)
    sizes = [struct.calcsize(f"={len(values)}{form}") for form, values in tags.values()]
    beside = 14 + 12 * len(tags)
    start = beside + sum(size for size in sizes if size > 4)
    places = [0, *itertools.accumulate(lengths)]
    offsets = ifd.TILE_OFFSETS if layout.is_tiled else ifd.STRIP_OFFSETS
    tags[offsets] = ("I", [start + place for place in places[:-1]])
    order = ">" if layout.dtype.str[0] == ">" else "<"
    page = bytearray(start + places[-1])
    struct.pack_into(f"{order}2sHIH", page, 0, b"MM" if order == ">" else b"II", 42, 8, len(tags))
    for number, ((tag, (form, values)), size) in enumerate(zip(tags.items(), sizes, strict=True)):
        entry = 10 + 12 * number
        struct.pack_into(f"{order}HHI", page, entry, tag, {"H": 3, "I": 4}[form], len(values))
        if size > 4:
            struct.pack_into(f"{order}I", page, entry + 8, beside)
        struct.pack_into(
            f"{order}{len(values)}{form}", page, beside if size > 4 else entry + 8, *values
        )
        beside += size if size > 4 else 0
    target = memoryview(page)[start:]
    for offset, length, place in zip(layout.offsets, lengths, places, strict=False):
        fill_from(file, offset, target[place : place + length])
    return page


def _tags_of_page(layout: Layout, lengths: Sequence[int]) -> dict[int, tuple[str, Sequence[int]]]:
    """Return the form and the values of the tags that say how the pixels are stored, in order."""
    _, height, width, samples = layout.shape
    kind = {"u": 1, "i": 2, "f": 3}[layout.dtype.kind]
    tags: dict[int, tuple[str, Sequence[int]]] = {
        ifd.WIDTH: ("I", (width,)),
        ifd.HEIGHT: ("I", (height,)),
        ifd.BITS: ("H", (layout.bits,) * samples),
        ifd.COMPRESSION: ("H", (layout.compression,)),
        ifd.PHOTOMETRIC: ("H", (1,)),
        ifd.SAMPLES: ("H", (samples,)),
        ifd.PREDICTOR: ("H", (layout.predictor,)),
        ifd.SAMPLE_FORMAT: ("H", (kind,) * samples),
    }
    if samples > 1:
        tags[ifd.EXTRA_SAMPLES] = ("H", (0,) * (samples - 1))
    if layout.is_tiled:
        tags[ifd.TILE_WIDTH] = ("I", layout.segment[1:])
        tags[ifd.TILE_HEIGHT] = ("I", layout.segment[:1])
        tags[ifd.TILE_OFFSETS] = ("I", layout.offsets)
        tags[ifd.TILE_LENGTHS] = ("I", lengths)
    else:
        tags[ifd.STRIP_OFFSETS] = ("I", layout.offsets)
        tags[ifd.ROWS] = ("I", layout.segment[:1])
        tags[ifd.STRIP_LENGTHS] = ("I", lengths)
    return dict(sorted(tags.items()))
