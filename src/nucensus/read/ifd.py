"""Read the tags of one page of a TIFF file, which say where its pixels lie and what they are."""

import functools
import os
import struct
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np

from .._dataclass import dataclass
from ..errors import ReadError, TooLargeError

Tags: TypeAlias = Mapping[int, tuple[Any, ...]]
"""The values of each tag that was asked for, by its number; texts are bytes."""

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, DESCRIPTION, STRIP_OFFSETS, SAMPLES, ROWS, STRIP_LENGTHS = 266, 270, 273, 277, 278, 279
PLANAR, PREDICTOR, PALETTE, EXTRA_SAMPLES, SAMPLE_FORMAT = 284, 317, 320, 338, 339
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_LENGTHS = 322, 323, 324, 325
SUBSAMPLING, DEPTH, NO_DATA = 530, 32997, 42113

OF_PIXELS = frozenset((
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS,
    STRIP_LENGTHS, PLANAR, PREDICTOR, PALETTE, SAMPLE_FORMAT, TILE_WIDTH, TILE_HEIGHT,
    TILE_OFFSETS, TILE_LENGTHS, SUBSAMPLING, DEPTH, NO_DATA,
))  # fmt: skip
"""The tags that say how pixels are stored."""

_USUAL_BYTES = 512
"""Most pages state all their tags in so many bytes."""

_SMALL_BYTES, _MOST_BYTES, _MOST_NUMBERS = 32 << 20, 64 << 20, 4 << 20
_BYTES = (1, 2, 6, 7)
"""Types of which a value is one byte."""

_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 16: "Q"}  # of others, as of fractions, nothing is needed
_FORMS = {b"II*\0": ("<", False), b"MM\0*": (">", False),
          b"II+\0": ("<", True), b"MM\0+": (">", True)}  # fmt: skip


_struct = functools.lru_cache(256)(struct.Struct)
"""Returns what unpacks values of that form; the pages of most files have the same few."""


