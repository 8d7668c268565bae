"""Selections for ImageJ and Fiji: one ROI zip per image, with its outlines or its points."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..store import ImageRow, Run, plane_of
from ..text.files import atomic_write
from ..text.names import escape
from ..values import Outlines
from ..values.polygons import polygons_of, signed_area
from .optional import require
from .place import Where, file_per_image
from .provenance import Provenance, of_image


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a ROI zip for each image that has nuclei: ImageJ cannot open one without ROIs."""
    roifile = require("roifile", extra="imagej")
    for path, row, nuclei, where in file_per_image(run, target, ".zip"):
        if not len(nuclei):
            continue
        outlines = run.outlines_of(row["name"])
        rois = [_points(roifile, where)] if outlines is None else list(_polygons(roifile, outlines))
        for roi in rois:
            _place(roi, row, where)
        name = json.dumps(escape(row["name"]))
        rois[0].props = f"image: {name}\nprovenance: {json.dumps(of_image(document, row))}\n"
        with (
            atomic_write(path) as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file,
        ):
            for roi in rois:
                file.writestr(f"{roi.name}.roi", roi.tobytes())
    return [target]


def _points(roifile: Any, where: Where) -> Any:
    roi = roifile.ImagejRoi.frompoints(np.column_stack((where["x"], where["y"])), name="nuclei")
    roi.roitype = roifile.ROI_TYPE.POINT
    return roi


def _polygons(roifile: Any, outlines: Outlines) -> Iterator[Any]:
    """Yield the outline of each nucleus, called by its row from 1 on; holes are left out.

    Of several bodies of one nucleus each is a selection, called 7-2 and so on.
    """
    for number, rings in enumerate(polygons_of(outlines), 1):
        bodies = [ring for ring in rings if signed_area(ring) > 0]
        for part, ring in enumerate(bodies, 1):
            name = f"{number}" if part == 1 else f"{number}-{part}"
            roi = roifile.ImagejRoi.frompoints(ring.astype(np.int32), name=name)
            roi.roitype = roifile.ROI_TYPE.POLYGON
            yield roi


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
