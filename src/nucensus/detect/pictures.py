"""Find the pictures in a large image, between margins, and count each of them by itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..values import Outlines
from ..values.parts import Area
from .fields import BLOCK_PX, LOOKED_AT, Heights, Look, Read, estimate_fields, looking
from .frame import Box
from .levels import AnyLevels, DividedLevels, Levels, as_levels
from .padding import Mask, bounding_box, is_exact, is_wide, level_of_frame
from .pooled import Estimate
from .regions import COLUMNS, Measure, Regions
from .rules import Rules

if TYPE_CHECKING:
    from .padding_in_parts import Lines

LookBy: TypeAlias = Callable[[Rules], Look]

_APART_PX = 96
"""Width of a margin that divides pictures, and least side of one. Larger: pictures with a seam are
one; smaller: a large nucleus may be a picture."""
SMALL_PX = 1 << 23
"""Pixels of a picture that is held in memory, where others are read in parts. Larger: more memory;
smaller: slower."""
MASKED_PX = 1 << 25
"""Pixels of a picture with a margin in it that is held in memory, where for a larger one the whole
image is. Larger: more memory."""
BYTES_HELD = 15
"""Of memory for each pixel of such a picture, as measured."""
_UNSEEN_PX = 3
"""Rows or columns that a picture may begin before the first square with a pixel of it."""


class Pictures(DividedLevels):
    """What `Levels` says of an image, of one that is several pictures with margins between them.

    Each picture has a background, a noise and a threshold of its own; what the nuclei look like is
    estimated from all of them.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    areas : sequence of Area
        The pictures.
    heights : Heights
        Of the image.
    look_by : callable
        Gives what looks at fields by some rules.
    open_levels : callable
        Gives the levels of a picture, at its place in the image.
    threads : int
        How many small pictures are worked on at a time.
    small_px : int
        Pixels of the largest picture that is small.
    """

    def __init__(
        self, shape: tuple[int, int], areas: Sequence[Area], heights: Heights, look_by: LookBy,
        open_levels: Callable[[Area], AnyLevels], *, threads: int = 1, small_px: int = SMALL_PX,
    ) -> None:  # fmt: skip
        self.extent = self.image_shape = shape
        self._areas, self._heights, self._look_by = areas, heights, look_by
        self._open, self._threads, self._small_px = open_levels, threads, small_px
        self.size_px = sum(area.size for area in areas)

    def size_within(self, box: Box) -> int:
        """Return how many pixels of the pictures lie in these rows and columns of the image."""
        return sum(self._open(area).size_within(box) for area in self._areas)

    def estimate(self, rules: Rules) -> Estimate:
        """Estimate what the nuclei are like, from fields of all pictures."""
        return estimate_fields(self._look_by(rules), self._heights, areas=self._areas)

    def find(self, find: Callable[[AnyLevels], Regions]) -> Regions:
        """Find the regions of all pictures; small ones several at a time."""
        from concurrent.futures import ThreadPoolExecutor

        small = [area for area in self._areas if area.size <= self._small_px]
        with ThreadPoolExecutor(self._threads) as pool:
            of_small = pool.map(lambda area: find(self._open(area)), small)
            found = dict(zip(small, of_small, strict=True))
        for area in self._areas:
            if area not in found:
                found[area] = find(self._open(area))
        sizes = [area.size for area in self._areas]
        return _joined([found[area] for area in self._areas], sizes)


def _joined(parts: Sequence[Regions], sizes: Sequence[int]) -> Regions:
    """Return the regions of several pictures as those of one image.

    What else was measured becomes its mean; a picture weighs as much as its size.
    """
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in parts])
        for name in (*COLUMNS, "refined", "shapes", "ridges")
        if all(getattr(each, name) is not None for each in parts)
    }
    measure = {
        each.name: float(
            np.average([getattr(one.measure, each.name) for one in parts], weights=sizes)
        )
        for each in fields(Measure)
    }
    outlines = [each.outlines for each in parts if each.outlines is not None]
    joined = Outlines.join(outlines) if len(outlines) == len(parts) else None
    return Regions(**columns, measure=Measure(**measure), outlines=joined)


def find_pictures(lines: "Lines", heights: Heights, read: Read) -> list[Area] | None:
    """Return where the pictures of an image are; None if there is no margin.

    Parameters
    ----------
    lines : Lines
        Of the image, by which it is told whether it may have a margin.
    heights : Heights
        Of it, by which it is told where the margin is.
    read : callable
        Gives the pixels of an area.

    Notes
    -----
    A picture is what lies between rows and columns of the margin that are wider than a nucleus, and
    between such within these, and so on. What is narrower than a nucleus is no picture.
    """
    level, is_picture = _look_for_margin(lines, heights.sums)
    if is_picture is None:
        return None
    areas = (_exact(_in_pixels(box, heights), level, read) for box in _divide(is_picture))
    return [area for area in areas if min(area.shape) >= _APART_PX]


def _look_for_margin(lines: "Lines", sums: NDArray[np.float32]) -> tuple[Any, Mask | None]:
    """Return the level of the margin, and which squares are a picture; None without a margin."""
    frame = level_of_frame(lines.edges)
    if frame is not None and lines.most <= frame and (sums <= LOOKED_AT * float(frame)).all():
        is_picture = sums < LOOKED_AT * float(frame)
        if is_picture.any():
            filled = np.zeros_like(is_picture)
            filled[bounding_box(is_picture)] = True
            return frame, filled
    black = lines.level_of_margin()
    if black is None:
        return None, None
    is_picture = sums > LOOKED_AT * black
    return black, is_picture if is_wide(is_picture, BLOCK_PX) else None


def _divide(is_picture: Mask, top: int = 0, left: int = 0) -> Iterator[Area]:
    """Yield the boxes of squares with pictures, divided where what is between them is wide."""
    box = bounding_box(is_picture)
    part, top, left = is_picture[box], top + box[0].start, left + box[1].start
    for axis in (0, 1):
        spans = _spans(np.any(part, axis=1 - axis))
        if len(spans) > 1:
            for first, beyond in spans:
                if axis == 0:
                    yield from _divide(part[first:beyond], top + first, left)
                else:
                    yield from _divide(part[:, first:beyond], top, left + first)
            return
    yield Area(top, top + part.shape[0], left, left + part.shape[1])


def _spans(line: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the spans of a line, from the first to beyond the last, between wide gaps."""
    places = np.flatnonzero(line)
    ends = np.flatnonzero(np.diff(places) > _APART_PX // BLOCK_PX)
    starts = np.concatenate(([0], ends + 1))
    return list(zip(places[starts].tolist(), (places[[*ends, -1]] + 1).tolist(), strict=True))


def _in_pixels(box: Area, heights: Heights) -> Area:
    """Return a box of squares in pixels; one at the end reaches to the edge of the image."""
    (height, width), (rows, columns) = heights.shape, heights.sums.shape
    return Area(
        box.top * BLOCK_PX, height if box.bottom == rows else box.bottom * BLOCK_PX,
        box.left * BLOCK_PX, width if box.right == columns else box.right * BLOCK_PX,
    ).widened((_UNSEEN_PX, _UNSEEN_PX), heights.shape)  # fmt: skip


def _exact(area: Area, level: Any, read: Read) -> Area:
    """Return an area from the first to the last row and column with a pixel of a picture."""
    strip = BLOCK_PX + 2 * _UNSEEN_PX + BLOCK_PX
    top, bottom, left, right = area

    def seen(part: Area, axis: int) -> NDArray[np.int64]:
        return np.flatnonzero((read(part) != level).any(axis=axis))

    upper, lower = min(bottom, top + strip), max(top, bottom - strip)
    first, last = seen(Area(top, upper, left, right), 1), seen(Area(lower, bottom, left, right), 1)
    top, bottom = top + int(first[0]), lower + int(last[-1]) + 1
    nearer, farther = min(right, left + strip), max(left, right - strip)
    first, last = (
        seen(Area(top, bottom, left, nearer), 0),
        seen(Area(top, bottom, farther, right), 0),
    )
    return Area(top, bottom, left + int(first[0]), farther + int(last[-1]) + 1)


def levels_of(image: NDArray[Any], rules: Rules) -> Levels | Pictures:
    """Return the levels of an image in memory; of a large one with margins those of its pictures.

    Raises
    ------
    ValueError, TypeError
        As of `as_levels`.
    """
    if not (image.ndim == 2 and is_exact(image.dtype) and image.size > rules.large_px):
        return as_levels(image)
    from .padding_in_parts import Lines  # few images are so large

    pixels = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    shape = image.shape[0], image.shape[1]
    whole = Area(0, shape[0], 0, shape[1])
    lines, heights = Lines(shape, pixels.dtype), Heights(shape)
    lines.add(whole, pixels)
    heights.add(whole, pixels)

    def read(area: Area) -> NDArray[Any]:
        return pixels[area.top : area.bottom, area.left : area.right]

    areas = find_pictures(lines, heights, read)
    if not areas or areas == [whole]:
        return as_levels(image)
    return Pictures(
        shape, areas, heights, partial(looking, read),
        lambda area: levels_at(read(area), area, shape),
    )  # fmt: skip


def levels_at(pixels: NDArray[Any], area: Area, shape: tuple[int, int]) -> Levels:
    """Return the levels of a picture at its place in an image of a shape."""
    levels = as_levels(pixels)
    top, left = levels.origin
    return replace(levels, origin=(area.top + top, area.left + left), shape=shape)
