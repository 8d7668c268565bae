"""Read the fields of a run, with what the report says of each."""

import json
import re
from collections.abc import Iterable
from dataclasses import field as dataclass_field
from functools import lru_cache

import numpy as np

from .._dataclass import dataclass
from ..discover import natural_key
from ..store import Run, Table
from ..values import name_of
from .steps import Steps


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
    view : str
        Its channel, z and time, as far as the run holds several: what is counted in
        different ones is never added up.
    treatment : dict of str to str
        What else is known of it: what its well was treated with, columns of a manifest.
    positive, judged : int
        Nuclei that are positive in the first measurement for which that is asked, and
        those of which it is known.
    pixel_um : float
        The width of a pixel in micrometres; NaN where it is not known.
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
    view: str = ""
    treatment: dict[str, str] = dataclass_field(default_factory=dict)
    positive: int = 0
    judged: int = 0
    pixel_um: float = np.nan

    @property
    def found(self) -> bool:
        """Whether its nuclei were found (none is an answer too)."""
        return self.status == "found"


def read_fields(run: Run, steps: Steps | None = None) -> list[Field]:
    """Return every image of `run`, in order; each whose nuclei are read is one of `steps`."""
    intensities: dict[str, float] = {}
    positive: dict[str, tuple[int, int]] = {}
    column = next((f"{name_of(fact)}_positive" for fact in run.positive), None)
    for name, nuclei in (steps or Steps(0, None)).over(run.nuclei_by_image()):
        if len(nuclei):
            intensities[name] = float(nuclei["intensity"].mean())
        if column is not None:
            are = nuclei[column]
            positive[name] = int((are == 1).sum()), int((are >= 0).sum())
    images = run.images
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
            treatment=_treatment(row["extra"]),
            view=view,
            pixel_um=float(row["pixel_x_um"]),
            positive=positive.get(row["image"], (0, 0))[0],
            judged=positive.get(row["image"], (0, 0))[1],
            **{text: str(row[text]) for text in texts},
        )
        for row, view in zip(images, _views(images), strict=True)
    ]


def by_view(fields: Iterable[Field]) -> dict[str, list[Field]]:
    """Return the fields of each channel, z and time, as people number them."""
    views: dict[str, list[Field]] = {}
    for field in fields:
        views.setdefault(field.view, []).append(field)
    return {view: views[view] for view in sorted(views, key=natural_key)}


def _views(images: Table) -> list[str]:
    """Return the channel, z and time of each image in words, those that are not all the same."""
    named = []
    for axis in ("channel", "z", "time"):
        values = ["" if value != value else f"{value:.0f}" if axis != "channel" else value
                  for value in images[axis].tolist()]  # fmt: skip
        if len(set(values)) > 1:
            named.append([f"{axis} {value}" if value else f"no {axis}" for value in values])
    return [", ".join(each) for each in zip(*named, strict=True)] if named else [""] * len(images)


@lru_cache(maxsize=4096)
def _treatment(extra: str) -> dict[str, str]:
    """Return what is known of an image as texts; images of one well share them."""
    known = json.loads(extra) if extra else {}
    return {name: value if isinstance(value, str) else json.dumps(value)
            for name, value in known.items()}  # fmt: skip


def _whole(number: float) -> int:
    """Return a number that is known, or 0."""
    return 0 if np.isnan(number) else int(number)
