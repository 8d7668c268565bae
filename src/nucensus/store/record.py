"""Record the outcomes of images: many together, and only in columns that they say anything of."""

import operator
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from itertools import compress
from typing import Any

from ..values import Failed, Found, Outcome
from .image_columns import ImageColumns
from .packing import are_said


class Recorder:
    """Writes what the outcomes of images say into their rows.

    Parameters
    ----------
    database : sqlite3.Connection
    columns : ImageColumns
    """

    def __init__(self, database: sqlite3.Connection, columns: ImageColumns) -> None:
        self._database, self._columns = database, columns
        self._sql = cache(columns.record_sql)

    @cached_property
    def _may_hold(self) -> list[bool]:
        """Which columns an image may have that is to be done, from when it was done before."""
        query = "SELECT EXISTS (SELECT 1 FROM journal WHERE count IS NOT NULL OR stage IS NOT NULL)"
        is_any_done = bool(self._database.execute(query).fetchone()[0])
        return [is_any_done and each.of_outcome for each in self._columns.recorded]

    def write(self, outcomes: Iterable[tuple[int, Outcome, str | None]]) -> None:
        """Write outcomes of images, each with its key and a digest of what is known of the set."""
        found, failed = list[tuple[int, Found, str | None]](), list[tuple[int, Failed]]()
        for key, outcome, learned in outcomes:
            if isinstance(outcome, Found):
                found.append((key, outcome, learned))
            else:
                failed.append((key, outcome))
        if found:
            keys, images, of_sets = zip(*found, strict=True)
            self._write(keys, self._columns.of_found(images, of_sets))
        if failed:
            keys, failures = zip(*failed, strict=True)
            self._write(keys, self._columns.of_failed(failures))

    def _write(self, keys: Sequence[int], columns: Sequence[Sequence[Any]]) -> None:
        """Write what the columns say of the images with these keys."""
        self._may_hold = list(map(operator.or_, self._may_hold, are_said(columns)))
        rows = zip(*compress(columns, self._may_hold), keys, strict=True)
        self._database.executemany(self._sql(tuple(self._may_hold)), rows)
