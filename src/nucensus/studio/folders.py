"""The folders of this machine, to choose one from."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..read import SUFFIXES
from ..text.printable import printable

_MOST_SHOWN = 2000
"""Names of a folder that are looked at. Larger: a folder of a million images opens slower."""


def describe_folder(path: str) -> dict[str, Any]:
    """Return the folders in a folder, and how many images lie directly in it.

    Raises
    ------
    InputError
        There is no such folder, or it may not be listed.
    """
    folder = Path(path or Path.home()).expanduser().absolute()
    try:
        entries = list(islice(_visible(folder), _MOST_SHOWN + 1))
    except OSError as error:
        raise InputError(
            f"{os.fspath(folder)!r} cannot be opened ({error.strerror}); choose another folder"
        ) from error
    images = sum(entry.name.lower().endswith(SUFFIXES) for entry in entries)
    return {
        "path": os.fspath(folder),
        "parent": os.fspath(folder.parent),
        "folders": sorted((entry.name for entry in entries if _is_folder(entry)), key=str.casefold),
        "images": images,
        "is_more": len(entries) > _MOST_SHOWN,
    }


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (each for each in entries if not each.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and printable(entry.name) == entry.name
