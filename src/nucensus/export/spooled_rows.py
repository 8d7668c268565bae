"""Rows that are gone through several times, and kept on disk."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class SpooledRows:
    """Rows of texts, numbers and None, in columns of these names."""

    def __init__(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self.names = names
        self._file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 - closed at exit
        self._count = 0
        for row in rows:
            self._file.write(json.dumps(row) + "\n")
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[Any]]:
        self._file.seek(0)
        return map(json.loads, self._file)

    def __enter__(self) -> "SpooledRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
