"""Detections that QuPath opens: one GeoJSON FeatureCollection (RFC 7946) per image."""

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..store import ImageRow, Nuclei, Run, plane_of
from ..text.files import atomic_write
from ..text.names import escape
from .place import Where, file_per_image
from .provenance import Provenance, of_image
from .rows import micrometres, write_rows

_HALF_PIXEL = 0.5
"""QuPath's origin is the corner of the first pixel; ours is its centre."""

_BEFORE_X = b'{"type":"Feature","geometry":{"type":"Point","coordinates":['
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
        with atomic_write(path) as partial, open(partial, "wb") as file:
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
    plane = _plane(row, where)
    if "z" in where:
        columns.append(where["z"])
        kinds += b"i"
        literals.append(b'],"plane":' + json.dumps(plane)[:-1].encode() + b',"z":')
        end = b"}"
    elif plane is not None:
        end = b'],"plane":' + json.dumps(plane).encode()
    columns.append(nuclei["intensity"])
    literals.append(end + _BEFORE_INTENSITY)
    measured = micrometres(where, row)
    if "contrast" in (nuclei.dtype.names or ()):
        measured = {"Contrast": nuclei["contrast"], **measured}
    for name, values in measured.items():
        columns.append(values)
        literals.append(f',"{name}":'.encode())
    return columns, kinds.ljust(len(columns), b"j"), [*literals, b"}}}"]


def _plane(row: ImageRow, where: Where) -> dict[str, int] | None:
    """Return the plane of the file as QuPath counts, from 0, -1 for any channel.

    None stands for a file that is not a stack.
    """
    plane = plane_of(row["plane"])
    c, t = (axis if isinstance(axis, int) else None for axis in (plane.channel, plane.time))
    z = plane.z if isinstance(plane.z, int) else None
    if "z" in where:
        return {"c": -1 if c is None else c, "t": t or 0}
    if (c, z, t) == (None, None, None):
        return None
    return {"c": -1 if c is None else c, "z": z or 0, "t": t or 0}
