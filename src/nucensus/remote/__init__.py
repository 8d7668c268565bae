"""Read and write what an address names: objects in buckets, on web servers, in other file systems.

Everybody else asks here; what an address is made of is known in this room alone.
"""

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import unquote

from .._lazy import names_of
from ..errors import AccessError, InputError, ReadError
from ..text.files import atomic_write, check_size, open_regular
from .backend import Backend, Listed
from .faults import ChangedError, explained
from .file import WHOLE_BYTES, RemoteFile
from .signatures import is_web, keep_query, plain_address, query_of, with_query

if TYPE_CHECKING:
    from zarr.abc.store import Store

    from .leases import Lease
    from .stage import Stage
else:
    __getattr__ = names_of(__name__, {"leases": "Lease"})

__all__ = [
    "ChangedError", "Lease", "Listed", "RemoteFile", "absolute", "ask_all", "check_address",
    "check_writable", "decoded", "explained", "fetch", "is_remote", "is_web", "is_zarr",
    "is_zarr_folder", "keep_query", "lease", "list_below", "list_zarr", "open_remote",
    "open_to_read", "plain_address", "query_of", "send", "size_and_time", "staged", "version_of",
    "with_query", "without_credentials", "write_anew", "zarr_store",
]  # fmt: skip

_T = TypeVar("_T")

_BUCKETS = ("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss")
_WEB = ("http", "https")
_CONFIGURE = ("AWS_", "GOOGLE_", "AZURE_")
_AT_ONCE = 16
"""Requests under way at a time. Larger: faster where answers take long, more load on servers."""
_ZARR_METADATA = ("zarr.json", ".zattrs", ".zgroup")


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Tell whether `path` is an address, such as s3://bucket/plate, and not of this machine."""
    return "://" in os.fspath(path)


def absolute(path: str) -> str:
    """Return a path from the root of the file system on; an address without its query."""
    if is_remote(path):
        return plain_address(path)
    is_plain = path.startswith("/") and not ("//" in path or "/." in path or path.endswith("/"))
    return path if is_plain and os.sep == "/" else os.path.abspath(path)


def decoded(address: str) -> str:
    """Return a web address as people read it, with blanks for %20; others are as they are."""
    if not is_web(address):
        return address
    return unquote(address, errors="surrogateescape").replace("\0", "\ufffd")


def check_address(address: str) -> str:
    """Return `address`, or refuse it if it holds a password; that of a web server without query.

    Addresses are kept in the run file, so that a run can be carried on. The query of a presigned
    address stays in memory.
    """
    query = not is_web(address) and re.search(r"[?&][\w.~%-]+=", address)
    plain = plain_address(address)
    if query or re.search(r"://[^/@]*@" if is_web(address) else r"://[^/@]*:[^/@]*@", plain):
        what = "a query, which may be a signature," if query else "a password"
        shown = without_credentials(address[: query.start()] if query else address)
        raise InputError(
            f"the address {shown!r} was given with {what} and addresses are kept in the run; "
            f"expected one without; give credentials in the environment, or download the file first"
        )
    return plain


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


def open_to_read(path: str, *, most_bytes: int = sys.maxsize) -> BinaryIO:
    """Open a file or an object of at most `most_bytes` to read it; refuse pipes and devices."""
    if is_remote(path):
        remote = open_remote(path)
        check_size(remote.size, most_bytes)
        return io.BufferedReader(remote)

    return open_regular(path, most_bytes=most_bytes)


def beside(path: str, name: str) -> str:
    """Return the path or address of a file beside another one."""
    if is_remote(path):
        return f"{path.rpartition('/')[0]}/{name}"
    return os.path.join(os.path.dirname(path), name)


def exists(path: str) -> bool:
    """Tell whether there is a file, or an object; of a pipe or a folder not."""
    return _stat(path) is not None if is_remote(path) else os.path.isfile(path)


def size_and_time(path: str) -> tuple[int, int]:
    """Return size in bytes and time of last change in ns, both -1 if they cannot be known.

    An OME-Zarr has the size of all its files, and the time of the newest; in a bucket, of the first
    thousand or two, or of its metadata where they cannot be listed.
    """
    try:
        if is_zarr_folder(path):
            return _size_and_time_of_all(path)
        if is_remote(path):
            return _stat(path) or (-1, -1)
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    except (OSError, ReadError, ValueError):  # a path with a NUL is a ValueError
        return -1, -1


def _size_and_time_of_all(zarr: str) -> tuple[int, int]:
    try:
        listed = [(each.size_bytes, each.mtime_ns) for each in list_zarr(zarr)]
    except (AccessError, InputError):  # it may still be read; web servers list nothing
        metadata = (f"{zarr.rstrip('/')}/{name}" for name in _ZARR_METADATA)
        listed = [next(filter(None, map(_stat, metadata)), (-1, -1))]
    sizes, times = zip(*listed or [(-1, -1)], strict=True)
    return sum(sizes), max(times)


