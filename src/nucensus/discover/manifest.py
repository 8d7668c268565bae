"""Read a table of images that the user wrote: a column of paths, and whatever else."""

import csv
import io
import json
import os
from collections.abc import Iterator
from typing import Any

from ..errors import InputError, MissingPackageError, ReadError
from ..remote import check_address, is_remote, open_to_read, size_and_time
from ..values import ImageRef, Place
from .names import normal_well

_PATH_COLUMNS = ("path", "image", "file", "filename", "uri")
_PLACE_COLUMNS = ("plate", "well", "site", "channel", "z", "time")


def read_table(path: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV or Parquet file, by column; Parquet in batches."""
    if not os.path.isfile(path) and not is_remote(check_address(path)):
        raise InputError(f"{path!r} does not exist; expected a CSV or Parquet file")
    if path.lower().endswith(".parquet"):
        yield from _read_parquet(path)
        return
    try:
        with io.TextIOWrapper(open_to_read(path), encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                yield {key: value or "" for key, value in row.items() if key is not None}
    except (OSError, ReadError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path!r} cannot be read as CSV ({error}); save it in UTF-8") from error


def read_manifest(path: str) -> Iterator[ImageRef]:
    """Yield the image of each row; paths are relative to the manifest.

    The rows may be addresses. Nothing is asked of their servers before they are read.

    The columns plate, well, site, channel, z and time say where an image was
    taken; any others are carried through to the outputs.
    """
    folder = os.path.dirname(path if is_remote(path) else os.path.abspath(path))
    seen: set[str] = set()
    for number, row in enumerate(read_table(path), 2):
        column = _path_column(path, row)
        name = row.pop(column).strip()
        if not name or name in seen:
            what = "says" if name else "has no path"
            raise InputError(
                f"line {number} of {path!r} {what} {name!r} {'again' if name else ''}".rstrip()
                + f"; expected one image in each row, in the column {column!r}"
            )
        seen.add(name)
        place = {key: row.pop(key) for key in _PLACE_COLUMNS if key in row}
        place["well"] = normal_well(place.get("well", ""))
        file = name if is_remote(check_address(name)) else os.path.join(folder, name)
        size_bytes, mtime_ns = (-1, -1) if is_remote(file) else size_and_time(file)
        yield ImageRef(
            name.replace("\0", "\ufffd"),  # which no run file believes
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


def read_metadata(path: str) -> list[dict[str, str]]:
    """Return one row per well, with `well` (and `plate`) as they are in a run.

    Raises
    ------
    InputError
        There is no column of wells, or a well comes twice.
    """
    rows, seen = [], set()
    for row in read_table(path):
        columns = {key.strip().casefold().removeprefix("metadata_"): key for key in row}
        if "well" not in columns:
            raise InputError(
                f"{path!r} has the columns {', '.join(row)}; expected a column 'well', as in B02"
            )
        well = normal_well(row.pop(columns["well"]))
        plate = row.pop(columns["plate"]) if "plate" in columns else ""
        if (plate, well) in seen:
            raise InputError(
                f"{path!r} has the well {well!r} twice; expected one row for each well "
                f"(with several plates, a column 'plate' too)"
            )
        seen.add((plate, well))
        rows.append({**({"plate": plate} if plate else {}), "well": well, **row})
    if not rows:
        raise InputError(f"{path!r} lists no well; expected a row for each well")
    return rows


def _path_column(path: str, row: dict[str, str]) -> str:
    for column in row:
        if column.strip().casefold() in _PATH_COLUMNS:
            return column
    raise InputError(
        f"{path!r} has the columns {', '.join(row)}; expected one of {', '.join(_PATH_COLUMNS)}"
    )


def _read_parquet(path: str) -> Iterator[dict[str, str]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow", "Reading a Parquet file", "parquet") from error
    try:
        with open_to_read(path) as opened, pyarrow.parquet.ParquetFile(opened) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    yield {key: _text(value) for key, value in row.items()}
    except (OSError, ReadError, pyarrow.ArrowException) as error:
        raise InputError(f"{path!r} cannot be read as Parquet ({error})") from error


def _text(value: Any) -> str:
    """Return a value as CSV would say it: whole numbers with gaps are kept as floating point."""
    if value is None or value != value:  # NaN
        return ""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return str(int(value) if whole else value)
