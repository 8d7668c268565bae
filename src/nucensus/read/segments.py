"""Read the pixels of one page of a TIFF file from its strips or tiles.

Every strip has to lie in the file, to decode to as many bytes as its pixels take, and to match its
checksum where its compression has one; docs/formats.md lists which have.
"""

import itertools
import math
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..kernel import decode_lzw
from .ifd import File, fill_from
from .layout import CODECS, FLOATING, HORIZONTAL, LZW, NO_PREDICTOR, NONE, Layout
from .libtiff import decode_page

_BAND_BYTES = 1 << 20
"""Strips that are decoded together. Larger: fewer calls, more memory beside the pixels."""


def decode(file: File, size_bytes: int, layout: Layout) -> NDArray[Any]:
    """Return the pixels of a page, in the shape of `layout`; `size_bytes` is the file's size."""
    if layout.compression == NONE and is_one_piece(layout):
        check_written(layout.offsets, is_tiled=layout.is_tiled)
        return _read_piece(file, size_bytes, layout)
    written = layout.written
    check_written(written, is_tiled=layout.is_tiled)
    check_extents(size_bytes, layout.offsets, layout.lengths)
    if layout.compression == LZW and not layout.is_packed and all(written):
        for decode_all in _decode_lzw, _decode_with_libtiff:
            with suppress(RuntimeError, ValueError, struct.error):  # the next may read it
                return decode_all(file, layout)
    return _decode_each(file, layout)


def check_written(offsets: Sequence[int], *, is_tiled: bool) -> None:
    """Refuse a page of which no tile, or not every strip, was written.

    Slides leave out tiles beside the tissue. A strip is missing where writing was interrupted.
    """
    if not any(offsets):
        raise ReadError(
            "the file holds no pixels for this plane: it was never written; choose another plane, "
            "or copy the file again from its source"
        )
    if not is_tiled and 0 in offsets:
        raise ReadError(
            f"{offsets.count(0)} of {len(offsets)} strips of this plane were never written; "
            f"expected all of them; write the file again with its source"
        )


def check_extents(size_bytes: int, offsets: Sequence[int], lengths: Sequence[int]) -> None:
    """Refuse strips or tiles that reach beyond the end of the file."""
    last = max(
        (offset + length for offset, length in zip(offsets, lengths, strict=False) if offset),
        default=0,
    )
    if last > size_bytes:
        raise ReadError(
            f"the file is truncated: its pixels reach to byte {last:,} and it has {size_bytes:,}; "
            f"copy it again from its source"
        )


def is_one_piece(layout: Layout) -> bool:
    """Tell whether the pixels lie in the file as they do in memory."""
    if layout.is_packed or 0 in layout.offsets:
        return False
    if len(layout.offsets) == 1 and not layout.is_tiled:
        return True  # some programs write a wrong length of the only strip
    down, across = layout.grid
    if across > 1 or (layout.is_tiled and layout.segment[1] != layout.shape[2]):
        return False
    last = (layout.shape[1] - (down - 1) * layout.segment[0]) * layout.row_bytes
    lengths = [*[layout.segment_bytes] * (down - 1), last] * layout.shape[0]
    starts = itertools.accumulate(lengths[:-1], initial=layout.offsets[0])
    return list(layout.lengths) == lengths and list(layout.offsets) == list(starts)


def _read_piece(file: File, size_bytes: int, layout: Layout) -> NDArray[Any]:
    offset = layout.offsets[0]
    count = math.prod(layout.shape)
    there = max(0, size_bytes - offset) // layout.dtype.itemsize
    if there < count:
        raise ReadError(
            f"the file is truncated: {there} of {count} pixels are there; "
            f"copy it again from its source"
        )
    pixels = np.empty(layout.shape, layout.dtype)
    fill_from(file, offset, pixels.reshape(-1).view(np.uint8).data)
    return pixels


