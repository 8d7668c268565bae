"""Estimate what the nuclei of a large image are like by fields of it, as by the images of a set."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..values.parts import Area
from .estimate_image import estimate
from .levels import AnyLevels, Levels
from .median import median
from .pooled import Estimate, pool
from .rules import Rules

Read: TypeAlias = Callable[[Area], NDArray[Any]]
"""Returns the pixels of an area."""
Look: TypeAlias = Callable[[Sequence[Area]], Iterable[Estimate]]
"""Returns the estimate of each of some fields."""

BLOCK_PX, _APART_PX = 16, 4
"""Side of the squares by which it is told where something rises, and from one of their pixels that
is looked at to the next. Larger: small nuclei do not show; smaller: slower."""
LOOKED_AT = (BLOCK_PX // _APART_PX) ** 2
"""How many pixels of a square that are."""
_FIELD_PX, _FIELD_COUNT = 1024, 16
"""Side of a field, and how many are looked at. Larger: slower, and more is learned from."""
_FEW = 20
"""Nuclei: with fewer more fields are looked at. Larger: slower where there are few."""


def estimate_levels(levels: AnyLevels, rules: Rules) -> Estimate:
    """Estimate what the nuclei of an image are like, of a large one by fields of it."""
    if not isinstance(levels, Levels):
        return levels.estimate(rules)
    if levels.pixels.size <= rules.large_px:
        return estimate(levels, rules)
    heights = Heights(levels.extent)
    heights.add(Area(0, levels.extent[0], 0, levels.extent[1]), levels.pixels)
    found = estimate_fields(looking(_of(levels.pixels), rules), heights)
    in_levels = ("contrast", "noise", "grain")
    return replace(
        found,
        background=levels.zero + levels.unit * found.background,
        **{name: levels.unit * getattr(found, name) for name in in_levels},
    )


def _of(pixels: NDArray[Any]) -> Read:
    def read(area: Area) -> NDArray[Any]:
        return pixels[area.top : area.bottom, area.left : area.right]

    return read


class Heights:
    """How bright squares of an image are, to tell where something rises.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the image.
    sums : ndarray of float32
        Sums of some pixels of each square; of 16 bits they are exact, in whatever order.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.sums = np.zeros([n // BLOCK_PX for n in shape], np.float32)

    def add(self, area: Area, pixels: NDArray[Any]) -> None:
        """Take the pixels of an area, which begins with squares."""
        self.put(area, sums_of_squares(pixels))

    def put(self, area: Area, sums: NDArray[np.float32]) -> None:
        """Take the sums of the squares of an area."""
        top, left = area.top // BLOCK_PX, area.left // BLOCK_PX
        self.sums[top : top + sums.shape[0], left : left + sums.shape[1]] = sums

    def rise(self, area: Area) -> float:
        """Return how much the brightest square of an area is above most."""
        rows, columns = (
            slice(first // BLOCK_PX, max(first // BLOCK_PX + 1, beyond // BLOCK_PX))
            for first, beyond in (area[:2], area[2:])
        )
        sums = self.sums[rows, columns]
        return float(sums.max() - median(sums.ravel())) if sums.size else 0.0


def sums_of_squares(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return the sums of some pixels of each square of an area, as `Heights` has them."""
    rows, columns = (n // BLOCK_PX * BLOCK_PX for n in pixels.shape)
    sums = np.zeros((rows // BLOCK_PX, columns // BLOCK_PX), np.float32)
    for y, x in product(range(0, BLOCK_PX, _APART_PX), repeat=2):
        sums += pixels[y:rows:BLOCK_PX, x:columns:BLOCK_PX]
    return sums


def sums_of_level(shape: tuple[int, int], level: float) -> NDArray[np.float32]:
    """Return those of an area of which all pixels have one level."""
    return np.full([n // BLOCK_PX for n in shape], LOOKED_AT * level, np.float32)


def estimate_fields(
    look: Look,
    heights: Heights,
    *,
    side: int = _FIELD_PX,
    areas: Sequence[Area] | None = None,
) -> Estimate:
    """Estimate what the nuclei of an image are like by fields of it.

    Parameters
    ----------
    look : callable
        Gives the estimates of fields.
    heights : Heights
        Of the whole image.
    side : int
        Of a field, in pixels, about.
    areas : sequence of Area, optional
        The pictures of an image that is several, with margins between them.

    Returns
    -------
    Estimate
        That of the fields together; nuclei are counted by their density in them.

    Notes
    -----
    All fields cover the image. They are put in order by how much rises in them, and those that are
    looked at are the closer in that order the more does: a slide that is empty but for a section
    is learned from where the section is. Where they show few nuclei, the next that rise most are
    looked at, and all of them before an image is called blank.
    """
    areas = areas or [Area(0, heights.shape[0], 0, heights.shape[1])]
    fields = [field for area in areas for field in _fields(area, side)]
    fields.sort(key=lambda field: -heights.rise(field))
    first = sorted({len(fields) * i**2 // _FIELD_COUNT**2 for i in range(_FIELD_COUNT)})
    shares = np.diff([*first, len(fields)]).tolist()
    others = [field for i, field in enumerate(fields) if i not in set(first)]
    found = list(look([fields[i] for i in first]))
    density = _mean([each.count / each.size_px for each in found], shares)
    foreground = _mean([each.foreground for each in found], shares)
    seen = sum(each.count for each in found)
    while others and (not seen or (seen < _FEW and len(found) == len(first))):
        found += look(others[:_FIELD_COUNT])
        others, seen = others[_FIELD_COUNT:], sum(each.count for each in found)
    return _joined(found, density, foreground, sum(area.size for area in areas))


def looking(read: Read, rules: Rules, threads: int = 1) -> Look:
    """Return what looks at fields here, so many at a time."""
    from concurrent.futures import ThreadPoolExecutor  # few images are so large

    def look(fields: Sequence[Area]) -> list[Estimate]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda field: estimate(read(field), rules), fields))

    return look


def even_fields(shape: tuple[int, int]) -> list[Area]:
    """Return as many fields as are looked at first, which lie evenly in an image of a shape."""
    fields = list(_fields(Area(0, shape[0], 0, shape[1]), _FIELD_PX))
    places = {(2 * i + 1) * len(fields) // (2 * _FIELD_COUNT) for i in range(_FIELD_COUNT)}
    return [fields[place] for place in sorted(places)]


def _fields(area: Area, side: int) -> Iterator[Area]:
    """Yield the fields that cover an area."""
    edges = []
    for first, size in zip((area.top, area.left), area.shape, strict=True):
        count = max(1, round(size / side))
        edges.append([first + i * size // count for i in range(count + 1)])
    for (top, bottom), (left, right) in product(*map(pairwise, edges)):
        yield Area(top, bottom, left, right)


def _mean(values: list[float], shares: list[int]) -> float:
    return float(np.average(values, weights=shares))


def _joined(found: list[Estimate], density: float, foreground: float, size_px: int) -> Estimate:
    """Return the estimates of fields as that of the image."""
    seen = sum(each.count for each in found)
    count = max(seen, round(density * size_px))
    return pool(found).as_estimate(count=count, foreground=foreground, size_px=size_px)
