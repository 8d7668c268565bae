"""Choose the fields to show, and draw them with their nuclei ringed."""

import itertools
import os
import random
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import MissingPackageError, NucensusError, ReadError
from ..remote import is_remote, size_and_time
from ..store import Run, points_of
from ..text.files import atomic_write
from ..text.plurals import pluralize
from ..text.svg import outlines, rings, scale_bar
from ..values import ImageRef
from ..values.polygons import polygons_of
from .fields import Field, by_view, read_fields
from .reduced import read_reduced
from .render import render
from .steps import OnProgress, Steps

_LONGEST_SIDE_PX = 1024
"""Side of a picture, in pixels. Larger: sharper, and a larger page."""
_QUALITY = 70.0
"""Of WebP, 0 to 100. Larger: fewer artefacts, a larger page."""
_MOST_RINGS = 20_000
"""Of a picture: of more nuclei every second is ringed, or fewer. Larger: a larger page."""
_DOUBTFUL = 50
"""Percent of confidence below which a nucleus is dashed. Larger: more are."""
_SEED = 0
"""Of the fields drawn at random: the same run shows the same ones."""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that are shown together, and why."""

    title: str
    reason: str
    fields: tuple[Field, ...]


def choose_fields(fields: Sequence[Field], *, each: int, flagged: int) -> list[Group]:
    """Return the fields to show: all of a few; else flagged, worst, best, random, none twice."""
    rest = [field for field in fields if field.found]
    if len(rest) <= each:
        return [Group("All", "Every field that was counted.", tuple(rest))] if rest else []
    views = by_view(rest)
    typical = {
        view: float(np.median([field.count for field in each])) for view, each in views.items()
    }
    groups = []

    def distance(field: Field) -> float:
        return abs(field.count - typical[field.view])

    def take(title: str, reason: str, chosen: Sequence[Field]) -> None:
        groups.append(Group(title, reason, tuple(chosen)))
        taken = {field.name for field in chosen}
        rest[:] = [field for field in rest if field.name not in taken]

    marked = [field for field in rest if field.flags]
    more = f"; {len(marked) - flagged} more are in the table" if len(marked) > flagged else ""
    take("Flagged", f"What the run itself found odd{more}.", marked[:flagged])
    by_distance = sorted(rest, key=distance)
    median = (
        f"the median of {next(iter(typical.values()), 0):g} nuclei"
        if len(typical) < 2
        else "the median of their channel, z and time"
    )
    take("Worst", f"Counts furthest from {median}.", by_distance[::-1][:each])
    take("Best", f"Counts closest to {median}.", by_distance[: len(rest)][:each])
    # Not for secrets: the same run shows the same fields.
    drawn = random.Random(_SEED).sample(rest, min(each, len(rest)))
    take("Random", "Drawn by lot, the same for the same run.", drawn)
    return [groups[index] for index in (2, 1, 3, 0) if groups[index].fields]


def overlay(run: Run, field: Field) -> str:
    """Return the image of `field`, contrast-stretched, its nuclei outlined or ringed, as one SVG.

    A bar shows its scale.

    A volume is its maximum over the planes. An image that can no longer be read
    leaves its nuclei on a dark ground, and the reason as the title.
    """
    title = f"{field.name}: {pluralize(field.count, 'nucleus')}"
    if field.count > _MOST_RINGS:
        title += f", one in {-(-field.count // _MOST_RINGS)} of them ringed"
    ground = picture_of(run, field)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {field.width} {field.height}" '
        f'role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>{ground}'
        f"{_drawn(run, field)}{scale_bar((field.height, field.width), field.pixel_um)}</svg>"
    )


def _drawn(run: Run, field: Field) -> str:
    """Return the nuclei of `field`: their outlines, or rings where there are none.

    Those that are less likely a nucleus than not are dashed.
    """
    nuclei, known = run.nuclei_of(field.name), run.outlines_of(field.name)
    is_doubtful = doubtful(nuclei)
    if known is not None:
        return "".join(
            outlines(
                itertools.chain(*polygons_of(known.take(np.flatnonzero(which)))), dashed=dashed
            )
            for which, dashed in _in_two(is_doubtful)
        )
    points, step = points_of(nuclei)[:, -2:], -(-len(nuclei) // _MOST_RINGS) or 1
    return "".join(
        rings(points[which][::step], run.ring_radius_px, dashed=dashed)
        for which, dashed in _in_two(is_doubtful)
    )


def doubtful(nuclei: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return which nuclei are known to be less likely one than not."""
    if "confidence" not in (nuclei.dtype.names or ()):
        return np.zeros(len(nuclei), np.bool_)
    known: NDArray[np.bool_] = (nuclei["confidence"] >= 0) & (nuclei["confidence"] < _DOUBTFUL)
    return known


