"""Read the fields of a run, with what the report says of each."""

import re
from dataclasses import dataclass

import numpy as np

from ..store import Run


@dataclass(frozen=True, slots=True)
class Field:
    """One image of the run.

    Attributes
    ----------
    name, status, stage, reason, plate, well, site : str
        As in the run file; empty where nothing is known.
    count : int
        Nuclei; 0 if the image failed.
    height, width, area_px : int
        In pixels; the area is that in which centres count. 0 if the image failed.
    intensity : float
        Mean smoothed grey level of its nuclei; NaN without nuclei.
    flags : tuple of str
        What is odd about it.
    """

    name: str
    status: str
    stage: str
    reason: str
    plate: str
    well: str
    site: str
    count: int
    height: int
    width: int
    area_px: int
    intensity: float
    flags: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether its nuclei were found (none is an answer too)."""
        return self.status == "found"


def read_fields(run: Run) -> list[Field]:
    """Return every image of `run`, in order."""
    intensities = {
        name: float(nuclei["intensity"].mean())
        for name, nuclei in run.nuclei_by_image()
        if len(nuclei)
    }
    texts = ("status", "stage", "reason", "plate", "well", "site")
    return [
        Field(
            name=row["image"],
            count=_whole(row["count"]),
            height=_whole(row["height"]),
            width=_whole(row["width"]),
            area_px=_whole(row["area_px"]),
            intensity=intensities.get(row["image"], np.nan),
            flags=tuple(filter(None, re.split(r"[,;\s]+", row["flag"]))),
            **{text: str(row[text]) for text in texts},
        )
        for row in run.images
    ]


def _whole(number: float) -> int:
    """Return a number that is known, or 0."""
    return 0 if np.isnan(number) else int(number)
