"""Refuse what a detector that others registered returns, unless it is nuclei of the image."""

from typing import Any

import numpy as np

from ..values import MEASURED, Centres
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
        "subpixel": (count, len(shape)), "measured": (count,), "confidences": (count,),
    }  # fmt: skip
    for field, wanted in expected.items():
        values = getattr(centres, field)
        if values is not None and np.shape(values) != wanted:
            raise ValueError(
                f"the detector {name!r} returned {field} of shape {np.shape(values)} for an image "
                f"of shape {shape}; expected {wanted}"
            )
    _check_outlines(name, centres, shape)
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


def _check_outlines(name: str, centres: Centres, shape: tuple[int, ...]) -> None:
    outlines, measured = centres.outlines, centres.measured
    if outlines is not None and (outlines.shape != shape or len(outlines) != len(centres)):
        raise ValueError(
            f"the detector {name!r} returned {len(outlines)} outlines in an image of shape "
            f"{outlines.shape}, and {len(centres)} nuclei in one of shape {shape}; expected one "
            f"for each nucleus, in the same image"
        )
    if measured is not None and measured.dtype != MEASURED:
        raise TypeError(
            f"the detector {name!r} returned measured of type {measured.dtype}; expected "
            f"nucensus.values.MEASURED"
        )
