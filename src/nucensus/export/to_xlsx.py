"""The well table as an Excel workbook."""

import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..discover import place_of, row_name
from ..errors import InputError
from ..store import Run, Table
from ..text.files import atomic_write
from ..text.names import escape
from .optional import require
from .place import one_file
from .provenance import Provenance
from .wells import well_table

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,14})?([eE][-+]?\d{1,2})?")
"""Texts that are no less as a number: a code such as 007 or of 20 digits stays a text."""

_MOST_ROWS = 1 << 20
"""Of a sheet; the first is the header."""
_MOST_COLUMNS = 48
"""Of a plate of 1536 wells."""

_LEAST_SHORT = 0.1
"""Numbers from here on are shown with two digits."""

_CONTROL = r"\x00-\x08\x0b-\x1f"
"""Characters that a workbook cannot hold."""


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write the sheets `wells`, `plates` (the counts as on the plate) and `provenance`."""
    openpyxl = require("openpyxl", extra="xlsx")
    table = well_table(run)
    refuse_too_many(len(table))
    path = one_file(target, "wells.xlsx")
    packed = io.BytesIO()  # where the disk is full, a `ZipFile` on it fails once more when it ends
    book = openpyxl.Workbook(write_only=True)
    _write_wells(book, table)
    _write_plates(book, table)
    sheet = _new_sheet(book, "provenance")
    sheet.column_dimensions["A"].width = 40
    _write_rows(sheet, _flat(document))
    book.save(packed)
    with atomic_write(path) as partial:
        partial.write_bytes(packed.getbuffer())
    return [path]


def refuse_too_many(wells: int) -> None:
    """Raise if there are more rows than a sheet holds."""
    if wells >= _MOST_ROWS:
        raise InputError(
            f"the table has {wells:,} rows, one for each well, channel, plane and time; expected "
            f"at most {_MOST_ROWS - 1:,}, for a sheet of a workbook holds {_MOST_ROWS:,} with the "
            f"header; write it as CSV with --to wells"
        )


def _write_wells(book: Any, table: Table) -> None:
    """Write one row per well, below a header that stays and filters."""
    from openpyxl.utils import get_column_letter

    names = table.dtype.names or ()
    columns = [_numbers(table[name].tolist()) for name in names]
    sheet = _new_sheet(book, "wells")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(names))}{len(table) + 1}"
    for number, name in enumerate(names, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(10, len(name) + 3)
    _write_rows(sheet, [names, *zip(*columns, strict=True)])


def _numbers(values: Sequence[Any]) -> Sequence[Any]:
    """Return texts that are all numbers as numbers, such as doses; none may change by it."""
    texts = [value for value in values if isinstance(value, str) and value]
    if not texts or not all(_NUMBER.fullmatch(value) for value in texts):
        return values
    return [float(value) if isinstance(value, str) and value else value or None for value in values]


def _write_plates(book: Any, table: Table) -> None:
    """Draw each plate: its wells where they are, with the nuclei per image, coloured from 0."""
    from openpyxl.formatting.rule import ColorScaleRule
    from openpyxl.utils import get_column_letter

    sheet, line = _new_sheet(book, "plates"), 1
    for column in range(1, _MOST_COLUMNS + 2):
        sheet.column_dimensions[get_column_letter(column)].width = 7
    for title, wells in _plates(table).items():
        rows, columns = (max(place[axis] for place in wells) + 1 for axis in (0, 1))
        drawn = [
            [row_name(row), *(wells.get((row, column)) for column in range(columns))]
            for row in range(rows)
        ]
        _write_rows(sheet, [[title], ["", *range(1, columns + 1)], *drawn, []])
        corner, last = f"B{line + 2}", f"{row_name(columns)}{line + 1 + rows}"
        scale = ColorScaleRule(
            start_type="num", start_value=0, start_color="FFFFFF",
            end_type="max", end_color="4477AA",
        )  # fmt: skip
        sheet.conditional_formatting.add(f"{corner}:{last}", scale)
        line += rows + 3


def _plates(table: Table) -> dict[str, dict[tuple[int, int], float]]:
    """Return the nuclei per image by the name of a plate and view, and by row and column."""
    plates: dict[str, dict[tuple[int, int], float]] = {}
    views = [f"Metadata_{name}" for name in ("Channel", "Z", "Time")]
    shown = [name for name in views if name in (table.dtype.names or ())]
    for well in table:
        if place := place_of(well["Metadata_Well"]):
            view = [f"{name.partition('_')[2].lower()} {well[name]}" for name in shown]
            title = ", ".join([f"Plate {well['Metadata_Plate']}", "nuclei per image", *view])
            plates.setdefault(title, {})[place] = round(float(well["Nuclei_PerImage"]), 1)
    return plates


def _new_sheet(book: Any, title: str) -> Any:
    """Return a sheet that is printed across the width of a page."""
    sheet = book.create_sheet(title)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    return sheet


def _write_rows(sheet: Any, rows: Iterable[Iterable[Any]]) -> None:
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: Any, value: Any) -> Any:
    """Return a cell that holds `value` as it is: a text that starts with = is no formula."""
    from openpyxl.cell import WriteOnlyCell

    if value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return None  # of an empty text Excel says that the file is damaged
    if isinstance(value, float) and not value.is_integer() and abs(value) >= _LEAST_SHORT:
        cell = WriteOnlyCell(sheet, value)
        cell.number_format = "0.00"  # it is shown so, and is what it was
        return cell
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, escape(value, also=_CONTROL))
    cell.data_type = "s"
    return cell


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the names and values of a nested document, the names joined by dots."""
    if not isinstance(value, dict):
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else value
        return
    for key, each in value.items():
        yield from _flat(each, f"{name}.{key}" if name else key)
