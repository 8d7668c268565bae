"""Read the nuclei of images that people drew or moved: in napari, QuPath, or a table."""

import csv
import io
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ReadError
from ..store import Run
from ..text.files import open_regular
from ..text.names import safe_path
from .field_name import field_name
from .table_rows import read_rows

Points: TypeAlias = list[tuple[float, float]]
"""(row, column) of each nucleus, in pixels."""

_MOST_BYTES = 1 << 30
_MOST_WITHIN = 1
"""Nuclei that may lie within the outline of another one. Larger: small regions count as nuclei."""
_PIXEL_CORNER = 0.5
"""QuPath counts from the corner of a pixel, and everybody else from its middle."""


def read_points(
    path: str | os.PathLike[str], run: Run, image: str | None = None
) -> dict[str, Points]:
    """Return the nuclei that a file holds, by the name of their image in the run.

    Parameters
    ----------
    path : path
        A CSV file of points as napari saves them (`axis-0`, `axis-1`), or with the columns
        image, y and x; or the GeoJSON of QuPath.
    run : Run
    image : str, optional
        The image that they are of, if neither the file nor its name says so.

    Raises
    ------
    InputError
        The file is none of these, or it is not clear of which image it is.
    """
    file = Path(path)
    known = {
        name: (y or 1, x or 1) for name, y, x in run.rows("name", "downsample_y", "downsample_x")
    }
    if file.suffix.lower() in (".geojson", ".json"):
        name = _image_of(file, known, image)
        return {name: list(_places(_read_json(file), file, known[name]))}
    rows = _read_csv(file)
    if rows and "image" in rows[0]:
        return _by_image(rows, file, known)
    return {_image_of(file, known, image): _napari(rows, file)}


def _image_of(file: Path, known: Collection[str], given: str | None) -> str:
    """Return the image that a file is of: the one given, or the one whose name it has."""
    if given is not None:
        return _find(given, known, f"--image is {given!r}")
    stem = file.name.removesuffix(file.suffix)
    parts = file.as_posix().removesuffix(file.suffix).split("/")
    for count in range(1, len(parts) + 1):
        end = "/".join(parts[-count:])
        same = [each for each in known if f"/{safe_path(each)}".endswith(f"/{end}")]
        same = same or [each for each in known if count == 1 and field_name(each) == stem]
        if len(same) == 1:
            return same[0]
        if not same:
            break
    raise InputError(
        f"{file.name!r} has the name of no image of the run, or of several; expected one such as "
        f"{next(iter(known), 'A01_s1.tif')}{file.suffix}; say which it is with --image NAME"
    )


def _find(name: str, known: Collection[str], said: str) -> str:
    asked = field_name(name)
    found = [name] if name in known else [each for each in known if field_name(each) == asked]
    if len(found) != 1:
        raise InputError(
            f"{said}, and {'several images' if found else 'no image'} of the run "
            f"{'are' if found else 'is'} called so; expected a name as in images.csv"
        )
    return found[0]


def _read_csv(file: Path) -> list[dict[str, str]]:
    with (
        _opened(file) as opened,
        io.TextIOWrapper(opened, "utf-8-sig", "surrogateescape", newline="") as text,
    ):
        rows = filter(None, read_rows(text))
        names = next(rows, [])
        return [dict(zip_longest(names, row[: len(names)], fillvalue="")) for row in rows]


def _read_json(file: Path) -> Any:
    with _opened(file) as opened:
        return json.load(opened)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        with open_regular(file, most_bytes=_MOST_BYTES) as opened:
            yield opened
    except (OSError, ReadError, ValueError, csv.Error, RecursionError) as error:
        raise _wrong(file, error) from error


def _wrong(file: Path, why: object) -> InputError:
    return InputError(
        f"{os.fspath(file)!r} cannot be read as nuclei ({why}); expected points that napari saved "
        f"(CSV), a table with the columns image, y and x, or GeoJSON of QuPath"
    )


