"""Read what the wells of a plate were treated with: a list of wells, or a map of the plate."""

import re
from collections.abc import Iterator, Sequence

from ..errors import InputError
from ..remote import plain_address
from .names import normal_well
from .table import read_cells

_WELL_COLUMNS = ("well", "wellid", "wellname", "wellposition", "position")
_LEAST_MAP_COLUMNS = 3
"""How many numbers in a row make a line the head of a map; fewer could be data."""


def read_metadata(path: str) -> list[dict[str, str]]:
    """Return one row per well, with `well` (and `plate`) as they are in a run.

    A list has a column of wells, or one of rows and one of columns. A map has the numbers of the
    columns above and the letters of the rows at its left; what it shows (a compound, a dose)
    stands in its corner or above it. Several maps may stand below each other, and hold for every
    plate. Decimal commas become points.

    Raises
    ------
    InputError
        There is neither a column of wells nor a map, or a well comes twice.
    """
    path = plain_address(path)
    lines = [[cell.strip() for cell in cells] for cells in read_cells(path)]
    names, *rest = [cells for cells in lines if any(cells)] or [[]]
    well_at = _well_columns(names)
    rows = _read_list(path, names, well_at, rest) if well_at else _read_maps(path, lines)
    if not rows:
        raise InputError(f"{path!r} lists no well; expected a row for each well")
    for name in rows[0]:
        if name not in ("plate", "well"):
            _point_decimals(rows, name)
    return rows


def _well_columns(names: Sequence[str]) -> list[int]:
    """Return which columns of a list state the well: one, or those of its row and column."""
    at = {_plain(name): number for number, name in reversed(list(enumerate(names))) if name}
    for name in _WELL_COLUMNS:
        if name in at:
            return [at[name]]
    column = at.get("column", at.get("col"))
    return [at["row"], column] if "row" in at and column is not None else []


def _read_list(
    path: str, names: Sequence[str], well_at: Sequence[int], lines: Sequence[list[str]]
) -> list[dict[str, str]]:
    plate_at = next((at for at, name in enumerate(names) if _plain(name) == "plate"), -1)
    own = [at for at, name in enumerate(names) if name and at not in (plate_at, *well_at)]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cells in lines:
        cells = cells + [""] * (len(names) - len(cells))
        well = normal_well("".join(cells[at] for at in well_at))
        plate = cells[plate_at] if plate_at >= 0 else ""
        if (plate, well) in rows:
            raise InputError(
                f"{path!r} has the well {well!r} twice; expected one row for each well "
                f"(with several plates, a column 'plate' too)"
            )
        stated = {"plate": plate, "well": well} if plate else {"well": well}
        rows[plate, well] = {**stated, **{names[at]: cells[at] for at in own}}
    return list(rows.values())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold().removeprefix("metadata_"))


def _read_maps(path: str, lines: Sequence[list[str]]) -> list[dict[str, str]]:
    """Return the wells of the maps in a sheet."""
    heads = [at for at in range(len(lines) - 1) if _corner_of(lines, at) is not None]
    if not heads:
        header = next((cells for cells in lines if any(cells)), [])
        raise InputError(
            f"{path!r} has the columns {', '.join(header)}; expected a column 'well', as in B02, "
            f"or a map of the plate with the columns 1, 2, 3 ... and the rows A, B, C ..."
        )
    wells: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        unnamed = "treatment" if len(heads) == 1 else f"Map {len(names) + 1}"
        name = _name_of_map(lines, start) or unnamed
        if name in ("well", "plate", *names):
            raise InputError(
                f"{path!r} has a map called {name!r}, a name that is taken; expected another one "
                f"for each, in the corner of the map or above it"
            )
        names.append(name)
        for well, value in _cells_of_map(path, lines[start:end], _corner_of(lines, start) or 0):
            wells.setdefault(well, {"well": well})[name] = value
    return [
        {"well": well, **{name: row.get(name, "") for name in names}} for well, row in wells.items()
    ]


def _corner_of(lines: Sequence[list[str]], start: int) -> int | None:
    """Return where the corner of a map is, if this line is the head of one."""
    cells, below = lines[start], lines[start + 1]
    for at in range(min(len(cells) - _LEAST_MAP_COLUMNS, len(below))):
        numbers = [int(cell) if cell.isdecimal() else -1 for cell in cells[at + 1 :]]
        first, *others = numbers[:_LEAST_MAP_COLUMNS]
        follow = others == [first + 1 + n for n in range(len(others))]
        if first > 0 and follow and _is_row(below[at]) and not _is_row(cells[at]):
            return at
    return None


def _is_row(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z]{1,2}", text) is not None


def _name_of_map(lines: Sequence[list[str]], start: int) -> str:
    """Return what stands in the corner of a map, or alone in the line above it."""
    corner = lines[start][_corner_of(lines, start) or 0]
    above = next((cells for cells in reversed(lines[:start]) if any(cells)), [])
    title = [cell for cell in above if cell]
    return corner or (title[0] if len(title) == 1 else "")


def _cells_of_map(path: str, lines: Sequence[list[str]], corner: int) -> Iterator[tuple[str, str]]:
    columns = {at: cell for at, cell in enumerate(lines[0]) if at > corner and cell.isdecimal()}
    seen: set[str] = set()
    for cells in lines[1:]:
        values = {at: cells[at] for at in columns if at < len(cells) and cells[at]}
        if len(cells) <= corner or not _is_row(cells[corner]) or not values:
            continue
        row = cells[corner].upper()
        if row in seen:
            raise InputError(f"{path!r} has the row {row} of a map twice; expected each row once")
        seen.add(row)
        yield from ((normal_well(f"{row}{columns[at]}"), value) for at, value in values.items())


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
