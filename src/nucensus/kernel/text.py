"""Rows of numbers as text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .binding import call, constant


def format_rows(
    values: NDArray[np.float64],
    kinds: bytes,
    literals: Sequence[bytes],
    names: Sequence[bytes] = (b"",),
    counts: NDArray[np.int64] | None = None,
) -> memoryview:
    """Return rows of numbers as text, each number between two of `literals`.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
        The numbers.
    kinds : bytes
        One character for each column: `i` a whole number, `f` the shortest text
        that reads back to the same float32, `d` to the same float64 (as `repr`),
        `F` and `D` the same as JSON can hold it: infinity is 1e999; `o` and `O`
        the same, and nothing for NaN.
    literals : sequence of bytes
        What stands before each number, and after the last one: columns + 1 texts.
    names : sequence of bytes
        What stands before each row of a group.
    counts : ndarray of int64, optional
        How many rows each group has; by default all are of one.

    Examples
    --------
    >>> bytes(format_rows(np.array([[3, 0.1], [4, 1e22]]), b"id", [b"", b",", b";"]))
    b'3,0.1;4,1e+22;'
    """
    contiguous = np.ascontiguousarray(values, np.float64)
    rows, columns = contiguous.shape
    counts = np.array([rows]) if counts is None else np.ascontiguousarray(counts, np.int64)
    if not columns == len(kinds) == len(literals) - 1:
        raise ValueError(
            f"{columns} columns, {len(kinds)} kinds and {len(literals)} literals were given; "
            f"expected one kind for each column, and one literal more"
        )
    if len(counts) != len(names) or counts.sum() != rows or (counts < 0).any():
        raise ValueError(
            f"{rows} rows, {len(names)} names and {len(counts)} counts with the sum "
            f"{counts.sum()} were given; expected a count for each name, and all rows counted"
        )
    lengths, name_bytes = (np.array([len(each) for each in some], np.int64)
                           for some in (literals, names))  # fmt: skip
    row_bytes = int(lengths.sum()) + columns * constant("number_bytes")
    text = np.empty(rows * row_bytes + int(name_bytes @ counts), np.uint8)
    size_bytes = np.zeros((), np.int64)
    call(
        "nucensus_format_rows", f"write {rows} rows as text",
        contiguous, kinds, b"".join(literals), lengths, len(names), counts, b"".join(names),
        name_bytes, text, size_bytes,
    )  # fmt: skip
    return text.data[: int(size_bytes)]
