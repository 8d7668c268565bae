"""Read the cells of a table that the user wrote: CSV of any program, Excel, Parquet."""

import codecs
import csv
import datetime
import io
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..errors import InputError, MissingPackageError, ReadError, reason_of
from ..remote import check_address, is_remote, open_to_read

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_DELIMITER_LINES = 20
"""How many lines of a CSV file tell its delimiter; titles and notes may stand above."""

_MOST_CELLS, _MOST_CHARACTERS = 1000, 100_000
"""Cells and characters of a line; run files take no more of an image (`store/check.py`)."""

_EXCEL = (".xlsx", ".xlsm")
_OLD_EXCEL = (".xls", ".ods", ".numbers")


def read_cells(path: str) -> Iterator[list[str]]:
    """Yield the cells of each line of a CSV, Excel or Parquet file; the first has the names.

    CSV is read as Excel writes it in any country: commas, semicolons or tabs, in UTF-8, UTF-16 or
    Windows' cp1252. A sheet of a workbook is named behind its path: `plate.xlsx#Layout`.

    Raises
    ------
    InputError
        The file does not exist or cannot be read as what it is called, or the workbook has
        several sheets and none is named.
    MissingPackageError
        The package that reads Excel or Parquet is not installed.
    """
    path = check_address(path) if is_remote(path) else path
    file, sheet = _file_and_sheet(path)
    if not os.path.isfile(file) and not is_remote(file):
        raise InputError(f"{file!r} does not exist; expected a CSV, Excel or Parquet file")
    return _bounded(path, _cells(file, sheet))


