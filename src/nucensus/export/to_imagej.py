"""Points for ImageJ and Fiji: one ROI zip per image, with one multi-point selection."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..store import ImageRow, Run, plane_of
from ..text.files import atomic_write
from ..text.names import escape
from .optional import require
from .place import Where, file_per_image
from .provenance import Provenance, of_image


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a ROI zip for each image that has nuclei: ImageJ cannot open one without ROIs."""
    roifile = require("roifile", extra="imagej")
    for path, row, nuclei, where in file_per_image(run, target, ".zip"):
        if len(nuclei):
            points = np.column_stack((where["x"], where["y"]))
            roi = roifile.ImagejRoi.frompoints(points, name="nuclei")
            roi.roitype = roifile.ROI_TYPE.POINT
            _place(roi, row, where)
            name = json.dumps(escape(row["name"]))
            roi.props = f"image: {name}\nprovenance: {json.dumps(of_image(document, row))}\n"
            with (
                atomic_write(path) as partial,
                zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file,
            ):
                file.writestr("nuclei.roi", roi.tobytes())
    return [target]


def _place(roi: Any, row: ImageRow, where: Where) -> None:
    """Say on which slice of its stack a selection or each of its points lies, counted from 1.

    Slices of a volume are those of a stack of one channel.
    """
    plane = plane_of(row["plane"])
    at = [axis if isinstance(axis, int) else None for axis in (plane.channel, plane.z, plane.time)]
    if "z" in where:
        slices = where["z"] + 1 + (at[2] or 0) * (row["depth"] or 0)
        roi.counters = np.zeros(len(slices), np.uint8)
        roi.counter_positions = slices.astype(np.uint32)
        return
    roi.c_position, roi.z_position, roi.t_position = (0 if k is None else k + 1 for k in at)
    chosen = [k for k in at if k is not None]
    if len(chosen) == 1:  # a stack along one axis
        roi.position = chosen[0] + 1
