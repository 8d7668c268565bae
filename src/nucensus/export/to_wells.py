"""The well table as CSV."""

from pathlib import Path

from ..store import Run
from ..text.files import atomic_write
from .place import one_file
from .provenance import Provenance
from .rows import comma_line
from .wells import well_table


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write one row per well."""
    table = well_table(run)
    path = one_file(target, "wells.csv")
    with atomic_write(path) as partial, open(partial, "wb") as file:
        file.write(comma_line(table.dtype.names or ()))
        file.writelines(map(comma_line, table.tolist()))
    return [path]
