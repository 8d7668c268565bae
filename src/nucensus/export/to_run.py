"""The run itself: its run file, as it is now, and the tables."""

import os
from pathlib import Path

from ..errors import InputError
from ..store import Run, add_corrections
from ..text.files import atomic_write
from ..values import RUN_FILE
from . import to_csv
from .provenance import Provenance


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a copy of the run into a folder that holds none."""
    file = target / RUN_FILE
    if file.exists():
        raise InputError(
            f"{os.fspath(target)!r} holds a run already; expected a folder without one, or an "
            f"address in a bucket; choose another with -o"
        )
    with atomic_write(file) as partial:
        run.copy_to(partial)
    if corrections := run.kept_corrections:
        add_corrections(target, corrections)
    return [file, *to_csv.write(run, target, document)]
