"""Read the rows of a table of centres as spreadsheets of any country write CSV."""

import csv
import itertools
import re
from collections.abc import Iterator
from typing import TextIO

_DELIMITERS = ",;\t"
_DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*")


def read_rows(text: TextIO) -> Iterator[list[str]]:
    """Yield the rows of a table; its first line tells what divides cells.

    Where that is a semicolon, numbers may have a decimal comma, which becomes a point, but names
    of images may not.
    """
    first = text.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.reader(itertools.chain((first,), text), delimiter=delimiter)
    if delimiter != ";":
        return rows
    header = next(rows, [])
    names = frozenset(at for at, title in enumerate(header) if title == "image")
    return itertools.chain((header,), (_with_points(row, names) for row in rows))


def _with_points(row: list[str], names: frozenset[int]) -> list[str]:
    return [
        cell.replace(",", ".")
        if "," in cell and at not in names and _DECIMAL_COMMA.fullmatch(cell)
        else cell
        for at, cell in enumerate(row)
    ]
