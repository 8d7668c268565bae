"""Points for ImageJ and Fiji: one ROI zip per image, with one multi-point selection."""

import json
import zipfile
from pathlib import Path

import numpy as np

from ..files import whole
from ..names import escape
from ..provenance import Provenance, of_image
from ..store import Run
from .optional import require
from .place import file_per_image


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write a ROI zip for each image that has nuclei: ImageJ cannot open one without ROIs."""
    roifile = require("roifile", extra="imagej")
    for path, row, nuclei, where in file_per_image(run, target, ".zip"):
        if len(nuclei):
            points = np.column_stack((where["x"], where["y"]))
            roi = roifile.ImagejRoi.frompoints(points, name="nuclei")
            roi.roitype = roifile.ROI_TYPE.POINT
            if "z" in where:  # ImageJ counts the planes of a stack from 1
                roi.counters = np.zeros(len(nuclei), np.uint8)
                roi.counter_positions = (where["z"] + 1).astype(np.uint32)
            name = json.dumps(escape(row["name"]))
            roi.props = f"image: {name}\nprovenance: {json.dumps(of_image(document, row))}\n"
            with (
                whole(path) as partial,
                zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file,
            ):
                file.writestr("nuclei.roi", roi.tobytes())
    return [target]
