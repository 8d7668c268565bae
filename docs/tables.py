"""Write the tables of the documentation that the software has itself: columns, strategies, formats.

python docs/tables.py
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from nucensus.detect import DETECTORS
from nucensus.execute import STRATEGIES
from nucensus.export import FORMATS
from nucensus.read import READERS
from nucensus.store import IMAGES, NUCLEUS_COLUMNS, ImageColumns, NucleusColumn

PAGES = [
    Path(__file__).with_name(f"{name}.md") for name in ("formats", "methods", "outputs", "tune")
]
_COLUMNS = ("column", "type in Parquet", "unit", "holds")
_FILE = (
    ("`path`", "string", "", "the input (Parquet only; for CSV see `provenance.json`)"),
    ("`size_bytes`", "int64", "bytes", "its size (Parquet only)"),
    ("`changed`", "timestamp", "", "when it was changed (Parquet only)"),
)
_PLACE = "<!-- table of {}: docs/tables.py -->\n"
_END = "<!-- end of table -->\n"


def written(
    page: str,
    images: ImageColumns = IMAGES,
    nuclei: Sequence[NucleusColumn] = NUCLEUS_COLUMNS,
) -> str:
    """Return the page with its tables as the software has them now."""
    tables = {
        "columns of nuclei": _table(_COLUMNS, _of_nuclei(nuclei)),
        "columns of images": _table(_COLUMNS, _of_images(images)),
        "detectors": _table(("detector", "finds", "controls"), _of_detectors()),
        "strategies": _table(("name", "how", "what it costs"), _of_strategies()),
        "endings": _table(("format", "endings", "extra"), _of_readers()),
        "exports": _table(("format", "writes", "opens in", "extra"), _of_formats()),
    }
    for name, table in tables.items():
        begin = _PLACE.format(name)
        new = f"{begin}\n{table}\n{_END}"
        page = re.sub(f"{begin}.*?{_END}", lambda _, new=new: new, page, flags=re.S)
    return page


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(head), *map(" | ".join, rows)]
    lines.insert(1, "|".join(["---"] * len(head)))
    return "".join(f"|{line}|\n" if line.startswith("---") else f"| {line} |\n" for line in lines)


def _of_nuclei(columns: Sequence[NucleusColumn]) -> Iterator[tuple[str, str, str, str]]:
    yield "`image`", "dictionary of strings", "", "name of the image"
    for each in columns:
        only = f"; only {each.only}" if each.only else ""
        yield f"`{each.name}`", np.dtype(each.dtype).name, each.unit, each.meaning + only


def _of_images(columns: ImageColumns) -> Iterator[tuple[str, str, str, str]]:
    yield "`image`", "string", "", "its name"
    for each in columns.shown:
        kind = ("int64" if each.is_whole else "float64") if each.is_number else "string"
        yield f"`{each.name}`", kind, each.unit, each.meaning
    yield from _FILE


def _of_detectors() -> Iterator[tuple[str, str, str]]:
    for name, each in DETECTORS.items():
        yield f"`{name}`", each.about, ", ".join(one.label.lower() for one in each.controls)


def _of_strategies() -> Iterator[tuple[str, str, str]]:
    for each in STRATEGIES.values():
        yield f"`{each.name}`", each.summary, each.costs


def _of_readers() -> Iterator[tuple[str, str, str]]:
    for each in READERS:
        yield each.format, " ".join(f"`{one}`" for one in each.endings), _extra(each.extra)


def _of_formats() -> Iterator[tuple[str, str, str, str]]:
    for name, each in FORMATS.items():
        yield f"`{name}`", each.files, each.opens_in, _extra(each.extra)


def _extra(extra: str) -> str:
    return f"`{extra}`" if extra else ""


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(written(each.read_text(encoding="utf-8")), encoding="utf-8")
