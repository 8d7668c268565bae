"""What LoadData of CellProfiler reads: a table of the images, and their nuclei as objects."""

import os
from pathlib import Path

from ..errors import InputError
from ..remote import is_remote
from ..store import ImageRow, Run
from ..text.files import atomic_write
from .place import file_per_image
from .provenance import Provenance
from .rows import comma_line
from .to_labels import SUFFIX, write_labels

_STATED = ("plate", "well", "site", "channel", "z", "time", "flag")


def write(run: Run, target: Path, document: Provenance, *, radius: int = 0) -> list[Path]:
    """Write a label image for each image that was done, and `load_data.csv`, which names both."""
    for row, _ in run.found_images():
        _refuse_planes(row)
    stated = [name for name in _STATED if any(value for (value,) in run.rows(name))]
    table = target / "load_data.csv"
    with atomic_write(table) as partial, open(partial, "wb") as file:
        file.write(
            comma_line(
                (
                    *("FileName_DNA", "PathName_DNA"),
                    *("ObjectsFileName_Nuclei", "ObjectsPathName_Nuclei"),
                    *(f"Metadata_{name.capitalize()}" for name in stated),
                )
            )
        )
        for path, row, nuclei, _ in file_per_image(run, target, SUFFIX):
            write_labels(run, path, row, nuclei, document, radius=radius)
            folders = (os.path.split(os.path.abspath(each)) for each in (row["path"], path))
            places = (part for folder, name in folders for part in (name, folder))
            file.write(comma_line((*places, *(row[name] for name in stated))))
    return [table, target]


def _refuse_planes(row: ImageRow) -> None:
    """Refuse what LoadData would read as another image: it takes the first plane of a file."""
    what = None
    if row["depth"] is not None:
        what = "a volume"
    elif row["plane"] is not None:
        what = "one plane of a larger file"
    elif is_remote(row["path"]):
        what = "in a bucket"
    if what:
        raise InputError(
            f"{row['name']!r} is {what}; LoadData of CellProfiler reads whole files of this "
            f"machine, of one plane; export its nuclei with --to labels, and load them as objects "
            f"by NamesAndTypes"
        )
