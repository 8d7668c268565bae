"""Read a run file."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..text.plurals import pluralize
from ..values import ImageRef, Outlines
from .database import close_with, open_existing
from .image_columns import IMAGES, ImageColumns
from .nucleus_columns import NUCLEUS_COLUMNS, NucleusColumn, channel_columns
from .packing import (
    NUCLEUS_RECORD,
    PACKED,
    ImageRow,
    Nuclei,
    as_sql,
    as_text,
    as_texts,
    damaged,
    plane_of,
    union_of_records,
    unpack_outlines,
)
from .sample import Sampled, SampleTable
from .shown import Shown
from .table import Table, table_of_images, table_of_nuclei
from .together import IMAGES_AT_ONCE, rows_together, unpack_together
from .totals import Totals

_PACKED = f"plate, {PACKED}"

_NONE = np.empty(0, NUCLEUS_RECORD)


class Run(Totals, Shown):
    """A read-only view of one run.

    Parameters
    ----------
    path : path
        The folder of the run, or the run file in it.
    columns : ImageColumns
        The columns of its table of images.

    Attributes
    ----------
    on_image : callable
        Called for each image that is gone through, to tell how far that is.

    Examples
    --------
    >>> run = Run("run/")                         # doctest: +SKIP
    >>> run.images.to_pandas().groupby("status")  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | sqlite3.Connection,
        *,
        columns: ImageColumns = IMAGES,
    ) -> None:
        self.on_image: Callable[[], None] = _ignore
        if isinstance(path, sqlite3.Connection):
            super().__init__(path, columns)
        else:
            super().__init__(open_existing(path, columns), columns)
            close_with(self, self._database)

    def _unpack(self, rows: Sequence[Sequence[Any]]) -> list[Nuclei]:
        """Return the nuclei of each row of `_PACKED`."""
        unpacked = unpack_together([row[1:] for row in rows], tuple(self.others.columns))
        if not self.positive:
            return unpacked
        return [
            self._shown_positive(nuclei, row[0]) for row, nuclei in zip(rows, unpacked, strict=True)
        ]

    def _shown_positive(self, nuclei: Nuclei, plate: str | bytes | None) -> Nuclei:
        """Return the nuclei of an image of a plate with the columns that say which are positive."""
        if not self.positive:
            return nuclei
        from .positives import with_positives

        return with_positives(nuclei, self.positive, as_text(plate or ""))

    @property
    def _more_columns(self) -> tuple[NucleusColumn, ...]:
        """The columns of nuclei that follow from the other channels, and which are positive."""
        measured = channel_columns(self.others)
        if not self.positive:
            return measured
        from .positives import positive_column

        return (*measured, *map(positive_column, self.positive))

    @property
    def images(self) -> Table:
        """One record per image: its name and the columns that are shown.

        NaN stands for a number that is not known, such as the count of an image
        that failed (in `to_pandas` it is `pandas.NA`), and an empty text for a
        text that is not.
        """
        return table_of_images(self.columns, self.image_rows())

    @property
    def nuclei(self) -> Table:
        """One record per nucleus: image, y and x in pixels, intensity in grey levels.

        Further columns are those of `nucleus_columns`. Where an image does not
        have one of them, z and whole numbers are -1, others NaN.
        """
        columns, has_subpixel = self.nucleus_columns, self.has_subpixel
        known = self.found_images(("name", *(each.scale for each in columns if each.scale)))
        images = (
            (row, nuclei, self.subpixel_of(row["name"]) if has_subpixel else None)
            for row, nuclei in known
        )
        return table_of_nuclei(columns, self.nucleus_record, images)

    @property
    def has_volumes(self) -> bool:
        """Whether nuclei were found in volumes, so that they have a plane z."""
        return "z" in (self.nucleus_record.names or ())

    @property
    def measured_within(self) -> Literal["outlines", "regions", ""]:
        """Within what nuclei were measured; "" if they were not."""
        if "area_px" not in (self.nucleus_record.names or ()):
            return ""
        return "outlines" if self.has_outlines else "regions"

    @property
    def nucleus_record(self) -> np.dtype[Any]:
        """The fields that nuclei of the run have: beside those of every nucleus z, contrast, ..."""
        query = "SELECT DISTINCT length(centres) / count FROM images WHERE count > 0"
        record = union_of_records(size for (size,) in self._database.execute(query) if size)
        more = ((each.name, each.dtype) for each in self._more_columns)
        return np.dtype([*record.descr, *more])

    @property
    def nucleus_columns(self) -> tuple[NucleusColumn, ...]:
        """The columns that the tables of nuclei of the run have, beside the name of the image."""
        names, has_subpixel = self.nucleus_record.names or (), self.has_subpixel
        stored = [each for each in NUCLEUS_COLUMNS if each.of is not None]
        follow = [each for each in NUCLEUS_COLUMNS if each.of is None]
        scales = {each.scale for each in follow if each.scale and each.follows in names}
        stated = set(filter(self.states, scales))
        return tuple(
            each
            for each in (*stored, *self._more_columns, *follow)
            if each.name in names
            or (each.is_refined and has_subpixel)
            or (each.follows in names and each.scale in stated)
        )

    @property
    def failures(self) -> Table:
        """The records of `images` that failed, with stage and reason."""
        failed = self._rows(("name", *self.columns.shown_names), "WHERE status = 'failed'")
        return table_of_images(self.columns, failed)

    def sample(self) -> list[Sampled]:
        """Return the images that the run learned from, sorted by name."""
        return list(SampleTable(self._database))

    def image_rows(self) -> Iterator[Sequence[Any]]:
        """Yield the name and the columns that are shown of each image, in the order of the run."""
        return self.rows("name", *self.columns.shown_names)

    def nuclei_by_image(self) -> Iterator[tuple[str, Nuclei]]:
        """Yield the name of each image that was done, with its nuclei as `NUCLEUS_RECORD`s.

        Those of a volume have a z too, and those of the detector log a contrast.
        """
        for row, nuclei in self.found_images(("name",)):
            yield row["name"], nuclei

    def all_images(self, columns: Sequence[str] | None = None) -> Iterator[tuple[ImageRow, Nuclei]]:
        """Yield the row and the nuclei of each image, none where it was not done, in order."""
        return self._records("ORDER BY id", columns=columns)

    def images_by(
        self, *columns: str, sort_key: Callable[[str], bytes]
    ) -> Iterator[tuple[ImageRow, Nuclei]]:
        """Yield what `all_images` does, but those together that are alike in these columns.

        They are sorted, on disk, by the keys of the texts in them; "" stands for what is not known.
        """

        @lru_cache(1 << 12)
        def key_of(value: Any) -> bytes:
            return sort_key(
                "" if value is None else as_text(value if type(value) is bytes else str(value))
            )

        self._database.create_function("key_of", 1, key_of, deterministic=True)
        order = ", ".join(f"key_of({name}), {name}" for name in columns)
        ids = self._database.execute(f"SELECT id FROM images ORDER BY {order}, id")
        while some := [position for (position,) in ids.fetchmany(IMAGES_AT_ONCE)]:
            asked = "(SELECT key AS asked_place, value AS asked_id FROM json_each(?))"
            which = f"JOIN {asked} ON id = asked_id ORDER BY asked_place"
            yield from self._records(which, json.dumps(some))

    def has_image(self, name: str) -> bool:
        """Tell whether there is an image called `name`."""
        query = "SELECT 1 FROM images WHERE name = ?"
        return self._database.execute(query, (as_sql(name),)).fetchone() is not None

    def found_images(
        self, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[ImageRow, Nuclei]]:
        """Yield the row and the nuclei of each image that was done, in the order of the run."""
        return self._records("WHERE status = 'found' ORDER BY id", columns=columns)

    def find_image(self, name: str) -> tuple[ImageRow, Nuclei] | None:
        """Return the row and the nuclei of the image called `name`, or None if there is none."""
        return next(self._records("WHERE name = ?", as_sql(name)), None)

    def rows(self, *columns: str) -> Iterator[Sequence[Any]]:
        """Yield these columns of the table of images for each image, in the order of the run."""
        return self._rows(columns)

    def _rows(self, columns: Sequence[str], which: str = "") -> Iterator[Sequence[Any]]:
        query = f"SELECT {', '.join(columns)} FROM images {which} ORDER BY id"
        for row in self._database.execute(query):
            self.on_image()
            yield as_texts(row)

    def _records(
        self, which: str, *values: Any, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[ImageRow, Nuclei]]:
        columns = self.columns.row_names if columns is None else columns
        query = f"SELECT {', '.join(columns)}, status = 'found', {_PACKED} FROM images {which}"
        end, none = len(columns), self._shown_positive(_NONE, None)
        for rows in rows_together(self._database.execute(query, values), end):
            found = iter(self._unpack([row[end + 1 :] for row in rows if row[end]]))
            for row in rows:
                self.on_image()
                known = dict(zip(columns, as_texts(row[:end]), strict=True))
                yield known, next(found) if row[end] else none

    def reference(self, image: str) -> ImageRef:
        """Return what the run was asked to do under the name `image`."""
        asked = "path, plane, size_bytes, mtime_ns"
        path, plane, size_bytes, mtime_ns = self._row_of(image, asked, is_counted=False)
        return ImageRef(image, as_text(path), size_bytes, mtime_ns, plane_of(plane))

    def nuclei_of(self, image: str) -> NDArray[np.void]:
        """Return the nuclei of the image called `image`, which was done, as `NUCLEUS_RECORD`s."""
        return self._unpack([self._row_of(image, _PACKED)])[0]

    def _row_of(self, image: str, columns: str, *, is_counted: bool = True) -> Sequence[Any]:
        """Return these columns of an image, which is in the run, and was counted in it."""
        query = f"SELECT status = 'found', reason, {columns} FROM images WHERE name = ?"
        row: Sequence[Any] | None
        row = self._database.execute(query, (as_sql(image),)).fetchone()
        if row is None:
            raise InputError(
                f"the run has no image {image!r}; expected the name of one of its images, as in "
                f"images.csv"
            )
        if is_counted and not row[0]:
            raise InputError(
                f"{image!r} was not counted ({row[1] or 'it is not done yet'}); expected an image "
                f"whose status is 'found'"
            )
        return row[2:]

    def subpixel_of(self, image: str) -> NDArray[np.float64]:
        """Return the centres of `nuclei_of` to a fraction of a pixel, shape (N, 2), (row, column).

        They are there if the settings asked for them.
        """
        count, packed = self._row_of(image, "count, subpixel")
        if len(packed or b"") != 16 * count:
            raise damaged(f"the nuclei of the image {image!r} in it")
        return np.frombuffer(packed or b"", "<f8").reshape(-1, 2)

    def outlines_of(self, image: str) -> Outlines | None:
        """Return the outlines of `nuclei_of`, in the same order; None if the image has none."""
        return unpack_outlines(image, *self._row_of(image, "count, height, width, outlines"))

    def labels_of(self, image: str) -> NDArray[np.int32] | None:
        """Return the label image, in which nucleus k of `nuclei_of` has k + 1; None if without."""
        outlines = self.outlines_of(image)
        return None if outlines is None else outlines.labels()

    def close(self) -> None:
        """Close the run file."""
        self._database.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the counts, and the nuclei of the median field."""
        from .summary import summary_html

        middle = f"LIMIT 1 OFFSET {max(0, self.counts['found'] - 1) // 2}"
        which = f"WHERE status = 'found' ORDER BY count, id {middle}"
        for row, nuclei in self._records(which, columns=("name", "height", "width")):
            shape = row["height"], row["width"]
            return summary_html(self.counts, nuclei, shape, self.outlines_of(row["name"]))
        return summary_html(self.counts, None, (0, 0))

    def __repr__(self) -> str:
        counts = self.counts
        return (
            f"<Run: {pluralize(counts['images'], 'image')}, "
            f"{pluralize(counts['nuclei'], 'nucleus')}, {counts['failed']} failed>"
        )


AnyRun: TypeAlias = Run | str | os.PathLike[str]
"""A run, or the path of its folder or file."""


def _ignore() -> None:
    """Tell nobody."""


def as_run(run: AnyRun) -> Run:
    """Return a run that was given, or the one at a path."""
    return run if isinstance(run, Run) else Run(run)
