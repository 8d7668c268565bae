"""Write the tables of columns in docs/outputs.md from those that the software reads itself.

python docs/columns.py
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nucensus.store import IMAGES, NUCLEUS_COLUMNS, ImageColumns, NucleusColumn

PAGE = Path(__file__).with_name("outputs.md")
_HEAD = "| column | type in Parquet | unit | holds |\n|---|---|---|---|\n"
_FILE = (
    ("path", "string", "", "the input (Parquet only; for CSV see `provenance.json`)"),
    ("size_bytes", "int64", "bytes", "its size (Parquet only)"),
    ("changed", "timestamp", "", "when it was changed (Parquet only)"),
)


def written(
    page: str,
    images: ImageColumns = IMAGES,
    nuclei: Sequence[NucleusColumn] = NUCLEUS_COLUMNS,
) -> str:
    """Return the page with the tables of these columns."""
    for name, rows in (("nuclei", _of_nuclei(nuclei)), ("images", _of_images(images))):
        begin, end = f"<!-- columns of {name}: docs/columns.py -->\n", "<!-- end of columns -->\n"
        lines = "".join(f"| `{each[0]}` | {' | '.join(each[1:])} |\n" for each in rows)
        table = f"{begin}\n{_HEAD}{lines}\n{end}"
        page, count = re.subn(f"{begin}.*?{end}", lambda _, table=table: table, page, flags=re.S)
        if count != 1:
            raise ValueError(f"the page has {count} places for the columns of {name}; expected one")
    return page


def _of_nuclei(columns: Sequence[NucleusColumn]) -> Iterator[tuple[str, str, str, str]]:
    yield "image", "dictionary of strings", "", "name of the image"
    for each in columns:
        only = f"; only {each.only}" if each.only else ""
        yield each.name, np.dtype(each.dtype).name, each.unit, each.meaning + only


def _of_images(columns: ImageColumns) -> Iterator[tuple[str, str, str, str]]:
    yield "image", "string", "", "its name"
    for each in columns.shown:
        kind = ("int64" if each.is_whole else "float64") if each.is_number else "string"
        yield each.name, kind, each.unit, each.meaning
    yield from _FILE


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
