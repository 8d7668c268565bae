"""Detections that QuPath opens: one GeoJSON FeatureCollection (RFC 7946) per image."""

import json
from pathlib import Path
from typing import BinaryIO

from ..files import whole
from ..names import escape
from ..provenance import Provenance, of_image
from ..store import ImageRow, Nuclei, Run
from .place import file_per_image
from .rows import micrometres, write_rows

_HALF_PIXEL = 0.5
"""QuPath's origin is the corner of the first pixel; ours is its centre."""

_BEFORE_X = b'{"type":"Feature","geometry":{"type":"Point","coordinates":['
_BEFORE_INTENSITY = (
    b']},"properties":{"objectType":"detection",'
    b'"classification":{"name":"Nucleus","color":[27,127,121]},"measurements":{"Intensity":'
)


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a FeatureCollection for each image, with its provenance as a foreign member."""
    for path, row, nuclei in file_per_image(run, target, ".geojson"):
        head = {
            "type": "FeatureCollection",
            "image": escape(row["name"]),
            "provenance": of_image(document, row),
        }
        with whole(path) as partial, open(partial, "wb") as file:
            file.write(json.dumps(head)[:-1].encode() + b', "features": [')
            _write_features(file, b"\n", row, nuclei[:1])
            _write_features(file, b",\n", row, nuclei[1:])
            file.write(b"\n]}\n")
    return [target]


def _write_features(file: BinaryIO, separator: bytes, row: ImageRow, nuclei: Nuclei) -> None:
    columns = [nuclei["x"] + _HALF_PIXEL, nuclei["y"] + _HALF_PIXEL, nuclei["intensity"]]
    literals = [separator + _BEFORE_X, b",", _BEFORE_INTENSITY]
    if row["pixel_size_um"] is not None:
        columns += micrometres(nuclei, row["pixel_size_um"])
        literals += [b',"y_um":', b',"x_um":']
    write_rows(file, columns, b"j" * len(columns), [*literals, b"}}}"])
