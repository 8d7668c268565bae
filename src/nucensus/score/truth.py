"""The truth of images: label images, or a table of centres, and whose truth it is."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import InputError, NucensusError, ReadError
from ..read import SUFFIXES, read
from ..store import Run, plane_of
from ..text.files import open_regular
from ..values import Plane

Truth: TypeAlias = Path | NDArray[np.float64]
"""The truth of a field: its label image, or (row, column) of each nucleus, shape (N, 2), of a
volume (plane, row, column), shape (N, 3)."""

_NO_PLANE = ("", "-1")
"""The z that a table may give for an image of one plane: our own give -1."""


def read_truth(truth: str | os.PathLike[str]) -> dict[str, Truth]:
    """Return what is known of each field, by its name without folder and ending.

    Parameters
    ----------
    truth : path
        A folder of label images, or a CSV file with the columns image, y and x,
        and z where the image is a volume. A field without nuclei has one row, without y and x.

    Raises
    ------
    InputError
        It is a file that is no such table, or says the plane of some nuclei of a
        field and not of others.
    """
    path = Path(truth)
    if path.is_dir():
        return {field_name(each.name): each for each in sorted(path.iterdir()) if _is_image(each)}
    return dict(_read_centres(path))


@dataclass(frozen=True, slots=True)
class Imaged:
    """An image of the run that has a truth.

    Attributes
    ----------
    image : str
        Its name in the run.
    is_volume : bool
    shape : tuple of int or None
        (rows, columns), of a volume (planes, rows, columns); None if it failed.
    """

    image: str
    is_volume: bool
    shape: tuple[int, ...] | None


def fields_of(run: Run, truth: Collection[str], spelled: str = "the truth") -> dict[str, Imaged]:
    """Return the images of the run that have an outcome and a truth, by the name of the field."""
    fields: dict[str, Imaged] = {}
    name = "A01_s1"
    columns = ("name", "status", "plane", "depth", "height", "width")
    for image, status, plane, *shape in run.rows(*columns):
        name = field_name(image)
        if name in fields:
            raise InputError(
                f"several images of the run are called {name}; expected one for each field of the "
                f"truth; evaluate runs of one folder, or of one plane, each with its own truth"
            )
        if name in truth and status != "pending":
            known = tuple(side for side in shape if side is not None)
            is_volume = len(known) == 3 if known else plane_of(plane).z == "volume"
            fields[name] = Imaged(image, is_volume, known or None)
    if not fields:
        raise InputError(
            f"{spelled!r} holds no field of the run; expected label images, or rows, "
            f"named as the images of the run are, such as {name!r}"
        )
    return fields


def refuse_other_axes(name: str, axes: int, expected: Imaged) -> None:
    """Raise if the truth of a field has other axes than its image was counted with."""
    if expected.is_volume and axes == 2:
        raise InputError(
            f"the truth of {name!r} says no plane of its nuclei, and the image was counted as a "
            f"volume; expected their planes too, counted from 0: a column z, or a label image of "
            f"all planes"
        )
    if not expected.is_volume and axes == 3:
        raise InputError(
            f"the truth of {name!r} says the plane z of its nuclei, and the image was counted as "
            f"one plane; expected a run of volumes (nucensus detect --volume), or a truth of the "
            f"plane that was counted"
        )


def read_labels(path: Path, image: Imaged | None = None) -> NDArray[Any]:
    """Return a label image, which must have the shape of its image if that is known."""
    try:
        labels = read(path, Plane(z="volume") if image is not None and image.is_volume else None)
    except NucensusError as error:
        raise InputError(
            f"{os.fspath(path)!r} cannot be read as a label image ({error}); expected an image "
            f"whose pixels are the numbers of the nuclei"
        ) from error
    shape = image.shape if image is not None else None
    if labels.shape != (shape or labels.shape):
        raise InputError(
            f"the label image {os.fspath(path)!r} has shape {labels.shape} and its image {shape}; "
            f"expected the same; take the label image of the image that was counted"
        )
    return labels


def field_name(name: str) -> str:
    """Return the name of an image without its folder and ending."""
    stem, ending = os.path.splitext(os.path.basename(name))
    return stem if ending.lower() in SUFFIXES else stem + ending


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _read_centres(path: Path) -> dict[str, NDArray[np.float64]]:
    centres: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    try:
        with open_regular(path) as file:
            text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
            for row in csv.DictReader(text):
                z = (row.get("z") or "").strip()
                plane = () if z in _NO_PLANE else (float(z),)
                known = centres[field_name(row["image"])]
                if row["y"] or row["x"]:
                    known.append((*plane, float(row["y"]), float(row["x"])))
    except (OSError, ReadError, KeyError, ValueError, TypeError, csv.Error) as error:
        is_said = isinstance(error, ReadError)
        why = error if is_said else getattr(error, "strerror", None) or repr(error)
        raise InputError(
            f"{os.fspath(path)!r} cannot be read as true centres ({why}); expected a CSV file "
            f"with the columns image, y and x"
        ) from error
    for name, points in centres.items():
        if len(set(map(len, points))) > 1:
            raise InputError(
                f"{os.fspath(path)!r} says the plane z of some nuclei of {name!r} and not of "
                f"others; expected it of all, where the image is a volume, or of none"
            )
    return {name: np.array(points or np.empty((0, 2))) for name, points in centres.items()}
