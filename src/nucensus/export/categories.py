"""The different texts of a column, numbered as they come, and kept on disk."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..store.scratch import scratch_database


class Categories:
    """Texts so far, each with the number of those that came before: the first has 0."""

    def __init__(self) -> None:
        schema = "CREATE TABLE categories (place INTEGER PRIMARY KEY, text UNIQUE)"
        self._database = scratch_database(self, schema)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def codes(self, texts: Sequence[str | None]) -> NDArray[np.int32]:
        """Return the number of each text, those of new ones follow; -1 for None."""
        numbers: dict[str | None, int] = {None: -1}
        for text in texts:
            if text not in numbers:
                numbers[text] = self._number(text)
        return np.array([numbers[text] for text in texts], np.int32)

    def _number(self, text: str | None) -> int:
        query = "SELECT place FROM categories WHERE text = ?"
        known = self._database.execute(query, (text,)).fetchone()
        if known is not None:
            return int(known[0])
        self._database.execute("INSERT INTO categories VALUES (?, ?)", (self._count, text))
        self._count += 1
        return self._count - 1

    def parts(self, texts_at_once: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of a text, and it and those that follow, until all are told."""
        rows = self._database.execute("SELECT text FROM categories ORDER BY place")
        start = 0
        while some := [text for (text,) in rows.fetchmany(texts_at_once)]:
            yield start, some
            start += len(some)