def _decode_lzw(file: File, layout: Layout) -> NDArray[Any]:
    """Decode LZW as TIFF 6.0 has it, a band of strips or a row of tiles at a time.

    Raises
    ------
    ValueError
        Some strip or tile is of another kind, damaged, or too short.
    """
    pixels = np.empty(layout.shape, layout.dtype.newbyteorder("="))
    (down, across), rows = layout.grid, layout.segment[0]
    step = 1 if layout.is_tiled else max(1, _BAND_BYTES // layout.segment_bytes)
    for apart, row in itertools.product(range(layout.shape[0]), range(0, down, step)):
        first = (apart * down + row) * across
        last = (apart * down + min(row + step, down)) * across
        _fill_band(pixels[apart, row * rows : (row + step) * rows], file, layout, first, last)
    return pixels


def _fill_band(target: NDArray[Any], file: File, layout: Layout, first: int, last: int) -> None:
    """Decode some strips that lie below one another, or tiles that lie side by side."""
    lengths = list(map(layout.shortened, layout.lengths[first:last]))
    encoded = _read_all(file, layout.offsets[first:last], lengths)
    rows, columns = layout.segment
    sizes = [layout.segment_bytes] * len(lengths)
    if not layout.is_tiled:
        sizes[-1] = len(target) * layout.row_bytes - sum(sizes[:-1])
    is_beside = layout.is_tiled and target.shape[:2] != layout.segment
    is_whole = not is_beside and layout.predictor == NO_PREDICTOR and layout.dtype.isnative
    raw = target.reshape(-1).view(np.uint8) if is_whole else np.empty(sum(sizes), np.uint8)
    if not decode_lzw(encoded, lengths, raw, sizes):
        raise ValueError("the codes are not those of TIFF 6.0")
    if is_whole:
        return
    found = _unpack(raw, layout, (sum(sizes) // layout.row_bytes, columns, layout.shape[3]))
    if layout.is_tiled:
        side_by_side = found.reshape(-1, rows, columns, layout.shape[3]).swapaxes(0, 1)
        found = side_by_side.reshape(rows, -1, layout.shape[3])
    target[...] = found[: len(target), : target.shape[1]]


def _read_all(file: File, offsets: Sequence[int], lengths: list[int]) -> NDArray[np.uint8]:
    """Return what lies at some places of a file, one behind the other, as it mostly is there."""
    places = [0, *itertools.accumulate(lengths)]
    content = np.empty(places[-1], np.uint8)
    if all(offset - offsets[0] == place for offset, place in zip(offsets, places, strict=False)):
        fill_from(file, offsets[0], content.data)
        return content
    for offset, (start, end) in zip(offsets, itertools.pairwise(places), strict=True):
        fill_from(file, offset, content.data[start:end])
    return content


def _decode_with_libtiff(file: File, layout: Layout) -> NDArray[Any]:
    return np.stack([decode_page(file, layout.apart(n)) for n in range(layout.shape[0])])


def _decode_each(file: File, layout: Layout) -> NDArray[Any]:
    """Decode strip by strip, or tile by tile."""
    keeps_order = layout.keeps_order
    dtype = layout.dtype if keeps_order else layout.dtype.newbyteorder("=")
    pixels = (np.empty if all(layout.written) else np.zeros)(layout.shape, dtype)
    (down, across), (rows, columns) = layout.grid, layout.segment
    room = np.empty(layout.segment_bytes, np.uint8)
    for number, (offset, length) in enumerate(zip(layout.offsets, layout.lengths, strict=True)):
        if not (offset and length):
            continue
        apart, place = divmod(number, down * across)
        y, x = place // across * rows, place % across * columns
        target = pixels[apart, y : y + rows, x : x + columns]
        file.seek(offset)
        encoded = file.read(layout.shortened(length))
        # The last strip of some writers is as long as the others: there is no room for it there.
        is_whole = target.shape[:2] == (rows, columns) and target.flags.c_contiguous
        whole = keeps_order and is_whole
        out = target.reshape(-1).view(np.uint8) if whole else room
        name = layout.name_of(number)
        raw = _decompress(encoded, layout.compression, out, name)
        height = rows if layout.is_tiled else len(target)
        if len(raw) < height * layout.row_bytes:
            raise ReadError(
                f"the file is damaged: {len(raw):,} of {height * layout.row_bytes:,} bytes are in "
                f"{name}; copy it again from its source"
            )
        if not whole:
            shape = (height, columns, layout.shape[3])
            target[...] = _unpack(raw, layout, shape)[: target.shape[0], : target.shape[1]]
    return pixels


def _decompress(encoded: bytes, compression: int, out: NDArray[np.uint8], name: str) -> Any:
    """Return the bytes of a strip or tile; those of `out` where they fit in there."""
    if compression == NONE:
        raw = np.frombuffer(encoded, np.uint8, min(len(encoded), len(out)))
        out[: len(raw)] = raw
        return raw
    import imagecodecs

    try:
        return getattr(imagecodecs, f"{CODECS[compression]}_decode")(encoded, out=out)
    except (RuntimeError, ValueError) as error:
        raise ReadError(
            f"the file is damaged: {name} does not decode as {CODECS[compression]}, or not to what "
            f"was written; copy it again from its source"
        ) from error


def _unpack(raw: Any, layout: Layout, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Return the samples of a strip or tile, without its predictor."""
    if layout.is_packed:
        return _unpack_bits(raw[: shape[0] * layout.row_bytes], layout, shape)
    is_floating = layout.predictor == FLOATING
    dtype = layout.dtype.newbyteorder("=") if is_floating else layout.dtype
    found = np.frombuffer(raw, dtype, math.prod(shape)).reshape(shape)
    if layout.predictor in (FLOATING, HORIZONTAL):
        import imagecodecs
    if is_floating:
        found = imagecodecs.floatpred_decode(found, axis=-2)
    elif layout.predictor == HORIZONTAL:
        found = imagecodecs.delta_decode(found.astype(dtype.newbyteorder("=")), axis=-2)
    return found


def _unpack_bits(raw: Any, layout: Layout, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Return samples of no whole bytes, the highest bit first, or of three bytes."""
    import imagecodecs

    packed = np.frombuffer(raw, np.uint8)
    if layout.bits % 8 == 0 and layout.dtype.str[0] == "<":
        packed = packed.reshape(-1, layout.bits // 8)[:, ::-1]  # the order of the file counts
    found: NDArray[Any] = imagecodecs.packints_decode(
        packed.tobytes(), layout.dtype.newbyteorder("="), layout.bits, runlen=shape[1] * shape[2]
    )
    return found.reshape(shape)
