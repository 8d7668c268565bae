"""See a plate as a whole: what is there, and what is missing."""

import contextlib
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .._dataclass import dataclass
from ..values import ImageRef

_AXES = ("site", "channel", "z", "time")
_PLACE = ("well", *_AXES)
_MOST_PLACES = 10_000_000
"""Places that a grid of wells, sites, channels, planes and times may have to be compared with the
images. Larger: odd names take more time."""

_AS_BYTES = ("utf-8", "surrogatepass")
"""How texts are kept: SQLite takes no text that is not UTF-8, and names may be so."""
_HOLES = (
    f"SELECT {', '.join(f'{axis}_.value' for axis in _PLACE)} "
    f"FROM {' CROSS JOIN '.join(f'grid AS {axis}_' for axis in _PLACE)} "
    f"WHERE {' AND '.join(f'{axis}_.axis = {axis!r}' for axis in _PLACE)} "
    "AND NOT EXISTS (SELECT 1 FROM places WHERE plate = ? "
    f"AND {' AND '.join(f'places.{axis} = {axis}_.value' for axis in _PLACE)}) "
    f"ORDER BY {', '.join(f'{axis}_.rank' for axis in _PLACE)}"
)
"""The places of a grid where a plate has no image."""


@dataclass(frozen=True, slots=True)
class PlateView:
    """The images of one plate, or of a series without wells.

    Attributes
    ----------
    name : str
    wells : dict of str to int
        How many images each well has; "" stands for those without one.
    values : dict of str to list of str
        What there is of sites, channels, z and time, in order.
    stains : dict of str to str
        The names of channels, as far as an index file gives them.
    nowhere : dict of str to list of str
        Sites, channels, z and times that an index file promises and no well has.
    missing : dict of str to list of str
        By well, what else an index file promises and the well lacks; without
        an index, what other wells have.
    missing_count : int
        How many images all of that are.
    is_promised : bool
        Whether an index file promises what is missing.
    """

    name: str
    wells: dict[str, int]
    values: dict[str, list[str]]
    stains: dict[str, str]
    nowhere: dict[str, list[str]]
    missing: dict[str, list[str]]
    missing_count: int
    is_promised: bool


def view_plates(references: Iterable[ImageRef]) -> list[PlateView]:
    """Return every plate, or series, among `references`; of others nothing is known."""
    plates: dict[str, _Plate] = {}
    with contextlib.closing(sqlite3.connect("")) as database:  # on disk where they are many
        database.execute(f"CREATE TABLE places (plate, {', '.join(_PLACE)})")
        database.execute("CREATE TABLE grid (axis, rank, value, PRIMARY KEY (axis, rank))")
        database.executemany(
            f"INSERT INTO places VALUES (?{', ?' * len(_PLACE)})", _there(references, plates)
        )
        return [each.view(database) for each in plates.values()]


def _there(
    references: Iterable[ImageRef], plates: "dict[str, _Plate]"
) -> Iterator[tuple[int | bytes, ...]]:
    """Add images to their plates; yield the number of the plate and the place of those there."""
    for each in references:
        place = each.place.well, *_axes(each)
        if not any(place):
            continue
        name = each.place.plate
        if name not in plates:
            plates[name] = _Plate(name, len(plates))
        plates[name].add(each, place)
        if not each.problem:
            yield plates[name].number, *map(_in_sql, place)


class _Plate:
    """The images of one plate, and those that it lacks."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number
        self._wells: Counter[str] = Counter()
        self._values: dict[str, set[str]] = {axis: set() for axis in _AXES}
        self._promised: dict[str, set[str]] = {axis: set() for axis in _AXES}
        self._stains: dict[str, str] = {}
        self._lost: list[tuple[str, ...]] = []

    def add(self, reference: ImageRef, place: tuple[str, ...]) -> None:
        """Note an image, or one that is promised and not there."""
        well, *axes = place
        self._wells[well] += not reference.problem
        if reference.place.stain:
            self._stains[reference.place.channel] = reference.place.stain
        if reference.problem:
            self._lost.append(place)
        known = self._promised if reference.problem else self._values
        for axis, value in zip(_AXES, axes, strict=True):
            known[axis].add(value)

    def view(self, database: sqlite3.Connection) -> PlateView:
        """Return what there is, and what is missing."""
        values = {axis: _sorted(self._values[axis]) for axis in _AXES}
        nowhere = {axis: _sorted(self._promised[axis] - self._values[axis]) for axis in _AXES}
        missing = self._lost or self._holes(database, values)
        by_well: dict[str, list[str]] = {}
        for well, *place in missing:
            if not any(value in nowhere[axis] for axis, value in zip(_AXES, place, strict=True)):
                by_well.setdefault(well, []).append(_position(place, values))
        return PlateView(
            self.name,
            dict(sorted(self._wells.items(), key=lambda item: (len(item[0]), item[0]))),
            values,
            self._stains,
            {axis: found for axis, found in nowhere.items() if found},
            by_well,
            len(missing),
            bool(self._lost),
        )

    def _holes(
        self, database: sqlite3.Connection, values: dict[str, list[str]]
    ) -> list[tuple[str, ...]]:
        """Return the places that other wells have and a well has not."""
        grid = [list(self._wells), *(values[axis] or [""] for axis in _AXES)]
        if math.prod(map(len, grid)) > _MOST_PLACES:
            return []  # these names are no grid
        database.execute(f"CREATE INDEX IF NOT EXISTS there ON places (plate, {', '.join(_PLACE)})")
        database.execute("DELETE FROM grid")
        for axis, names in zip(_PLACE, grid, strict=True):
            rows = ((axis, rank, _in_sql(name)) for rank, name in enumerate(names))
            database.executemany("INSERT INTO grid VALUES (?, ?, ?)", rows)
        holes = database.execute(_HOLES, (self.number,))
        return [tuple(each.decode(*_AS_BYTES) for each in row) for row in holes]


def _in_sql(text: str) -> bytes:
    return text.encode(*_AS_BYTES)


def _sorted(values: set[str]) -> list[str]:
    return sorted(values - {""}, key=lambda value: (len(value), value))


def _axes(reference: ImageRef) -> tuple[str, ...]:
    place = reference.place
    return place.site, place.channel, place.z, place.time


def _position(place: Sequence[str], values: dict[str, list[str]]) -> str:
    """Return a place on the axes that leave a choice."""
    named = zip(_AXES, place, strict=True)
    parts = [f"{axis} {value}" for axis, value in named if value and len(values[axis]) > 1]
    return " ".join(parts) or "its image"
