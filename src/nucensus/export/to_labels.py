"""Label images as TIFF, one per image."""

import json
from pathlib import Path
from typing import Any

from .._version import __version__
from ..store import ImageRow, Nuclei, Run
from ..text.files import atomic_write
from .labels import draw_labels, drawn_as, label_dtype, label_shape
from .place import file_per_image
from .provenance import Provenance, of_image

SUFFIX = ".labels.tif"
_UM_PER_CM = 1e4
_DOCUMENT_NAME = 269
"""The tag of TIFF that says what a picture shows."""


def write(run: Run, target: Path, document: Provenance, *, radius: int = 0) -> list[Path]:
    """Write a label image for each image, with its provenance as the description."""
    for path, row, nuclei, _ in file_per_image(run, target, SUFFIX):
        write_labels(run, path, row, nuclei, document, radius=radius)
    return [target]


def write_labels(
    run: Run, path: Path, row: ImageRow, nuclei: Nuclei, document: Provenance, *, radius: int
) -> None:
    """Write the label image of one image."""
    import tifffile

    with atomic_write(path) as partial:
        tifffile.imwrite(
            partial,
            draw_labels(row, nuclei, radius, run.outlines_of(row["name"])),
            shape=label_shape(row),
            dtype=label_dtype(nuclei),
            photometric="minisblack",
            compression="zlib",
            description=json.dumps(of_image(document, row)),
            metadata=None,
            extratags=[(_DOCUMENT_NAME, "s", 0, drawn_as(run, radius), True)],
            software=f"nucensus {__version__}",
            **_resolution(row["pixel_y_um"], row["pixel_x_um"]),
        )


def _resolution(y_um: float | None, x_um: float | None) -> dict[str, Any]:
    if y_um is None or x_um is None:
        return {}
    return {"resolution": (_UM_PER_CM / x_um, _UM_PER_CM / y_um), "resolutionunit": "CENTIMETER"}
