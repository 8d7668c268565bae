"""A plane of which any part can be read: what an image is that is larger than memory should be."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass


class WholeNeededError(Exception):
    """Said of an image that has to be read whole, with the reason."""


class Area(NamedTuple):
    """A rectangle of pixels: rows from `top` to before `bottom`, columns alike."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def size(self) -> int:
        """How many pixels it has."""
        return self.shape[0] * self.shape[1]

    def widened(self, reach: tuple[int, int], within: tuple[int, int]) -> "Area":
        """Return the area and what is around it, as far as an image of that shape goes.

        Examples
        --------
        >>> Area(0, 10, 10, 20).widened((2, 3), (50, 22))
        Area(top=0, bottom=12, left=7, right=22)
        """
        return Area(
            max(0, self.top - reach[0]), min(within[0], self.bottom + reach[0]),
            max(0, self.left - reach[1]), min(within[1], self.right + reach[1]),
        )  # fmt: skip

    def shared(self, other: "Area") -> "Area":
        """Return what two areas have in common; nothing has the size 0."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Area(
            top, max(top, min(self.bottom, other.bottom)),
            left, max(left, min(self.right, other.right)),
        )  # fmt: skip

    def cut(self, within: "Area") -> tuple[slice, slice]:
        """Return where this area lies in the pixels of one that holds it."""
        top, left = self.top - within.top, self.left - within.left
        return slice(top, top + self.shape[0]), slice(left, left + self.shape[1])


ReadArea: TypeAlias = Callable[[Area], NDArray[Any]]
Spread: TypeAlias = Callable[[Callable[["Parts", Any], Any], Iterable[Any]], Iterator[Any]]
"""`spread(work, items)` yields what `work(plane, item)` is of each item, in their order. It is done
elsewhere: work, items and results are pickled."""


def _never(_: Area) -> None:
    """Know of no area without looking at it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A plane that is read part by part, by several threads at once.

    Attributes
    ----------
    shape : (int, int)
        Height and width, in pixels.
    dtype : dtype
    step : (int, int)
        Rows and columns of what is decoded at a time: areas that are read begin and end at
        multiples of it, or at an edge.
    read : callable
        `read(area) -> ndarray` of the shape of the area.
    fill_of : callable
        `fill_of(area)`: the grey level of all pixels of an area that the file leaves out, its
        fill value; None for all others.
    is_decoded : bool
        Whether a part takes longer to read than it takes to copy its pixels.
    tile : (int, int) or None
        Rows and columns that are best decoded together, where areas may begin anywhere.
    spread : callable or None
        Has parts worked on by processes that open the file themselves, on other machines; None
        where they are worked on here.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    step: tuple[int, int]
    read: ReadArea
    fill_of: Callable[[Area], Any] = _never
    is_decoded: bool = True
    tile: tuple[int, int] | None = None
    spread: Spread | None = None

    @property
    def whole(self) -> Area:
        """All of it."""
        return Area(0, self.shape[0], 0, self.shape[1])


def parts_of_array(pixels: NDArray[Any]) -> Parts:
    """Return a plane that is in memory already, as one that is read part by part."""

    def read(area: Area) -> NDArray[Any]:
        return pixels[area.top : area.bottom, area.left : area.right]

    shape = pixels.shape[0], pixels.shape[1]
    return Parts(shape, pixels.dtype, (1, 1), read, is_decoded=False)


def part_of(plane: Parts, area: Area) -> Parts:
    """Return an area of a plane as a plane of its own.

    Where it does not begin with what is decoded at a time, what is around its parts is decoded too.
    """
    (down, across), (height, width) = plane.step, plane.shape
    rows = down if area.top % down == 0 else 1
    columns = across if area.left % across == 0 else area.shape[1] if across >= width else 1

    def in_plane(part: Area) -> Area:
        return Area(
            area.top + part.top, area.top + part.bottom,
            area.left + part.left, area.left + part.right,
        )  # fmt: skip

    def around(part: Area) -> Area:
        return Area(
            part.top // down * down, min(height, -(-part.bottom // down) * down),
            part.left // across * across, min(width, -(-part.right // across) * across),
        )  # fmt: skip

    def read(part: Area) -> NDArray[Any]:
        wanted = in_plane(part)
        decoded = around(wanted)
        return plane.read(decoded)[wanted.cut(decoded)]

    step, spread = (min(rows, area.shape[0]), min(columns, area.shape[1])), plane.spread
    return replace(
        plane, shape=area.shape, step=step, read=read, tile=None,
        fill_of=lambda part: plane.fill_of(around(in_plane(part))),
        spread=spread and (lambda work, items: spread(partial(_work_on_area, work, area), items)),
    )  # fmt: skip


def _work_on_area(work: Callable[[Parts, Any], Any], area: Area, plane: Parts, item: Any) -> Any:
    return work(part_of(plane, area), item)
