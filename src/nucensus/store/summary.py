"""The summary of a run that a notebook shows: the counts, and the nuclei of the median field."""

import numpy as np

from ..text.svg import map_of_centres
from .packing import Nuclei


def summary_html(
    counts: dict[str, int], nuclei: Nuclei | None, shape: tuple[int, int] | None
) -> str:
    """Return the counts of a run beside a map of the nuclei of an image of that shape, if any."""
    words = "".join(
        f"<div><b style='font-size:1.4em'>{counts[key]:,}</b> {label}</div>"
        for key, label in (("nuclei", "nuclei"), ("images", "images"), ("failed", "failed"))
    )
    picture = ""
    if nuclei is not None and shape is not None:
        points = np.column_stack((nuclei["y"], nuclei["x"]))
        picture = map_of_centres(points, shape, width=220)
    return (
        "<div style='display:flex;gap:1.5em;align-items:center;flex-wrap:wrap'>"
        f"{picture}<div>{words}</div></div>"
    )
