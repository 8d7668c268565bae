"""The differences from one run to another."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._dataclass import dataclass
from ..store import (
    IMAGE_COLUMNS,
    NUCLEUS_RECORD,
    VOLUME_RECORD,
    AnyRun,
    ImageRow,
    Nuclei,
    Run,
    as_records,
    as_run,
)
from ..values.neighbours import pairs_within

Change = tuple[str, Any, Any]
"""The name of a setting, its value before, its value after."""

_COMPARED = tuple(name for name in IMAGE_COLUMNS if name not in ("count", "read_ms", "detect_ms"))
_NOBODY = np.empty(0, NUCLEUS_RECORD)


@dataclass(frozen=True, slots=True)
class ImageDiff:
    """The differences in one image.

    Attributes
    ----------
    image : str
        Its name.
    facts : list of (name, before, after)
        What is said of the image and changed; "image" if it is in one run only.
    removed, added : ndarray of NUCLEUS_RECORD or, of volumes, VOLUME_RECORD
        Nuclei of the first run without one near by in the second, and the other way round.
    before, after : the same, shape (N,)
        Nuclei that are in both runs, and moved or changed their brightness.
    """

    image: str
    facts: list[Change]
    removed: Nuclei
    added: Nuclei
    before: Nuclei
    after: Nuclei

    def __bool__(self) -> bool:
        return bool(self.facts or len(self.removed) or len(self.added) or len(self.before))


def diff_settings(first: Run, second: Run) -> list[Change]:
    """Return the settings that two runs were taken with and that differ."""
    a, b = first.about.settings, second.about.settings
    return [(name, a.get(name), b.get(name)) for name in a | b if a.get(name) != b.get(name)]


def diff_images(first: AnyRun, second: AnyRun, radius: float = 6) -> Iterator[ImageDiff]:
    """Yield each image that changed from `first` to `second`.

    Parameters
    ----------
    first, second : Run or path
        The runs, or their folders, before and after.
    radius : float
        Nuclei at most so many pixels apart are taken for the same one: the
        closest first, each at most once.

    Examples
    --------
    >>> list(diff_images("monday/", "tuesday/"))  # doctest: +SKIP
    """
    first, second = as_run(first), as_run(second)
    for row, nuclei in first.all_images():
        change = _diff(row, nuclei, second.find_image(row["name"]), radius)
        if change:
            yield change
    for (name,) in second.rows("name"):
        if not first.has_image(name) and (other := second.find_image(name)) is not None:
            there = [("image", None, other[0]["status"])]
            yield ImageDiff(name, there, _NOBODY, other[1], _NOBODY, _NOBODY)


def _diff(
    row: ImageRow, nuclei: Nuclei, other: tuple[ImageRow, Nuclei] | None, radius: float
) -> ImageDiff:
    if other is None:
        gone = [("image", row["status"], None)]
        return ImageDiff(row["name"], gone, nuclei, _NOBODY, _NOBODY, _NOBODY)
    now, others = other
    facts = [(name, row[name], now[name]) for name in _COMPARED if row[name] != now[name]]
    if nuclei.dtype != others.dtype:
        has_planes = "z" in {*(nuclei.dtype.names or ()), *(others.dtype.names or ())}
        record = VOLUME_RECORD if has_planes else NUCLEUS_RECORD
        nuclei, others = as_records(nuclei, record), as_records(others, record)
    if np.array_equal(nuclei, others):
        return ImageDiff(row["name"], facts, _NOBODY, _NOBODY, _NOBODY, _NOBODY)
    in_first, in_second = _match(nuclei, others, radius)
    before, after = nuclei[in_first], others[in_second]
    changed = before != after
    return ImageDiff(
        row["name"],
        facts,
        np.delete(nuclei, in_first),
        np.delete(others, in_second),
        before[changed],
        after[changed],
    )


def _match(a: Nuclei, b: Nuclei, radius: float) -> tuple[list[int], list[int]]:
    """Return the places of the nuclei that belong together."""
    axes = [axis for axis in ("y", "x", "z") if axis in (a.dtype.names or ())]
    points_a, points_b = (np.column_stack([each[axis] for axis in axes]) for each in (a, b))
    taken: dict[int, int] = {}
    free = np.ones(len(b), bool)
    pairs = pairs_within(points_a.astype(np.int64), points_b.astype(np.int64), radius)
    for in_a, in_b in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
        if in_a not in taken and free[in_b]:
            taken[in_a] = in_b
            free[in_b] = False
    return list(taken), list(taken.values())
