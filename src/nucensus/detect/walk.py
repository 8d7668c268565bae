"""Go through a plane part by part, several at a time; each piece of the file is decoded once."""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import product
from threading import Lock
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..kernel import give_back_freed
from ..values.parts import Area, Parts

Result = TypeVar("Result")
_Cell: TypeAlias = tuple[int, int]

_AT_WORK_PX, _MOST_SIDE, _LEAST_SIDE = 1 << 23, 2048, 1024
"""Pixels of all parts that are worked on at a time, with those that are decoded for them, encoded
and decoded; and side of a part, in pixels. Larger: less is computed twice, more memory."""
_SIDE_IN_REACHES = 4
"""Least side in reaches. Larger: less is computed twice, more memory."""
_BAND_BYTES = 16 << 20
"""Of a part as wide as the image. Larger: less is computed twice, more memory."""
_HELD_BYTES = 64 << 20
"""Of decoded pieces that are held for the parts below them, and of two, encoded and decoded, that
come. Larger: in very wide images fewer are decoded twice, more memory."""
_LEAST_HELD_PX = 1 << 18
"""Pixels from which a tile or chunk of the file is held by itself, else all of a part: it need not
be copied beside its neighbours, and parts may begin within it. Smaller: more steps in Python."""
_SPREAD_PX = 1 << 24
"""Pixels of a task elsewhere. Larger: less is read twice; smaller: more workers can help."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a plane with what is around it.

    Attributes
    ----------
    plane : Parts
    own : Area
        The part itself: no two parts have a pixel in common.
    around : Area
        The part and what is within reach of it.
    fill : number or None
        The grey level of all pixels, if the file leaves them out.
    """

    plane: Parts
    own: Area
    around: Area
    fill: Any
    _pixels: NDArray[Any] | None

    @property
    def pixels(self) -> NDArray[Any]:
        """The pixels of `around`; those that are left out are one number, seen as many."""
        if self._pixels is not None:
            return self._pixels
        return np.broadcast_to(np.array(self.fill, self.plane.dtype), self.around.shape)


def walk(
    plane: Parts,
    work: Callable[[Piece], Result],
    *,
    reach: tuple[int, int],
    threads: int = 1,
    part: tuple[int, int] | None = None,
) -> Iterator[Result]:
    """Yield what `work` makes of each part of a plane, which it is given with what is around it.

    Parameters
    ----------
    plane : Parts
    work : callable
        `work(piece)`, called in several threads; or in other processes, where the plane is spread
        over them.
    reach : (int, int)
        How many rows and columns around a part it looks at.
    threads : int
    part : (int, int), optional
        Rows and columns of a part, multiples of the plane's step.
    """
    sides = part or part_shape(plane, reach, threads)
    grid = _Grid(plane, *sides, reach)
    if plane.spread is not None:
        for found in plane.spread(_Block(work, sides, reach), list(grid.blocks())):
            yield from found
        return
    with ThreadPoolExecutor(threads) as pool:
        for stripe in grid.stripes():
            give_back_freed()
            pieces = _Pieces(grid, stripe)
            yield from _ahead(pool, partial(_work_on, pieces, work), stripe, threads)
    give_back_freed()


def _work_on(pieces: "_Pieces", work: Callable[[Piece], Result], at: _Cell) -> Result:
    return work(pieces.take(at))


@dataclass(frozen=True, slots=True)
class _Block:
    """What is done with some parts that lie together, where a plane is spread."""

    work: Callable[[Piece], Any]
    sides: tuple[int, int]
    reach: tuple[int, int]

    def __call__(self, plane: Parts, block: list[_Cell]) -> list[Any]:
        """Return what becomes of each part."""
        pieces = _Pieces(_Grid(plane, *self.sides, self.reach), block)
        return [self.work(pieces.take(at)) for at in block]


