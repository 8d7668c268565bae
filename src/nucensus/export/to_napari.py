"""Points that napari's own reader takes: one CSV file per image."""

from pathlib import Path

import numpy as np

from ..files import whole
from ..provenance import Provenance
from ..store import Run
from .place import file_per_image
from .rows import comma_line, comma_rows, micrometres


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write a file for each image that has nuclei: napari cannot open a table without rows."""
    for path, row, nuclei in file_per_image(run, target, ".csv"):
        if len(nuclei):
            axes = [nuclei[axis] for axis in ("z", "y", "x") if axis in (nuclei.dtype.names or ())]
            header = ["index", *(f"axis-{number}" for number in range(len(axes))), "intensity"]
            columns = [np.arange(len(nuclei)), *axes, nuclei["intensity"]]
            kinds = b"i" * (1 + len(axes)) + b"f"
            if row["pixel_size_um"] is not None:
                header += ["y_um", "x_um"]
                columns += micrometres(nuclei, row["pixel_size_um"])
                kinds += b"ff"
            with whole(path) as partial, open(partial, "wb") as file:
                file.write(comma_line(header))
                comma_rows(file, b"", columns, kinds)
    return [target]
