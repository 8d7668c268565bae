"""Files in every other place that fsspec knows: memory, FTP, SFTP, SMB, HDFS, ..."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MissingPackageError
from .backend import Begun, Listed

if TYPE_CHECKING:
    from zarr.abc.store import Store

_TIMES = ("mtime", "last_modified", "LastModified", "modified", "updated", "modify", "created")


class FileSystem:
    """A file system of fsspec."""

    def __init__(self, scheme: str, place: str) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise MissingPackageError("fsspec", f"Using {scheme}:// addresses", "fsspec") from error
        self._root = f"{scheme}://{place}"
        try:
            fsspec.get_filesystem_class(scheme)
        except (ValueError, ImportError) as error:
            raise InputError(
                f"{self._root!r} cannot be used: {error}; expected an address of a kind that "
                f"obstore or fsspec knows; check how it starts"
            ) from error

    def _at(self, key: str) -> tuple[Any, str]:
        """Return the file system of this thread (fsspec keeps one each), and the path in it."""
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(f"{self._root}/{key}")
        return found

    def begin(self, key: str, most: int) -> Begun:
        """Return the size and, of a small file, everything."""
        files, path = self._at(key)
        size = int(files.info(path)["size"])
        return Begun(size, None, memoryview(files.cat_file(path) if size <= most else b""))

    def fetch(self, key: str, start: int, stop: int, version: str | None) -> memoryview:  # noqa: ARG002 none is known
        """Return a range."""
        files, path = self._at(key)
        return memoryview(files.cat_file(path, start=start, end=stop))

    def stat(self, key: str) -> tuple[int, int] | None:
        """Ask for size and time."""
        files, path = self._at(key)
        try:
            known = files.info(path)
        except FileNotFoundError:
            return None
        return None if known["type"] == "directory" else (int(known["size"]), _ns(known))

    def list(self, prefix: str) -> Iterator[Listed]:
        """List folder by folder."""
        files, top = self._at(prefix)
        top = top.rstrip("/")
        for folder, _, names in files.walk(top, detail=True):
            below = folder.rstrip("/")[len(top) :].strip("/")
            for name, known in names.items():
                yield Listed(f"{below}/{name}".lstrip("/"), int(known["size"] or 0), _ns(known))

    def put(self, key: str, file: Path) -> None:  # noqa: ARG002 the interface
        """Write nothing: what is half written here would be seen."""
        raise self._not_a_bucket(key)

    def look(self, key: str) -> tuple[bytes, Any] | None:
        """Look at nothing: nobody can hold what cannot be written."""
        raise self._not_a_bucket(key)

    def put_if(self, key: str, content: bytes, before: Any) -> Any:  # noqa: ARG002 the interface
        """Write nothing."""
        raise self._not_a_bucket(key)

    def delete(self, key: str) -> None:
        """Delete nothing."""
        raise self._not_a_bucket(key)

    def _not_a_bucket(self, key: str) -> InputError:
        return InputError(
            f"nothing is written to {self._root}/{key}; expected a folder, or an address in a "
            f"bucket (s3://, gs:// or az://)"
        )

    def zarr_store(self, key: str) -> "Store":
        """Return a store of zarr that asks for single chunks."""
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(f"{self._root}/{key}", read_only=True)


def _ns(known: dict[str, Any]) -> int:
    """Return the time of last change in ns, in whole seconds; -1 if the file system tells none."""
    value = next((known[name] for name in _TIMES if known.get(name)), None)
    if isinstance(value, str):
        value = datetime.strptime(value[:14], "%Y%m%d%H%M%S") if value[:14].isdecimal() else None
    if isinstance(value, datetime):
        value = value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    return int(value) * 1_000_000_000 if isinstance(value, int | float) else -1
