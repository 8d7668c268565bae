"""How much of an image that is read part by part is the picture, and no margin."""

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..values import Settings
from ..values.parts import Area, Parts
from .frame import Box
from .padding import (
    SAMPLED,
    Edges,
    Mask,
    is_exact,
    is_wide,
    level_of_frame,
    level_of_margin,
    line_steps,
    may_have_margin,
    widened,
)
from .upright import upright
from .walk import Piece, walk

_REACH = 3
"""Pixels around one that `widened` looks at."""


class PartOfLines(NamedTuple):
    """What of some rows and columns of an image lies in a part of it."""

    own: Area
    rows: NDArray[Any]
    columns: NDArray[Any]


def lines_in(shape: tuple[int, int], own: Area, pixels: NDArray[Any]) -> PartOfLines:
    """Return what lies in a part of the lines of an image of a shape."""
    rows, columns = _places(shape)
    down, across = within(rows, *own[:2]), within(columns, *own[2:])
    return PartOfLines(own, pixels[rows[down] - own.top], pixels[:, columns[across] - own.left])


@functools.lru_cache(maxsize=8)
def _places(shape: tuple[int, int]) -> list[NDArray[np.int64]]:
    """Return which rows and columns tell whether an image may have a margin."""
    return [
        np.union1d(np.arange(0, size, step), size - 1)
        for size, step in zip(shape, line_steps(shape), strict=True)
    ]


def within(places: NDArray[np.int64], first: int, beyond: int) -> slice:
    """Return which of some places, in order, lie from the first to before the one beyond."""
    return slice(*np.searchsorted(places, (first, beyond)))


class Lines:
    """The rows and columns of an image that tell whether it may have a margin."""

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self._shape, self._places = shape, _places(shape)
        self._rows = np.empty((len(self._places[0]), shape[1]), dtype)
        self._columns = np.empty((len(self._places[1]), shape[0]), dtype)
        self._steps = line_steps(shape)

    def add(self, own: Area, pixels: NDArray[Any]) -> None:
        """Take what lies in a part."""
        self.put(lines_in(self._shape, own, pixels))

    def put(self, part: PartOfLines) -> None:
        """Take what of the lines lies in a part."""
        (rows, columns), own = self._places, part.own
        self._rows[within(rows, *own[:2]), own.left : own.right] = part.rows
        self._columns[within(columns, *own[2:]), own.top : own.bottom] = part.columns.T

    @property
    def edges(self) -> Edges:
        """The first and the last row and column."""
        return self._rows[0], self._rows[-1], self._columns[0], self._columns[-1]

    @property
    def most(self) -> Any:
        """The greatest level of them."""
        return max(self._rows.max(), self._columns.max())

    def level_of_margin(self) -> float | None:
        """Return the level of a black margin, if there may be one."""
        down, across = (
            places % step == 0 for places, step in zip(self._places, self._steps, strict=True)
        )
        return level_of_margin(self._rows[down], self._columns[across])


class _Seen(NamedTuple):
    """What a part holds beside a level that may be that of a margin."""

    own: Area
    others: int
    """Pixels of another level."""
    pictured: int
    """Pixels of the box that are no margin."""
    margin: int
    """Pixels of the part that are."""
    extent: tuple[Any, Any]
    where: tuple[NDArray[np.bool_], NDArray[np.bool_], Mask] | None
    """The rows and the columns with pixels of another level, and the `SAMPLED` pixels that are."""


