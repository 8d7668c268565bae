"""Tables that pandas can take over."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingPackageError
from .image_columns import IMAGES, ImageColumns
from .nucleus_columns import NucleusColumn, in_micrometres
from .packing import ImageRow, Nuclei, as_records

if TYPE_CHECKING:
    import pandas


class Table(np.ndarray[Any, np.dtype[Any]]):
    """A structured array that pandas can take over."""

    whole = IMAGES.whole_names
    """The columns of whole numbers, NaN where they are not known."""

    def __array_finalize__(self, array: Any) -> None:
        """Keep `whole` in what is selected of the table."""
        self.whole = getattr(array, "whole", self.whole)

    def head(self, count: int = 5) -> "Table":
        """Return the first rows."""
        return self[:count].view(Table)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the table as a `pandas.DataFrame`.

        Whole numbers that may be missing, such as the count of an image that
        failed, are `Int64`: `pandas.NA` where they are not known.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError("pandas", "A data frame", "pandas") from error
        names = self.dtype.names or ()
        # Names as objects: strings of pandas cannot hold those that are not UTF-8.
        columns = {name: np.asarray(self[name]) for name in names}
        types = {
            name: "Int64" if name in self.whole and values.dtype.kind == "f" else values.dtype
            for name, values in columns.items()
            if values.dtype.kind in "Of"
        }
        return pandas.DataFrame({
            name: pandas.Series(values, dtype=types.get(name)) for name, values in columns.items()
        })  # fmt: skip


def table_of_images(columns: ImageColumns, image_rows: Iterable[Sequence[Any]]) -> Table:
    """Return the rows of images as a table, what is not known as NaN or an empty text."""
    empty = ["", *(each.missing for each in columns.shown)]
    rows = [
        tuple(
            default if value is None else value for value, default in zip(row, empty, strict=True)
        )
        for row in image_rows
    ]
    table = np.array(rows, columns.dtype).view(Table)
    table.whole = columns.whole_names
    return table


def table_of_nuclei(
    columns: Sequence[NucleusColumn],
    record: np.dtype[Any],
    images: Iterable[tuple[ImageRow, Nuclei, NDArray[np.float64] | None]],
) -> Table:
    """Return nuclei as a table, with the name of their image before the columns they have.

    Of each image come its row, its nuclei and, where it is known, where they are to a fraction of
    a pixel.
    """
    dtype = np.dtype(
        [
            ("image", object),
            *((each.name, each.dtype if "f" in each.dtype else "i8") for each in columns),
        ]
    )
    parts = []
    for row, nuclei, subpixel in images:
        part = np.empty(len(nuclei), dtype)
        part["image"] = row["name"]
        for field in record.names or ():
            part[field] = as_records(nuclei, record)[field]
        if subpixel is not None:
            part["y_subpixel"], part["x_subpixel"] = subpixel.T
        for each in columns:
            if each.scale:
                part[each.name] = _micrometres(part, each, nuclei, row[each.scale])
        parts.append(part)
    return (np.concatenate(parts) if parts else np.empty(0, dtype)).view(Table)


def _micrometres(
    part: NDArray[Any], column: NucleusColumn, nuclei: NDArray[Any], size: float | None
) -> Any:
    """Return a column in micrometres, places as exact as they are known; NaN if unknown."""
    if size is None or column.follows not in (nuclei.dtype.names or ()):
        return np.nan
    refined = f"{column.axis}_subpixel"
    pixels = part[refined if refined in (part.dtype.names or ()) else column.follows]
    return in_micrometres(column, pixels, size)
