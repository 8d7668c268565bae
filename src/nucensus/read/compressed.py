"""Read PNG and JPEG files."""

import struct
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from ..errors import ReadError
from ..model import Header

_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Samples a pixel by colour type; of a palette, as it is decoded."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))


def read_png(path: str, on_header: Callable[[Header], None]) -> NDArray[Any]:
    """Read a PNG file: (height, width), or (height, width, samples) if it has colours."""
    return _decode(path, "png", _png_header, on_header)


def read_jpeg(path: str, on_header: Callable[[Header], None]) -> NDArray[Any]:
    """Read a JPEG file: (height, width), or (height, width, samples) if it has colours."""
    return _decode(path, "jpeg", _jpeg_header, on_header)


def _decode(
    path: str,
    codec: str,
    header: Callable[[bytes], Header],
    on_header: Callable[[Header], None],
) -> NDArray[Any]:
    import imagecodecs

    decode = getattr(imagecodecs, f"{codec}_decode")
    try:
        with open(path, "rb") as file:
            encoded = file.read()
        on_header(header(encoded))
        image: NDArray[Any] = decode(encoded)
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError, LookupError, struct.error) as error:
        raise ReadError(
            f"the file does not decode as {codec.upper()} ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error
    return image


def _png_header(encoded: bytes) -> Header:
    if encoded[:8] != b"\x89PNG\r\n\x1a\n" or encoded[12:16] != b"IHDR":
        raise ValueError("it does not start as one")
    width, height, bits, colour = struct.unpack_from(">IIBB", encoded, 16)
    samples = width * height * _PNG_SAMPLES.get(colour, 1)
    return Header(samples, samples * (2 if bits == 16 else 1), "PNG")


def _jpeg_header(encoded: bytes) -> Header:
    """Walk from marker to marker up to the frame, which states the size."""
    if encoded[:2] != b"\xff\xd8":
        raise ValueError("it does not start as one")
    at = 2
    while True:
        marker, length = struct.unpack_from(">xBH", encoded, at)
        if marker in _JPEG_FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", encoded, at + 4)
            samples = width * height * components
            return Header(samples, samples * (2 if bits > 8 else 1), "JPEG")
        if marker == 0xFF:
            at += 1
        else:
            at += 2 if marker in _JPEG_WITHOUT_LENGTH else 2 + length
