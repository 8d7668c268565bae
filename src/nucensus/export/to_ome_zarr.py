"""Label images as OME-Zarr 0.4, one per image."""

from itertools import product
from pathlib import Path
from typing import Any

from ..store import ImageRow, Run
from ..text.files import atomic_write
from ..text.names import escape
from .labels import band_rows, draw_labels, drawn_as, label_dtype, label_shape
from .optional import require
from .place import SIZES, file_per_image
from .provenance import Provenance, of_image

_CHUNK = 1024
"""Side of a chunk, in pixels. Larger: fewer files, more to read for a small part."""


def write(run: Run, target: Path, document: Provenance, *, radius: int = 0) -> list[Path]:
    """Write a label image for each image, with its provenance as an attribute."""
    zarr = require("zarr", extra="ome-zarr")
    from zarr.storage import MemoryStore

    for path, row, nuclei, _ in file_per_image(run, target, ".ome.zarr"):
        shape = label_shape(row)
        is_volume = len(shape) == 3
        files: dict[str, Any] = {}
        # Threads of Zarr's own may write on after an error: only what is whole reaches the disk.
        group = zarr.create_group(MemoryStore(files), zarr_format=2)
        array = group.create_array(
            "0",
            shape=shape,
            dtype=label_dtype(nuclei),
            chunks=(*[1] * is_volume, *(min(_CHUNK, max(1, size)) for size in shape[-2:])),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        outlines, rows = run.outlines_of(row["name"]), band_rows(row)
        places = product(range(row["depth"] or 1), range(0, max(1, row["height"]), rows))
        bands = draw_labels(row, nuclei, radius, outlines, rows)
        for (z, top), band in zip(places, bands, strict=True):
            array[(*[z] * is_volume, slice(top, top + len(band)))] = band
        group.attrs.update(
            _attributes(row), drawn=drawn_as(run, radius), provenance=of_image(document, row)
        )
        with atomic_write(path) as partial:
            for key, content in files.items():
                file = partial / key
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.to_bytes())
    return [target]


def _attributes(row: ImageRow) -> dict[str, Any]:
    lengths = {axis: row[SIZES[axis]] for axis in ("yx" if row["depth"] is None else "zyx")}
    axes = [
        {"name": name, "type": "space", **({} if length is None else {"unit": "micrometer"})}
        for name, length in lengths.items()
    ]
    scale = [1.0 if length is None else length for length in lengths.values()]
    return {
        "multiscales": [
            {
                "version": "0.4",
                "name": escape(row["name"]),
                "axes": axes,
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
