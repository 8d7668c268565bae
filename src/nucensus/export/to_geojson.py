"""Detections that QuPath opens: one GeoJSON FeatureCollection (RFC 7946) per image.

QuPath shows images at full size, so places are in pixels of that, whatever level was counted.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import ImageRow, Nuclei, Run, plane_of
from ..text.files import atomic_write
from ..text.names import escape
from ..values import Outlines
from ..values.polygons import Ring, polygons_of, signed_area
from .place import Where, file_per_image
from .provenance import Provenance, of_image
from .rows import AS_JSON, kinds_of, measured_micrometres, micrometres, write_rows

_HALF_PIXEL = 0.5
"""QuPath's origin is the corner of the first pixel; ours is its centre."""

_NAMED = {"intensity": "Intensity", "contrast": "Contrast"}
"""Measurements that are called otherwise than their columns."""

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
            outlines, known = run.outlines_of(row["name"]), _known(row, nuclei)
            if outlines is not None:
                file.write(b",".join(_measured(row, known, _polygons(row, outlines))))
            elif any(np.isnan(values).any() for values in known.values()):  # added by hand
                known |= micrometres(where, row)
                file.write(b",".join(_measured(row, known, _points(row, where))))
            else:
                columns, literals = _features(row, known, where)
                first, others = [each[:1] for each in columns], [each[1:] for each in columns]
                kinds = kinds_of(columns, AS_JSON)
                write_rows(file, first, kinds, [b"\n" + _BEFORE_X, *literals])
                write_rows(file, others, kinds, [b",\n" + _BEFORE_X, *literals])
            file.write(b"\n]}\n")
    return [target]


def _known(row: ImageRow, nuclei: Nuclei) -> dict[str, NDArray[Any]]:
    """Return what is known of nuclei beside their places, by the name of the measurement."""
    names = (name for name in nuclei.dtype.names or () if name not in ("y", "x", "z"))
    known = {_NAMED.get(name, name): nuclei[name] for name in names}
    return known | measured_micrometres(nuclei, row)


def _polygons(row: ImageRow, outlines: Outlines) -> Iterator[dict[str, Any]]:
    """Yield the outline of each nucleus."""
    scale = np.array(_downsample(row))
    for rings in polygons_of(outlines):
        yield _geometry([ring * scale for ring in rings])


def _points(row: ImageRow, where: Where) -> Iterator[dict[str, Any]]:
    """Yield the place of each nucleus."""
    for place in zip(*(each.tolist() for each in _corners(row, where)), strict=True):
        yield {"type": "Point", "coordinates": place}


def _measured(
    row: ImageRow, columns: dict[str, NDArray[Any]], geometries: Iterable[dict[str, Any]]
) -> Iterator[bytes]:
    """Yield a feature for each nucleus: its outline or its place, and what is known of it."""
    plane = _plane(row, {})
    for geometry, *values in zip(
        geometries, *(_shortest(each).tolist() for each in columns.values()), strict=True
    ):
        known = zip(columns, values, strict=True)
        measurements = {name: value for name, value in known if math.isfinite(value)}
        feature = {
            "type": "Feature",
            "geometry": {**geometry, **({"plane": plane} if plane else {})},
            "properties": {
                "objectType": "detection",
                "classification": {"name": "Nucleus", "color": [27, 127, 121]},
                "measurements": measurements,
            },
        }
        yield b"\n" + json.dumps(feature, separators=(",", ":")).encode()


def _shortest(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers which, as float64, are written as they are as float32."""
    return values.astype(np.str_).astype(np.float64) if values.dtype == np.float32 else values


def _geometry(rings: list[Ring]) -> dict[str, Any]:
    """Return the polygon of a nucleus; of several bodies several, each with the holes within."""
    bodies = [[ring] for ring in rings if signed_area(ring) > 0]
    for hole in (ring for ring in rings if signed_area(ring) < 0):
        around = (body for body in bodies if (body[0].min(axis=0) <= hole.min(axis=0)).all()
                  and (body[0].max(axis=0) >= hole.max(axis=0)).all())  # fmt: skip
        min(around, key=lambda body: signed_area(body[0])).append(hole)
    coordinates = [[[*ring.tolist(), ring[0].tolist()] for ring in body] for body in bodies]
    if len(coordinates) == 1:
        return {"type": "Polygon", "coordinates": coordinates[0]}
    return {"type": "MultiPolygon", "coordinates": coordinates}


def _features(
    row: ImageRow, known: dict[str, NDArray[Any]], where: Where
) -> tuple[list[NDArray[Any]], list[bytes]]:
    """Return the numbers of the features, and the texts after each."""
    columns, literals = _corners(row, where), [b","]
    end = b"]"
    plane = _plane(row, where)
    if "z" in where:
        columns.append(where["z"])
        literals.append(b'],"plane":' + json.dumps(plane)[:-1].encode() + b',"z":')
        end = b"}"
    elif plane is not None:
        end = b'],"plane":' + json.dumps(plane).encode()
    intensity, *others = (known | micrometres(where, row)).items()
    columns.append(intensity[1])
    literals.append(end + _BEFORE_INTENSITY)
    for name, values in others:
        columns.append(values)
        literals.append(f',"{name}":'.encode())
    return columns, [*literals, b"}}}"]


def _corners(row: ImageRow, where: Where) -> list[NDArray[Any]]:
    """Return x and y of nuclei from the corner of the image at full size."""
    return [
        (where[axis] + _HALF_PIXEL) * scale
        for axis, scale in zip("xy", _downsample(row), strict=True)
    ]


def _downsample(row: ImageRow) -> tuple[float, float]:
    """Return how many columns, and rows, of full size are one of the level that was counted."""
    return row["downsample_x"] or 1, row["downsample_y"] or 1


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
