"""Label images as TIFF, one per image."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .._version import __version__
from ..store import ImageRow, Nuclei, Run
from ..text.files import atomic_write
from .labels import band_rows, draw_labels, drawn_as, label_dtype, label_shape
from .place import file_per_image
from .provenance import Provenance, of_image

SUFFIX = ".labels.tif"
_UM_PER_CM = 1e4
_STRIP_ROWS = 16
"""Rows of a strip of a label image that is written band by band; bands are a multiple of it."""
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

    rows = band_rows(row)
    planes = draw_labels(row, nuclei, radius, run.outlines_of(row["name"]), rows)
    is_large = rows < row["height"]
    with atomic_write(path) as partial:
        tifffile.imwrite(
            partial,
            _encoded(planes) if is_large else planes,
            shape=label_shape(row),
            dtype=label_dtype(nuclei),
            photometric="minisblack",
            compression="zlib",
            description=json.dumps(of_image(document, row)),
            metadata=None,
            extratags=[(_DOCUMENT_NAME, "s", 0, drawn_as(run, radius), True)],
            software=f"nucensus {__version__}",
            rowsperstrip=_STRIP_ROWS if is_large else None,
            **_resolution(row["pixel_y_um"], row["pixel_x_um"]),
        )


def _encoded(bands: Iterator[NDArray[Any]]) -> Iterator[bytes]:
    """Yield the strips of bands of a plane, compressed."""
    import imagecodecs

    for band in bands:
        for top in range(0, len(band), _STRIP_ROWS):
            yield bytes(imagecodecs.zlib_encode(band[top : top + _STRIP_ROWS].tobytes()))


def _resolution(y_um: float | None, x_um: float | None) -> dict[str, Any]:
    if y_um is None or x_um is None:
        return {}
    return {"resolution": (_UM_PER_CM / x_um, _UM_PER_CM / y_um), "resolutionunit": "CENTIMETER"}
