"""Count the hits of each field, and keep the numbers on disk: a million fields need no memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.scratch import scratch_database
from .true_centres import AS_BYTES


class Tally:
    """The fields of a truth so far: whether the run has done them, and how well."""

    def __init__(self) -> None:
        self._database = scratch_database(
            self,
            "CREATE TABLE fields (name PRIMARY KEY, is_done, hits, misses, false_positives) "
            "WITHOUT ROWID",
        )

    def add(self, name: str, counts: tuple[int, int, int] | None, *, is_done: bool) -> None:
        """Take in a field, with its hits, misses and false positives if they count."""
        row = name.encode(*AS_BYTES), is_done, *(counts or [None] * 3)
        self._database.execute("INSERT INTO fields VALUES (?, ?, ?, ?, ?)", row)

    def __contains__(self, name: object) -> bool:
        query = "SELECT 1 FROM fields WHERE name = ?"
        return self._database.execute(query, (str(name).encode(*AS_BYTES),)).fetchone() is not None

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM fields").fetchone()[0])

    def lacking_count(self) -> int:
        """Return how many fields the run has not done."""
        query = "SELECT count(*) FROM fields WHERE NOT is_done"
        return int(self._database.execute(query).fetchone()[0])

    def is_empty(self) -> bool:
        """Tell whether no field counts."""
        query = "SELECT 1 FROM fields WHERE hits NOTNULL"
        return self._database.execute(query).fetchone() is None

    def lacking(self) -> Iterator[str]:
        """Yield the fields that the run has not done, by name."""
        query = "SELECT name FROM fields WHERE NOT is_done ORDER BY name"
        for (name,) in self._database.execute(query):
            yield name.decode(*AS_BYTES)

    def scored_count(self) -> int:
        """Return how many fields count."""
        query = "SELECT count(hits) FROM fields"
        return int(self._database.execute(query).fetchone()[0])

    def counts(self, fields_at_once: int) -> Iterator[NDArray[np.int64]]:
        """Yield hits, detections and nuclei of the fields that count, by name; shape (N, 3)."""
        query = (
            "SELECT hits, hits + false_positives, hits + misses FROM fields "
            "WHERE hits NOTNULL ORDER BY name"
        )
        rows = self._database.execute(query)
        while some := rows.fetchmany(fields_at_once):
            yield np.array(some, np.int64)

    def worst_first(self) -> Iterator[dict[str, Any]]:
        """Yield name, nuclei, misses and false positives of each field that counts."""
        query = (
            "SELECT name, hits + misses, misses, false_positives FROM fields WHERE hits NOTNULL "
            "ORDER BY misses + false_positives DESC, name"
        )
        for name, nuclei, missed, false in self._database.execute(query):
            field = name.decode(*AS_BYTES)
            yield {"image": field, "nuclei": nuclei, "missed": missed, "false": false}
