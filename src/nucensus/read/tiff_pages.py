"""Read one page of a TIFF file that tifffile has opened: by its own tags, where it has some."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import ReadError, TooLargeError
from ..values import Header
from . import ifd
from .encoded import END_OF_JPEG, JPEG, NO_SIZE_FOUND, SIZES
from .ifd import Chain, File, Tags
from .layout import COMPRESSIONS, NONE, Layout, layout_of, places_written
from .photometric import as_grey
from .segments import check_extents, check_written, decode

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

_PADDING, _MORE_SAMPLES = 64, 4
"""By so many pixels and samples an encoded picture may be larger than its tile."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: how it is stored, or, where that is not decoded here, how tifffile knows it."""

    chain: Chain
    tags: Tags
    layout: Layout | None
    known: "TiffPage | TiffFrame"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Samples that lie apart, rows, columns, samples that lie together."""
        if self.layout is not None:
            return self.layout.shape
        apart, depth, height, width, together = keyframe_of(self.known).shaped
        return apart, depth * height, width, together

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a sample."""
        if self.layout is not None:
            return self.layout.dtype
        return np.dtype(keyframe_of(self.known).dtype)

    @property
    def header(self) -> Header:
        """The memory that it takes to decode the page."""
        if self.layout is not None:
            rows, columns = self.layout.segment
            pixels = max(math.prod(self.shape), rows * columns * self.shape[3])
            return Header(pixels, self.layout.size_bytes, COMPRESSIONS[self.layout.compression])
        key = keyframe_of(self.known)
        segment = math.prod(key.tile or ()) * self.shape[3] if key.is_tiled else 0
        pixels = max(math.prod(self.shape), segment)
        size_bytes = (math.prod(self.shape) + segment) * self.dtype.itemsize
        return Header(pixels, size_bytes + sum(self.known.databytecounts), name_of_compression(key))

    @property
    def samples(self) -> int:
        """How many numbers a pixel has."""
        return self.shape[0] * self.shape[3]

    def pixels(self) -> NDArray[Any]:
        """Return the grey levels, in the shape of the page."""
        if self.layout is not None:
            pixels = decode(self.chain.file, self.chain.size_bytes, self.layout)
        else:
            pixels = _decode_with_tifffile(self.known, self.chain.size_bytes)
        return as_grey(pixels.reshape(self.shape), self.tags)


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the samples of the pixels of a page; only that one is read where they lie apart."""

    page: Page
    number: int = 0

    @property
    def selected(self) -> Page:
        """The page as far as it is read."""
        if self.page.layout is None or self.page.shape[0] == 1:
            return self.page
        return replace(self.page, layout=self.page.layout.apart(self.number))

    @property
    def header(self) -> Header:
        """The memory that it takes to decode it."""
        return self.selected.header

    def pixels(self) -> NDArray[Any]:
        """Return the grey levels, shape (height, width)."""
        pixels = self.selected.pixels()
        apart, _, _, together = pixels.shape
        return pixels[self.number % apart, :, :, self.number % together]


def sample_of(page: "TiffPage", number: int) -> Sample:
    """Return a sample of a page as tifffile knows it, of any file."""
    directory = Directory(page.parent, cast("File", page.parent.filehandle))
    return Sample(directory.page(page.offset, page), number)


class Directory:
    """Finds pages by the place of their tags."""

    def __init__(self, tiff: "TiffFile", file: File) -> None:
        self._tiff = tiff
        self._has_tags = not tiff.tiff.is_ndpi  # which has its own kind, for 64 bits
        self.chain = Chain(file, tiff.byteorder, tiff.is_bigtiff, tiff.filehandle.size)

    def page(self, offset: int, known: "TiffPage | TiffFrame") -> Page:
        """Return the page whose tags are at `offset`; of `known`, if there are none."""
        tags = self.tags(offset)
        if self._tiff.is_lsm:  # whose lengths of compressed strips are those of the pixels
            tags = _with_places(tags, known)
        layout = layout_of(tags, self.chain.order)
        if layout is not None:
            return Page(self.chain, tags, layout, known)
        if known.offset != offset:
            self._tiff.filehandle.seek(offset)
            known = type(keyframe_of(known))(self._tiff, index=0)
        elif known.is_frame and not known.is_virtual:
            known = known.aspage()
        _check_kind(keyframe_of(known))
        return Page(self.chain, _tags_of(keyframe_of(known)), None, known)

    def page_behind(self, key: "TiffPage", number: int) -> Page:
        """Return a plane that has no tags of its own: it lies behind the one before it."""
        tags = self.tags(key.offset)
        layout = layout_of(tags, self.chain.order)
        if layout is None or layout.compression != NONE:
            raise ReadError(
                "the file describes one page and holds more, compressed or in a way that is not "
                "read; save its planes as pages of their own"
            )
        step = math.prod(layout.shape) * layout.dtype.itemsize
        if len(layout.offsets) > 1:
            step = layout.offsets[-1] + layout.lengths[-1] - layout.offsets[0]
        offsets = [offset + number * step for offset in layout.offsets]
        return Page(self.chain, tags, replace(layout, offsets=offsets), key)

    def tags(self, offset: int) -> Tags:
        """Return the tags at `offset`; none if they are not read here."""
        try:
            return self.chain.tags(offset) if offset > 0 and self._has_tags else {}
        except LookupError:  # a type of numbers that is not read here
            return {}


class Pages:
    """The pages of a file, and which of them holds which plane of a series."""

    def __init__(self, tiff: "TiffFile", file: File, offsets: Sequence[int]) -> None:
        self._directory = Directory(tiff, file)
        self._offsets = offsets
        self._last: tuple[Any, Page] | None = None

    def page(self, series: "TiffPageSeries", number: int, count: int) -> Page:
        """Return the page of plane `number` of the `count` planes of a series.

        The last one is remembered: its header is asked for before its pixels.
        """
        if self._last is None or self._last[0] != (series, number):
            self._last = (series, number), self._find(series, number, count)
        return self._last[1]

    def _find(self, series: "TiffPageSeries", number: int, count: int) -> Page:
        key = series.keyframe
        in_chain = key.index + number if len(key.treeindex) == 1 else len(self._offsets)
        if series.kind in ("shaped", "imagej") and in_chain + count - number <= len(self._offsets):
            return self._directory.page(self._offsets[in_chain], key)
        if count > 1 and (series.is_truncated or len(series.pages) < count):
            return self._directory.page_behind(key, number)
        page = series.pages[number]
        if page is None:
            raise ReadError("the file does not hold this plane; copy it again, or choose another")
        return self._directory.page(page.offset, page)


def name_of_compression(page: "TiffPage") -> str:
    """Return the name of a compression; "" of none."""
    if page.compression == NONE:
        return ""
    return str(getattr(page.compression, "name", page.compression)).replace("_", " ")


def keyframe_of(page: "TiffPage | TiffFrame") -> "TiffPage":
    """Return the page that says what tifffile knows of one like it."""
    return cast("TiffPage", page.keyframe)


def _with_places(tags: Tags, known: "TiffPage | TiffFrame") -> Tags:
    """Return the tags with bits and the places of strips as tifffile has corrected them."""
    places: Mapping[int, tuple[int, ...]] = {
        ifd.BITS: (keyframe_of(known).bitspersample,),
        ifd.STRIP_OFFSETS: tuple(known.dataoffsets),
        ifd.STRIP_LENGTHS: tuple(known.databytecounts),
    }
    return {**tags, **places} if tags else tags


def _tags_of(page: "TiffPage") -> Tags:
    """Return the tags that say what the samples of a page mean."""
    colours = page.colormap
    bits = page.bitspersample
    return {
        ifd.PHOTOMETRIC: (int(page.photometric) if ifd.PHOTOMETRIC in page.tags else 1,),
        ifd.PALETTE: () if colours is None else tuple(np.ravel(colours).tolist()),
        ifd.BITS: (bits if isinstance(bits, int) else max(bits),),
        ifd.COMPRESSION: (int(page.compression),),
    }


def _check_kind(page: "TiffPage") -> None:
    """Refuse numbers that tifffile does not read, or not as the byte order of the file has them."""
    kind = None if page.dtype is None else page.dtype.kind
    if kind in ("b", "i", "f") or (kind == "u" and page.bitspersample != 24):
        return
    raise ReadError(
        f"a sample of the image has {page.bitspersample} bits of SampleFormat "
        f"{int(page.sampleformat)}, which are not read here; expected whole numbers of 8, 16, 32 "
        f"or 64 bits, or floating point; save the image as such"
    )


def check_known(page: "TiffPage | TiffFrame", size_bytes: int) -> None:
    """Refuse a page that lacks strips or tiles, by what tifffile knows of their places."""
    key = keyframe_of(page)
    if key.is_contiguous:
        check_written(page.dataoffsets, is_tiled=key.is_tiled)
        return
    check_written(places_written(page.dataoffsets, page.databytecounts), is_tiled=key.is_tiled)
    there, expected = len(page.dataoffsets), math.prod(key.chunked)
    if there < expected:
        raise ReadError(
            f"the file is damaged: it says where {there} of {expected} strips or tiles are; "
            f"copy it again from its source"
        )
    check_extents(size_bytes, page.dataoffsets, page.databytecounts)


def _decode_with_tifffile(page: "TiffPage | TiffFrame", size_bytes: int) -> NDArray[Any]:
    check_known(page, size_bytes)
    key = keyframe_of(page)
    if key.compression in SIZES:
        _check_segments(page)
    return page.asarray(maxworkers=1)


def _check_segments(page: "TiffPage | TiffFrame") -> None:
    handle = page.parent.filehandle
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if offset and length:
            handle.seek(offset)
            check_segment(keyframe_of(page), handle.read(length))


def check_segment(key: "TiffPage", encoded: bytes) -> None:
    """Refuse an encoded picture that is larger than its tile, or cut short."""
    height, width = (
        (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
    )
    samples = key.samplesperpixel + _MORE_SAMPLES
    size = _size_of_picture(key, encoded)
    if size[0] > height + _PADDING or size[1] > width + _PADDING or size[2] > samples:
        raise TooLargeError(
            f"a picture of {size[0]:,} x {size[1]:,} pixels"
            f"{f' of {size[2]:,} samples' if size[2] > samples else ''} is in the place of a "
            f"tile of {height:,} x {width:,}; the file is damaged; copy it again from its "
            f"source"
        )
    if key.compression in JPEG and key.jpegheader is None and END_OF_JPEG not in encoded:
        raise ReadError("the JPEG data in the file are cut short: copy it again")


def _size_of_picture(key: "TiffPage", encoded: bytes) -> tuple[int, int, int]:
    """Return height, width and samples as the picture states them."""
    try:
        return SIZES[key.compression](encoded) if key.jpegheader is None else (0, 0, 0)
    except NO_SIZE_FOUND as error:
        if key.compression in JPEG:  # whose tables may lie elsewhere
            return 0, 0, 0
        raise ReadError(
            f"the file is damaged: a strip or tile does not begin as {name_of_compression(key)}; "
            f"copy it again from its source"
        ) from error