def part_side(plane: Parts, reach: int, threads: int) -> int:
    """Return about which side a part should have, where so many are worked on at a time.

    One at a time is small: it may be that there is memory for no more.
    """
    size = (threads > 1) * (_AT_WORK_PX // threads - 2 * math.prod(tile_of(plane)))
    side = min(_MOST_SIDE, max(_LEAST_SIDE, math.isqrt(max(0, size))))
    return max(side, _SIDE_IN_REACHES * reach)


def part_shape(plane: Parts, reach: tuple[int, int], threads: int) -> tuple[int, int]:
    """Return rows and columns of the parts that a plane is divided into."""
    width, (step_y, step_x) = plane.shape[1], plane.step
    if step_x < width:
        rows, columns = (
            _multiple(step, part_side(plane, each, threads))
            for step, each in zip(plane.step, reach, strict=True)
        )
        return rows, columns
    in_band = _BAND_BYTES // (width * plane.dtype.itemsize)
    return _multiple(step_y, max(in_band, _SIDE_IN_REACHES * reach[0])), width


def held_bytes(plane: Parts, reach: tuple[int, int], threads: int) -> int:
    """Return about how much memory it takes to walk through a plane."""
    rows, columns = sides = part_shape(plane, reach, threads)
    around = plane.whole.widened((0, 0), (rows + 2 * reach[0], columns + 2 * reach[1])).size
    itemsize = plane.dtype.itemsize
    return (threads + 1) * around * itemsize + decoded_bytes(plane, sides, reach, threads)


def decoded_bytes(
    plane: Parts, sides: tuple[int, int], reach: tuple[int, int], threads: int
) -> int:
    """Return about how much memory decoded pieces take that are held for several parts."""
    if not plane.is_decoded:
        return 0
    row = _held_rows(plane, sides[0], reach[0]) * plane.shape[1] * plane.dtype.itemsize
    ahead = math.prod(sides) * plane.dtype.itemsize
    return min(_HELD_BYTES, row) + (threads + 3) * ahead


def holds_tiles(plane: Parts) -> bool:
    """Tell whether what is decoded at a time is held by itself: parts may begin within it."""
    return math.prod(tile_of(plane)) >= _LEAST_HELD_PX


def tile_of(plane: Parts) -> tuple[int, int]:
    """Return rows and columns of what is decoded at a time."""
    return plane.tile or plane.step


def _held_rows(plane: Parts, rows: int, reach: int) -> int:
    """Return of how many rows of pixels something is held for parts of so many rows.

    Of tiles only those stay that both the parts above and below look at.
    """
    tile = tile_of(plane)[0]
    return tile * ((2 * reach - 2) // tile + 2) if holds_tiles(plane) else 2 * rows


def _multiple(step: int, about: int) -> int:
    return step * max(1, round(about / step))


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[_Cell], Result], items: Iterable[_Cell], threads: int
) -> Iterator[Result]:
    """Yield results in order; no more is begun than keeps the threads busy."""
    begun: deque[Future[Result]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) > threads:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for each in begun:
            each.cancel()


