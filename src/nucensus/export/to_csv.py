"""Two tables as CSV: one row per nucleus, one row per image."""

import json
from pathlib import Path
from typing import BinaryIO

from ..store import Run, as_records
from ..text.files import atomic_write
from .place import SCALES, axes_of, two_files
from .provenance import Provenance
from .rows import (
    comma_line,
    measured_micrometres,
    micrometre_columns,
    micrometres,
    write_rows,
)


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
    known = (each for (each,) in run.rows("extra") if each) if run.states("extra") else ()
    entries = list(dict.fromkeys(name for each in known for name in json.loads(each)))
    file.write(comma_line((*names, *(f"Metadata_{name}" for name in entries))))
    for row in run.image_rows():
        own = json.loads(row[extra] or "{}") if entries else {}
        file.write(comma_line((*row, *(own.get(name) for name in entries))))


def _write_nuclei(file: BinaryIO, run: Run) -> None:
    scaled = micrometre_columns(run)
    record, has_subpixel = run.nucleus_record, run.has_subpixel
    names = record.names or ()
    kinds = bytes(ord(record[name].kind) for name in names) + b"ff" * has_subpixel
    file.write(comma_line(("image", *(each.name for each in run.nucleus_columns))))
    for row, nuclei in run.found_images(("name", *SCALES)):
        first = comma_line((row["name"], ""))[:-1]
        full = as_records(nuclei, record)
        columns = [full[name] for name in names]
        where = {axis: nuclei[axis] for axis in axes_of(nuclei)}
        if has_subpixel:
            where["y"], where["x"] = run.subpixel_of(row["name"]).T
            columns += [where["y"], where["x"]]
        literals, scaled_kinds = [first, *[b","] * len(columns)], b""
        known = micrometres(where, row) | measured_micrometres(nuclei, row) if scaled else {}
        for name in scaled:
            if name in known:
                columns.append(known[name])
                scaled_kinds += b"f"
                literals.append(b",")
            else:
                literals[-1] += b","
        literals[-1] = literals[-1][1:] + b"\n"
        write_rows(file, columns, kinds + scaled_kinds, literals)
