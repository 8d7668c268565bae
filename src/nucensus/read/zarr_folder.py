"""A Zarr in a folder of this machine: regular files alone, and metadata within limits."""

import os
import stat
from typing import Any

from zarr.storage import LocalStore

from ..errors import ReadError
from ..remote import ChangedError
from ..remote.json import MOST_BYTES
from .one_version import Version, status_of, version_of

_METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray", ".zmetadata")
_WRITTEN = (
    "a chunk was written while the image was read, again and again; expected the folder to stay "
    "as it is; wait until it is whole, and do the image again with nucensus retry"
)


class ZarrFolder(LocalStore):  # type: ignore[misc]  # zarr may be missing
    """A store through which zarr reads chunks and metadata.

    `most_bytes` is how large a chunk may be in its file.
    """

    most_bytes = 0

    def __init__(self, root: str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._seen: dict[str, Version | None] = {}

    async def get(
        self, key: str, prototype: Any = None, byte_range: Any = None, **options: Any
    ) -> Any:
        """Return the bytes of a file, or None if there is none."""
        status = status_of(self.root / key)
        if status is not None:
            _check(status, key, self.most_bytes if byte_range is None else None)
        self._seen.setdefault(key, version_of(status))
        return await super().get(key, prototype, byte_range, **options)

    def check_unchanged(self) -> None:
        """Raise `ChangedError` if a file was written since it was first read here."""
        for key, seen in self._seen.items():
            if version_of(status_of(self.root / key)) != seen:
                raise ChangedError(_WRITTEN)


def _check(status: os.stat_result, key: str, most_bytes: int | None) -> None:
    """Refuse what is no file, and files that are larger than they can have reason to be."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise ReadError(f"{key!r} is a pipe, a socket or a device; expected a file")
    is_metadata = key.rpartition("/")[2] in _METADATA
    most = MOST_BYTES if is_metadata else most_bytes
    if most is not None and status.st_size > most:
        what = "metadata" if is_metadata else "a chunk"
        raise ReadError(
            f"{key!r} has {status.st_size / 1e6:,.1f} MB; expected {what} of at most "
            f"{most / 1e6:,.1f} MB; copy the folder again"
        )
