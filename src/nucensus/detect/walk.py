"""Go through a plane part by part, several at a time; each piece of the file is decoded once."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import product
from threading import Lock
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..values.parts import Area, Parts

Result = TypeVar("Result")
_Cell: TypeAlias = tuple[int, int]

_LEAST_SIDE, _SIDE_IN_REACHES = 1024, 4
"""Side of a part, in pixels and in reaches. Larger: less is computed twice, more memory."""
_BAND_BYTES = 16 << 20
"""Of a part as wide as the image. Larger: less is computed twice, more memory."""
_HELD_BYTES = 64 << 20
"""Of decoded pieces that are held for the parts below them. Larger: in very wide images fewer are
decoded twice, more memory."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a plane with what is around it.

    Attributes
    ----------
    own : Area
        The part itself: no two parts have a pixel in common.
    around : Area
        The part and what is within reach of it.
    fill : number or None
        The grey level of all pixels, if the file leaves them out.
    """

    own: Area
    around: Area
    fill: Any
    _pixels: NDArray[Any] | None
    _dtype: np.dtype[Any]

    @property
    def pixels(self) -> NDArray[Any]:
        """The pixels of `around`; those that are left out are one number, seen as many."""
        if self._pixels is not None:
            return self._pixels
        return np.broadcast_to(np.array(self.fill, self._dtype), self.around.shape)


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
        `work(piece)`, called in several threads.
    reach : (int, int)
        How many rows and columns around a part it looks at.
    threads : int
    part : (int, int), optional
        Rows and columns of a part, multiples of the plane's step.
    """
    rows, columns = part or part_shape(plane, reach)
    grid = _Grid(plane, rows, columns, reach)
    with ThreadPoolExecutor(threads) as pool:
        for stripe in grid.stripes():
            pieces = _Pieces(grid, stripe)
            yield from _ahead(pool, partial(_work_on, pieces, work), stripe, threads)


def _work_on(pieces: "_Pieces", work: Callable[[Piece], Result], at: _Cell) -> Result:
    return work(pieces.take(at))


def part_shape(plane: Parts, reach: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of the parts that a plane is divided into."""
    width, (step_y, step_x) = plane.shape[1], plane.step
    if step_x < width:
        rows, columns = (
            _multiple(step, max(_LEAST_SIDE, _SIDE_IN_REACHES * each))
            for step, each in zip(plane.step, reach, strict=True)
        )
        return rows, columns
    in_band = _BAND_BYTES // (width * plane.dtype.itemsize)
    return _multiple(step_y, max(in_band, _SIDE_IN_REACHES * reach[0])), width


def held_bytes(plane: Parts, reach: tuple[int, int], threads: int) -> int:
    """Return about how much memory it takes to walk through a plane."""
    rows, columns = part_shape(plane, reach)
    around = plane.whole.widened((0, 0), (rows + 2 * reach[0], columns + 2 * reach[1])).size
    itemsize, held = plane.dtype.itemsize, 0
    if plane.is_decoded:
        two_rows = 2 * rows * plane.shape[1] * itemsize
        held = min(_HELD_BYTES, two_rows) + (threads + 3) * rows * columns * itemsize
    return (threads + 1) * around * itemsize + held


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
        down, across = (
            -(-size // side)
            for size, side in zip(self.plane.shape, (self.rows, self.columns), strict=True)
        )
        size_bytes = 2 * self.rows * self.columns * self.plane.dtype.itemsize
        wide = max(2, _HELD_BYTES // size_bytes) if self.plane.is_decoded else across
        for left in range(0, across, wide):
            yield list(product(range(down), range(left, min(left + wide, across))))

    def own(self, at: _Cell) -> Area:
        (height, width), (i, j) = self.plane.shape, at
        return Area(
            i * self.rows, min(height, (i + 1) * self.rows),
            j * self.columns, min(width, (j + 1) * self.columns),
        )  # fmt: skip

    def around(self, at: _Cell) -> Area:
        return self.own(at).widened(self.reach, self.plane.shape)

    def cells(self, area: Area) -> list[_Cell]:
        """Return the parts that an area lies in."""
        down = range(area.top // self.rows, (area.bottom - 1) // self.rows + 1)
        across = range(area.left // self.columns, (area.right - 1) // self.columns + 1)
        return list(product(down, across))


class _Pieces:
    """The pieces of a stripe; a part is decoded once, and forgotten when the last has used it."""

    def __init__(self, grid: _Grid, stripe: list[_Cell]) -> None:
        self._grid, self._plane = grid, grid.plane
        self._left = Counter(cell for at in stripe for cell in grid.cells(grid.around(at)))
        self._held: dict[_Cell, Future[Any]] = {}
        self._lock = Lock()

    def take(self, at: _Cell) -> Piece:
        """Return a piece."""
        grid, plane = self._grid, self._plane
        own, around = grid.own(at), grid.around(at)
        if not plane.is_decoded:
            return Piece(own, around, None, plane.read(around), plane.dtype)
        cells = grid.cells(around)
        decoded = [self._decoded(cell) for cell in cells]
        fills = {fill for fill, _ in decoded}
        if len(fills) == 1 and None not in fills:
            pixels = None
        else:
            pixels = np.empty(around.shape, plane.dtype)
            for cell, (fill, found) in zip(cells, decoded, strict=True):
                self._copy(grid.own(cell), fill if found is None else found, around, pixels)
        self._release(cells)
        return Piece(own, around, fills.pop() if pixels is None else None, pixels, plane.dtype)

    @staticmethod
    def _copy(cell: Area, found: Any, around: Area, pixels: NDArray[Any]) -> None:
        shared = cell.shared(around)
        pixels[shared.cut(around)] = found[shared.cut(cell)] if np.ndim(found) else found

    def _decoded(self, cell: _Cell) -> tuple[Any, NDArray[Any] | None]:
        """Return the fill value of a part that the file leaves out, or its pixels."""
        with self._lock:
            known = self._held.get(cell)
            future = self._held[cell] = known or Future()
        if known is None:
            area = self._grid.own(cell)
            try:
                fill = self._plane.fill_of(area)
                future.set_result((fill, None if fill is not None else self._plane.read(area)))
            except BaseException as error:  # noqa: BLE001 all who wait for it are told
                future.set_exception(error)
        found: tuple[Any, NDArray[Any] | None] = future.result()
        return found

    def _release(self, cells: list[_Cell]) -> None:
        with self._lock:
            for cell in cells:
                self._left[cell] -= 1
                if not self._left[cell]:
                    self._held.pop(cell, None)
