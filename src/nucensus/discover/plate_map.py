"""Read maps of plates: the numbers of columns above, the letters of rows at the left."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..errors import InputError
from .names import normal_well

_LEAST_COLUMNS = 3
"""How many numbers in a row make a line the head of a map; fewer could be data."""
_PLATE_WORD = r"(?:plate|platte|plaque|plaat|placa|piastra|lastra)"
_PLATE = re.compile(
    rf"{_PLATE_WORD}(?:\s*[:=#]\s*(?P<named>.*\S)|[\s_-]*(?P<short>\S*\d\S*|[A-Z]))", re.IGNORECASE
)
"""A cell that says of which plate the maps below it are: Plate: BR001, or Plate 2."""
_LIKE_A_PLATE = re.compile(rf"{_PLATE_WORD}\b", re.IGNORECASE)


class _Map(NamedTuple):
    """A map in a sheet: the line of its head, its corner, and the cells that are its own.

    `left` and `right` are the columns of the sheet between which its title stands.
    """

    line: int
    corner: int
    left: int
    right: int


def has_maps(lines: Sequence[list[str]]) -> bool:
    """Tell whether a sheet has a map."""
    return next(_maps(lines), None) is not None


def read_maps(path: str, lines: Sequence[list[str]]) -> list[dict[str, str]]:
    """Return the wells of the maps in a sheet, by plate where the sheet says of which they are.

    Raises
    ------
    InputError
        A row, a column or a name comes twice, or it is not clear of which plate a map is.
    """
    maps = list(_maps(lines))
    plates = [_plate_of(path, lines, each) for each in maps]
    wells: dict[tuple[str, str], dict[str, str]] = {}
    names: dict[str, dict[str, None]] = {}
    for each, plate in zip(maps, plates, strict=True):
        taken = names.setdefault(plate, {})
        unnamed = "treatment" if plates.count(plate) == 1 else f"Map {len(taken) + 1}"
        name = _name_of(lines, each) or unnamed
        _check_name(path, name, taken, alone=len(maps) == 1)
        taken[name] = None
        for well, value in _cells(path, lines, each, maps):
            wells.setdefault((plate, well), {})[name] = value
    return _rows(wells, list(dict.fromkeys(name for taken in names.values() for name in taken)))


def _rows(
    wells: dict[tuple[str, str], dict[str, str]], names: Sequence[str]
) -> list[dict[str, str]]:
    """Return a row for each well; maps of no plate in particular hold for every one."""
    rows = []
    for (plate, well), own in wells.items():
        known = wells.get(("", well), {}) | own
        place = {"plate": plate, "well": well} if plate else {"well": well}
        rows.append(place | {name: known.get(name, "") for name in names})
    return rows


def _check_name(path: str, name: str, taken: dict[str, None], *, alone: bool) -> None:
    if not alone and _LIKE_A_PLATE.match(name):
        raise InputError(
            f"{path!r} has several maps, one of them called {name!r}; expected the plate as in "
            f"'Plate: P1' (the names that nucensus scan shows) alone in a cell above its maps, and "
            f"what a map shows in its corner"
        )
    if name in ("well", "plate", *taken):
        raise InputError(
            f"{path!r} has a map called {name!r}, a name that is taken; expected another one for "
            f"each, in the corner of the map or above it; with several plates, 'Plate: P1' above "
            f"the maps of each"
        )


def _maps(lines: Sequence[list[str]]) -> Iterator[_Map]:
    """Yield the maps of a sheet, also of those beside each other."""
    for line in range(len(lines) - 1):
        corners = [at for at in range(len(lines[line])) if _is_corner(lines, line, at)]
        for number, corner in enumerate(corners):
            left = 0 if number == 0 else corner
            right = (*corners, len(lines[line]))[number + 1]
            yield _Map(line, corner, left, right)


def _is_corner(lines: Sequence[list[str]], line: int, at: int) -> bool:
    """Tell whether the columns of a map begin behind this cell, and its rows below it."""
    cells, below = lines[line], lines[line + 1]
    numbers = [_number(cell) for cell in cells[at + 1 : at + 1 + _LEAST_COLUMNS]]
    if len(numbers) < _LEAST_COLUMNS or at >= len(below):
        return False
    follow = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return numbers[0] > 0 and follow and _is_row(below[at]) and not _is_row(cells[at])


def _number(cell: str) -> int:
    return int(cell) if cell.isdecimal() else -1


def _is_row(text: str) -> bool:
    return re.fullmatch(r"[A-Z]|A[A-F]", text, re.IGNORECASE) is not None


def _name_of(lines: Sequence[list[str]], each: _Map) -> str:
    """Return what stands in the corner of a map, or alone in the line above it."""
    if corner := lines[each.line][each.corner]:
        return corner
    for above in range(each.line - 1, -1, -1):
        if any(lines[above][each.left : each.right]):
            title = set(filter(None, lines[above][each.left : each.right]))
            name = title.pop()
            return "" if title or _is_row(name) or _PLATE.fullmatch(name) else name
    return ""


def _plate_of(path: str, lines: Sequence[list[str]], each: _Map) -> str:
    """Return the plate that is named above a map; "" if none is."""
    for above in range(each.line - 1, -1, -1):
        found = {at: match["named"] or match["short"] for at, cell in enumerate(lines[above])
                 if (match := _PLATE.fullmatch(cell))}  # fmt: skip
        if len(set(found.values())) == 1:
            return next(iter(found.values()))
        own = {name for at, name in found.items() if each.left <= at < each.right}
        if len(own) == 1:
            return own.pop()
        if found:
            raise InputError(
                f"line {above + 1} of {path!r} names the plates {', '.join(found.values())}, and "
                f"line {each.line + 1} has a map below none of them, or below several; expected "
                f"the name of a plate above each map"
            )
    return ""


def _cells(
    path: str, lines: Sequence[list[str]], each: _Map, maps: Sequence[_Map]
) -> Iterator[tuple[str, str]]:
    """Yield the wells of a map, and what stands in them."""
    head = lines[each.line][: each.right]
    columns = {at: cell for at, cell in enumerate(head) if at > each.corner and cell.isdecimal()}
    if len(set(map(int, columns.values()))) < len(columns):
        raise InputError(f"{path!r} has a column of a map twice; expected each column once")
    end = min(
        (other.line for other in maps
         if other.line > each.line and other.corner < each.right and other.right > each.corner),
        default=len(lines),
    )  # fmt: skip
    seen: set[str] = set()
    for cells in lines[each.line + 1 : end]:
        values = {at: cells[at] for at in columns if at < len(cells) and cells[at]}
        if len(cells) <= each.corner or not _is_row(cells[each.corner]) or not values:
            continue
        row = cells[each.corner].upper()
        if row in seen:
            raise InputError(f"{path!r} has the row {row} of a map twice; expected each row once")
        seen.add(row)
        yield from ((normal_well(f"{row}{columns[at]}"), value) for at, value in values.items())
