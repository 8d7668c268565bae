"""Read one page of a TIFF file part by part: by its strips or tiles."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..values.parts import Area, Parts
from . import ifd
from .encoded import JPEG, SIZES
from .ifd import Chain, Tags
from .layout import LZW, NONE, Layout
from .photometric import as_grey
from .segments import check_extents, check_written, decode, is_one_piece
from .shared_file import SharedFile
from .tiff_pages import Page, Sample, check_known, check_segment, keyframe_of

if TYPE_CHECKING:
    from tifffile import TiffPage

_LARGEST_JPEG_PX = 65500
"""Side of the JPEGs that tifffile decodes in one piece, although they can be divided."""
_MOST_STEP_BYTES = 64 << 20
"""Bytes of a strip or tile above which its page is read whole. Larger: more memory."""


def parts_of(sample: Sample) -> Parts | None:
    """Return the parts of a page; None if it cannot be read by them."""
    page = sample.selected
    if page.layout is not None:
        return parts_of_layout(page.chain, page.layout, page.tags, sample.number)
    return _parts_of_known(page, sample.number)


def parts_of_layout(chain: Chain, layout: Layout, tags: Tags, number: int = 0) -> Parts | None:
    """Return the parts of a sample of a page by the way it is stored."""
    if layout.compression == NONE and is_one_piece(layout):
        return _parts_of_piece(chain, layout, tags, number)
    if layout.segment_bytes * layout.shape[0] > _MOST_STEP_BYTES:
        return None
    check_written(layout.written, is_tiled=layout.is_tiled)
    check_extents(chain.size_bytes, layout.offsets, layout.lengths)
    keeps_order = layout.keeps_order and layout.compression != LZW
    dtype = layout.dtype if keeps_order else layout.dtype.newbyteorder("=")
    file = SharedFile(chain.file)

    def read(area: Area) -> NDArray[Any]:
        part = layout.part(area)
        is_written = any(part.written)
        pixels = (
            decode(file.reader(), chain.size_bytes, part)
            if is_written
            else np.zeros(part.shape, dtype)
        )
        return _sample_in(as_grey(pixels, tags), number).astype(dtype, copy=False)

    def fill_of(area: Area) -> Any:
        is_written = any(layout.part(area).written)
        return None if is_written else as_grey(np.zeros(1, dtype), tags)[0]

    shape = layout.shape[1], layout.shape[2]
    step = min(layout.segment[0], shape[0]), min(layout.segment[1], shape[1])
    return Parts(shape, dtype, step, read, fill_of)


def _parts_of_piece(chain: Chain, layout: Layout, tags: Tags, number: int) -> Parts | None:
    """Return the parts of pixels that lie in the file as they do in memory."""
    _, height, width, together = layout.shape
    if layout.offsets[0] + height * layout.row_bytes > chain.size_bytes:
        return None  # what is missing is said of the whole
    file = SharedFile(chain.file)

    def read(area: Area) -> NDArray[Any]:
        pixels = decode(file.reader(), chain.size_bytes, layout.rows(area))
        return _sample_in(as_grey(pixels, tags), number)

    return Parts((height, width), layout.dtype, (1, width), read, is_decoded=together > 1)


def _parts_of_known(page: Page, number: int) -> Parts | None:
    """Return the parts of a page whose strips or tiles tifffile decodes."""
    known, key = page.known, keyframe_of(page.known)
    apart, height, width, together = page.shape
    rows, columns = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, width)
    step_bytes = rows * columns * together * page.dtype.itemsize
    if apart > 1 or key.imagedepth > 1 or step_bytes > _MOST_STEP_BYTES or _is_one(key):
        return None
    check_known(known, page.chain.size_bytes)
    key.init_decode()
    file, across = SharedFile(page.chain.file), -(-width // columns)

    def read(area: Area) -> NDArray[Any]:
        pixels = np.empty((*area.shape, together), page.dtype)
        for top in range(area.top, area.bottom, rows):
            for left in range(area.left, area.right, columns):
                target = pixels[top - area.top :, left - area.left :][:rows, :columns]
                found = _decoded(page, file, top // rows * across + left // columns)
                cut = tuple(map(slice, target.shape[:2]))
                target[...] = found[cut] if np.ndim(found) else found
        return _sample_in(as_grey(pixels[np.newaxis], page.tags), number)

    return Parts((height, width), page.dtype, (min(rows, height), min(columns, width)), read)


def _is_one(key: "TiffPage") -> bool:
    """Tell whether tifffile decodes a page in one piece."""
    is_strip = key.jpegheader is not None and ifd.STRIP_OFFSETS in key.tags and key.is_tiled
    return key.is_contiguous or (
        is_strip and max(key.imagewidth, key.imagelength) <= _LARGEST_JPEG_PX
    )


def _decoded(page: Page, file: SharedFile, place: int) -> Any:
    """Return the pixels of a strip or tile, shape (rows, columns, samples), or their fill value."""
    known, key = page.known, keyframe_of(page.known)
    offset, length = known.dataoffsets[place], known.databytecounts[place]
    encoded = file.read(length, offset) if offset and length else None
    if encoded is not None and key.compression in SIZES:
        check_segment(key, encoded)
    is_jpeg = key.compression in JPEG
    tables = {"jpegtables": known.jpegtables, "jpegheader": key.jpegheader} if is_jpeg else {}
    segment, _, _ = key.decode(encoded, place, _fullsize=False, **tables)
    return key.nodata if segment is None else segment[0]


def _sample_in(pixels: NDArray[Any], number: int) -> NDArray[Any]:
    apart, _, _, together = pixels.shape
    found: NDArray[Any] = pixels[number % apart, :, :, number % together]
    return found
