"""Read PNG and JPEG files; what they hold is known from their first bytes, before they are read."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..model import Header
from .ifd import File
from .scene import Index, Scene, Source

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Samples a pixel by colour type; of a palette, as it is decoded."""
_PNG_WITH_ALPHA = {1: 2, 3: 4}
"""Samples a pixel as it is decoded, where a colour is said to be transparent."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_JPEG_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"

_MOST_PARTS = 10_000
"""Chunks or markers before the pixels."""


class _Size(NamedTuple):
    height: int
    width: int
    samples: int
    bits: int


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a PNG or JPEG file; its colours are channels. It is decoded when it is read."""
    name = path if isinstance(path, str) else path.name
    is_png = os.path.splitext(name)[1].lower() == ".png"
    try:
        with open(path, "rb") if isinstance(path, str) else path as file:
            yield [_scene(file, _png_size(file) if is_png else _jpeg_size(file), is_png)]
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror or error}") from error
    except (RuntimeError, ValueError, LookupError, struct.error) as error:
        raise ReadError(
            f"the file does not decode as {'PNG' if is_png else 'JPEG'} ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _scene(file: File, size: _Size, is_png: bool) -> Scene:
    codec = "png" if is_png else "jpeg"
    dtype = np.dtype(np.uint16 if size.bits > 8 else np.uint8)
    size_bytes = file.seek(0, os.SEEK_END)
    pixels = size.height * size.width * size.samples
    header = Header(pixels, pixels * dtype.itemsize + size_bytes, codec.upper())

    def read(index: Index) -> NDArray[Any]:
        import imagecodecs

        file.seek(0)
        encoded = file.read()
        _check_png(encoded) if is_png else _check_jpeg(encoded)
        image: NDArray[Any] = getattr(imagecodecs, f"{codec}_decode")(encoded)
        image = image.reshape(*image.shape[:2], -1)
        if (image.shape, image.dtype) != ((*size[:2], size.samples), dtype):
            raise ValueError("its pixels are not those that it claims")
        return image[..., index.get("c", 0)]

    return Scene(
        (size.height, size.width),
        dtype.name,
        {"c": size.samples} if size.samples > 1 else {},
        read,
        is_colour=size.samples > 1,
        compression=codec.upper(),
        describe=lambda _: header,
    )


def _png_size(file: File) -> _Size:
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
            return _Size(height, width, samples, bits)
        length, kind = struct.unpack(">I4s", chunk)
        if kind == b"tRNS":
            samples = _PNG_WITH_ALPHA.get(samples, samples)
        at += 12 + length
    raise ValueError("it holds no pixels")


def _check_png(encoded: bytes) -> None:
    """Compare each chunk with its checksum."""
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", encoded, at)
        (checksum,) = struct.unpack_from(">I", encoded, at + 8 + length)
        if zlib.crc32(memoryview(encoded)[at + 4 : at + 8 + length]) != checksum:
            raise ValueError(f"the checksum of the {kind.decode('latin-1')} chunk at {at} is wrong")
        at += 12 + length


def _jpeg_size(file: File) -> _Size:
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
            return _Size(height, width, components, bits)
        at = _next_marker(at, marker, length)
    raise ValueError("no frame was found")


def _next_marker(at: int, marker: int, length: int) -> int:
    if marker == 0xFF:
        return at + 1
    return at + 2 + (0 if marker in _JPEG_WITHOUT_LENGTH else length)


def _check_jpeg(encoded: bytes) -> None:
    """Refuse a file without an end: of half a picture the decoder makes the rest up."""
    at, marker = 2, 0
    while marker != _JPEG_SCAN:
        marker, length = struct.unpack_from(">xBH", encoded, at)
        at = _next_marker(at, marker, length)
    if encoded.find(_JPEG_END, at) < 0:
        raise ValueError("it is cut short: its end is missing")
