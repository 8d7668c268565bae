"""Tell whether files are what they were: a hash of their content."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..errors import ReadError
from ..read.projection import files_of
from ..remote import (
    is_remote,
    is_zarr_folder,
    list_zarr,
    open_to_read,
    size_and_time,
    version_of,
)
from ..values import Partner, Plane


def content_hash(path: str, plane: Plane, partners: Sequence[Partner] = ()) -> str | None:
    """Return the hash of a file, or of all files of a stack, an OME-Zarr or an OME-TIFF set.

    Files of other channels that are measured are told of, too. It is None if the first cannot be
    read.
    """
    own = _content_hash(path, plane)
    others = [each for each in partners if each.path and each.path != path]
    if own is None or not others:
        return own
    digest = hashlib.blake2b(own.encode())
    for each in others:
        digest.update(f"{each.channel!a} {_content_hash(each.path, each.plane)}\n".encode())
    return digest.hexdigest()


def _content_hash(path: str, plane: Plane) -> str | None:
    from ..remote.ome import files_beside

    try:
        if plane.files:
            names = [os.path.basename(path), *plane.files]
            return _hash_of_all(zip(names, files_of(path, plane), strict=True))
        if is_zarr_folder(path):
            names = [each.name for each in list_zarr(path) if not each.name.endswith("/")]
            return _hash_of_all(_below(path, sorted(filter(None, names))))
        if beside := files_beside(path):
            return _hash_of_all(_below(os.path.dirname(path), [os.path.basename(path), *beside]))
        return file_hash(path)
    except (OSError, ReadError):
        return None


def state_of(path: str, plane: Plane) -> list[Any]:
    """Return what tells the files of an image from what they may be overwritten with.

    Of a file it is its size and time, of an object its version, where the server names one.
    """
    from ..remote.ome import files_beside

    files = files_of(path, plane)
    if len(files) == 1 and not is_zarr_folder(path):
        with contextlib.suppress(OSError, ReadError):
            files += [os.path.join(os.path.dirname(path), each) for each in files_beside(path)]
    return list(map(_state, files))


def _state(path: str) -> Any:
    if is_remote(path) and not is_zarr_folder(path):
        return version_of(path) or size_and_time(path)
    return size_and_time(path)


def _below(folder: str, names: list[str]) -> Iterator[tuple[str, str]]:
    return ((name, os.path.join(folder, name)) for name in names)


def _hash_of_all(files: Iterable[tuple[str, str]]) -> str:
    digest = hashlib.blake2b()
    for name, path in files:
        digest.update(f"{name!a} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def file_hash(path: str) -> str:
    """Return the hash of one file."""
    with open_to_read(path) as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()  # type: ignore[arg-type]
