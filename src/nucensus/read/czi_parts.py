"""Read a plane of a CZI mosaic part by part: by the tiles that lie there."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..values.parts import Area, Parts
from .czi_tiles import Tile
from .vendor import explained

_MOST_TILE_BYTES = 64 << 20
"""Bytes of a tile above which a mosaic is read whole. Larger: more memory."""
_CELL_PX = 4
"""Side of the squares by which it is told whether a level is there. Larger: gaps go unseen."""
_HELD_BYTES = 8 << 20
"""Of decoded tiles that are held, which reach into several parts; one is in any case. Larger: more
memory, fewer are decoded again."""
_ROW_APART = 4
"""Of the side of a tile: so much apart begin those of two rows, or columns. Larger: those of a row
may begin at less unlike places."""


class Composed:
    """The tiles of a plane, later ones on top of earlier ones; between them it is 0.

    Parameters
    ----------
    tiles : sequence of Tile
    corner : (int, int)
        Row and column of the mosaic where the plane begins.
    sample : int
        Which of the samples of a pixel.
    held_bytes : int
        Of decoded tiles that are held.
    """

    def __init__(
        self, tiles: Sequence[Tile], corner: tuple[int, int], sample: int,
        held_bytes: int = _HELD_BYTES,
    ) -> None:  # fmt: skip
        self.dtype = np.dtype(tiles[0].dtype)
        self.tile_bytes = max(tile.height * tile.width * tile.samples for tile in tiles)
        self.tile_bytes *= self.dtype.itemsize
        self._tiles, self._sample = tiles, sample
        places = [(t.y, t.y + t.height, t.x, t.x + t.width) for t in tiles]
        self._places = np.array(places) - np.repeat(corner, 2)
        self._held: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._held_bytes, self._lock = held_bytes, Lock()

    def read(self, area: Area) -> NDArray[Any]:
        """Return the pixels of an area; a tile that is hidden there by another is not decoded."""
        plane = np.zeros(area.shape, self.dtype)
        seen: list[tuple[int, Area]] = []
        for number in reversed(self._within(area)):
            shared = self._place(number).shared(area)
            if all(shared.shared(above) != shared for _, above in seen):
                seen.append((number, shared))
        for number, shared in reversed(seen):
            plane[shared.cut(area)] = self._pixels(number)[shared.cut(self._place(number))]
        return plane

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns from one tile to the next, about."""
        return _apart(self._places[:, :2]), _apart(self._places[:, 2:])

    def _place(self, number: int) -> Area:
        return Area(*self._places[number].tolist())

    def fill_of(self, area: Area) -> int | None:
        """Return the grey level of an area without tiles; None of others."""
        return None if len(self._within(area)) else 0

    def _within(self, area: Area) -> list[int]:
        """Return which tiles an area has something of, in their order."""
        top, bottom, left, right = self._places.T
        lies = (top < area.bottom) & (bottom > area.top) & (left < area.right) & (right > area.left)
        return np.flatnonzero(lies).tolist()

    def _pixels(self, number: int) -> NDArray[Any]:
        """Return the pixels of a tile, which is held until others need the room."""
        with self._lock:
            if number in self._held:
                self._held.move_to_end(number)
                return self._held[number]
        pixels = np.ascontiguousarray(self._tiles[number].read()[..., self._sample])
        with self._lock:
            self._held[number] = pixels
            while len(self._held) > 1 and self._size_bytes() > self._held_bytes:
                self._held.popitem(last=False)
        return pixels

    def _size_bytes(self) -> int:
        return sum(each.nbytes for each in self._held.values())


def _apart(ends: NDArray[np.int64]) -> int:
    """Return how far from each other tiles begin, with first and last along an axis of each."""
    side = int((ends[:, 1] - ends[:, 0]).max())
    between = np.diff(np.unique(ends[:, 0]))
    between = between[between > side // _ROW_APART]
    return min(side, int(np.median(between))) if len(between) else side


def check_covered(
    full: Sequence[Tile], corner: tuple[int, int], reduced: Sequence[Tile], ratio: int
) -> None:
    """Refuse a level of resolution that lacks what the full size has.

    Parameters
    ----------
    full, reduced : sequence of Tile
        Of a plane, the latter in their places at the level.
    corner : (int, int)
        Row and column where the former begin.
    ratio : int
        How many pixels of full size are one of the level.
    """
    ends = [(t.y - corner[0] + t.height, t.x - corner[1] + t.width) for t in full]
    missing = np.zeros([side // (ratio * _CELL_PX) for side in np.max(ends, axis=0)], np.bool_)
    cell = ratio * _CELL_PX
    for tile, (bottom, right) in zip(full, ends, strict=True):
        top, left = -((corner[0] - tile.y) // cell), -((corner[1] - tile.x) // cell)
        missing[top : bottom // cell, left : right // cell] = True
    for tile in reduced:
        top, left = max(0, tile.y // _CELL_PX), max(0, tile.x // _CELL_PX)
        bottom, right = tile.y + tile.height, tile.x + tile.width
        missing[top : -(-bottom // _CELL_PX), left : -(-right // _CELL_PX)] = False
    if missing.any():
        raise ReadError(
            "pixels of this level of resolution are missing that are there at full size; leave out "
            "--level, or save the file again in ZEN"
        )


def parts_of_tiles(composed: Composed, shape: tuple[int, int]) -> Parts | None:
    """Return the parts of a plane; None if its tiles are too large.

    Parts may begin anywhere: tiles that lie over each other have no grid.
    """
    if composed.tile_bytes > _MOST_TILE_BYTES:
        return None

    def read(area: Area) -> NDArray[Any]:
        with explained("CZI"):
            return composed.read(area)

    return Parts(shape, composed.dtype, (1, 1), read, composed.fill_of, tile=composed.tile)
