"""A Zarr in a folder of this machine: regular files alone, and metadata within limits."""

import os
import stat
from typing import Any

from zarr.storage import LocalStore

from ..errors import ReadError
from ..remote.json import MOST_BYTES

_METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray", ".zmetadata")


class ZarrFolder(LocalStore):  # type: ignore[misc]  # zarr may be missing
    """A store through which zarr reads chunks and metadata.

    `most_bytes` is how large a chunk may be in its file.
    """

    most_bytes = 0

    async def get(
        self, key: str, prototype: Any = None, byte_range: Any = None, **options: Any
    ) -> Any:
        """Return the bytes of a file, or None if there is none."""
        _check(self.root / key, key, self.most_bytes if byte_range is None else None)
        return await super().get(key, prototype, byte_range, **options)


def _check(path: os.PathLike[str], key: str, most_bytes: int | None) -> None:
    """Refuse what is no file, and files that are larger than they can have reason to be."""
    try:
        status = os.stat(path)
    except OSError:
        return  # zarr says what is wrong
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