def _bounded(path: str, lines: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yield the lines without the empty cells at their ends, unless one is beyond all measure."""
    for number, cells in enumerate(lines, 1):
        while cells and not cells[-1]:
            cells.pop()
        length = sum(map(len, cells))
        if len(cells) > _MOST_CELLS or length > _MOST_CHARACTERS:
            raise InputError(
                f"line {number} of {path!r} has {len(cells):,} cells and {length:,} letters; "
                f"expected at most {_MOST_CELLS:,} cells and {_MOST_CHARACTERS:,} letters; leave "
                f"out what is not needed"
            )
        yield cells


def _cells(file: str, sheet: str) -> Iterator[list[str]]:
    kind = os.path.splitext(file)[1].lower()
    if kind in _OLD_EXCEL:
        raise InputError(
            f"{file!r} ends in {kind}; expected .xlsx or .csv; save it as one of these"
        )
    if kind == ".parquet":
        return _parquet_cells(file)
    return _sheet_cells(file, sheet) if kind in _EXCEL else _csv_cells(file)


def read_table(path: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table (see `read_cells`), by the names in its first line."""
    lines = read_cells(path)
    names = next(lines, [])
    for number, cells in enumerate(lines, 2):
        if any(cells[len(names) :]):
            raise InputError(
                f"line {number} of {path!r} has {len(cells)} cells; expected {len(names)}, one for "
                f"each column; put a cell that holds the delimiter in quotes"
            )
        if any(cells):
            cells += [""] * (len(names) - len(cells))
            yield {name: cell for name, cell in zip(names, cells, strict=False) if name}


def is_sheet(path: str) -> bool:
    """Tell whether a table is a sheet of a workbook, by its name."""
    return os.path.splitext(_file_and_sheet(path)[0])[1].lower() in _EXCEL


def _file_and_sheet(path: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.+\.xls[xm])#(.+)", path, re.IGNORECASE)
    return (match[1], match[2]) if match and not os.path.isfile(path) else (path, "")


def _csv_cells(path: str) -> Iterator[list[str]]:
    try:
        encoding = _encoding_of(path)
        with io.TextIOWrapper(open_to_read(path), encoding=encoding, newline="") as file:
            first = list(itertools.islice(file, _DELIMITER_LINES))
            stated = re.fullmatch(r"sep=(.)\s*", first[0], re.IGNORECASE) if first else None
            delimiter = stated[1] if stated else _delimiter_of(first)
            yield from csv.reader(
                itertools.chain(first[1:] if stated else first, file), delimiter=delimiter
            )
    except (OSError, ReadError, UnicodeError, csv.Error) as error:
        raise InputError(
            f"{path!r} cannot be read as CSV ({reason_of(error)}); save it in UTF-8"
        ) from error


def _encoding_of(path: str) -> str:
    """Return the encoding of a text: as its first bytes say, else UTF-8, else Windows' own."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_to_read(path) as file:
        chunk = file.read(1 << 20)
        for mark, encoding in _BYTE_ORDER_MARKS.items():
            if chunk.startswith(mark):
                return encoding
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _delimiter_of(lines: Sequence[str]) -> str:
    """Return what stands in most lines; where that is a tie, a comma may be that of decimals."""
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]
    return max("\t;,", key=lambda delimiter: sum(delimiter in line for line in bare))


def _sheet_cells(path: str, sheet: str) -> Iterator[list[str]]:
    chosen = _choose_sheet(path, _workbook(path, values=False), sheet)
    formulas = [cell.coordinate for row in chosen.iter_rows() for cell in row
                if cell.data_type == "f"]  # fmt: skip
    if formulas:
        chosen = _choose_sheet(path, _workbook(path, values=True), sheet)
        if all(chosen[each].value is None for each in formulas):
            raise InputError(
                f"{path!r} has formulas, as in {formulas[0]}, and not what they come to; open it "
                f"in Excel or LibreOffice and save it there"
            )
    merged = _merged_cells(chosen)
    return (
        [_cell_text(merged.get((at, column), cell)) for column, cell in enumerate(row, 1)]
        for at, row in enumerate(chosen.iter_rows(values_only=True), 1)
    )


def _workbook(path: str, *, values: bool) -> Any:
    """Return a workbook with its formulas, or with the values that they had when it was saved."""
    try:
        import openpyxl
    except ImportError as error:
        raise MissingPackageError("openpyxl", "Reading an Excel file", "xlsx") from error
    try:
        with open_to_read(path) as file:
            return openpyxl.load_workbook(file, data_only=values)
    except Exception as error:  # of a file that is no workbook, openpyxl raises anything
        raise InputError(
            f"{path!r} cannot be read as Excel ({reason_of(error)}); save it again"
        ) from error


def _merged_cells(sheet: Any) -> dict[tuple[int, int], Any]:
    """Return what stands in cells that were merged: in each of them what is shown in all."""
    return {
        place: sheet.cell(merged.min_row, merged.min_col).value
        for merged in sheet.merged_cells.ranges
        for place in itertools.product(
            range(merged.min_row, min(merged.max_row, sheet.max_row) + 1),
            range(merged.min_col, min(merged.max_col, sheet.max_column) + 1),
        )
    }


def _choose_sheet(path: str, book: Any, name: str) -> Any:
    filled = {
        each.title: each
        for each in book.worksheets
        if any(cell is not None for row in each.iter_rows(values_only=True) for cell in row)
    }
    if name in filled:
        return filled[name]
    if name or len(filled) != 1:
        given = f"the sheet {name!r} of {path!r} was asked for" if name else f"{path!r} was given"
        there = ", ".join(filled) or "nothing"
        example = (
            f"; name one as in {os.path.basename(path)}#{next(iter(filled))}" if filled else ""
        )
        raise InputError(f"{given}, which has the sheets {there}{example}")
    return next(iter(filled.values()))


def _parquet_cells(path: str) -> Iterator[list[str]]:
    """Yield the cells in batches: a table may have millions of rows."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow", "Reading a Parquet file", "parquet") from error
    try:
        with open_to_read(path) as opened, pyarrow.parquet.ParquetFile(opened) as file:
            yield file.schema_arrow.names
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    yield [_cell_text(value) for value in row.values()]
    except (OSError, ReadError, pyarrow.ArrowException) as error:
        raise InputError(
            f"{path!r} cannot be read as Parquet ({reason_of(error)}); save it again"
        ) from error


def _cell_text(value: Any) -> str:
    """Return a cell as CSV would say it: whole numbers with gaps are kept as floating point."""
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return str(int(value) if whole else value)