@dataclass(frozen=True, slots=True)
class _Grid:
    """The parts of a plane, by their place from top to bottom and from left to right."""

    plane: Parts
    rows: int
    columns: int
    reach: tuple[int, int]

    def stripes(self) -> Iterator[list[_Cell]]:
        """Yield the parts of one stripe after the other, row by row: so wide that few are held."""
        down, across = self._counts
        itemsize = self.plane.dtype.itemsize
        size_bytes = _held_rows(self.plane, self.rows, self.reach[0]) * self.columns * itemsize
        held_bytes = _HELD_BYTES - 4 * math.prod(tile_of(self.plane)) * itemsize
        wide = max(2, held_bytes // size_bytes) if self.plane.is_decoded else across
        for left in range(0, across, wide):
            yield list(product(range(down), range(left, min(left + wide, across))))

    def blocks(self) -> Iterator[list[_Cell]]:
        """Yield the parts that are one task where a plane is spread: some that lie together."""
        (down, across), many = self._counts, max(1, _SPREAD_PX // (self.rows * self.columns))
        wide = min(across, math.isqrt(many))
        high = many // wide
        for top, left in product(range(0, down, high), range(0, across, wide)):
            rows, columns = range(top, min(top + high, down)), range(left, min(left + wide, across))
            yield list(product(rows, columns))

    @property
    def _counts(self) -> tuple[int, int]:
        """How many parts there are from top to bottom and from left to right."""
        (height, width), rows, columns = self.plane.shape, self.rows, self.columns
        return -(-height // rows), -(-width // columns)

    def own(self, at: _Cell) -> Area:
        (height, width), (i, j) = self.plane.shape, at
        return Area(
            i * self.rows, min(height, (i + 1) * self.rows),
            j * self.columns, min(width, (j + 1) * self.columns),
        )  # fmt: skip

    def of_tiles(self) -> "_Grid":
        """Return the pieces that the file is decoded in."""
        return _Grid(self.plane, *tile_of(self.plane), (0, 0))

    def around(self, at: _Cell) -> Area:
        return self.own(at).widened(self.reach, self.plane.shape)

    def decoded_around(self, cells: list[_Cell]) -> Area:
        """Return the least area with all that is around some parts, as it can be decoded."""
        (height, width), (down, across) = self.plane.shape, self.plane.step
        tops, bottoms, lefts, rights = zip(*map(self.around, cells), strict=True)
        return Area(
            min(tops) // down * down, min(height, -(-max(bottoms) // down) * down),
            min(lefts) // across * across, min(width, -(-max(rights) // across) * across),
        )  # fmt: skip

    def cells(self, area: Area) -> list[_Cell]:
        """Return the parts that an area lies in."""
        down = range(area.top // self.rows, (area.bottom - 1) // self.rows + 1)
        across = range(area.left // self.columns, (area.right - 1) // self.columns + 1)
        return list(product(down, across))


class _Span(NamedTuple):
    """What of a row or a column of cells lies in an area: its number, where there, where here."""

    number: int
    there: slice
    here: slice


def _spans(side: int, seen: Sequence[int], area: Sequence[int]) -> Iterator[_Span]:
    """Yield the cells along an axis that an area lies in, which begin where anything is seen."""
    first, beyond = area
    for number in range(first // side, (beyond - 1) // side + 1):
        begin = max(number * side, seen[0])
        start, stop = max(begin, first), min((number + 1) * side, beyond)
        yield _Span(number, slice(start - begin, stop - begin), slice(start - first, stop - first))


class _Pieces:
    """The pieces of some parts; what is around them is decoded once, and no more than that.

    It is forgotten when the last part has used it.
    """

    def __init__(self, grid: _Grid, stripe: list[_Cell]) -> None:
        self._grid, self._plane = grid, grid.plane
        self._cells = grid.of_tiles() if holds_tiles(grid.plane) else grid
        self._seen = grid.decoded_around(stripe)
        self._left = Counter(cell for at in stripe for cell in self._cells.cells(grid.around(at)))
        self._held: dict[_Cell, Future[tuple[Any, NDArray[Any] | None]]] = {}
        self._lock = Lock()

    def take(self, at: _Cell) -> Piece:
        """Return a piece."""
        grid, plane = self._grid, self._plane
        own, around = grid.own(at), grid.around(at)
        if not plane.is_decoded:
            return Piece(plane, own, around, None, plane.read(around))
        seen, cells = self._seen, self._cells
        rows = list(_spans(cells.rows, seen[:2], around[:2]))
        columns = list(_spans(cells.columns, seen[2:], around[2:]))
        places = [(row.number, column.number) for row in rows for column in columns]
        begun = [self._decode(place) for place in places]  # then is waited for what others decode
        decoded = [each.result() for each in begun]
        fills, pixels = {fill for fill, _ in decoded}, None
        if len(fills) > 1 or None in fills:
            pixels = self._joined(rows, columns, decoded, around)
        self._release(places)
        return Piece(plane, own, around, fills.pop() if pixels is None else None, pixels)

    def _joined(
        self, rows: list[_Span], columns: list[_Span], decoded: list[Any], around: Area
    ) -> NDArray[Any]:
        """Return the pixels of an area by those of its cells, or by the levels that they have."""
        only: NDArray[Any] = decoded[0][1]
        if len(decoded) == 1 and only.shape == around.shape:
            return only
        pixels, found = np.empty(around.shape, self._plane.dtype), iter(decoded)
        for _, down, to_down in rows:  # thousands: as little Python as can be
            for _, across, to_across in columns:
                fill, cell = next(found)
                pixels[to_down, to_across] = fill if cell is None else cell[down, across]
        return pixels

    def _decode(self, cell: _Cell) -> Future[tuple[Any, NDArray[Any] | None]]:
        """Return what holds the fill value of a cell that the file leaves out, or its pixels.

        It is decoded here, unless another thread does that, or has done it.
        """
        with self._lock:
            known = self._held.get(cell)
            future = self._held[cell] = known or Future()
        if known is None:
            area = self._cells.own(cell).shared(self._seen)
            try:
                fill = self._plane.fill_of(area)
                future.set_result((fill, None if fill is not None else self._plane.read(area)))
            except BaseException as error:  # noqa: BLE001 all who wait for it are told
                future.set_exception(error)
        return future

    def _release(self, cells: list[_Cell]) -> None:
        with self._lock:
            for cell in cells:
                self._left[cell] -= 1
                if not self._left[cell]:
                    self._held.pop(cell, None)
