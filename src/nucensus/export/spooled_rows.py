"""Rows that are gone through several times, and kept on disk."""

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO


class SpooledRows:
    """Rows of texts, numbers and None, in columns of these names."""

    def __init__(self, names: Sequence[str], rows: Iterable[Sequence[Any]], file: TextIO) -> None:
        self.names = names
        self._file = file
        self._count = 0
        for row in rows:
            file.write(json.dumps(row) + "\n")
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[Any]]:
        self._file.seek(0)
        return map(json.loads, self._file)


@contextlib.contextmanager
def spooled(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[SpooledRows]:
    """Keep rows in a file that has no name, and is closed whatever happens."""
    with tempfile.TemporaryFile("w+", encoding="ascii") as file:
        yield SpooledRows(names, rows, file)
