"""Label images as OME-Zarr 0.4, one per image."""

from pathlib import Path
from typing import Any

from ..files import whole
from ..names import escape
from ..provenance import Provenance, of_image
from ..store import ImageRow, Run
from .labels import draw_labels
from .optional import require
from .place import file_per_image

_CHUNK = 1024


def write(run: Run, target: Path, document: Provenance, *, radius: int = 0) -> list[Path]:
    """Write a label image for each image, with its provenance as an attribute."""
    zarr = require("zarr", extra="ome-zarr")
    for path, row, nuclei in file_per_image(run, target, ".ome.zarr"):
        labels = draw_labels(row, nuclei, radius)
        with whole(path) as partial:
            group = zarr.create_group(partial, zarr_format=2)
            group.create_array(
                "0",
                data=labels,
                chunks=tuple(min(_CHUNK, max(1, size)) for size in labels.shape),
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
            group.attrs.update(_attributes(row), provenance=of_image(document, row))
    return [target]


def _attributes(row: ImageRow) -> dict[str, Any]:
    pixel_size_um = row["pixel_size_um"]
    unit = {} if pixel_size_um is None else {"unit": "micrometer"}
    scale = [1.0 if pixel_size_um is None else pixel_size_um] * 2
    return {
        "multiscales": [
            {
                "version": "0.4",
                "name": escape(row["name"]),
                "axes": [{"name": name, "type": "space", **unit} for name in "yx"],
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [{"type": "scale", "scale": scale}],
                    }
                ],
            }
        ],
        "image-label": {"version": "0.4"},
    }
