"""Read PNG and JPEG files."""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..errors import ReadError
from .scene import Index, Scene, Source

_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Samples a pixel by colour type; of a palette, as it is decoded."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))


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
    codec, header = ("png", _png_header) if is_png else ("jpeg", _jpeg_header)
    try:
        with open(path, "rb") if isinstance(path, str) else path as file:
            encoded = file.read()
        yield [_scene(encoded, codec, header)]
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError, LookupError, struct.error) as error:
        raise ReadError(
            f"the file does not decode as {codec.upper()} ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _scene(encoded: bytes, codec: str, header: Callable[[bytes], _Size]) -> Scene:
    size = header(encoded)

    def read(index: Index) -> NDArray[Any]:
        import imagecodecs

        image: NDArray[Any] = getattr(imagecodecs, f"{codec}_decode")(encoded)
        return image[..., index.get("c", 0)] if image.ndim == 3 else image

    return Scene(
        (size.height, size.width),
        "uint16" if size.bits > 8 else "uint8",
        {"c": size.samples} if size.samples > 1 else {},
        read,
        is_colour=size.samples > 1,
        compression=codec.upper(),
    )


def _png_header(encoded: bytes) -> _Size:
    if encoded[:8] != b"\x89PNG\r\n\x1a\n" or encoded[12:16] != b"IHDR":
        raise ValueError("it does not start as one")
    width, height, bits, colour = struct.unpack_from(">IIBB", encoded, 16)
    return _Size(height, width, _PNG_SAMPLES.get(colour, 1), bits)


def _jpeg_header(encoded: bytes) -> _Size:
    """Walk from marker to marker up to the frame, which states the size."""
    if encoded[:2] != b"\xff\xd8":
        raise ValueError("it does not start as one")
    at = 2
    while True:
        marker, length = struct.unpack_from(">xBH", encoded, at)
        if marker in _JPEG_FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", encoded, at + 4)
            return _Size(height, width, components, bits)
        if marker == 0xFF:
            at += 1
        else:
            at += 2 if marker in _JPEG_WITHOUT_LENGTH else 2 + length
