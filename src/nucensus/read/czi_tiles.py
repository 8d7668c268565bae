"""The blocks of pixels of a CZI file, with czifile of 2019 (Python 3.11) or of 2026 (3.12 on)."""

import math
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import ReadError

if TYPE_CHECKING:
    from czifile import CziFile


@dataclass(frozen=True, slots=True)
class Tile:
    """A block of pixels of one plane.

    Attributes
    ----------
    at : dict of str to int
        Where it lies on each axis beside row and column, by the letter that ZEN gives the axis.
    scene, number : int
        Which scene it is of, and its number among the tiles of a plane.
    y, x, height, width : int
        In pixels of the mosaic.
    samples : int
        Of a pixel: 1, or 3 and 4 of colours.
    dtype : str
        Of a sample.
    read : callable
        `read() -> ndarray of shape (height, width, samples)`, colours as red, green, blue; also in
        several threads at a time.
    """

    at: dict[str, int]
    scene: int
    number: int
    y: int
    x: int
    height: int
    width: int
    samples: int
    dtype: str
    read: Callable[[], NDArray[Any]]


def read_tiles(file: "CziFile") -> list[Tile]:
    """Return the tiles at full size, later ones on top of earlier ones."""
    _check_listed(file)
    entries = [each for each in file.subblock_directory if each.pyramid_type in (0, None)]
    whole = [each for each in entries if each.shape == each.stored_shape]
    if entries and not whole:
        raise ReadError("the file holds its pixels at reduced size only; expected full size")
    reading = Lock()
    return sorted((_tile(file, each, reading) for each in whole), key=lambda tile: tile.number)


def read_reduced(file: "CziFile") -> dict[int, list[Tile]]:
    """Return the tiles of lower resolutions, by how many pixels of full size are one of theirs.

    Each begins at its place at full size.
    """
    _check_listed(file)
    reading, reduced = Lock(), dict[int, list[Tile]]()
    for entry in file.subblock_directory:
        if entry.shape != entry.stored_shape:
            tile = _tile(file, entry, reading)
            reduced.setdefault(round(max(entry.shape) / max(entry.stored_shape)), []).append(tile)
    return reduced


def _check_listed(file: "CziFile") -> None:
    if file.header.directory_position <= 0:
        raise ReadError(
            "the file has no list of its pixels: it was not closed when it was written; open it "
            "in ZEN and save it again"
        )


def _tile(file: "CziFile", entry: Any, reading: Lock) -> Tile:
    if entry.file_part != file.header.file_part:
        raise ReadError(
            f"pixels of the file are in part {entry.file_part} of a set of files; expected one "
            f"file; save it as one in ZEN"
        )
    old = hasattr(entry, "data_segment")
    axes = (*entry.axes[:-1], "0") if old else (*entry.dims[:-1], "0")
    start = dict(zip(axes, map(int, entry.start), strict=True))
    shape = dict(zip(axes, map(int, entry.shape), strict=True))
    stored = dict(zip(axes, map(int, entry.stored_shape), strict=True))
    scene = start.pop("S", 0) if old else max(0, entry.scene_index)
    others = {axis: start[axis] for axis in start if axis not in "YX0S"}
    if min(*shape.values(), *stored.values()) < 1 or any(shape[axis] > 1 for axis in others):
        raise ReadError("a block of pixels is not of one plane; expected height x width")
    dtype = np.dtype(entry.dtype).base if old else entry.pixel_type.dtype
    number = entry.mosaic_index or 0
    tile = Tile(
        others, scene, max(0, number), start["Y"], start["X"], stored["Y"], stored["X"], shape["0"],
        str(dtype), lambda: _pixels(tile, file, entry, reading),
    )  # fmt: skip
    return tile


def _packed(file: "CziFile", entry: Any, size: int) -> bytes:
    """Return the bytes of a block, which has so many pixels' bytes before it is compressed."""
    is_old = hasattr(entry, "data_segment")
    segment = entry.data_segment() if is_old else entry.read_segment_data(file)
    if not hasattr(segment, "data_size"):
        raise ReadError("a block of pixels was deleted from the file; copy it again")
    if not 0 < segment.data_size <= 2 * size + (1 << 16):
        raise ReadError("a block of pixels has a size that cannot be true; copy the file again")
    packed: bytes = segment.data(raw=True)
    if len(packed) != segment.data_size:
        raise ReadError("the file ends within a block of pixels; copy it again")
    return packed


def _pixels(tile: Tile, file: "CziFile", entry: Any, reading: Lock) -> NDArray[Any]:
    dtype, shape = np.dtype(tile.dtype), (tile.height, tile.width, tile.samples)
    if dtype.kind == "c":
        raise ReadError("the pixels are complex numbers; expected grey levels")
    size = math.prod(shape) * dtype.itemsize
    with reading:  # the file has one position
        packed = _packed(file, entry, size)
    kind = getattr(entry.compression, "value", entry.compression)
    if kind == 0 or len(packed) == size:
        pixels = np.frombuffer(packed, dtype, math.prod(shape)).reshape(shape)
    elif kind in _BYTES:
        pixels = np.frombuffer(_BYTES[kind](packed, size), dtype).reshape(shape)
    elif kind in _IMAGES:
        pixels = np.empty(shape if tile.samples > 1 else shape[:2], dtype)
        return _IMAGES[kind](packed, pixels).reshape(shape)
    else:
        raise ReadError(
            f"the pixels have compression {kind} of CZI, which is not read; save the file in ZEN "
            f"uncompressed, or with zstd"
        )
    return pixels[..., [2, 1, 0, 3][: tile.samples]] if tile.samples > 2 else pixels


def _lzw(packed: bytes, size: int) -> bytes:
    return bytes(imagecodecs.lzw_decode(packed, out=size))


def _zstd(packed: bytes, size: int) -> bytes:
    return bytes(imagecodecs.zstd_decode(packed, out=size))


def _zstd_with_header(packed: bytes, size: int) -> bytes:
    """Decode zstd behind ZEN's header, which may say that low and high bytes lie apart."""
    length = packed[0]
    if length not in (1, 3) or (length == 3 and packed[1] != 1):
        raise ReadError("the header of a block of pixels is not known; save the file again in ZEN")
    decoded = _zstd(packed[length:], size)
    if length == 3 and packed[2] & 1:
        return np.frombuffer(decoded, np.uint8).reshape(2, -1).T.tobytes()
    return decoded


def _jpeg(packed: bytes, out: NDArray[Any]) -> NDArray[Any]:
    pixels: NDArray[Any] = imagecodecs.jpeg8_decode(packed, out=out)
    return pixels


def _jpeg_xr(packed: bytes, out: NDArray[Any]) -> NDArray[Any]:
    pixels: NDArray[Any] = imagecodecs.jpegxr_decode(packed, out=out)
    return pixels


_BYTES = {2: _lzw, 5: _zstd, 6: _zstd_with_header}
_IMAGES = {1: _jpeg, 4: _jpeg_xr}
"""The compressions by their numbers: those of bytes, and those that know what an image is."""