class _Picture:
    """What all parts hold beside a level."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._rows, self._columns = (np.zeros(size, np.bool_) for size in shape)
        self._sample = np.zeros([len(range(size)[SAMPLED]) for size in shape], np.bool_)
        self.others = self.pictured = self.margin = 0
        self.least: Any = np.inf
        self.most: Any = -np.inf

    def add(self, seen: _Seen) -> None:
        """Take what a part holds."""
        self.others += seen.others
        self.pictured += seen.pictured
        self.margin += seen.margin
        self.least, self.most = min(self.least, seen.extent[0]), max(self.most, seen.extent[1])
        if seen.where is not None:
            own, (rows, columns, sample) = seen.own, seen.where
            self._rows[own.top : own.bottom] |= rows
            self._columns[own.left : own.right] |= columns
            top, left = (_sampled(first, first)[0] for first in (own.top, own.left))
            self._sample[top : top + len(sample), left : left + sample.shape[1]] = sample

    @property
    def is_wide(self) -> bool:
        """Whether squares larger than a nucleus cover most of it."""
        return is_wide(self._sample)

    @property
    def bounds(self) -> Area:
        """From the first to the last row and column with another level."""
        rows, columns = np.flatnonzero(self._rows), np.flatnonzero(self._columns)
        return Area(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def size_seen_in_parts(
    plane: Parts, lines: Lines, box: Box, settings: Settings, *, threads: int
) -> int:
    """Do what `size_seen` does: return how many pixels of a box of an image are the picture."""
    counting = Area(box[0].start, box[0].stop, box[1].start, box[1].stop)
    size = None
    if is_exact(plane.dtype) and may_have_margin(lines.edges):
        look = partial(_look, plane, counting, settings, threads)
        size = _inside_white_frame(lines, counting, look)
        size = _beside_black(lines, counting, look) if size is None else size
    return size or counting.size


def _inside_white_frame(lines: Lines, box: Area, look: Callable[[Any], _Picture]) -> int | None:
    frame = level_of_frame(lines.edges)
    if frame is None or lines.most > frame:
        return None
    picture = look(frame)
    if not picture.least < frame == picture.most:
        return None
    return picture.bounds.shared(box).size


def _beside_black(lines: Lines, box: Area, look: Callable[[Any], _Picture]) -> int | None:
    black = lines.level_of_margin()
    if black is None:
        return None
    picture = look(black)
    if not picture.is_wide:
        return None
    if picture.others == picture.bounds.size:
        return picture.bounds.shared(box).size
    return picture.pictured if picture.margin else None


def _look(plane: Parts, box: Area, settings: Settings, threads: int, level: Any) -> _Picture:
    """Look at all pixels again, for a level that may be that of a margin."""
    picture, see = _Picture(plane.shape), partial(_see_piece, box, settings, level)
    for seen in walk(plane, see, reach=(_REACH, _REACH), threads=threads):
        picture.add(seen)
    return picture


def _see_piece(box: Area, settings: Settings, level: Any, piece: Piece) -> _Seen:
    pixels, counted = upright(piece.pixels, settings), piece.own.shared(box)
    if piece.fill is not None and pixels[0, 0] == level:
        return _Seen(piece.own, 0, 0, piece.own.size, (level, level), None)
    return _see(piece, pixels, pixels != level, counted)


def _see(piece: Piece, pixels: NDArray[Any], other: Mask, counted: Area) -> _Seen:
    """Return what a part holds beside a level; `other` tells which pixels are of another one."""
    own, cut = piece.own, piece.own.cut(piece.around)
    is_mixed = not other.all() and other.any()  # else it is the same when widened
    margin = (widened(~other) if is_mixed else ~other)[cut]
    pixels, other = pixels[cut], other[cut]
    rows, columns = (_sampled(first, beyond)[1] for first, beyond in (own[:2], own[2:]))
    return _Seen(
        own, int(np.count_nonzero(other)),
        counted.size - int(np.count_nonzero(margin[counted.cut(own)])),
        int(np.count_nonzero(margin)), (pixels.min(), pixels.max()),
        (np.any(other, axis=1), np.any(other, axis=0), other[rows, columns]),
    )  # fmt: skip


def _sampled(first: int, beyond: int) -> tuple[int, slice]:
    """Return the place of the first `SAMPLED` pixel of a span in the sample, and where it lies."""
    place = max(0, -(-(first - SAMPLED.start) // SAMPLED.step))
    return place, slice(SAMPLED.start + place * SAMPLED.step - first, beyond - first, SAMPLED.step)