def is_zarr(path: str) -> bool:
    """Tell whether `path` is an OME-Zarr or a folder in one, such as a field of a plate."""
    small = path.lower()
    return ".zarr" in small and ".zarr/" in f"{small}/".replace("\\", "/")


def is_zarr_folder(path: str) -> bool:
    """Tell whether `path` is a folder that is read as an OME-Zarr, or a prefix that may be one."""
    return is_zarr(path) and (is_remote(path) or os.path.isdir(path))


def list_zarr(path: str) -> Iterator[Listed]:
    """Yield what an OME-Zarr holds; on a disk its folders too, whose names end in a slash."""
    yield from list_below(path) if is_remote(path) else _list_folder(path)


def _list_folder(top: str) -> Iterator[Listed]:
    folders = [""]
    while folders:
        folder = folders.pop()
        yield Listed(folder, 0, os.stat(os.path.join(top, folder)).st_mtime_ns)
        with os.scandir(os.path.join(top, folder)) as entries:
            for each in entries:
                if each.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{each.name}/")
                else:
                    status = each.stat()
                    yield Listed(f"{folder}{each.name}", status.st_size, status.st_mtime_ns)


def _stat(address: str) -> tuple[int, int] | None:
    backend, key = _backend(address)
    with explained(address):
        return backend.stat(key)


def ask_all(function: Callable[[str], _T], paths: Sequence[str]) -> list[_T]:
    """Return `function(path)` of each; servers are asked several things at a time."""
    if not any(map(is_remote, paths)):
        return list(map(function, paths))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(function, paths))


def list_below(folder: str) -> Iterator[Listed]:
    """Yield every object below `folder`, in pages; of a Zarr those that come first."""
    backend, key = _backend(folder.rstrip("/") + "/")
    with explained(folder, concerns_all=True):
        yield from backend.list(key)


@contextmanager
def staged(target: str | os.PathLike[str]) -> "Iterator[Stage]":
    """Lend a place to write files for `target`; those for a bucket go there at the end.

    Each object is there when it is whole, and not before; the provenance is the
    last. After an error nothing is sent.
    """
    from .stage import Stage, stage

    address = os.fspath(target)
    if not is_remote(address):
        yield Stage(Path(address), lambda path: path)
        return
    check_writable(address)
    with stage(address, _send_all) as lent:
        yield lent


def _send_all(files: list[tuple[Path, str]]) -> None:
    last = [each for each in files if each[0].name.endswith("provenance.json")]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda each: send(*each), [each for each in files if each not in last]))
    for each in last:
        send(*each)


def send(file: Path, address: str) -> None:
    """Write a file of this machine to an object, whole or not at all."""
    backend, key = _backend(address)
    with explained(address, concerns_all=True):
        backend.put(key, file)


def write_anew(address: str, change: Callable[[bytes | None], bytes]) -> None:
    """Write a small object as `change` makes it of what it holds, None where there is none.

    If somebody else writes it meanwhile, it is made of what that wrote.
    """
    check_writable(address)
    backend, key = _backend(address)
    is_written = False
    while not is_written:
        with explained(address, concerns_all=True):
            content, version = backend.look(key) or (None, None)
        changed = change(content)
        with explained(address, concerns_all=True):
            is_written = backend.put_if(key, changed, version) is not None


def fetch(address: str, file: Path) -> None:
    """Write an object to a file of this machine, whole or not at all."""
    import shutil

    with open_remote(address) as remote, atomic_write(file) as partial, open(partial, "wb") as to:
        shutil.copyfileobj(remote, to, WHOLE_BYTES)


def version_of(address: str) -> str | None:
    """Return what tells an object from others of its name, before and after; None for none."""
    backend, key = _backend(address)
    try:
        with explained(address, concerns_all=True):
            return backend.begin(key, 1).version
    except FileNotFoundError:
        return None


def lease(
    address: str, *, gone: str, on_lost: Callable[[], None], in_flight: Callable[[], Iterable[int]]
) -> "Lease":
    """Return the hold on a place in a bucket that the object at `address` stands for."""
    from .leases import Lease

    return Lease(address, *_backend(address), gone=gone, on_lost=on_lost, in_flight=in_flight)


def zarr_store(address: str) -> "Store":
    """Return what the zarr package reads the chunks of `address` through."""
    backend, key = _backend(address)
    return backend.zarr_store(key)


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _backend(address: str) -> tuple[Backend, str]:
    """Return what reads `address`, and what the object is called there, with its query."""
    scheme, _, rest = with_query(address).partition("://")
    place, _, key = rest.partition("/")
    said = ((name, os.environ[name]) for name in os.environ if name.startswith(_CONFIGURE))
    return _backend_of(scheme.lower(), place, frozenset(said)), key


@cache
def _backend_of(scheme: str, place: str, _: frozenset[tuple[str, str]]) -> Backend:
    """Open a place once, as long as the environment says the same of it."""
    backend: Any
    if scheme in _BUCKETS or scheme in _WEB:
        from .objects import Objects as backend  # noqa: N813
    else:
        from .file_systems import FileSystem as backend  # noqa: N813
    made: Backend = backend(scheme, place)
    return made
