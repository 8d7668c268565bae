"""The outlines of the nuclei of an image, as runs of pixels, and how they are kept as bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass

MEASURED = np.dtype([
    ("area_px", "<i4"), ("mean", "<f4"), ("integrated", "<f4"), ("std", "<f4"),
    ("major_px", "<f4"), ("minor_px", "<f4"), ("orientation", "<f4"), ("solidity", "<f4"),
    ("touches_edge", "<i4"),
])  # fmt: skip
"""What is measured of a nucleus, within its outline or its region."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """The outlines of the nuclei of one plane: their pixels, as runs along rows.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the image, in pixels.
    counts : ndarray of int64, shape (N,)
        How many runs each nucleus has.
    rows, starts, ends : ndarray of int32, shape (sum of counts,)
        Row, first column and one beyond the last column of each run, nucleus after nucleus, from
        top to bottom and from left to right.
    """

    shape: tuple[int, int]
    counts: NDArray[np.int64]
    rows: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outlines):
            return NotImplemented
        names = ("counts", "rows", "starts", "ends")
        return self.shape == other.shape and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )

    __hash__ = None  # type: ignore[assignment]  # as of all that holds arrays

    @classmethod
    def from_labels(cls, labels: NDArray[Any], count: int) -> "Outlines":
        """Return the outlines of a label image of integers: nucleus k has the value k + 1."""
        rows, columns = labels.shape
        framed = np.zeros((rows, columns + 2), labels.dtype)
        framed[:, 1:-1] = labels
        flat = framed.ravel()
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        starts = edges[:-1][flat[edges[:-1]] > 0]
        ends = edges[1:][flat[edges[:-1]] > 0]
        nucleus = flat[starts].astype(np.int64) - 1
        order = np.argsort(nucleus, kind="stable")
        row, start = np.divmod(starts[order], columns + 2)
        return cls(
            (rows, columns), np.bincount(nucleus, minlength=count), row.astype(np.int32),
            (start - 1).astype(np.int32), (start - 1 + (ends - starts)[order]).astype(np.int32),
        )  # fmt: skip

    @property
    def nuclei(self) -> NDArray[np.int64]:
        """The place of the nucleus of each run, shape (sum of counts,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def areas_px(self) -> NDArray[np.int64]:
        """The pixels of each nucleus, shape (N,)."""
        areas = np.zeros(len(self), np.int64)
        np.add.at(areas, self.nuclei, self.ends - self.starts)
        return areas

    @property
    def touch_edge(self) -> NDArray[np.bool_]:
        """Whether each nucleus touches the edge of the image, shape (N,)."""
        height, width = self.shape
        at_edge = (self.rows == 0) | (self.rows == height - 1)
        at_edge |= (self.starts == 0) | (self.ends == width)
        touch: NDArray[np.bool_] = np.bincount(self.nuclei[at_edge], minlength=len(self)) > 0
        return touch

    def labels(self, top: int = 0, bottom: int | None = None) -> NDArray[np.int32]:
        """Return the label image, of shape `shape`: nucleus k has the value k + 1, all else 0.

        Or its rows from `top` to before `bottom`.
        """
        height, width = self.shape
        bottom = height if bottom is None else bottom
        labels = np.zeros((bottom - top, width), np.int32)
        runs = np.flatnonzero((self.rows >= top) & (self.rows < bottom))
        lengths = self.ends[runs] - self.starts[runs]
        first = np.cumsum(lengths) - lengths
        starts = (self.rows[runs] - top) * np.int64(width) + self.starts[runs]
        pixels = np.repeat(starts - first, lengths) + np.arange(lengths.sum())
        labels.ravel()[pixels] = np.repeat(self.nuclei[runs] + 1, lengths)
        return labels

    def take(self, places: NDArray[Any]) -> "Outlines":
        """Return the outlines of the nuclei at `places`, in that order."""
        first = np.cumsum(self.counts) - self.counts
        counts = self.counts[places]
        before = np.cumsum(counts) - counts
        runs = np.repeat(first[places] - before, counts) + np.arange(counts.sum())
        return Outlines(self.shape, counts, self.rows[runs], self.starts[runs], self.ends[runs])

    def within(self, origin: tuple[int, int], shape: tuple[int, int]) -> "Outlines":
        """Return them in an image of `shape` in which theirs begins at `origin`."""
        y, x = np.array(origin, np.int32)
        return Outlines(shape, self.counts, self.rows + y, self.starts + x, self.ends + x)

    @classmethod
    def join(cls, parts: "Sequence[Outlines]") -> "Outlines":
        """Return the outlines of all parts of one image, part after part."""
        runs = (
            np.concatenate([getattr(each, name) for each in parts])
            for name in ("counts", "rows", "starts", "ends")
        )
        return cls(parts[0].shape, *runs)

    def to_bytes(self) -> bytes:
        """Return them packed, about two bytes a run: what the run file holds.

        As numbers of 7 bits a byte, the highest bit set where more follow: how many runs each
        nucleus has; then row, start and length of the first of each; then, of each run after the
        first, how much farther right it starts than the one before (times two, plus one unless it
        is in the next row) and how much longer it is, left and shorter as odd numbers; then how
        many rows lower those are that are not in the next row.
        """
        first = np.zeros(len(self.rows), np.bool_)
        first[(np.cumsum(self.counts) - self.counts)[self.counts > 0]] = True
        lengths = self.ends - self.starts
        down, right, longer = (
            each[1:][~first[1:]] - each[:-1][~first[1:]]
            for each in (self.rows, self.starts, lengths)
        )
        leaps = down != 1
        return _as_bytes(
            self.counts, self.rows[first], self.starts[first], lengths[first],
            2 * _folded(right) + leaps, _folded(longer), down[leaps],
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, packed: bytes, shape: tuple[int, int], count: int) -> "Outlines":
        """Return the outlines of `count` nuclei in an image of `shape` that `to_bytes` packed.

        Raises
        ------
        ValueError
            The bytes are no such outlines.
        """
        numbers = _as_numbers(packed)
        counts = numbers[:count]
        total = int(counts.sum()) if len(counts) == count and counts.max(initial=0) < 2**31 else -1
        some = np.count_nonzero(counts)
        parts = np.split(numbers[count:], np.cumsum([some, some, some, total - some, total - some]))
        row, start, length, right, longer, leaps = parts
        leaping = right % 2 == 1
        if len(longer) != total - some or len(leaps) != np.count_nonzero(leaping):
            raise ValueError("these are no outlines")
        down = np.ones(len(right), np.int64)
        down[leaping] = leaps
        filled = counts[counts > 0]
        rows, starts, lengths = (
            _summed(first, steps, filled)
            for first, steps in (
                (row, down), (start, _unfolded(right // 2)), (length, _unfolded(longer))
            )
        )  # fmt: skip
        ends = starts + lengths
        height, width = shape
        inside = (rows >= 0) & (rows < height) & (starts >= 0) & (starts < ends) & (ends <= width)
        if not inside.all():
            raise ValueError("these outlines lie beside the image")
        return cls(shape, counts, *(each.astype(np.int32) for each in (rows, starts, ends)))


def _folded(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return whole numbers as ones of at least 0: 0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)


def _unfolded(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(numbers % 2 == 1, -(numbers + 1) // 2, numbers // 2)


def _summed(
    first: NDArray[np.int64], steps: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the numbers that begin with `first` and go on in `steps`, so many of each."""
    begin = np.cumsum(counts) - counts
    numbers = np.empty(int(counts.sum()), np.int64)
    is_first = np.zeros(len(numbers), np.bool_)
    is_first[begin] = True
    numbers[is_first], numbers[~is_first] = 0, steps
    sums = np.cumsum(numbers)
    summed: NDArray[np.int64] = sums + np.repeat(first - sums[begin], counts)
    return summed


_BITS, _MOST_BYTES = 7, 5
"""In a byte, and of a number: more than the row of any image takes."""
_AT_ONCE = 1 << 16
"""Numbers that are turned into bytes at once, as that takes a hundred times their memory."""


def _as_bytes(*parts: NDArray[Any]) -> bytes:
    numbers = np.concatenate([part.astype(np.int64) for part in parts])
    pieces = range(0, len(numbers), _AT_ONCE)
    return b"".join(_piece_as_bytes(numbers[start : start + _AT_ONCE]) for start in pieces)


def _piece_as_bytes(numbers: NDArray[np.int64]) -> bytes:
    shifted = numbers[:, None] >> (_BITS * np.arange(_MOST_BYTES + 1))
    kept = shifted[:, :_MOST_BYTES] > 0
    kept[:, 0] = True
    bytes_ = (shifted[:, :_MOST_BYTES] & 0x7F) | ((shifted[:, 1:] > 0) << _BITS)
    return bytes_[kept].astype(np.uint8).tobytes()


def _as_numbers(packed: bytes) -> NDArray[np.int64]:
    bytes_ = np.frombuffer(packed, np.uint8)
    last = np.flatnonzero(bytes_ < 0x80)
    first = np.concatenate(([0], last[:-1] + 1)).astype(np.int64)[: len(last)]
    sizes = last - first + 1
    if (len(last) and last[-1] + 1 != len(bytes_)) or (not len(last) and len(bytes_)):
        raise ValueError("the last number has no end")
    if sizes.max(initial=0) > _MOST_BYTES:
        raise ValueError("a number is too long")
    place = np.arange(len(bytes_)) - np.repeat(first, sizes)
    values = (bytes_ & 0x7F).astype(np.int64) << (_BITS * place)
    numbers: NDArray[np.int64] = np.add.reduceat(values, first) if len(first) else values
    return numbers