class File(Protocol):
    """A file as far as it is needed: Python's own, a remote one, or the handle of tifffile."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Go to a position."""

    def read(self, size: int = ..., /) -> bytes:
        """Read so many bytes."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer; return how many bytes there were."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The pages of a TIFF file, each of which says where the next one is."""

    file: File
    order: str
    is_big: bool
    size_bytes: int
    first: int = 0

    @classmethod
    def of(cls, file: File) -> "Chain":
        """Return the chain of a file; raise ValueError if it does not start as a TIFF."""
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(16)
        if start[:4] not in _FORMS:
            raise ValueError("it does not start as one")
        order, is_big = _FORMS[start[:4]]
        (first,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", start, 8 if is_big else 4)
        return cls(file, order, is_big, size_bytes, first)

    def offsets(self) -> list[int]:
        """Return where each page is; refuse a circle of pages, and tags that want much memory."""
        offsets = [self.first]
        seen = set(offsets)
        self._check_sizes(offsets[0])
        while after := self._after(offsets[-1]):
            if after >= self.size_bytes:
                raise ReadError(
                    f"the file is truncated: its page {len(offsets) + 1} begins at byte {after:,} "
                    f"and it has {self.size_bytes:,}; copy it again from its source, or save the "
                    f"pages that there are as another file"
                )
            if after in seen:
                raise ReadError(
                    "the pages of the file follow one another in a circle: copy it again"
                )
            offsets.append(after)
            seen.add(after)
            self._check_sizes(after)
        return offsets

    def _check_sizes(self, offset: int) -> None:
        """Refuse tags that are larger than any that is needed, before anybody reads them."""
        if self.size_bytes < _SMALL_BYTES or offset >= self.size_bytes:
            return
        for tag, type_, count, _ in self.entries(offset)[0]:
            if count > (_MOST_BYTES if type_ in _BYTES else _MOST_NUMBERS):
                raise TooLargeError(
                    f"tag {tag} of the file claims {count:,} values, more than an image needs; "
                    f"the file is damaged; copy it again from its source"
                )

    def _after(self, offset: int) -> int:
        """Return where the page after the one at `offset` is; 0 where there is none."""
        head, size, form = (8, 20, "Q") if self.is_big else (2, 12, "I")
        self.file.seek(offset)
        start = self.file.read(_USUAL_BYTES)
        if len(start) < head:
            return 0
        (count,) = struct.unpack_from(f"{self.order}{'Q' if self.is_big else 'H'}", start)
        end = head + size * count
        if end + struct.calcsize(form) > len(start):
            self.file.seek(offset + end)
            start, end = self.file.read(struct.calcsize(f"={form}")), 0
        after: int
        (after,) = struct.unpack_from(f"{self.order}{form}", start.ljust(end + 8, b"\0"), end)
        return after

    def entries(self, offset: int) -> tuple[list[tuple[int, int, int, bytes]], int]:
        """Return (tag, type, count, value or its position) of a page, and where the next one is."""
        self.file.seek(offset)
        count = self._number("Q" if self.is_big else "H")
        if count > 4096:
            raise ValueError(f"a page has {count} tags")
        form, size, end = ("HHQ8s", 20, "Q") if self.is_big else ("HHI4s", 12, "I")
        page = self.file.read(size * count + struct.calcsize(end))
        rows = list(struct.iter_unpack(f"{self.order}{form}", page[: size * count]))
        (after,) = struct.unpack(f"{self.order}{end}", page[size * count :])
        return rows, after

    def tags(self, offset: int, wanted: frozenset[int] = OF_PIXELS) -> dict[int, tuple[Any, ...]]:
        """Return the values of the tags of the page at `offset` that are wanted.

        Of a tag that stands twice, the first counts, as it does for libtiff and tifffile.
        """
        tags: dict[int, tuple[Any, ...]] = {}
        for tag, type_, count, value in self.entries(offset)[0]:
            if tag in wanted and tag not in tags:
                tags[tag] = self.values(type_, count, value)
        return tags

    def values(self, type_: int, count: int, value: bytes) -> tuple[Any, ...]:
        """Return the values of a tag."""
        form = _struct(f"{self.order}{count}{_TYPES[type_]}")
        size_bytes = form.size
        if size_bytes > len(value):
            (offset,) = struct.unpack(f"{self.order}{'Q' if self.is_big else 'I'}", value)
            if offset + size_bytes > self.size_bytes:
                raise ReadError(
                    "the file is truncated: it ends before the values of its tags; "
                    "copy it again from its source"
                )
            self.file.seek(offset)
            value = self.file.read(size_bytes)
        return form.unpack(value[:size_bytes])

    def _number(self, form: str) -> int:
        number: int
        (number,) = struct.unpack(
            f"{self.order}{form}", self.file.read(struct.calcsize(f"={form}"))
        )
        return number


def fill_from(file: File, offset: int, target: memoryview) -> None:
    """Fill `target` with the bytes of a file from `offset` on."""
    file.seek(offset)
    at = 0
    while at < len(target):
        there = file.readinto(target[at:])
        if not there:
            raise ReadError("the file got shorter while it was read; copy it again")
        at += there


def dtype_of(tags: Tags, order: str) -> np.dtype[Any]:
    """Return the type of a sample; raise LookupError or TypeError where NumPy has none."""
    return _dtype_of(order, tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,)))


@functools.lru_cache(256)
def _dtype_of(order: str, bits: tuple[int, ...], kinds: tuple[int, ...]) -> np.dtype[Any]:
    (size,), (kind,) = set(bits), set(kinds)
    letter = {1: "u", 2: "i", 3: "f", 4: "u"}[kind]
    if letter == "u" and size == 1:
        return np.dtype(bool)
    if letter == "u" and size not in (8, 16, 32, 64):
        size = next((each for each in (8, 16, 32) if size < each), size)
        if size > 32:
            raise LookupError(f"{size} bits")
    if size % 8:
        raise LookupError(f"{size} bits")
    return np.dtype(f"{order}{letter}{size // 8}")
