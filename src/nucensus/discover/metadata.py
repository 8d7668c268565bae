"""Read what the wells of a plate were treated with: a list of wells, or a map of the plate."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InputError
from ..remote import plain_address
from .names import normal_well, place_of, well_name
from .plate_map import has_maps, read_maps
from .table import is_sheet, read_cells

_WELL_COLUMNS = ("well", "wellid", "wellname", "wellposition", "position")
_WELL_WORD = re.compile(
    "well|vertiefung|kavit|napf|puits|pozz|pocillo|poço|put(?:je)?$|ウェル|孔|웰"
)
"""A word of other names of that column, in the languages of Excel, as in Destination Well."""
_ROW_COLUMNS = ("row", "zeile", "reihe", "ligne", "fila", "riga", "rij")
_COLUMN_COLUMNS = ("column", "col", "spalte", "colonne", "columna", "colonna", "kolom")
_PLATE_COLUMNS = ("plateid", "platename", "platebarcode", "platte", "plaque", "placa", "piastra")
"""What is a column of plates only where wells would come twice without one."""
_TITLE_LINES = 20
"""Lines that may stand above the names of the columns: titles and notes."""


def read_metadata(path: str) -> list[dict[str, str]]:
    """Return one row per well, with `well` (and `plate`) as they are in a run.

    A list has a column of wells, or one of rows and one of columns; titles may stand above it. A
    map has the numbers of the columns above and the letters of the rows at its left; what it shows
    (a compound, a dose) stands in its corner or above it. Several maps may stand below or beside
    each other, and hold for every plate, or for that which is named above them. Decimal commas
    become points.

    Raises
    ------
    InputError
        There is neither a column of wells nor a map, or a well comes twice.
    """
    path = plain_address(path)
    lines = [[cell.strip() for cell in cells] for cells in read_cells(path)]
    filled = [cells for cells in lines if any(cells)] or [[]]
    head = _named_head(filled[:1])
    if head is None and has_maps(lines):
        rows = read_maps(path, lines)
    else:
        rows = _read_list(path, filled, head or _head(path, filled))
    if not rows:
        raise InputError(f"{path!r} lists no well; expected a row for each well")
    for name in rows[0]:
        if name not in ("plate", "well"):
            _point_decimals(rows, name)
    return rows


class _Head(NamedTuple):
    """The line of a list that names its columns, and which of them state the well."""

    line: int
    well: list[int]


def _head(path: str, lines: Sequence[list[str]]) -> _Head:
    """Return the head of a list below its titles, or of one whose wells are told by themselves."""
    named = _named_head(lines[:_TITLE_LINES])
    if named is not None:
        return named
    likely: list[str] = []
    for line, names in enumerate(lines[:_TITLE_LINES]):
        wells = [at for at, name in enumerate(names) if name and _are_wells(lines[line + 1 :], at)]
        called = [at for at in wells if _WELL_WORD.search(names[at].casefold())]
        if len(called) == 1:
            return _Head(line, called)
        likely = likely or [names[at] for at in called or wells]
    question = f"; is it {' or '.join(map(repr, likely))}? call the right one 'well'"
    header = max(lines[:_TITLE_LINES], key=len)
    raise InputError(
        f"{path!r} has the columns {', '.join(header)}; expected a column 'well', as in B02, "
        f"or a map of the plate with the columns 1, 2, 3 ... and the rows A, B, C ..."
        f"{question if likely else ''}"
    )


def _named_head(lines: Sequence[list[str]]) -> _Head | None:
    found = ((line, _well_columns(names)) for line, names in enumerate(lines))
    return next((_Head(line, columns) for line, columns in found if columns), None)


def _well_columns(names: Sequence[str]) -> list[int]:
    """Return which columns of a list state the well: one, or those of its row and column."""
    at = {_plain(name): number for number, name in reversed(list(enumerate(names))) if name}
    for name in _WELL_COLUMNS:
        if name in at:
            return [at[name]]
    row, column = (
        next((at[name] for name in names if name in at), None)
        for names in (_ROW_COLUMNS, _COLUMN_COLUMNS)
    )
    return [] if row is None or column is None else [row, column]


def _are_wells(lines: Sequence[list[str]], at: int) -> bool:
    """Tell whether a column, whatever it is called, holds the names of wells and nothing else."""
    values = [cells[at] for cells in lines if at < len(cells) and cells[at]]
    return len(set(values)) > 1 and all(place_of(value) is not None for value in values)


def _read_list(path: str, lines: Sequence[list[str]], head: _Head) -> list[dict[str, str]]:
    names = lines[head.line]
    if not is_sheet(path):  # where notes may stand beside the table
        _check_widths(path, names, lines[head.line + 1 :])
    rows = [cells + [""] * (len(names) - len(cells)) for cells in lines[head.line + 1 :]]
    wells = [_well_of([cells[at] for at in head.well]) for cells in rows]
    stated = list(filter(None, wells))
    plate_at = _plate_column(names, are_twice=len(set(stated)) < len(stated))
    own = [at for at, name in enumerate(names) if name and at not in (plate_at, *head.well)]
    if twice := [names[at] for at in own if [names[each] for each in own].count(names[at]) > 1]:
        raise InputError(
            f"{path!r} has the column {twice[0]!r} twice; expected a name of its own for each"
        )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for well, cells in zip(wells, rows, strict=True):
        plate = cells[plate_at] if plate_at >= 0 else ""
        if not well and not (values := [cells[at] for at in own if cells[at]]):
            continue  # a note beside the table
        if not well:
            raise InputError(
                f"{path!r} has a row without a well ({', '.join(values)}); expected one in each "
                f"row; state it, or leave the row out"
            )
        if (plate, well) in found:
            raise InputError(
                f"{path!r} has the well {well!r} twice; expected one row for each well "
                f"(with several plates, a column 'plate' too)"
            )
        place = {"plate": plate, "well": well} if plate else {"well": well}
        found[plate, well] = {**place, **{names[at]: cells[at] for at in own}}
    return list(found.values())


def _check_widths(path: str, names: Sequence[str], rows: Sequence[list[str]]) -> None:
    """Refuse a row with more cells than there are columns: those behind would be in wrong ones."""
    for cells in rows:
        if len(cells) > len(names):
            raise InputError(
                f"the row of {path!r} that begins with {cells[0]!r} has {len(cells)} cells; "
                f"expected {len(names)}, one for each column; put a cell that holds the delimiter "
                f"in quotes, or give each column a name"
            )


def _well_of(cells: Sequence[str]) -> str:
    """Return the well that a cell states, or one of its row and one of its column."""
    row, *column = cells
    if column and row.isdecimal() and column[0].isdecimal() and 0 < int(row) <= 32:
        return well_name(int(row), column[0])
    return normal_well("".join(cells))


def _plate_column(names: Sequence[str], *, are_twice: bool) -> int:
    """Return which column states the plate; -1 if none does."""
    known = ("plate", *(_PLATE_COLUMNS if are_twice else ()))
    plain = [_plain(name) for name in names]
    return next((plain.index(name) for name in known if name in plain), -1)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold().removeprefix("metadata_"))


def _point_decimals(rows: Sequence[dict[str, str]], name: str) -> None:
    """Write the numbers of a column with points, if its commas can only be those of decimals."""
    values = [row[name] for row in rows if row[name]]
    is_number = all(re.fullmatch(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?", value) for value in values)
    could_be_thousands = all(
        re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+", value) for value in values if "," in value
    )
    if is_number and not could_be_thousands:
        for row in rows:
            row[name] = row[name].replace(",", ".")
