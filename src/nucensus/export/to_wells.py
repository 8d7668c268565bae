"""The well table as CSV."""

from pathlib import Path

from ..store import Run
from ..text.files import atomic_write
from .place import one_file
from .provenance import Provenance
from .rows import comma_line
from .wells import well_rows


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write one row per well."""
    columns, rows = well_rows(run)
    path = one_file(target, "wells.csv")
    with atomic_write(path) as partial, open(partial, "wb") as file:
        file.write(comma_line(columns.names or ()))
        file.writelines(map(comma_line, rows))
    return [path]
