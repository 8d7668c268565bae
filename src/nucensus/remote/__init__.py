"""Read and write what an address names: objects in buckets, on web servers, in other file systems.

Everybody else asks here; what an address is made of is known in this room alone.
"""

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from ..errors import InputError
from .backend import Backend, Listed
from .faults import explained
from .file import RemoteFile

if TYPE_CHECKING:
    from zarr.abc.store import Store

__all__ = [
    "Listed", "RemoteFile", "ask_all", "check_address", "check_writable", "explained", "is_remote",
    "list_below", "open_remote", "open_to_read", "size_and_time", "upload",
    "without_credentials", "zarr_store",
]  # fmt: skip

_T = TypeVar("_T")

_BUCKETS = ("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss")
_WEB = ("http", "https")
_AT_ONCE = 16
_ZARR_METADATA = ("zarr.json", ".zattrs", ".zgroup")


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Tell whether `path` is an address, such as s3://bucket/plate, and not of this machine."""
    return "://" in os.fspath(path)


def check_address(address: str) -> str:
    """Return `address`, or refuse it if it holds a password or a signature.

    Addresses are kept in the run file, so that a run can be carried on.
    """
    query = re.search(r"[?&][\w.~%-]+=", address)
    if query or re.search(r"://[^/@]*:[^/@]*@", address):
        what = "a query, which may be a signature," if query else "a password"
        raise InputError(
            f"the address {without_credentials(address)!r} was given with {what} and addresses "
            f"are kept in the run; expected one without; give credentials in the environment, "
            f"or download the file first"
        )
    return address


def check_writable(address: str) -> None:
    """Refuse an address that no file can be written to whole or not at all."""
    check_address(address)
    if _scheme(address) not in _BUCKETS:
        raise InputError(
            f"{address!r} was given to write to; expected a folder, or an address in a bucket "
            f"(s3://, gs:// or az://); write to a folder, and copy it from there"
        )


def without_credentials(text: str) -> str:
    """Return addresses without user, password, query and fragment: these may hold a signature."""
    if "://" not in text:
        return text
    text = re.sub(r"(\w://)[^/\s@]*@(?!\w+\.(?:dfs|blob)\.)", r"\1", text)
    return re.sub(r"(\w://[^\s?#]*)[?#]\S*", r"\1", text)


def open_remote(address: str) -> RemoteFile:
    """Open an object to read it anywhere; a small one is fetched whole, in one request."""
    backend, key = _backend(address)
    with explained(address):
        return RemoteFile(address, backend, key)


def open_to_read(path: str) -> BinaryIO:
    """Open a file or an object to read its bytes."""
    return io.BufferedReader(open_remote(path)) if is_remote(path) else open(path, "rb")


def size_and_time(address: str) -> tuple[int, int]:
    """Return the size in bytes and the time of last change in ns, both -1 if there is no object.

    An OME-Zarr is as old as its metadata.
    """
    is_zarr = address.rstrip("/").lower().endswith(".zarr") or ".zarr/" in address.lower()
    names = [f"{address.rstrip('/')}/{name}" for name in _ZARR_METADATA] if is_zarr else [address]
    for name in names:
        backend, key = _backend(name)
        with explained(name, whole=True):
            known = backend.look(key)
        if known is not None:
            return known
    return -1, -1


def ask_all(function: Callable[[str], _T], paths: Sequence[str]) -> list[_T]:
    """Return `function(path)` of each; servers are asked several things at a time."""
    if not any(map(is_remote, paths)):
        return list(map(function, paths))
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(function, paths))


def list_below(folder: str) -> Iterator[Listed]:
    """Yield every object below `folder`, in pages; of a Zarr those that come first."""
    backend, key = _backend(folder.rstrip("/") + "/")
    with explained(folder, whole=True):
        yield from backend.list(key)


def upload(file: Path, address: str) -> None:
    """Write a file to `address`: the object is there when it is whole, and not before."""
    backend, key = _backend(address)
    with explained(address, whole=True):
        backend.put(key, file)


def zarr_store(address: str) -> "Store":
    """Return what the zarr package reads the chunks of `address` through."""
    backend, key = _backend(address)
    return backend.zarr_store(key)


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _backend(address: str) -> tuple[Backend, str]:
    """Return what reads `address`, and what the object is called there."""
    scheme, _, rest = address.partition("://")
    place, _, key = rest.partition("/")
    return _backend_of(scheme.lower(), place), key


@cache
def _backend_of(scheme: str, place: str) -> Backend:
    backend: Any
    if scheme in _BUCKETS or scheme in _WEB:
        from .objects import Objects as backend  # noqa: N813
    else:
        from .file_systems import FileSystem as backend  # noqa: N813
    made: Backend = backend(scheme, place)
    return made
