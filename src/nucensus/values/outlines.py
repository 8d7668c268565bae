"""The outlines of the nuclei of an image, as runs of pixels, and how they are kept as bytes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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

    def labels(self) -> NDArray[np.int32]:
        """Return the label image, of shape `shape`: nucleus k has the value k + 1, all else 0."""
        labels = np.zeros(self.shape, np.int32)
        lengths = self.ends - self.starts
        first = np.cumsum(lengths) - lengths
        starts = self.rows * np.int64(self.shape[1]) + self.starts
        pixels = np.repeat(starts - first, lengths) + np.arange(lengths.sum())
        labels.ravel()[pixels] = np.repeat(self.nuclei + 1, lengths)
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
