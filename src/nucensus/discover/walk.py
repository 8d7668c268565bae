"""Find the files that the user named: files, folders, globs."""

import glob
import os
import re

from ..errors import InputError
from ..model import RUN_FILE

_THUMBNAIL = re.compile(r"_thumb(?![a-z])", re.IGNORECASE)


class Listing:
    """What was found on the way: images with size and time, index files, what was left out."""

    def __init__(self) -> None:
        self.images: dict[str, tuple[int, int]] = {}
        self.index_files: list[str] = []
        self.thumbnails = 0


def list_files(given: list[str], endings: tuple[str, ...]) -> Listing:
    """Return every image below `given`, each once, in the order given, folders sorted."""
    listing = Listing()
    for each in given:
        if not _expand(each, endings, listing):
            raise InputError(
                f"{each!r} holds no image; expected files that end in {', '.join(endings)}"
            )
    return listing


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `text` as people do: s2 before s10."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(p), p) if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def common_folder(given: list[str]) -> str:
    """Return the folder that image names are relative to."""
    try:
        return os.path.commonpath([os.path.abspath(_folder(each)) for each in given])
    except ValueError:  # different drives
        return ""


def size_and_time(path: str) -> tuple[int, int]:
    """Return the size of `path` in bytes and its time in ns, both -1 if it cannot be looked at."""
    try:
        stat = os.stat(path)
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def is_index(name: str) -> bool:
    """Tell whether a file is the index of a plate, by its name."""
    name = name.lower()
    return name in ("index.idx.xml", "index.xml", "measurementdata.mlf") or name.endswith(
        (".htd", ".companion.ome")
    )


def _expand(given: str, endings: tuple[str, ...], listing: Listing) -> int:
    """List what `given` stands for, and return how many images and index files that are."""
    if os.path.isdir(given) and not _is_image_folder(given, endings):
        return _walk(given, endings, listing)
    if is_index(os.path.basename(given)):
        return _walk(os.path.dirname(given) or ".", endings, listing)
    if os.path.lexists(given):
        listing.images[given] = size_and_time(given)
        return 1
    if glob.has_magic(given):
        return sum(
            _expand(path, endings, listing)
            for path in sorted(glob.glob(given, recursive=True), key=natural_key)
            if os.path.isdir(path) or path.lower().endswith(endings)
        )
    raise InputError(f"{given!r} does not exist; expected a file, a folder or a glob of images")


def _is_image_folder(path: str, endings: tuple[str, ...]) -> bool:
    """Tell whether a folder has an image's name, or lies in an OME-Zarr as the fields of plates."""
    path = path.lower().replace("\\", "/").rstrip("/")
    return path.endswith(endings) or ".zarr/" in path


def _walk(folder: str, endings: tuple[str, ...], listing: Listing) -> int:
    """List the images of `folder`, then those of the folders below it.

    A folder that is named like an image is listed as one: it fails when it is
    read, with a reason, instead of being passed over in silence.
    """
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: natural_key(entry.name))
    except OSError as error:
        raise InputError(f"{folder!r} cannot be listed: {error.strerror}") from error
    if any(entry.name == RUN_FILE for entry in listed):
        return 0
    count = 0
    visible = [entry for entry in listed if not entry.name.startswith(".")]
    for entry in visible:
        if is_index(entry.name):
            listing.index_files.append(entry.path)
            count += 1
        elif entry.name.lower().endswith(endings):
            if _THUMBNAIL.search(entry.name):
                listing.thumbnails += 1
            else:
                listing.images[entry.path] = size_and_time(entry.path)
                count += 1
    for entry in visible:
        if entry.is_dir(follow_symlinks=False) and not entry.name.lower().endswith(endings):
            count += _walk(entry.path, endings, listing)
    return count


def _folder(given: str) -> str:
    """Return the folder that `given` is, lies in, or globs below."""
    if os.path.isdir(given) and not _is_image_folder(given, (".zarr",)):
        return given
    folder = os.path.dirname(given.rstrip("/\\"))
    while glob.has_magic(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder
