"""Draw what was found, missed and found in vain in one field, of a volume seen from above."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..score.agreement import FieldScore
from ..score.field_name import field_name
from ..store import Run
from ..text.files import atomic_write
from ..text.names import safe_path
from ..text.svg import rings
from .fields import Field, read_fields
from .gallery import picture_of

HIT, MISS, FALSE = "#00e5c0", "#ffb000", "#ff4d6d"
"""The colours of hits, misses and false positives: told apart by the colour-blind too."""


def write_verdicts(
    run: Run, scores: Sequence[FieldScore], folder: str | os.PathLike[str]
) -> list[Path]:
    """Draw each of `scores` as an SVG into `folder`, and return the files."""
    asked = {score.name for score in scores}
    fields = {
        name: field
        for field in read_fields(run)
        if field.found and (name := field_name(field.name)) in asked
    }
    paths = []
    for score in scores:
        if score.name in fields:
            path = Path(folder, f"{safe_path(score.name)}.svg")
            with atomic_write(path) as partial:
                picture = _draw(run, fields[score.name], score)
                partial.write_text(picture, "utf-8", "backslashreplace")
            paths.append(path)
    return paths


def _draw(run: Run, field: Field, score: FieldScore) -> str:
    title = (
        f"{field.name}: {len(score.hits)} hits, {len(score.misses)} misses, "
        f"{len(score.false_positives)} false positives"
    )
    radius = run.ring_radius_px
    drawn = "".join(
        rings(points[:, -2:], radius, colour)
        for points, colour in (
            (score.hits, HIT), (score.misses, MISS), (score.false_positives, FALSE)
        )
    )  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {field.width} {field.height}" '
        f'role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"{picture_of(run, field)}{drawn}</svg>"
    )
