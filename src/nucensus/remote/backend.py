"""The interface of a place that holds objects."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from zarr.abc.store import Store


class Listed(NamedTuple):
    """An object as a listing gives it; its name is relative to what was listed.

    A size of -1 stands for an object that cannot be read, and of -2 for one with which others
    beside it may be lost.
    """

    name: str
    size_bytes: int
    mtime_ns: int


class Begun(NamedTuple):
    """An object whose first bytes were asked for.

    Its version tells it from what it may be overwritten with; None where a server names none.
    """

    size: int
    version: str | None
    start: memoryview


def version_of(known: Any) -> str:
    """Return what tells an object from others of its key: its tag, or size and time without one."""
    return str(known["e_tag"] or f"{known['size']} {known['last_modified']}")


class Backend(Protocol):
    """A bucket, a web server or a file system; objects are named by their keys in it."""

    def begin(self, key: str, most: int) -> Begun:
        """Return the first bytes of an object: all, if that is at most `most`."""

    def fetch(self, key: str, start: int, stop: int, version: str | None) -> memoryview:
        """Return the bytes from `start` to before `stop`, if the object is still this version.

        Raises
        ------
        ChangedError
            It was overwritten.
        """

    def stat(self, key: str) -> tuple[int, int] | None:
        """Return size in bytes and time in ns of an object; None if there is none."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield every object below `prefix`, which is empty or ends in a slash."""

    def put(self, key: str, file: Path) -> None:
        """Write an object, whole or not at all."""

    def look(self, key: str) -> tuple[bytes, Any] | None:
        """Return a small object, and what `put_if` knows its version by; None if there is none."""

    def put_if(self, key: str, content: bytes, before: Any) -> Any:
        """Write a small object if there is this version of it, None for none at all.

        Return what the new version is known by; None if there was another.
        """

    def delete(self, key: str) -> None:
        """Delete an object."""

    def zarr_store(self, key: str) -> "Store":
        """Return a store of the zarr package, to be read."""
