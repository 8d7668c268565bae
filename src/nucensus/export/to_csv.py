"""Two tables as CSV: one row per nucleus, one row per image."""

from pathlib import Path
from typing import BinaryIO

from ..files import whole
from ..provenance import Provenance
from ..store import IMAGE_COLUMNS, Run, as_volume
from .place import two_files
from .rows import comma_line, comma_rows, micrometres, write_rows

NUCLEI_HEADER = ("image", "y", "x", "intensity")
IMAGES_HEADER = ("image", *IMAGE_COLUMNS)


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write the tables of nuclei and of images."""
    nuclei_path, images_path = two_files(target, ".csv")
    with whole(nuclei_path) as partial, open(partial, "wb") as file:
        _write_nuclei(file, run)
    with whole(images_path) as partial, open(partial, "wb") as file:
        file.write(comma_line(IMAGES_HEADER))
        file.writelines(map(comma_line, run.image_rows()))
    return [nuclei_path, images_path]


def _write_nuclei(file: BinaryIO, run: Run) -> None:
    scaled = run.states("pixel_size_um")
    has_volumes, has_subpixel = run.has_volumes, run.has_subpixel
    header = (*NUCLEI_HEADER, *(("z",) if has_volumes else ()))
    header += ("y_subpixel", "x_subpixel") if has_subpixel else ()
    file.write(comma_line((*header, "y_um", "x_um") if scaled else header))
    for row, nuclei in run.found_images(("name", "pixel_size_um")):
        first = comma_line((row["name"], ""))[:-1]
        columns = [nuclei["y"], nuclei["x"], nuclei["intensity"]]
        kinds = b"iif"
        if has_volumes:
            columns.append(as_volume(nuclei)["z"])
            kinds += b"i"
        where = {"y": nuclei["y"], "x": nuclei["x"]}
        if has_subpixel:
            where["y"], where["x"] = run.subpixel_of(row["name"]).T
            columns += where.values()
            kinds += b"ff"
        if row["pixel_size_um"] is not None:
            columns += micrometres(where, row["pixel_size_um"])
            comma_rows(file, first, columns, kinds + b"ff")
        else:
            last = b",,\n" if scaled else b"\n"
            write_rows(file, columns, kinds, (first, *[b","] * (len(columns) - 1), last))
