"""Detections that QuPath opens: one GeoJSON FeatureCollection (RFC 7946) per image."""

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..files import whole
from ..names import escape
from ..provenance import Provenance, of_image
from ..store import ImageRow, Nuclei, Run
from .place import Where, file_per_image
from .rows import micrometres, write_rows

_HALF_PIXEL = 0.5
"""QuPath's origin is the corner of the first pixel; ours is its centre."""

_BEFORE_X = b'{"type":"Feature","geometry":{"type":"Point","coordinates":['
_BEFORE_Z, _AFTER_Z = b'],"plane":{"c":-1,"t":0,"z":', b"}"
"""Where QuPath keeps the plane of an object: counted from 0, in any channel."""
_BEFORE_INTENSITY = (
    b'},"properties":{"objectType":"detection",'
    b'"classification":{"name":"Nucleus","color":[27,127,121]},"measurements":{"Intensity":'
)


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a FeatureCollection for each image, with its provenance as a foreign member."""
    for path, row, nuclei, where in file_per_image(run, target, ".geojson"):
        head = {
            "type": "FeatureCollection",
            "image": escape(row["name"]),
            "provenance": of_image(document, row),
        }
        with whole(path) as partial, open(partial, "wb") as file:
            file.write(json.dumps(head)[:-1].encode() + b', "features": [')
            columns, kinds, literals = _features(row, nuclei, where)
            write_rows(file, [each[:1] for each in columns], kinds, [b"\n" + _BEFORE_X, *literals])
            write_rows(file, [each[1:] for each in columns], kinds, [b",\n" + _BEFORE_X, *literals])
            file.write(b"\n]}\n")
    return [target]


def _features(
    row: ImageRow, nuclei: Nuclei, where: Where
) -> tuple[list[NDArray[Any]], bytes, list[bytes]]:
    """Return the numbers of the features, their kinds, and the texts after each."""
    columns = [where["x"] + _HALF_PIXEL, where["y"] + _HALF_PIXEL]
    kinds, literals = b"jj", [b","]
    end = b"]"
    if "z" in where:
        columns.append(where["z"])
        kinds += b"i"
        literals.append(_BEFORE_Z)
        end = _AFTER_Z
    columns.append(nuclei["intensity"])
    literals.append(end + _BEFORE_INTENSITY)
    for name, values in micrometres(where, row).items():
        columns.append(values)
        literals.append(f',"{name}":'.encode())
    return columns, kinds.ljust(len(columns), b"j"), [*literals, b"}}}"]
