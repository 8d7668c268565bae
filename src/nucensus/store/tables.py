"""Tell whether the tables in the folder of a run say what they would say now."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ..remote import size_and_time
from .database import TABLES

_FOLLOW_FROM = (
    "version", "settings", "listing", "files", "wells", "estimates", "sample", "positive",
    "flat_field",
)  # fmt: skip
"""Facts of a run that the tables follow from."""


def tables_now(facts: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the tables follow from beside the outcomes, and how large and old they are."""
    said = json.dumps([facts.get(name) for name in _FOLLOW_FROM], sort_keys=True)
    return {
        "of": hashlib.blake2b(said.encode(), digest_size=16).hexdigest(),
        "files": {name: list(size_and_time(os.fspath(folder / name))) for name in TABLES},
    }
