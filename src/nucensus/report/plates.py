"""Gather fields into wells and wells into plates, and mark the wells that stand out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..discover import place_of, row_name
from ..errors import InputError
from .effects import b_scores
from .fields import Field, by_view

OUTLIER_METRICS = ("per_field", "density", "intensity")
"""Properties of `Well` that a well can stand out by."""

_OUTLIER_Z = 3.5  # Iglewicz & Hoaglin (1993), How to detect and handle outliers
_LEAST_WELLS = 8  # of fewer, a median and a spread say nothing
PLATE_FORMATS = (6, 12, 24, 48, 96, 384, 1536)
_FORMATS = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))


@dataclass(frozen=True, slots=True)
class Well:
    """One well: its place on the plate, counted from 0, and its fields (none: not imaged).

    Its B-score says how far its nuclei per field are from what its row and column have.
    """

    row: int
    column: int
    fields: tuple[Field, ...] = ()
    b_score: float = np.nan

    @property
    def name(self) -> str:
        """The well as it is printed on the plate: A01."""
        return f"{row_name(self.row)}{self.column + 1:02d}"

    @property
    def state(self) -> str:
        """`missing` (no image), `failed` (no image could be done), `part` or `whole`."""
        if not self.fields:
            return "missing"
        return "failed" if not self.done else "part" if self.done < len(self.fields) else "whole"

    @property
    def count(self) -> float:
        """Nuclei in all fields that were done."""
        return sum(field.count for field in self.fields)

    @property
    def done(self) -> int:
        """How many of its fields were done."""
        return sum(field.found for field in self.fields)

    @property
    def per_field(self) -> float:
        """Nuclei per field of those that were done; NaN if none was."""
        return self.count / self.done if self.done else np.nan

    @property
    def density(self) -> float:
        """Nuclei per megapixel of the fields that were done."""
        pixels = sum(field.area_px for field in self.fields)
        return 1e6 * self.count / pixels if pixels else np.nan

    @property
    def intensity(self) -> float:
        """Mean smoothed grey level of its nuclei; NaN without nuclei."""
        total = sum(field.intensity * field.count for field in self.fields if field.count)
        return total / self.count if self.count else np.nan

    @property
    def positive(self) -> float:
        """Per cent of its nuclei that are positive; NaN if that is not known."""
        judged = sum(field.judged for field in self.fields)
        return 100 * sum(field.positive for field in self.fields) / judged if judged else np.nan

    @property
    def flags(self) -> float:
        """Fields that were flagged or failed."""
        return sum(bool(field.flags) or not field.found for field in self.fields)


@dataclass(frozen=True, slots=True)
class Plate:
    """One plate in one view: its name, its size, and the wells with images, by (row, column)."""

    name: str
    view: str
    rows: int
    columns: int
    wells: dict[tuple[int, int], Well]

    def well(self, row: int, column: int) -> Well:
        """Return the well at that place, empty if it holds no image."""
        return self.wells.get((row, column)) or Well(row, column)

    @property
    def per_field(self) -> NDArray[np.float64]:
        """Nuclei per field of each well, shape (rows, columns); NaN where none was counted."""
        values = np.full((self.rows, self.columns), np.nan)
        for place, well in self.wells.items():
            values[place] = well.per_field
        return values

    def robust_z(self) -> dict[str, dict[tuple[int, int], float]]:
        """Return how far each well stands from the plate's median, by metric."""
        places = [place for place, well in self.wells.items() if well.state != "failed"]
        return {
            metric: dict(
                zip(
                    places,
                    robust_z([getattr(self.wells[place], metric) for place in places]),
                    strict=True,
                )
            )
            for metric in OUTLIER_METRICS
        }


def gather(fields: Iterable[Field], plate_format: int | None = None) -> list[Plate]:
    """Return the plates that `fields` lie on, each channel, z and time as one of its own.

    Fields without a well are on none. Plates have `plate_format` wells, or the fewest that
    hold those with images.
    """
    plates: dict[tuple[str, str], dict[tuple[int, int], list[Field]]]
    plates = defaultdict(lambda: defaultdict(list))
    for view, its_fields in by_view(fields).items():
        for field in its_fields:
            place = place_of(field.well)
            if place is not None:
                plates[view, field.plate][place].append(field)
    return [_plate(name, view, wells, plate_format) for (view, name), wells in plates.items()]


def robust_z(values: Sequence[float]) -> list[float]:
    """Return (value - median) / (1.4826 x median absolute deviation), NaN where undefined."""
    array = np.asarray(values, float)
    known = array[np.isfinite(array)]
    if len(known) < _LEAST_WELLS:
        return [np.nan] * len(array)
    median = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - median))
    scores: list[float] = ((array - median) / spread if spread else array * np.nan).tolist()
    return scores


def is_outlier(z: float) -> bool:
    """Tell whether a robust z is that of a well that stands out."""
    return abs(z) >= _OUTLIER_Z


def _plate(
    name: str, view: str, wells: dict[tuple[int, int], list[Field]], plate_format: int | None
) -> Plate:
    """Return a plate of that format, or of the smallest usual one that holds `wells`."""
    last_row, last_column = max(row for row, _ in wells), max(column for _, column in wells)
    rows, columns = next(
        (
            size
            for size in _FORMATS
            if last_row < size[0]
            and last_column < size[1]
            and plate_format in (None, size[0] * size[1])
        ),
        (last_row + 1, last_column + 1),
    )
    if plate_format not in (None, rows * columns):
        raise InputError(
            f"a plate of {plate_format} wells was asked for, and the images reach to "
            f"{row_name(last_row)}{last_column + 1:02d} of plate {name!r}; expected a format that "
            f"holds it; leave --plate-format out"
        )
    placed = {place: Well(*place, tuple(fields)) for place, fields in wells.items()}
    plate = Plate(name, view, rows, columns, placed)
    scores = b_scores(plate.per_field)
    return replace(
        plate, wells={at: replace(well, b_score=float(scores[at])) for at, well in placed.items()}
    )
