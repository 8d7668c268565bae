"""The well table as CSV."""

from pathlib import Path

from ..files import whole
from ..provenance import Provenance
from ..store import Run
from ..wells import well_table
from .place import one_file
from .rows import comma_line


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write one row per well."""
    table = well_table(run)
    path = one_file(target, "wells.csv")
    with whole(path) as partial, open(partial, "wb") as file:
        file.write(comma_line(table.dtype.names or ()))
        file.writelines(map(comma_line, table.tolist()))
    return [path]