def _in_two(is_doubtful: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], bool]]:
    sure = [(~is_doubtful, False)]
    return [*sure, (is_doubtful, True)] if is_doubtful.any() else sure


def picture_of(run: Run, field: Field) -> str:
    """Return the image of `field` as an SVG element, or why it cannot be shown."""
    try:
        asked = run.reference(field.name)
        _check_unchanged(asked)
        return _picture(*read_reduced(asked.path, asked.plane.as_shown, _LONGEST_SIDE_PX))
    except NucensusError as error:
        reason = escape(f"the image cannot be shown: {error}")
        return f'<rect width="100%" height="100%" fill="#111"><title>{reason}</title></rect>'


def _check_unchanged(counted: ImageRef) -> None:
    """Refuse a file that is not the one that was counted: its nuclei are not those of the run.

    An image of several files has their sizes together and the time of the newest: one of them
    alone is smaller and no newer.
    """
    size_bytes, mtime_ns = size_and_time(counted.path)
    is_known = min(size_bytes, counted.size_bytes) >= 0 and not is_remote(counted.path)
    is_same = (size_bytes, mtime_ns) == (counted.size_bytes, counted.mtime_ns)
    may_be_of_several = size_bytes < counted.size_bytes and mtime_ns <= counted.mtime_ns
    if is_known and not (is_same or may_be_of_several):
        raise ReadError(
            "its file has another size or time than the one that was counted; expected the same "
            "file; count it again with nucensus detect"
        )


def write_gallery(
    run: Run, folder: str | os.PathLike[str], on_progress: OnProgress | None = None
) -> int:
    """Write the overlay of every field that was done as an SVG into `folder`; return how many.

    `index.html` beside them shows them all. `on_progress` is called with how many are written,
    and how many there are.
    """
    done = [field for field in read_fields(run) if field.found]
    files = [f"{number:0{len(str(len(done)))}}.svg" for number in range(1, len(done) + 1)]
    steps = Steps(len(done), on_progress)
    for file, field in steps.over(zip(files, done, strict=True)):
        with atomic_write(Path(folder, file)) as partial:
            partial.write_text(overlay(run, field), "utf-8", "backslashreplace")
    # The last one: it is there if all of them are.
    with atomic_write(Path(folder, "index.html")) as partial:
        page = render("gallery.html.j2", pictures=list(zip(files, done, strict=True)))
        partial.write_text(page, "utf-8", "backslashreplace")
    return len(done)


def _picture(reduced: NDArray[np.float32], step: int) -> str:
    """Return an image of which `step` x `step` pixels are one, as an SVG element in WebP."""
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingPackageError("imagecodecs", "A picture", "imagecodecs") from error
    grey = stretch(reduced)
    webp = imagecodecs.webp_encode(
        np.repeat(grey[..., np.newaxis], 3, axis=2), level=_QUALITY, lossless=False
    )
    return (
        f'<image width="{grey.shape[1] * step}" height="{grey.shape[0] * step}" '
        f'href="data:image/webp;base64,{b64encode(webp).decode()}"/>'
    )


def stretch(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return `image` in 8 bits, from its 1st to its 99.8th percentile."""
    low, high = np.percentile(image, (1, 99.8))
    scaled: NDArray[np.float32] = (image - low) * (255 / max(high - low, 1e-6))
    return scaled.clip(0, 255).astype(np.uint8)
