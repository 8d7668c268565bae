"""A Zarr in a bucket or on a web server: what is read of one object is of one version of it."""

from typing import Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.storage import ObjectStore

from .backend import version_of
from .faults import CHANGED, ChangedError


class ZarrObjects(ObjectStore):  # type: ignore[misc]  # zarr may be missing
    """A store through which zarr reads chunks and metadata.

    Of a shard each chunk is a request of its own, and the places of the chunks are another: with
    those of another version they would be wrong pixels.
    """

    def __init__(self, store: Any, *, read_only: bool = False) -> None:
        super().__init__(store, read_only=read_only)
        self._versions: dict[str, str] = {}

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return the bytes of an object, or a range of them; None if there is none.

        Raises
        ------
        ChangedError
            It is not what was read of it before.
        """
        try:
            asked = await self._ask(key, byte_range)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        version = version_of(asked.meta)
        if self._versions.setdefault(key, version) != version:
            raise ChangedError(CHANGED)
        return prototype.buffer.from_bytes(await asked.bytes_async())

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
        """Return ranges of objects."""
        return [await self.get(key, prototype, each) for key, each in key_ranges]

    async def _ask(self, key: str, byte_range: Any) -> Any:
        import obstore

        try:
            return await obstore.get_async(self.store, key, options=_options(byte_range))
        except obstore.exceptions.NotSupportedError:
            if not isinstance(byte_range, SuffixByteRequest):
                raise
        size = (await obstore.head_async(self.store, key))["size"]  # as Azure wants it
        last = RangeByteRequest(max(0, size - byte_range.suffix), size)
        return await obstore.get_async(self.store, key, options=_options(last))


def _options(byte_range: Any) -> Any:
    """Return a range of zarr as obstore takes it."""
    if isinstance(byte_range, RangeByteRequest):
        return {"range": (byte_range.start, byte_range.end)}
    if isinstance(byte_range, OffsetByteRequest):
        return {"range": {"offset": byte_range.offset}}
    if isinstance(byte_range, SuffixByteRequest):
        return {"range": {"suffix": byte_range.suffix}}
    return {}
