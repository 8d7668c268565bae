"""Nuclei of many images at once, for formats that hold one long table."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..store import NUCLEUS_COLUMNS, ImageRow, Nuclei, Run, as_records, in_micrometres
from .place import SCALES, Where, axes_of

_NUCLEI_AT_ONCE = 1 << 19
"""Nuclei in memory at a time, some 10 MB. Larger: larger row groups in Parquet, more memory."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole images, one after the other.

    Attributes
    ----------
    rows : list of ImageRow
        The images.
    nuclei : ndarray of the run's `nucleus_record`, shape (N,)
        Their nuclei; z is -1 in images of one plane among volumes.
    image : ndarray of int32, shape (N,)
        The place in `rows` of the image of each nucleus.
    subpixel : ndarray of float64, shape (N, 2), or None
        (row, column) to a fraction of a pixel, where the run has that.
    """

    rows: list[ImageRow]
    nuclei: Nuclei
    image: NDArray[np.int32]
    subpixel: NDArray[np.float64] | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many nuclei each image has."""
        return np.bincount(self.image, minlength=len(self.rows))

    @property
    def where(self) -> Where:
        """Where the nuclei are, rows and columns to a fraction of a pixel if that is known."""
        where: Where = {axis: self.nuclei[axis] for axis in axes_of(self.nuclei)}
        if self.subpixel is not None:
            where["y"], where["x"] = self.subpixel.T
        return where

    def micrometres(self, column: str) -> NDArray[np.float64]:
        """Return a column in micrometres of each nucleus, NaN where it is not known."""
        asked = next(each for each in NUCLEUS_COLUMNS if each.name == column)
        sizes = [row[asked.scale] for row in self.rows]
        pixels = self.nuclei[asked.pixels] if asked.pixels else self.where[asked.axis]
        # None becomes NaN
        return in_micrometres(asked, pixels, np.array(sizes, np.float64)[self.image])


def batches(
    run: Run, columns: Sequence[str], nuclei_at_once: int = _NUCLEI_AT_ONCE
) -> Iterator[Batch]:
    """Yield the images of `run` that were done, about half a million nuclei at a time.

    The rows hold the name, the sizes of pixels and `columns`.
    """
    rows: list[ImageRow] = []
    parts: list[Nuclei] = []
    finer: list[NDArray[np.float64]] | None = [] if run.has_subpixel else None
    record = run.nucleus_record
    gathered = 0
    for row, nuclei in run.found_images(("name", *SCALES, *columns)):
        rows.append(row)
        parts.append(as_records(nuclei, record))
        if finer is not None:
            finer.append(run.subpixel_of(row["name"]))
        gathered += len(nuclei) + 1  # images without nuclei take room too
        if gathered >= nuclei_at_once:
            yield _join(rows, parts, finer)
            rows, parts, gathered = [], [], 0
            finer = [] if finer is not None else None
    if rows:
        yield _join(rows, parts, finer)


def _join(
    rows: list[ImageRow], parts: list[Nuclei], finer: list[NDArray[np.float64]] | None
) -> Batch:
    image = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    packed = b"".join(part.tobytes() for part in parts)
    subpixel = None if finer is None else np.concatenate(finer)
    return Batch(rows, np.frombuffer(packed, parts[0].dtype), image, subpixel)
