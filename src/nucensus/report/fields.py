"""Read the fields of a run, with what the report says of each."""

import json
import re
from collections.abc import Iterable
from dataclasses import field as dataclass_field
from functools import lru_cache
from typing import Any

import numpy as np

from .._dataclass import dataclass
from ..discover import natural_key
from ..store import Run
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


_READ = ("name", "status", "stage", "reason", "plate", "well", "site", "channel", "z", "time",
         "count", "height", "width", "area_px", "flag", "extra", "pixel_x_um")  # fmt: skip


def read_fields(run: Run, steps: Steps | None = None) -> list[Field]:
    """Return every image of `run`, in order; each that is read is one of `steps`.

    There may be millions: values that many of them have are kept once.
    """
    column = next((f"{name_of(fact)}_positive" for fact in run.positive), None)
    view_of, once, once_float = _Views(run), _Once(), _Once()
    return [
        Field(
            name=row["name"],
            count=once(row["count"] or 0),
            height=once(row["height"] or 0),
            width=once(row["width"] or 0),
            area_px=once(row["area_px"] or 0),
            intensity=float(nuclei["intensity"].mean()) if len(nuclei) else np.nan,
            flags=_flags(row["flag"] or ""),
            treatment=_treatment(row["extra"] or ""),
            view=view_of(row["channel"], row["z"], row["time"]),
            pixel_um=np.nan if row["pixel_x_um"] is None else once_float(float(row["pixel_x_um"])),
            positive=0 if column is None else once(int((nuclei[column] == 1).sum())),
            judged=0 if column is None else once(int((nuclei[column] >= 0).sum())),
            **{text: once(str(row[text] or "")) for text in _READ[1:7]},
        )
        for row, nuclei in (steps or Steps(0, None)).over(run.all_images(_READ))
    ]


class _Once(dict[Any, Any]):
    """Values that are kept once."""

    def __call__(self, value: Any) -> Any:
        return self.setdefault(value, value)


def by_view(fields: Iterable[Field]) -> dict[str, list[Field]]:
    """Return the fields of each channel, z and time, as people number them."""
    views: dict[str, list[Field]] = {}
    for field in fields:
        views.setdefault(field.view, []).append(field)
    return {view: views[view] for view in sorted(views, key=natural_key)}


class _Views:
    """The channel, z and time of images in words, those that are not all the same."""

    def __init__(self, run: Run) -> None:
        there = {axis: set(run.rows(axis)) for axis in ("channel", "z", "time")}
        self._differing = [(at, axis) for at, axis in enumerate(there) if len(there[axis]) > 1]
        self._views: dict[tuple[Any, ...], str] = {}

    def __call__(self, *place: Any) -> str:
        if place not in self._views:
            named = [
                f"{axis} {place[at]}" if place[at] not in (None, "") else f"no {axis}"
                for at, axis in self._differing
            ]
            self._views[place] = ", ".join(named)
        return self._views[place]


@lru_cache(maxsize=4096)
def _flags(text: str) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[,;\s]+", text)))


@lru_cache(maxsize=4096)
def _treatment(extra: str) -> dict[str, str]:
    """Return what is known of an image as texts; images of one well share them."""
    known = json.loads(extra) if extra else {}
    return {name: value if isinstance(value, str) else json.dumps(value)
            for name, value in known.items()}  # fmt: skip
