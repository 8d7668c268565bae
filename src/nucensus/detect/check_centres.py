"""Refuse what a detector that others registered returns, unless it is nuclei of the image."""

from typing import Any

import numpy as np

from ..values import Centres
from .table import DETECTORS


def check_centres(name: str, centres: Any, shape: tuple[int, ...]) -> None:
    """Raise unless the detector called `name` found whole pixels inside an image of `shape`.

    Raises
    ------
    TypeError
        These are no `Centres`, or their points are not whole numbers.
    ValueError
        The arrays have other shapes than `Centres` says, or a nucleus lies beside the image.
    """
    if name in DETECTORS:
        return
    if not isinstance(centres, Centres):
        raise TypeError(
            f"the detector {name!r} returned {type(centres).__name__}; expected "
            f"nucensus.values.Centres"
        )
    points, count = np.asarray(centres.points), len(centres)
    expected = {
        "points": (count, len(shape)), "intensities": (count,), "contrasts": (count,),
        "subpixel": (count, len(shape)),
    }  # fmt: skip
    for field, wanted in expected.items():
        values = getattr(centres, field)
        if values is not None and np.shape(values) != wanted:
            raise ValueError(
                f"the detector {name!r} returned {field} of shape {np.shape(values)} for an image "
                f"of shape {shape}; expected {wanted}"
            )
    if points.dtype.kind not in "iu":
        raise TypeError(
            f"the detector {name!r} returned points of type {points.dtype}; expected whole pixels "
            f"(int64); give fractions of a pixel as subpixel"
        )
    beside = ((points < 0) | (points >= shape)).any(axis=1)
    if beside.any():
        place = ", ".join(map(str, points[beside][0]))
        raise ValueError(
            f"the detector {name!r} put a nucleus at ({place}), beside an image of shape {shape}; "
            f"expected (row, column) inside it, of a volume (plane, row, column)"
        )
