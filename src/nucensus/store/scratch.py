"""A database of what is kept on disk while something is worked out, and thrown away then."""

import sqlite3
from typing import Any

from .database import close_with


def scratch_database(owner: Any, schema: str) -> sqlite3.Connection:
    """Return a database with one table, which goes when nobody holds its owner any more.

    Small ones stay in memory. Nothing in it can be taken back.
    """
    # The owner may be collected in whatever thread.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    close_with(owner, database)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("BEGIN")
    database.execute(schema)
    return database
