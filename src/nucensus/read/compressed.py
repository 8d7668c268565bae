"""Read PNG and JPEG files; what they hold is known from their first bytes, before they are read."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..values import Header
from ..values.pixel_size import NO_SIZE
from .encoded import END_OF_JPEG, JPEG_SCAN, Size, jpeg_size, next_marker, png_size
from .ifd import File
from .scene import Index, Scene, Source

_ONLY_FIRST = (
    "the file holds several pictures (an animation, or MPO), of which the first is counted; save "
    "each as a file of its own"
)
_INKS = 4
"""Samples of a JPEG that are cyan, magenta, yellow and black."""


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a PNG or JPEG file; its colours are channels. It is decoded when it is read."""
    name = path if isinstance(path, str) else path.name
    is_png = os.path.splitext(name)[1].lower() == ".png"
    try:
        with open(path, "rb") if isinstance(path, str) else path as file:
            yield [_scene(file, png_size(file) if is_png else jpeg_size(file), is_png)]
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror or error}") from error
    except (RuntimeError, ValueError, LookupError, struct.error) as error:
        raise ReadError(
            f"the file does not decode as {'PNG' if is_png else 'JPEG'} ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _scene(file: File, size: Size, is_png: bool) -> Scene:
    if not is_png and size.samples == _INKS:
        raise ReadError(
            "the pixels are inks (CMYK) as of a printed picture; expected grey levels or RGB; "
            "convert the file"
        )
    codec = "png" if is_png else "jpeg"
    dtype = np.dtype(np.uint16 if size.bits > 8 else np.uint8)
    is_mask = size.bits == 1 and size.samples == 1
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
        pixels: NDArray[Any] = image[..., index.get("c", 0)]
        return pixels != 0 if is_mask else pixels

    return Scene(
        (size.height, size.width),
        "bool" if is_mask else dtype.name,
        {"c": size.samples} if size.samples > 1 else {},
        read,
        pixel_size=NO_SIZE.with_note(_ONLY_FIRST * size.is_first_of_more),
        is_colour=size.samples > 1,
        compression=codec.upper(),
        describe=lambda _: header,
    )


def _check_png(encoded: bytes) -> None:
    """Compare each chunk with its checksum."""
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", encoded, at)
        (checksum,) = struct.unpack_from(">I", encoded, at + 8 + length)
        if zlib.crc32(memoryview(encoded)[at + 4 : at + 8 + length]) != checksum:
            raise ValueError(f"the checksum of the {kind.decode('latin-1')} chunk at {at} is wrong")
        at += 12 + length


def _check_jpeg(encoded: bytes) -> None:
    """Refuse a file without an end: of half a picture the decoder makes the rest up."""
    at, marker = 2, 0
    while marker != JPEG_SCAN:
        marker, length = struct.unpack_from(">xBH", encoded, at)
        at = next_marker(at, marker, length)
    if encoded.find(END_OF_JPEG, at) < 0:
        raise ValueError("it is cut short: its end is missing")
