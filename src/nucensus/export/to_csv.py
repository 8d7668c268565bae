"""Two tables as CSV: one row per nucleus, one row per image."""

import json
from pathlib import Path
from typing import BinaryIO

from ..store import Run
from ..text.files import atomic_write
from .batches import batches
from .place import two_files
from .provenance import Provenance
from .rows import OR_NOTHING, comma_line, comma_rows, kinds_of, micrometre_columns

_NUCLEI_AT_ONCE = 1 << 15
"""Larger: more memory, hardly faster."""


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write the tables of nuclei and of images."""
    nuclei_path, images_path = two_files(target, ".csv")
    with atomic_write(nuclei_path) as partial, open(partial, "wb") as file:
        _write_nuclei(file, run)
    with atomic_write(images_path) as partial, open(partial, "wb") as file:
        _write_images(file, run)
    return [nuclei_path, images_path]


def _write_images(file: BinaryIO, run: Run) -> None:
    """Write the table of images; each entry of their metadata is a column of its own too."""
    names = ("image", *run.columns.shown_names)
    extra = names.index("extra")
    entries = run.metadata_names
    file.write(comma_line((*names, *(f"Metadata_{name}" for name in entries))))
    for row in run.image_rows():
        own = json.loads(row[extra] or "{}") if entries else {}
        file.write(comma_line((*row, *(own.get(name) for name in entries))))


def _write_nuclei(file: BinaryIO, run: Run) -> None:
    scaled = micrometre_columns(run)
    file.write(comma_line(("image", *(each.name for each in run.nucleus_columns))))
    for batch in batches(run, (), _NUCLEI_AT_ONCE):
        columns = [batch.nuclei[name] for name in batch.nuclei.dtype.names or ()]
        columns.extend(() if batch.subpixel is None else batch.subpixel.T)
        known = [batch.micrometres(name) for name in scaled]
        kinds = kinds_of(columns) + kinds_of(known, OR_NOTHING)
        names = [comma_line((row["name"], ""))[:-1] for row in batch.rows]
        comma_rows(file, columns + known, kinds, names, batch.counts)
