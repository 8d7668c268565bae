"""The well table as an Excel workbook."""

import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from ..discover import place_of, row_name
from ..errors import InputError
from ..store import Run
from ..text.files import atomic_write
from ..text.names import escape
from .optional import require
from .place import one_file
from .provenance import Provenance
from .spooled_rows import SpooledRows, spooled
from .wells import well_rows

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,14})?([eE][-+]?\d{1,2})?")
"""Texts that are no less as a number: a code such as 007 or of 20 digits stays a text."""

_MOST_ROWS = 1 << 20
"""Of a sheet; the first is the header."""
_MOST_COLUMNS = 48
"""Of a plate of 1536 wells."""

_MOST_BYTES = 1 << 24
"""Of a workbook in memory; a larger one is on disk, before it is where it belongs."""

_LEAST_SHORT = 0.1
"""Numbers from here on are shown with two digits."""

_CONTROL = r"\x00-\x08\x0b-\x1f"
"""Characters that a workbook cannot hold."""


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write the sheets `wells`, `plates` (the counts as on the plate) and `provenance`."""
    openpyxl = require("openpyxl", extra="xlsx")
    path = one_file(target, "wells.xlsx")
    columns, rows = well_rows(run)
    with spooled(columns.names or (), rows) as table:
        refuse_too_many(len(table))
        book = openpyxl.Workbook(write_only=True)
        _write_wells(book, table)
        _write_plates(book, table)
    sheet = _new_sheet(book, "provenance")
    sheet.column_dimensions["A"].width = 40
    _write_rows(sheet, _flat(document))
    # Where the disk is full, a `ZipFile` on it fails once more when it ends.
    with tempfile.SpooledTemporaryFile(_MOST_BYTES) as packed:
        book.save(packed)
        packed.seek(0)
        with atomic_write(path) as partial, open(partial, "wb") as file:
            shutil.copyfileobj(packed, file)
    return [path]


def refuse_too_many(wells: int) -> None:
    """Raise if there are more rows than a sheet holds."""
    if wells >= _MOST_ROWS:
        raise InputError(
            f"the table has {wells:,} rows, one for each well, channel, plane and time; expected "
            f"at most {_MOST_ROWS - 1:,}, for a sheet of a workbook holds {_MOST_ROWS:,} with the "
            f"header; write it as CSV with --to wells"
        )


def _write_wells(book: Any, table: SpooledRows) -> None:
    """Write one row per well, below a header that stays and filters."""
    from openpyxl.utils import get_column_letter

    sheet = _new_sheet(book, "wells")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.names))}{len(table) + 1}"
    for number, name in enumerate(table.names, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(10, len(name) + 3)
    _write_rows(sheet, [table.names])
    are_numbers = _are_numbers(table)
    for row in table:
        cells = zip(row, are_numbers, strict=True)
        _write_rows(sheet, [[float(each) if each and number else each for each, number in cells]])


def _are_numbers(table: SpooledRows) -> list[bool]:
    """Tell which columns hold texts that are all numbers, such as doses; none may change by it."""
    texts, others = [False] * len(table.names), [False] * len(table.names)
    for row in table:
        for column, value in enumerate(row):
            if isinstance(value, str) and value and not others[column]:
                texts[column] = True
                others[column] = _NUMBER.fullmatch(value) is None
    return [text and not other for text, other in zip(texts, others, strict=True)]


def _write_plates(book: Any, table: SpooledRows) -> None:
    """Draw each plate: its wells where they are, with the nuclei per image, coloured from 0."""
    from openpyxl.formatting.rule import ColorScaleRule
    from openpyxl.utils import get_column_letter

    sheet, line = _new_sheet(book, "plates"), 1
    for column in range(1, _MOST_COLUMNS + 2):
        sheet.column_dimensions[get_column_letter(column)].width = 7
    for title, wells in _plates(table):
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


def _plates(table: SpooledRows) -> Iterator[tuple[str, dict[tuple[int, int], float]]]:
    """Yield the name of each plate and view, and its nuclei per image by row and column.

    The rows of a plate follow one another.
    """
    at = {name: place for place, name in enumerate(table.names)}
    views = [f"Metadata_{name}" for name in ("Channel", "Z", "Time")]
    shown = [name for name in views if name in at]
    for plate, wells in groupby(table, itemgetter(at["Metadata_Plate"])):
        drawn: dict[str, dict[tuple[int, int], float]] = {}
        for well in wells:
            if place := place_of(well[at["Metadata_Well"]]):
                view = [f"{name.partition('_')[2].lower()} {well[at[name]]}" for name in shown]
                title = ", ".join([f"Plate {plate}", "nuclei per image", *view])
                drawn.setdefault(title, {})[place] = round(well[at["Nuclei_PerImage"]], 1)
        yield from drawn.items()


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
