"""Two tables as CSV: one row per nucleus, one row per image."""

import contextlib
import functools
import json
from pathlib import Path
from typing import BinaryIO

from ..execute import STRATEGIES, in_order
from ..machine import usable_cores
from ..store import Run
from ..text.files import atomic_write, meanwhile, sync
from .batches import Batch, batches
from .place import two_files
from .provenance import Provenance
from .rows import OR_NOTHING, comma_line, comma_texts, kinds_of

_NUCLEI_AT_ONCE = 1 << 13
"""Nuclei that a thread turns into text at a time. Larger: more memory, and threads that wait."""
_MOST_THREADS = 2
"""Larger: hardly faster, for one thread reads what they turn into text."""


def write(run: Run, target: Path, _: Provenance, *, threads: int = _MOST_THREADS) -> list[Path]:
    """Write the tables of nuclei and of images, in no more than some threads."""
    nuclei_path, images_path = two_files(target, ".csv")
    with atomic_write(nuclei_path) as nuclei:
        with open(nuclei, "wb") as file:
            _write_nuclei(file, run, min(threads, _MOST_THREADS, usable_cores()))
        waits = functools.partial(sync, nuclei)  # then less is left to wait for at the end
        with meanwhile(waits), atomic_write(images_path) as images, open(images, "wb") as file:
            _write_images(file, run)
    return [nuclei_path, images_path]


def _write_images(file: BinaryIO, run: Run) -> None:
    """Write the table of images; each entry of their metadata is a column of its own too."""
    names = ("image", *run.columns.shown_names)
    extra = names.index("extra")
    entries = run.metadata_names
    file.write(comma_line((*names, *(f"Metadata_{name}" for name in entries))))
    for row in run.image_rows():
        if entries:
            own = json.loads(row[extra] or "{}")
            row = (*row, *map(own.get, entries))
        file.write(comma_line(row))


def _write_nuclei(file: BinaryIO, run: Run, threads: int) -> None:
    """Write the table of nuclei: threads turn them into text while more are read."""
    columns = run.nucleus_columns
    file.write(comma_line(("image", *(each.name for each in columns))))
    as_texts = functools.partial(_as_texts, [each.name for each in columns if each.scale])
    some = batches(run, (), _NUCLEI_AT_ONCE)
    with contextlib.closing(in_order(STRATEGIES["threads"].run(as_texts, some, threads))) as done:
        for texts in done:
            file.writelines(texts)


def _as_texts(scaled: list[str], batch: Batch) -> list[memoryview]:
    """Return the rows of the nuclei of some images."""
    columns = [batch.nuclei[name] for name in batch.nuclei.dtype.names or ()]
    columns.extend(() if batch.subpixel is None else batch.subpixel.T)
    known = [batch.micrometres(name) for name in scaled]
    kinds = kinds_of(columns) + kinds_of(known, OR_NOTHING)
    names = [comma_line((row["name"], ""))[:-1] for row in batch.rows]
    return list(comma_texts(columns + known, kinds, names, batch.counts))
