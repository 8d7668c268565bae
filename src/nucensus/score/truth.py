"""The truth of images: label images, or a table of centres, and whose truth it is."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import InputError, NucensusError
from ..read import SUFFIXES, read
from ..store import ImageRow, plane_of
from ..text.plurals import pluralize
from ..values import Plane
from .field_name import field_name
from .true_centres import read_centres

Truth: TypeAlias = Path | NDArray[np.float64]
"""The truth of a field: its label image, or (row, column) of each nucleus, shape (N, 2), of a
volume (plane, row, column), shape (N, 3)."""


def read_truth(
    truth: str | os.PathLike[str], on_field: Callable[[], object] = bool
) -> Mapping[str, Truth]:
    """Return what is known of each field, by its name without folder and ending.

    The centres of a table are kept on disk; `on_field` is called for each field that is read.

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
    return _label_images(path) if path.is_dir() else read_centres(path, on_field)


def _label_images(folder: Path) -> Mapping[str, Path]:
    """Return the label image of each field; refuse two of one."""
    found: dict[str, Path] = {}
    for path in filter(_is_image, sorted(folder.iterdir())):
        other = found.setdefault(field_name(path.name), path)
        if other is not path:
            raise InputError(
                f"{os.fspath(other)!r} and {os.fspath(path)!r} are both called like one field; "
                f"expected one label image for each; move the other elsewhere"
            )
    return found


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


def imaged(row: ImageRow) -> Imaged:
    """Return what a row of the run says of its image."""
    known = tuple(row[side] for side in ("depth", "height", "width") if row[side] is not None)
    is_volume = len(known) == 3 if known else plane_of(row["plane"]).z == "volume"
    return Imaged(row["name"], is_volume, known or None)


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


def refuse_outside(
    name: str, centres: NDArray[np.float64], image: Imaged, *, radius_px: float
) -> None:
    """Raise if a true centre is farther outside of its image than any nucleus found may be."""
    if image.shape is None or centres.shape[1] != len(image.shape):
        return
    beyond = np.maximum(-centres, centres - image.shape)
    outside = (beyond > radius_px).any(axis=1)
    if outside.any():
        place = ", ".join(f"{each:g}" for each in centres[outside][0])
        size = " x ".join(map(str, image.shape))
        raise InputError(
            f"the truth of {name!r} has {pluralize(int(outside.sum()), 'nucleus')} outside of its "
            f"image of {size} pixels, as at ({place}); expected pixels counted from 0, y the "
            f"row and x the column; check that they are not swapped, and not micrometres"
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


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES
