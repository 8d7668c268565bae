"""Read a table of images that the user wrote: a column of paths, and whatever else."""

import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from ..errors import InputError
from ..remote import absolute, check_address, decoded, is_remote, plain_address, size_and_time
from ..values import ImageRef, Place
from .names import normal_well
from .table import read_table

_PATH_COLUMNS = ("path", "image", "file", "filename", "uri")
_PLACE_COLUMNS = ("plate", "well", "site", "channel", "z", "time")


def read_manifest(path: str) -> Iterator[ImageRef]:
    """Yield the image of each row; paths are relative to the manifest.

    The rows may be addresses. Nothing is asked of their servers before they are read.

    The columns plate, well, site, channel, z and time say where an image was
    taken; any others are carried through to the outputs.
    """
    path = plain_address(path)
    folder = os.path.dirname(path if is_remote(path) else os.path.abspath(path))
    seen: set[str] = set()
    for number, row in enumerate(read_table(path), 2):
        column = _path_column(path, row)
        name = _with_slashes(row.pop(column).strip(), folder)
        name = check_address(name) if is_remote(name) else name
        file = name if is_remote(name) else _as_spelled(os.path.join(folder, name))
        if not name or absolute(file) in seen:
            what = "says" if name else "has no path"
            raise InputError(
                f"line {number} of {path!r} {what} {name!r} {'again' if name else ''}".rstrip()
                + f"; expected one image in each row, in the column {column!r}"
            )
        seen.add(absolute(file))
        place = {key: row.pop(column).strip() for key, column in _place_columns(row).items()}
        place["well"] = normal_well(place.get("well", ""))
        size_bytes, mtime_ns = (-1, -1) if is_remote(file) else size_and_time(file)
        yield ImageRef(
            decoded(name).replace("\0", "\ufffd"),  # which no run file believes
            file,
            size_bytes,
            mtime_ns,
            place=Place(**place),
            extra=json.dumps(row, ensure_ascii=False) if row else "",
        )
    if not seen:
        raise InputError(
            f"{path!r} lists no image; expected the names of the columns, and below them a row for "
            f"each image; check how it was saved"
        )


def join_places(stated: Place, named: Place) -> Place:
    """Return where a row says that an image was taken, and of what it does not say, its name.

    Examples
    --------
    >>> join_places(Place(channel="DAPI"), Place("P1", "A01", channel="1"))
    Place(plate='P1', well='A01', site='', channel='DAPI', z='', time='', stain='')
    """
    told = {axis: text for axis in _PLACE_COLUMNS if (text := getattr(stated, axis))}
    stain = "" if stated.channel else named.stain
    return replace(named, stain=stain, **told) if told else named


def _as_spelled(file: str) -> str:
    """Return a path as it is on disk, where accents may be characters of their own."""
    if file.isascii() or os.path.lexists(file):
        return file
    forms = (unicodedata.normalize(form, file) for form in ("NFC", "NFD"))
    return next(filter(os.path.lexists, forms), file)


def _with_slashes(name: str, folder: str) -> str:
    """Return a path as it is written on every system, unless a file has backslashes in its name."""
    if "\\" not in name:
        return name
    is_literal = os.sep == "/" and os.path.lexists(os.path.join(folder, name))
    return name if is_literal or is_remote(name) else name.replace("\\", "/")


def _place_columns(row: dict[str, str]) -> dict[str, str]:
    """Return the columns that say where an image was taken, by what they say, as in Metadata_Well.

    One that is written just so comes first.
    """
    told = {column.strip().casefold().removeprefix("metadata_"): column for column in row}
    return {key: key if key in row else told[key] for key in _PLACE_COLUMNS if key in told}


def _path_column(path: str, row: dict[str, str]) -> str:
    for column in row:
        if column.strip().casefold() in _PATH_COLUMNS:
            return column
    raise InputError(
        f"{path!r} has the columns {', '.join(row)}; expected one of {', '.join(_PATH_COLUMNS)}"
    )
