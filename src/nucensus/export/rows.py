"""Rows of text, written in pieces."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..kernel import format_rows
from ..store import NUCLEUS_COLUMNS, ImageRow, Nuclei, Run, in_micrometres
from .place import SIZES, Where

_ROWS_AT_ONCE = 1 << 16
"""Rows formatted at a time, some 5 MB of text. Larger: more memory, hardly faster."""
_SPECIAL = frozenset('",\n\r')
_PLAIN, AS_JSON, OR_NOTHING = "fd", "FD", "oO"
"""How `kernel.format_rows` writes numbers of single, and of double precision."""


def kinds_of(columns: Iterable[NDArray[Any]], reals: str = _PLAIN) -> bytes:
    """Return how the numbers of columns are written, by their types."""
    kinds = (reals[e.dtype.itemsize > 4] if e.dtype.kind == "f" else "i" for e in columns)
    return "".join(kinds).encode()


def write_rows(
    file: BinaryIO, columns: Sequence[NDArray[Any]], kinds: bytes, literals: Sequence[bytes],
    names: Sequence[bytes] = (b"",), counts: NDArray[np.int64] | None = None,
) -> None:  # fmt: skip
    """Write rows of numbers between `literals`, each after a name, which so many rows have."""
    file.writelines(_texts(columns, kinds, literals, names, counts))


def _texts(
    columns: Sequence[NDArray[Any]], kinds: bytes, literals: Sequence[bytes],
    names: Sequence[bytes], counts: NDArray[np.int64] | None,
) -> Iterator[memoryview]:  # fmt: skip
    """Yield what `write_rows` writes, piece by piece."""
    ends = np.cumsum([len(columns[0])] if counts is None else counts)
    for start in range(0, len(columns[0]), _ROWS_AT_ONCE):
        stop = start + _ROWS_AT_ONCE
        part = np.stack([column[start:stop] for column in columns], axis=1)
        inside = np.diff(ends.clip(start, stop), prepend=start)
        yield format_rows(part, kinds, literals, names, inside)


def comma_rows(
    file: BinaryIO, columns: Sequence[NDArray[Any]], kinds: bytes = b"",
    names: Sequence[bytes] = (b"",), counts: NDArray[np.int64] | None = None,
) -> None:  # fmt: skip
    """Write rows of numbers between commas, as `write_rows` does."""
    file.writelines(comma_texts(columns, kinds or kinds_of(columns), names, counts))


def comma_texts(
    columns: Sequence[NDArray[Any]], kinds: bytes,
    names: Sequence[bytes] = (b"",), counts: NDArray[np.int64] | None = None,
) -> Iterator[memoryview]:  # fmt: skip
    """Yield what `comma_rows` writes, piece by piece."""
    literals = (b"", *[b","] * (len(columns) - 1), b"\n")
    return _texts(columns, kinds, literals, names, counts)


def comma_line(values: Iterable[Any]) -> bytes:
    """Return one line of a CSV file. Names that are not UTF-8 come out as the bytes they are."""
    row = tuple(values)
    line = ",".join(["" if each is None else str(each) for each in row])
    is_plain = line.count(",") == len(row) - 1
    if not is_plain or "nan" in line or '"' in line or "\n" in line or "\r" in line:
        line = ",".join(map(_cell, row))
    return f"{line}\n".encode(errors="surrogateescape")


def micrometre_columns(run: Run) -> list[str]:
    """Return which columns in micrometres any image of the run has."""
    return [each.name for each in run.nucleus_columns if each.scale]


def micrometres(where: Where, row: ImageRow) -> dict[str, NDArray[np.float64]]:
    """Return column -> micrometres, for the axes along which the image states its scale."""
    return {
        f"{axis}_um": where[axis] * row[size]
        for axis, size in SIZES.items()
        if axis in where and row[size] is not None
    }


def measured_micrometres(nuclei: Nuclei, row: ImageRow) -> dict[str, NDArray[np.float64]]:
    """Return column -> areas and axes of nuclei, where the image states how large pixels are."""
    return {
        each.name: in_micrometres(each, nuclei[each.pixels], row[each.scale])
        for each in NUCLEUS_COLUMNS
        if each.pixels in (nuclei.dtype.names or ()) and row[each.scale] is not None
    }


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return ""
    text = str(value)
    if _SPECIAL.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'
