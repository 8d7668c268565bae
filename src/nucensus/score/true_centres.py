"""Read true centres from a table, and keep them on disk: a million fields need no memory."""

import csv
import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ReadError, reason_of
from ..store.scratch import scratch_database
from ..text.files import open_regular
from .field_name import field_name
from .table_rows import read_rows

_NO_PLANE = ("", "-1")
"""The z that a table may give for an image of one plane: our own give -1."""
AS_BYTES = ("utf-8", "surrogatepass")
"""How names are kept: SQLite takes no text that is not UTF-8. They sort as Python sorts them."""

_Place: TypeAlias = tuple[float, ...]
"""(row, column) of a nucleus, of a volume (plane, row, column); () where a field has none."""
_Places: TypeAlias = list[_Place] | NDArray[np.float64]
"""Those of several nuclei."""
_AT_ONCE = 512
"""Rows that are understood together. Larger: more memory, and slower."""


class TrueCentres(Mapping[str, NDArray[np.float64]]):
    """The centres of each field, in the order of the table: arrays of shape (N, 2) or (N, 3)."""

    def __init__(self) -> None:
        self._database = scratch_database(self, "CREATE TABLE parts (field, axes, places)")

    def add(self, field: str, places: _Places) -> None:
        """Take in some nuclei of a field, which all have the same axes, or none."""
        row = field.encode(*AS_BYTES), len(places[0]) or None, np.asarray(places).tobytes()
        self._database.execute("INSERT INTO parts VALUES (?, ?, ?)", row)

    def close_table(self) -> str | None:
        """Make ready to be read; return a field that says the plane of some of its nuclei only."""
        self._database.execute("CREATE INDEX of_field ON parts (field, axes)")
        query = "SELECT field FROM parts GROUP BY field HAVING count(DISTINCT axes) > 1 LIMIT 1"
        return next((name.decode(*AS_BYTES) for (name,) in self._database.execute(query)), None)

    def __getitem__(self, field: str) -> NDArray[np.float64]:
        query = "SELECT axes, places FROM parts WHERE field = ? ORDER BY rowid"
        parts = self._database.execute(query, (field.encode(*AS_BYTES),)).fetchall()
        if not parts:
            raise KeyError(field)
        known = [np.frombuffer(places).reshape(-1, axes) for axes, places in parts if axes]
        return np.concatenate(known) if known else np.empty((0, 2))

    def __contains__(self, field: object) -> bool:
        query = "SELECT 1 FROM parts WHERE field = ?"
        key = str(field).encode(*AS_BYTES)
        return self._database.execute(query, (key,)).fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        query = "SELECT field FROM parts GROUP BY field ORDER BY min(rowid)"
        for (name,) in self._database.execute(query):
            yield name.decode(*AS_BYTES)

    def __len__(self) -> int:
        query = "SELECT count(DISTINCT field) FROM parts"
        return int(self._database.execute(query).fetchone()[0])


def read_centres(path: Path, on_field: Callable[[], object]) -> TrueCentres:
    """Return the centres that a CSV file holds, as `read_truth` says."""
    centres = TrueCentres()
    try:
        with open_regular(path) as file:
            text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
            last = None
            for image, places in _fields(text):
                centres.add(field_name(image), places)
                if image != last:
                    on_field()
                last = image
    except (OSError, ReadError, LookupError, ValueError, csv.Error) as error:
        raise InputError(
            f"{os.fspath(path)!r} cannot be read as true centres ({reason_of(error)}); expected a "
            f"CSV file with the columns image, y and x"
        ) from error
    if (name := centres.close_table()) is not None:
        raise InputError(
            f"{os.fspath(path)!r} says the plane z of some nuclei of {name!r} and not of "
            f"others; expected it of all, where the image is a volume, or of none"
        )
    return centres


def _fields(text: io.TextIOWrapper) -> Iterator[tuple[str, _Places]]:
    """Yield images and places of theirs, which follow one another and have the same axes."""
    lines = read_rows(text)
    header = next(lines, [])
    at = {name: place for place, name in enumerate(header)}
    if header and not at.keys() >= {"image", "y", "x"}:
        raise ValueError(f"its columns are {', '.join(header)}")
    rows = filter(None, lines)
    while some := list(islice(rows, _AT_ONCE)):
        plain, start = _plain(some, at), 0
        for image, of_image in groupby([row[at["image"]] for row in some]):
            here = slice(start, start + len(list(of_image)))
            start = here.stop
            places = _plain(some[here], at) if plain is None else plain[here]
            if places is not None:
                yield image, places
                continue
            for _, others in groupby(_places(image, some[here], at, len(header)), len):
                yield image, list(others)


def _plain(rows: list[list[str]], at: dict[str, int]) -> NDArray[np.float64] | None:
    """Return the places of rows that all say row and column and no plane, in little time."""
    y, x = at["y"], at["x"]
    try:
        if "z" in at and not {row[at["z"]].strip() for row in rows}.issubset(_NO_PLANE):
            return None
        places = np.empty((len(rows), 2))
        places[:, 0] = [float(row[y]) for row in rows]
        places[:, 1] = [float(row[x]) for row in rows]
    except (IndexError, ValueError):
        return None
    return places if np.isfinite(places).all() else None


def _places(
    image: str, rows: list[list[str]], at: dict[str, int], columns: int
) -> Iterator[_Place]:
    """Yield the place that each row says."""
    for row in rows:
        row += [""] * (columns - len(row))
        y, x, z = row[at["y"]], row[at["x"]], row[at["z"]].strip() if "z" in at else ""
        if not (y or x):
            yield ()
        elif z in _NO_PLANE:
            yield _finite(image, (float(y), float(x)))
        else:
            yield _finite(image, (float(z), float(y), float(x)))


def _finite(image: str, place: _Place) -> _Place:
    if not all(map(math.isfinite, place)):
        raise ValueError(f"a nucleus of {image!r} lies at {place}")
    return place
