"""The summary of a run that a notebook shows: the counts, and the nuclei of the median field."""

from itertools import chain

import numpy as np

from ..text.svg import map_of_nuclei
from ..values import Outlines
from ..values.polygons import polygons_of
from .packing import Nuclei


def summary_html(
    counts: dict[str, int],
    nuclei: Nuclei | None,
    shape: tuple[int, int],
    outlines: Outlines | None = None,
) -> str:
    """Return the counts of a run beside a map of the nuclei of an image of that shape, if any.

    Their outlines are drawn where there are some.
    """
    words = "".join(
        f"<div><b style='font-size:1.4em'>{counts[key]:,}</b> {label}</div>"
        for key, label in (("nuclei", "nuclei"), ("images", "images"), ("failed", "failed"))
    )
    picture = ""
    if nuclei is not None:
        points = np.column_stack((nuclei["y"], nuclei["x"]))
        polygons = None if outlines is None else chain.from_iterable(polygons_of(outlines))
        picture = map_of_nuclei(points, shape, width=220, polygons=polygons)
    return (
        "<div style='display:flex;gap:1.5em;align-items:center;flex-wrap:wrap'>"
        f"{picture}<div>{words}</div></div>"
    )
