"""Points that napari's own reader takes: one CSV file per image."""

from pathlib import Path

import numpy as np

from ..files import whole
from ..provenance import Provenance
from ..store import Run
from .place import file_per_image
from .rows import comma_rows, micrometres


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write a file for each image that has nuclei: napari cannot open a table without rows."""
    for path, row, nuclei in file_per_image(run, target, ".csv"):
        if len(nuclei):
            scaled = row["pixel_size_um"] is not None
            columns = [np.arange(len(nuclei)), nuclei["y"], nuclei["x"], nuclei["intensity"]]
            columns += micrometres(nuclei, row["pixel_size_um"]) if scaled else []
            with whole(path) as partial, open(partial, "wb") as file:
                file.write(
                    b"index,axis-0,axis-1,intensity" + (b",y_um,x_um\n" if scaled else b"\n")
                )
                comma_rows(file, b"", columns, b"iiifff"[: len(columns)])
    return [target]
