"""Write what a run found as files that other programs read."""

import csv
import os
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .store import IMAGE_COLUMNS, Run

NUCLEI_HEADER = ("image", "y", "x", "intensity")
IMAGES_HEADER = ("image", *IMAGE_COLUMNS)


def write_csv(run: Run, folder: str | os.PathLike[str]) -> None:
    """Write `nuclei.csv` and `images.csv` of `run` into `folder`."""
    header = (*NUCLEI_HEADER, "z") if run.has_volumes else NUCLEI_HEADER
    nuclei = (_nucleus_rows(name, records, header) for name, records in run.nuclei_by_image())
    _write_rows(Path(folder, "nuclei.csv"), header, nuclei)
    _write_rows(Path(folder, "images.csv"), IMAGES_HEADER, [run.image_rows()])


def _nucleus_rows(
    name: str, records: NDArray[np.void], header: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    names = records.dtype.names or ()
    columns = (records[each].tolist() if each in names else repeat("") for each in header[1:])
    return zip(repeat(name), *columns, strict=False)


def _write_rows(
    path: Path, header: tuple[str, ...], batches: Iterable[Iterable[tuple[Any, ...]]]
) -> None:
    """Write a CSV file under a temporary name and rename it, so that it is whole or not there.

    Names that are not UTF-8 come out as the bytes they are.
    """
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for rows in batches:
            writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
