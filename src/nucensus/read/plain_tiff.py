"""Read the plainest TIFF files: one page, one plane, no metadata but what MetaXpress writes.

tifffile reads them too. But to check all that a TIFF file may hold takes it as
long as to read the pixels, and meanwhile it holds the interpreter: measured, it
opens an uncompressed image of 1024 x 1280 and reads it in 0.6 ms, this in 0.3 ms.
"""

import functools
import json
import struct
from typing import Any

import numpy as np

from ..errors import InputError
from ..values import Header
from ..values.parts import Parts
from ..values.pixel_size import NO_SIZE, PixelSize, stated_size
from . import ifd
from .ifd import Chain, File
from .layout import COMPRESSIONS, LZW, NONE, Layout, layout_of
from .photometric import as_grey
from .resolution import RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION, side, unbelieved_size
from .scene import Scene
from .segments import decode

_DEFAULTS = {
    ifd.PHOTOMETRIC: 1, ifd.FILL_ORDER: 1, ifd.SAMPLES: 1, ifd.PLANAR: 1,
}  # fmt: skip
"""Tags of which a plain file has this value, or none: grey levels, 0 is black, one sample."""
_OTHERS = {ifd.SUBFILE, 274, 305, 306, 315}
"""Tags that do not matter here: kind of page, orientation, author, ..."""
_LOOKED_AT = {
    ifd.WIDTH, ifd.HEIGHT, ifd.BITS, ifd.COMPRESSION, ifd.DESCRIPTION, ifd.STRIP_OFFSETS, ifd.ROWS,
    ifd.STRIP_LENGTHS, ifd.PREDICTOR, ifd.SAMPLE_FORMAT, RESOLUTION_UNIT, *_DEFAULTS,
}  # fmt: skip
_LENGTHS = ((2,), (3,))
"""Units of resolution that are lengths: inch, centimetre."""
_MOST_STRIPS = 1 << 16
"""Strips that an image may have to be read here; others are left to tifffile."""


def open_plain(file: File) -> Scene | None:
    """Return the scene of a TIFF file, or None if the file is not one of the plainest."""
    try:
        chain = Chain.of(file)
        tags = _read_tags(chain)
        layout = layout_of(tags, chain.order)
        if layout is None or layout.is_packed or layout.compression not in (NONE, LZW):
            return None
        _, height, width, _ = layout.shape
        described = tags.get(ifd.DESCRIPTION, (b"",))[0].rstrip(b"\0")
        is_metaseries = described.startswith(b"<MetaData>")
        if described and not is_metaseries and json.loads(described) != {"shape": [height, width]}:
            return None
    except (struct.error, LookupError, ValueError, TypeError):
        return None
    if chain.is_big or any(tags.get(tag, (value,)) != (value,) for tag, value in _DEFAULTS.items()):
        return None
    compression = COMPRESSIONS[layout.compression]
    header = Header(height * width, layout.size_bytes, compression)
    return Scene(
        (height, width),
        _name_of(layout.dtype),
        {},
        lambda _: as_grey(decode(file, chain.size_bytes, layout)[0, :, :, 0], tags),
        describe=lambda _: header,
        divide=lambda _: _divide(chain, layout, tags),
        pixel_size=metaseries_pixel_size(described) if is_metaseries else _size_in_tags(tags),
        compression=compression,
    )


def _divide(chain: Chain, layout: Layout, tags: ifd.Tags) -> Parts | None:
    """Return the image as its parts; only of a large one that is asked."""
    from .tiff_parts import parts_of_layout

    return parts_of_layout(chain, layout, tags)


@functools.lru_cache(64)
def _name_of(dtype: np.dtype[Any]) -> str:
    return dtype.name


def _size_in_tags(tags: ifd.Tags) -> PixelSize:
    if X_RESOLUTION not in tags or Y_RESOLUTION not in tags:
        return NO_SIZE
    sides = (side(tags[tag]) for tag in (Y_RESOLUTION, X_RESOLUTION))
    return unbelieved_size(tags[RESOLUTION_UNIT][0], *sides)


def metaseries_pixel_size(description: bytes) -> PixelSize:
    """Return the size of a pixel that MetaXpress states in the description of an image."""
    from ..remote.xml import read_records

    try:
        found = {
            each.get("id"): each.get("value") for _, each in read_records(description, ("prop",))
        }
    except InputError:
        return NO_SIZE
    unit = found.get("spatial-calibration-units") or ""
    return stated_size(unit, **{axis: found.get(f"spatial-calibration-{axis}") for axis in "yx"})


def _read_tags(chain: Chain) -> dict[int, tuple[Any, ...]]:
    """Return the values of the tags of the only page; raise if there is more in the file."""
    entries, after = chain.entries(chain.first)
    if after:
        raise LookupError("there is another page")
    tags: dict[int, tuple[Any, ...]] = {}
    fractions = {}
    for tag, type_, count, value in entries:
        if tag in _OTHERS:
            continue
        if tag in (X_RESOLUTION, Y_RESOLUTION):
            fractions[tag] = value
            continue
        if tag not in _LOOKED_AT or tag in tags or count > _MOST_STRIPS:
            raise LookupError("this is not one of the plainest files")
        tags[tag] = chain.values(type_, count, value)
    if tags.get(RESOLUTION_UNIT) in _LENGTHS:
        tags |= {tag: chain.values(4, 2, value) for tag, value in fractions.items()}
    return tags
