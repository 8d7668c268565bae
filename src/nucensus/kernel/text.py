"""Rows of numbers as text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .binding import call, constant


def format_rows(values: NDArray[np.float64], kinds: bytes, literals: Sequence[bytes]) -> memoryview:
    """Return rows of numbers as text, each number between two of `literals`.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
        The numbers.
    kinds : bytes
        One character for each column: `i` a whole number, `f` the shortest text
        that reads back to the same number (as `repr`), `j` the same as JSON can
        hold it: infinity is 1e999.
    literals : sequence of bytes
        What stands before each number, and after the last one: columns + 1 texts.

    Examples
    --------
    >>> bytes(format_rows(np.array([[3, 0.1], [4, 1e22]]), b"if", [b"", b",", b";"]))
    b'3,0.1;4,1e+22;'
    """
    contiguous = np.ascontiguousarray(values, np.float64)
    rows, columns = contiguous.shape
    if not columns == len(kinds) == len(literals) - 1:
        raise ValueError(
            f"{columns} columns, {len(kinds)} kinds and {len(literals)} literals were given; "
            f"expected one kind for each column, and one literal more"
        )
    lengths = np.array([len(literal) for literal in literals], np.int64)
    text = np.empty(rows * (int(lengths.sum()) + columns * constant("number_bytes")), np.uint8)
    size_bytes = np.zeros((), np.int64)
    call(
        "nucensus_format_rows", f"write {rows} rows as text",
        contiguous, rows, kinds, b"".join(literals), lengths, text, size_bytes,
    )  # fmt: skip
    return text.data[: int(size_bytes)]
