"""How the pixels of one page of a TIFF file are stored, by its tags."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._dataclass import dataclass
from ..errors import ReadError
from ..values.parts import Area
from . import ifd
from .ifd import Tags

NONE, LZW, PACKBITS, LZMA = 1, 5, 32773, 34925
DEFLATE, ZSTD = (8, 32946), (50000, 34926)
CODECS = {LZW: "lzw", PACKBITS: "packbits", LZMA: "lzma"}
CODECS |= dict.fromkeys(DEFLATE, "deflate") | dict.fromkeys(ZSTD, "zstd")
NO_PREDICTOR, HORIZONTAL, FLOATING = 1, 2, 3

COMPRESSIONS = {NONE: "", LZW: "LZW", PACKBITS: "PACKBITS", LZMA: "LZMA"}
COMPRESSIONS |= {8: "ADOBE DEFLATE", 32946: "DEFLATE", 50000: "ZSTD", 34926: "ZSTD DEPRECATED"}
"""The names of the compressions that are decoded here."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of a page are stored.

    Attributes
    ----------
    shape : (int, int, int, int)
        Samples that lie apart, rows, columns, samples that lie together.
    segment : (int, int)
        Rows and columns of a strip or tile.
    is_tiled : bool
    dtype : dtype
        Of a sample, in the byte order of the file.
    bits : int
        Of a sample, as it is stored.
    compression, predictor : int
    offsets, lengths : sequence of int
        Where each strip or tile is in the file, and of how many bytes.
    numbers : sequence of int
        Which strips or tiles of the page these are, where they are not all.
    """

    shape: tuple[int, int, int, int]
    segment: tuple[int, int]
    is_tiled: bool
    dtype: np.dtype[Any]
    bits: int
    compression: int
    predictor: int
    offsets: Sequence[int]
    lengths: Sequence[int]
    numbers: Sequence[int] = ()

    @property
    def is_packed(self) -> bool:
        """Whether samples are no whole bytes, or not as many as in memory."""
        return self.bits != 8 * self.dtype.itemsize

    @property
    def keeps_order(self) -> bool:
        """Whether the bytes of a sample are left as they are once it is decompressed."""
        return self.predictor == NO_PREDICTOR and not self.is_packed

    @property
    def written(self) -> list[int]:
        """Where each strip or tile is that has any bytes; 0 of others."""
        return places_written(self.offsets, self.lengths)

    @property
    def grid(self) -> tuple[int, int]:
        """Strips or tiles from top to bottom, and from left to right."""
        (_, height, width, _), (rows, columns) = self.shape, self.segment
        return -(-height // rows), -(-width // columns)

    @property
    def size_bytes(self) -> int:
        """The memory that it takes to decode the page."""
        size_bytes = math.prod(self.shape) * self.dtype.itemsize
        if self.compression == NONE and not self.is_tiled:
            return size_bytes
        lengths = [self.shortened(length) for length in self.lengths]
        at_once = sum(lengths) if self.compression == LZW else max(lengths)
        return size_bytes + at_once + self.segment_bytes

    @property
    def segment_bytes(self) -> int:
        """The size of a strip or tile before it is compressed."""
        return self.segment[0] * self.row_bytes

    @property
    def row_bytes(self) -> int:
        """The size of a row of a strip or tile before it is compressed."""
        return -(-self.segment[1] * self.shape[3] * self.bits // 8)

    def shortened(self, length: int) -> int:
        """Return how many of the bytes that a strip or tile is said to have can matter."""
        return min(length, 2 * self.segment_bytes + 65536)

    def apart(self, number: int) -> "Layout":
        """Return the layout of one of the samples that lie apart."""
        down, across = self.grid
        own = slice(number * down * across, (number + 1) * down * across)
        return replace(
            self,
            shape=(1, *self.shape[1:]),
            offsets=self.offsets[own],
            lengths=self.lengths[own],
        )

    def part(self, area: Area) -> "Layout":
        """Return the layout of the strips or tiles that an area, which ends with them, lies in."""
        (rows, columns), (down, across) = self.segment, self.grid
        places = [
            (apart * down + row) * across + column
            for apart in range(self.shape[0])
            for row in range(area.top // rows, -(-area.bottom // rows))
            for column in range(area.left // columns, -(-area.right // columns))
        ]
        return replace(
            self,
            shape=(self.shape[0], *area.shape, self.shape[3]),
            offsets=[self.offsets[place] for place in places],
            lengths=[self.lengths[place] for place in places],
            numbers=places,
        )

    def name_of(self, number: int) -> str:
        """Return what a strip or tile is called in messages."""
        kind = "tile" if self.is_tiled else "strip"
        if self.numbers:
            return f"{kind} {self.numbers[number] + 1}"
        return f"{kind} {number + 1} of {len(self.offsets)}"

    def rows(self, area: Area) -> "Layout":
        """Return the layout of some rows of pixels that lie in the file as they do in memory."""
        height = area.shape[0]
        return replace(
            self,
            shape=(1, height, *self.shape[2:]),
            segment=(height, self.shape[2]),
            is_tiled=False,
            offsets=(self.offsets[0] + area.top * self.row_bytes,),
            lengths=(height * self.row_bytes,),
        )


def layout_of(tags: Tags, order: str) -> Layout | None:
    """Return the layout that the tags of a page state, or None if it is not decoded here."""
    try:
        layout = _layout(tags, order)
    except (LookupError, ValueError, TypeError):
        return None
    down, across = layout.grid
    if len(layout.offsets) != layout.shape[0] * down * across:
        return None
    return layout if len(layout.lengths) == len(layout.offsets) else None


def _layout(tags: Tags, order: str) -> Layout:
    (width,), (height,) = tags[ifd.WIDTH], tags[ifd.HEIGHT]
    (samples,), (planar,) = tags.get(ifd.SAMPLES, (1,)), tags.get(ifd.PLANAR, (1,))
    (compression,) = tags.get(ifd.COMPRESSION, (NONE,))
    (predictor,) = tags.get(ifd.PREDICTOR, (NO_PREDICTOR,))
    is_tiled = ifd.TILE_WIDTH in tags
    if is_tiled:
        segment = (tags[ifd.TILE_HEIGHT][0], tags[ifd.TILE_WIDTH][0])
    else:
        rows = tags.get(ifd.ROWS, ())
        segment = (min(*rows, height) if len(rows) == 1 else height, width)
    dtype = ifd.dtype_of(tags, order)
    bits = tags.get(ifd.BITS, (1,))[0]
    is_packed = bits != 8 * dtype.itemsize
    _check_predictor(predictor, compression, is_packed=is_packed)
    offsets = tags[ifd.TILE_OFFSETS if is_tiled else ifd.STRIP_OFFSETS]
    if (
        0 in (width, height, samples, *segment)
        or compression not in (NONE, *CODECS)
        or predictor not in (NO_PREDICTOR, HORIZONTAL, FLOATING)
        or (predictor == FLOATING) > (dtype.kind == "f")
        or any(tags.get(tag, (1,)) != (1,) for tag in (ifd.FILL_ORDER, ifd.DEPTH))
        or (ifd.NO_DATA in tags and 0 in offsets)
        or (tags.get(ifd.PHOTOMETRIC) == (6,) and tags.get(ifd.SUBSAMPLING, (2, 2)) != (1, 1))
    ):
        raise ValueError("not decoded here")
    return Layout(
        (samples, height, width, 1) if planar == 2 else (1, height, width, samples),
        segment,
        is_tiled,
        dtype,
        bits,
        compression,
        predictor,
        offsets,
        tags.get(ifd.TILE_LENGTHS if is_tiled else ifd.STRIP_LENGTHS, (0,)),
    )


def places_written(offsets: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Return where each strip or tile is that has any bytes; 0 of others."""
    return [offset if length else 0 for offset, length in zip(offsets, lengths, strict=False)]


def _check_predictor(predictor: int, compression: int, *, is_packed: bool) -> None:
    """Refuse differences of pixels where programs disagree on whether there are any."""
    if predictor == NO_PREDICTOR or not (is_packed or compression in (NONE, PACKBITS)):
        return
    how = "of no whole bytes" if is_packed else "that are not compressed, or by PackBits"
    raise ReadError(
        f"the file says that it holds differences of neighbours (Predictor {predictor}) of pixels "
        f"{how}, which some programs add up and others do not; expected no predictor; save the "
        f"image again without one"
    )
