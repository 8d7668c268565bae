"""A Zarr in a folder of this machine: regular files alone, and metadata within limits."""

import os
import stat
from typing import Any

from zarr.storage import LocalStore

from ..errors import ReadError
from ..remote.json import MOST_BYTES

_METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray", ".zmetadata")


class ZarrFolder(LocalStore):  # type: ignore[misc]  # zarr may be missing
    """What zarr reads chunks and metadata through."""

    async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        """Return the bytes of a file, or None if there is none."""
        _check(self.root / key, key)
        return await super().get(key, *arguments, **options)


def _check(path: os.PathLike[str], key: str) -> None:
    try:
        status = os.stat(path)
    except OSError:
        return  # zarr says what is wrong
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise ReadError(f"{key!r} is a pipe, a socket or a device; expected a file")
    if key.rpartition("/")[2] in _METADATA and status.st_size > MOST_BYTES:
        raise ReadError(
            f"{key!r} has {status.st_size / 1e6:,.0f} MB; expected metadata of at most "
            f"{MOST_BYTES / 1e6:,.0f} MB; copy the folder again"
        )
