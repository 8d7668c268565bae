"""Points, and labels where there are outlines, that napari's own readers take."""

from pathlib import Path

import numpy as np

from ..store import Run
from ..text.files import atomic_write
from .place import file_per_image
from .provenance import Provenance
from .rows import comma_line, comma_rows, micrometres
from .to_labels import SUFFIX, write_labels


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a table for each image that has nuclei, as napari cannot open one without rows.

    Beside it, where the image has outlines, its label image.
    """
    for path, row, nuclei, where in file_per_image(run, target, ".csv"):
        if run.outlines_of(row["name"]) is not None:
            labels = path.with_name(path.name.removesuffix(".csv") + SUFFIX)
            write_labels(run, labels, row, nuclei, document, radius=0)
        if len(nuclei):
            header = ["index", *(f"axis-{number}" for number in range(len(where))), "intensity"]
            columns = [np.arange(len(nuclei)), *where.values(), nuclei["intensity"]]
            scaled = micrometres(where, row)
            if "contrast" in (nuclei.dtype.names or ()):
                scaled = {"contrast": nuclei["contrast"], **scaled}
            header += scaled
            columns += scaled.values()
            with atomic_write(path) as partial, open(partial, "wb") as file:
                file.write(comma_line(header))
                comma_rows(file, columns)
    return [target]
