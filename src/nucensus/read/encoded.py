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
_JPEG_APPLICATION = 0xE2
JPEG_SCAN, END_OF_JPEG = 0xDA, b"\xff\xd9"

_MOST_PARTS = 10_000
"""Chunks or markers before the pixels."""


class Size(NamedTuple):
    """Size, samples and type of a picture, from its header, and whether others come after it."""

    height: int
    width: int
    samples: int
    bits: int
    is_first_of_more: bool = False


def png_size(file: File) -> Size:
    """Walk from chunk to chunk up to the pixels: transparency is stated before them."""
    if file.read(8) != _PNG_START:
        raise ValueError("it does not start as one")
    length, kind = struct.unpack(">I4s", file.read(8))
    if kind != b"IHDR":
        raise ValueError("it does not start as one")
    width, height, bits, colour = struct.unpack(">IIBB", file.read(10))
    at, samples, pictures = 20 + length, _PNG_SAMPLES[colour], 1
    for _ in range(_MOST_PARTS):
        file.seek(at)
        chunk = file.read(8)
        if kind == b"IDAT" or len(chunk) < 8:
            return Size(height, width, samples, bits, pictures > 1)
        length, kind = struct.unpack(">I4s", chunk)
        if kind == b"tRNS":
            samples = _PNG_WITH_ALPHA.get(samples, samples)
        elif kind == b"acTL":  # of an animation
            (pictures,) = struct.unpack(">I", file.read(4))
        at += 12 + length
    raise ValueError("it holds no pixels")


def jpeg_size(file: File) -> Size:
    """Walk from marker to marker up to the frame, which states the size."""
    if file.read(2) != b"\xff\xd8":
        raise ValueError("it does not start as one")
    at, has_more = 2, False
    for _ in range(_MOST_PARTS):
        file.seek(at)
        start, marker, length = struct.unpack(">BBH", file.read(4))
        if start != 0xFF:
            break
        if marker in _JPEG_FRAMES:
            bits, height, width, components = struct.unpack(">BHHB", file.read(6))
            return Size(height, width, components, bits, has_more)
        has_more |= marker == _JPEG_APPLICATION and file.read(4) == b"MPF\0"
        at = next_marker(at, marker, length)
    raise ValueError("no frame was found")


def next_marker(at: int, marker: int, length: int) -> int:
    """Return where the marker after the one at `at` is."""
    if marker == 0xFF:
        return at + 1
    return at + 2 + (0 if marker in _JPEG_WITHOUT_LENGTH else length)


def _jpeg_2000_size(encoded: bytes) -> tuple[int, int, int]:
    """Look for the marker of sizes at the start of the codestream, in its box or alone."""
    at = 0 if encoded.startswith(b"\xff\x4f") else _box(encoded, b"jp2c")
    if at < 0 or encoded[at : at + 4] != b"\xff\x4f\xff\x51":
        raise ValueError("no size was found")
    right, low, left, top = struct.unpack_from(">4I", encoded, at + 8)
    (samples,) = struct.unpack_from(">H", encoded, at + 40)
    return low - top, right - left, samples


def _box(encoded: bytes, kind: bytes) -> int:
    """Return where the content of the first box of a kind is; -1 if there is none."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at + 8 > len(encoded):
            break
        size, found = struct.unpack_from(">I4s", encoded, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", encoded, at + 8)
            head = 16
        if found == kind:
            return at + head
        if size < head:
            break
        at += size
    return -1


def _webp_size(encoded: bytes) -> tuple[int, int, int]:
    kind = encoded[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", encoded, 26)
        return height & 0x3FFF, width & 0x3FFF, 0
    number = int.from_bytes(encoded[21:25] if kind == b"VP8L" else encoded[24:30], "little")
    bits = {b"VP8L": 14, b"VP8X": 24}[kind]
    mask = (1 << bits) - 1
    return (number >> bits & mask) + 1, (number & mask) + 1, 0


def _lerc_size(encoded: bytes) -> tuple[int, int, int]:
    if encoded.startswith(b"CntZImage "):
        height, width = struct.unpack_from("<18xII", encoded)
        return height, width, 1
    (version,) = struct.unpack_from("<6xi", encoded)
    if not encoded.startswith(b"Lerc2 "):
        raise ValueError("it does not start as one")
    height, width, samples = struct.unpack_from("<III", encoded, 10 if version < 3 else 14)
    return height, width, samples if version >= 4 else 1


def _jpeg_xr_size(encoded: bytes) -> tuple[int, int, int]:
    """Read the header of the codestream, which counts; the tags before it may say else."""
    at = encoded.index(b"WMPHOTO\0")
    is_short = encoded[at + 10] & 0x80
    height_and_width = struct.unpack_from(">HH" if is_short else ">II", encoded, at + 12)
    return height_and_width[1] + 1, height_and_width[0] + 1, 0


_JXL_RATIOS = (0, 1, 12 / 10, 4 / 3, 3 / 2, 16 / 9, 5 / 4, 2)
"""Width over height, where a number stands for it."""


def _jpeg_xl_size(encoded: bytes) -> tuple[int, int, int]:
    """Read the size from the first bits of the codestream."""
    at = 0 if encoded.startswith(b"\xff\x0a") else _box(encoded, b"jxlc")
    at = _box(encoded, b"jxlp") + 4 if at < 0 else at
    if encoded[at : at + 2] != b"\xff\x0a":
        raise ValueError("it does not start as one")
    bits = int.from_bytes(encoded[at + 2 : at + 18], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def length(is_small: int) -> int:
        return 8 * (take(5) + 1) if is_small else take((9, 13, 18, 30)[take(2)]) + 1

    is_small = take(1)
    height = length(is_small)
    ratio = take(3)
    return height, int(height * _JXL_RATIOS[ratio]) if ratio else length(is_small), 0


def _by_walking(walk: Callable[[File], Size], encoded: bytes) -> tuple[int, int, int]:
    return walk(io.BytesIO(encoded))[:3]


JPEG = (6, 7, 33007, 34892)
SIZES: dict[int, Callable[[bytes], tuple[int, int, int]]] = {
    **dict.fromkeys(JPEG, partial(_by_walking, jpeg_size)),
    34933: partial(_by_walking, png_size),
    **dict.fromkeys((33003, 33004, 33005, 34712), _jpeg_2000_size),
    **dict.fromkeys((22610, 34934), _jpeg_xr_size),
    34887: _lerc_size,
    **dict.fromkeys((34927, 50001), _webp_size),
    **dict.fromkeys((50002, 52546), _jpeg_xl_size),
}
"""Functions that return height, width and samples (0: not known) of a picture, by the compression
of a TIFF page. They raise `NO_SIZE_FOUND` where a picture does not begin as usual."""

NO_SIZE_FOUND = (ValueError, LookupError, struct.error)
