"""The well table as an Excel workbook."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..store import Run
from ..text.files import atomic_write
from ..text.names import escape
from .optional import require
from .place import one_file
from .provenance import Provenance
from .wells import well_table

_CONTROL = r"\x00-\x08\x0b-\x1f"
"""Characters that a workbook cannot hold."""


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write the sheets `wells` and `provenance`."""
    openpyxl = require("openpyxl", extra="xlsx")
    table = well_table(run)
    path = one_file(target, "wells.xlsx")
    packed = io.BytesIO()  # where the disk is full, a `ZipFile` on it fails once more when it ends
    book = openpyxl.Workbook(write_only=True)
    _write_sheet(book, "wells", [table.dtype.names or (), *table.tolist()])
    _write_sheet(book, "provenance", _flat(document))
    book.save(packed)
    with atomic_write(path) as partial:
        partial.write_bytes(packed.getbuffer())
    return [path]


def _write_sheet(book: Any, title: str, rows: Any) -> None:
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: Any, value: Any) -> Any:
    """Return a cell that holds `value` as it is: a text that starts with = is no formula."""
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, float) and not math.isfinite(value):
        return None
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
