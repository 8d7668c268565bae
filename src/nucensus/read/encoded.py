"""Know PNG, JPEG and JPEG 2000 by their first bytes: of how many pixels they are."""

import io
import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from .ifd import File

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Samples a pixel by colour type; of a palette, as it is decoded."""
_PNG_WITH_ALPHA = {1: 2, 3: 4}
"""Samples a pixel as it is decoded, where a colour is said to be transparent."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
JPEG_SCAN, END_OF_JPEG = 0xDA, b"\xff\xd9"

_MOST_PARTS = 10_000
"""Chunks or markers before the pixels."""


class Size(NamedTuple):
    """Size, samples and type of a picture, from its header."""

    height: int
    width: int
    samples: int
    bits: int


def png_size(file: File) -> Size:
    """Walk from chunk to chunk up to the pixels: transparency is stated before them."""
    if file.read(8) != _PNG_START:
        raise ValueError("it does not start as one")
    length, kind = struct.unpack(">I4s", file.read(8))
    if kind != b"IHDR":
        raise ValueError("it does not start as one")
    width, height, bits, colour = struct.unpack(">IIBB", file.read(10))
    at, samples = 20 + length, _PNG_SAMPLES[colour]
    for _ in range(_MOST_PARTS):
        file.seek(at)
        chunk = file.read(8)
        if kind == b"IDAT" or len(chunk) < 8:
            return Size(height, width, samples, bits)
        length, kind = struct.unpack(">I4s", chunk)
        if kind == b"tRNS":
            samples = _PNG_WITH_ALPHA.get(samples, samples)
        at += 12 + length
    raise ValueError("it holds no pixels")


def jpeg_size(file: File) -> Size:
    """Walk from marker to marker up to the frame, which states the size."""
    if file.read(2) != b"\xff\xd8":
        raise ValueError("it does not start as one")
    at = 2
    for _ in range(_MOST_PARTS):
        file.seek(at)
        start, marker, length = struct.unpack(">BBH", file.read(4))
        if start != 0xFF:
            break
        if marker in _JPEG_FRAMES:
            bits, height, width, components = struct.unpack(">BHHB", file.read(6))
            return Size(height, width, components, bits)
        at = next_marker(at, marker, length)
    raise ValueError("no frame was found")


def next_marker(at: int, marker: int, length: int) -> int:
    """Return where the marker after the one at `at` is."""
    if marker == 0xFF:
        return at + 1
    return at + 2 + (0 if marker in _JPEG_WITHOUT_LENGTH else length)


def _jpeg_2000_size(encoded: bytes) -> tuple[int, int]:
    """Look for the marker of sizes, which is among the first."""
    at = encoded.find(b"\xff\x4f\xff\x51", 0, 65536)
    width, height = struct.unpack_from(">II", encoded, at + 8) if at >= 0 else (0, 0)
    return height, width


def _size_of(walk: Callable[[File], Size], encoded: bytes) -> tuple[int, int]:
    """Return height and width; 0 where it does not begin as usual."""
    try:
        return walk(io.BytesIO(encoded))[:2]
    except (ValueError, LookupError, struct.error):
        return 0, 0


JPEG = (6, 7, 33007, 34892)
SIZES: dict[int, Callable[[bytes], tuple[int, int]]] = {
    **dict.fromkeys(JPEG, partial(_size_of, jpeg_size)),
    34933: partial(_size_of, png_size),
    **dict.fromkeys((33003, 33004, 33005, 34712), _jpeg_2000_size),
}
"""Functions that return height and width of a picture, by the compression of a TIFF page."""
