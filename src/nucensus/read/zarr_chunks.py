"""Decode the chunks of a Zarr to no more bytes than its metadata say that they have."""

import asyncio
import bz2
import lzma
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec, Codec
from zarr.codecs import ShardingCodec

from .._dataclass import dataclass
from ..errors import ReadError

_BESIDE_BYTES = 65536
"""Bytes that a chunk may have beside its pixels, as for checksums."""

_WIDEST_BYTES = 16
"""Filters make other types of the pixels, at most the widest of NumPy."""

_CLAIMS = {"blosc": 4, "lz4": 0}
"""The byte at which a chunk states its size before it was compressed, by codec."""


def bounded(array: "zarr.Array[Any]") -> "zarr.Array[Any]":
    """Return an array that reads as `array` does, and refuses chunks that are larger than said."""
    metadata: Any = array.metadata
    if array.metadata.zarr_format == 2:
        if metadata.compressor is None:
            return array
        most = prod(metadata.chunks) * _width(array) + _BESIDE_BYTES
        metadata = replace(metadata, compressor=_Bounded2(metadata.compressor, most))
    else:
        metadata = replace(metadata, codecs=_bounded_codecs(metadata.codecs))
    return zarr.Array(zarr.AsyncArray(metadata, array.store_path, array.async_array.config))


def most_encoded_bytes(array: "zarr.Array[Any]") -> int:
    """Return how large the file of a chunk, or of a shard of chunks, may be."""
    pixels = prod(array.shards or array.chunks)
    chunks = pixels // max(1, prod(array.chunks))
    return int(2 * pixels * _width(array) + 32 * chunks + _BESIDE_BYTES)


def _width(array: "zarr.Array[Any]") -> int:
    """Return how many bytes a pixel may have in a chunk."""
    return _WIDEST_BYTES if array.filters else int(array.dtype.itemsize)


def _bounded_codecs(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    return tuple(
        _Bounded3(each)
        if isinstance(each, BytesBytesCodec)
        else replace(each, codecs=_bounded_codecs(each.codecs))
        if isinstance(each, ShardingCodec)
        else each
        for each in codecs
    )


@dataclass(frozen=True, slots=True)
class _Bounded2:
    """A compressor of Zarr 2, as numcodecs has them."""

    codec: Any
    most_bytes: int
    codec_id = "bounded"

    def decode(self, encoded: Any, out: Any = None) -> Any:
        """Return the bytes of a chunk."""
        decoded = _decode(self.codec.get_config(), encoded, self.most_bytes)
        return self.codec.decode(encoded, out) if decoded is None else decoded

    def encode(self, buf: Any) -> Any:
        """Compress the bytes of a chunk."""
        return self.codec.encode(buf)

    def get_config(self) -> Any:
        """Return what the metadata say of the compressor."""
        return self.codec.get_config()

    @classmethod
    def from_config(cls, config: Any) -> Any:
        """Make no compressor of metadata: an array that was opened is given one."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Bounded3(BytesBytesCodec):  # type: ignore[misc]  # zarr may be missing
    """A compressor of Zarr 3."""

    codec: BytesBytesCodec
    is_fixed_size = False

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        stated = self.codec.to_dict()
        config = {
            "id": stated["name"].removeprefix("numcodecs."),
            **stated.get("configuration", {}),
        }
        itemsize = chunk_spec.dtype.to_native_dtype().itemsize
        most = prod(chunk_spec.shape) * itemsize + _BESIDE_BYTES
        encoded = chunk_data.as_numpy_array()
        decoded = await asyncio.to_thread(_decode, config, encoded, most)
        if decoded is None:
            return await self.codec._decode_single(chunk_data, chunk_spec)
        return chunk_spec.prototype.buffer.from_bytes(decoded)

    def evolve_from_array_spec(self, array_spec: Any) -> "_Bounded3":
        """Let the compressor learn of the array what it was not told."""
        return replace(self, codec=self.codec.evolve_from_array_spec(array_spec))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Return the size of a chunk that is compressed, where that is known."""
        size_bytes: int = self.codec.compute_encoded_size(input_byte_length, chunk_spec)
        return size_bytes

    def to_dict(self) -> Any:
        """Return what the metadata say of the compressor."""
        return self.codec.to_dict()


def _decode(config: Mapping[str, Any], encoded: Any, most_bytes: int) -> Any:
    """Return the bytes of a chunk, or None if its codec may decode it: that cannot grow."""
    kind = config["id"]
    if kind in _CLAIMS:
        (claimed,) = struct.unpack_from("<I", encoded, _CLAIMS[kind])
        _check(claimed, most_bytes)
    elif kind == "zstd":
        import imagecodecs

        room: Any = np.empty(most_bytes, np.uint8)
        try:
            return imagecodecs.zstd_decode(encoded, out=room)
        except imagecodecs.ZstdError as error:
            _check(most_bytes + ("too small" in str(error)), most_bytes)
            raise
    elif kind in ("zlib", "gzip", "bz2", "lzma"):
        return _inflate(config, bytes(encoded), most_bytes)
    return None


def _inflate(config: Mapping[str, Any], encoded: bytes, most_bytes: int) -> bytes:
    """Decode a stream, or several behind each other, as gzip has them."""
    parts: list[bytes] = []
    size_bytes = 0
    while encoded:
        one = _decompressor(config)
        parts.append(one.decompress(encoded, most_bytes + 1 - size_bytes))
        size_bytes += len(parts[-1])
        _check(size_bytes, most_bytes)
        if not one.eof:
            raise ReadError("a chunk of the image is cut short; copy the folder again")
        encoded = one.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _decompressor(config: Mapping[str, Any]) -> Any:
    if config["id"] == "bz2":
        return bz2.BZ2Decompressor()
    if config["id"] == "lzma":
        is_raw = config.get("format") == lzma.FORMAT_RAW
        filters = config["filters"] if is_raw else None
        return lzma.LZMADecompressor(config.get("format", lzma.FORMAT_AUTO), filters=filters)
    return zlib.decompressobj(wbits=47)  # of zlib and of gzip


def _check(size_bytes: int, most_bytes: int) -> None:
    if size_bytes > most_bytes:
        raise ReadError(
            f"a chunk of the image holds more than the {most_bytes - _BESIDE_BYTES:,} bytes that "
            f"its metadata say; the folder is damaged; copy it again from its source"
        )