def _by_image(rows: list[dict[str, str]], file: Path, known: Collection[str]) -> dict[str, Points]:
    """Return the nuclei of a table; an image without any has one row, without y and x."""
    found: dict[str, Points] = {}
    names: dict[str, str] = {}
    for row in rows:
        if row["image"] not in names:
            names[row["image"]] = _find(
                row["image"], known, f"{file.name!r} names {row['image']!r}"
            )
        points = found.setdefault(names[row["image"]], [])
        if row.get("y") or row.get("x"):
            points.append(_point((row.get("y"), row.get("x")), file))
    return found


def _napari(rows: list[dict[str, str]], file: Path) -> Points:
    axes = sorted(name for name in (rows[0] if rows else {}) if name and name.startswith("axis-"))
    if rows and len(axes) < 2:
        raise _wrong(file, f"its columns are {', '.join(map(str, rows[0]))}")
    return [_point((row[axes[-2]], row[axes[-1]]), file) for row in rows]


def _point(place: tuple[Any, Any], file: Path) -> tuple[float, float]:
    try:
        point = float(place[0]), float(place[1])
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(file, repr(error)) from error
    if not np.isfinite(point).all():
        raise _wrong(file, f"a nucleus lies at {point}")
    return point


def _places(
    document: Any, file: Path, downsample: tuple[float, float]
) -> Iterator[tuple[float, float]]:
    """Yield the nuclei of GeoJSON: its points, and the middle of what has an outline.

    They are in pixels of full size, so many of which are one of the level that was counted.
    """
    try:
        features = document["features"] if isinstance(document, dict) else document
        _refuse_regions(features, file)
        for feature in features:
            geometry = feature.get("nucleusGeometry") or feature["geometry"]  # of a cell
            kind, at = geometry["type"], geometry["coordinates"]
            for place in at if kind == "MultiPoint" else [at]:
                x, y = place[:2] if kind in ("Point", "MultiPoint") else _middle(kind, place)
                point = _point((y, x), file)
                y, x = (at / one for at, one in zip(point, downsample, strict=True))
                yield y - _PIXEL_CORNER, x - _PIXEL_CORNER
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise _wrong(file, repr(error)) from error


def _refuse_regions(features: list[Any], file: Path) -> None:
    """Refuse what was drawn around nuclei, and is none: the regions that QuPath exports too."""
    corners = [_corners(feature["geometry"]["coordinates"]) for feature in features]
    middles = np.array([each.mean(axis=0) for each in corners]).reshape(-1, 2)
    for feature, ring in zip(features, corners, strict=True):
        is_drawn = (feature.get("properties") or {}).get("objectType") == "annotation"
        if is_drawn and "Polygon" in feature["geometry"]["type"]:
            is_in = ((middles >= ring.min(axis=0)) & (middles <= ring.max(axis=0))).all(axis=1)
            if is_in.sum() > 1 + _MOST_WITHIN:
                raise InputError(
                    f"{file.name!r} holds a region around {is_in.sum() - 1} nuclei; expected "
                    f"nuclei alone; in QuPath, select them and export the selected objects"
                )


def _corners(coordinates: Any) -> NDArray[np.float64]:
    """Return all places of a shape, (x, y), however deep they are nested."""
    return np.concatenate(
        [_corners(each) for each in coordinates]
        if isinstance(coordinates[0], list)
        else [np.array([coordinates[:2]], np.float64)]
    )


def _middle(kind: str, rings: Any) -> tuple[float, float]:
    """Return the centroid of the outer rings of a polygon, or of several."""
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"a shape is a {kind}")
    outer = [polygon[0] for polygon in (rings if kind == "MultiPolygon" else [rings])]
    areas, middles = [], []
    for ring in outer:
        here, after = np.array(ring, np.float64)[:-1, :2], np.array(ring, np.float64)[1:, :2]
        cross = here[:, 0] * after[:, 1] - after[:, 0] * here[:, 1]
        areas.append(abs(cross.sum()))
        middles.append(((here + after) * cross[:, None]).sum(axis=0) / (3 * cross.sum()))
    x, y = np.average(middles, axis=0, weights=areas)
    return float(x), float(y)
