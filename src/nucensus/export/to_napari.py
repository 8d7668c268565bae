"""Points that napari's own reader takes: one CSV file per image."""

from pathlib import Path

import numpy as np

from ..store import Run
from ..text.files import atomic_write
from .place import file_per_image
from .provenance import Provenance
from .rows import comma_line, comma_rows, micrometres


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write a file for each image that has nuclei: napari cannot open a table without rows."""
    for path, row, nuclei, where in file_per_image(run, target, ".csv"):
        if len(nuclei):
            header = ["index", *(f"axis-{number}" for number in range(len(where))), "intensity"]
            columns = [np.arange(len(nuclei)), *where.values(), nuclei["intensity"]]
            scaled = micrometres(where, row)
            if "contrast" in (nuclei.dtype.names or ()):
                scaled = {"contrast": nuclei["contrast"], **scaled}
            header += scaled
            columns += scaled.values()
            kinds = bytes(ord("if"[each.dtype.kind == "f"]) for each in columns)
            with atomic_write(path) as partial, open(partial, "wb") as file:
                file.write(comma_line(header))
                comma_rows(file, b"", columns, kinds)
    return [target]
