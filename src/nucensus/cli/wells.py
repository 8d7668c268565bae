"""`nucensus wells`."""

import math
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from .as_json import print_json
from .commands import Command
from .destination import Destination
from .progress import counted_images, progress_option
from .selection import metadata_option, positive_options
from .shown import open_shown

if TYPE_CHECKING:
    from ..store import Table

_HEADINGS = {
    "Nuclei_Count": "nuclei",
    "Nuclei_PerImage": "per image",
    "Nuclei_PerMegapixel": "per megapixel",
    "Nuclei_PerMm2": "per mm²",
    "Nuclei_Intensity_Mean": "intensity",
    "Nuclei_Intensity_SD": "SD of intensity",
    "Nuclei_NeighbourDistancePx_Mean": "neighbour px",
    "Nuclei_NeighbourDistancePx_SD": "SD of neighbour px",
    "Nuclei_NeighbourDistanceUm_Mean": "neighbour µm",
    "Nuclei_NeighbourDistanceUm_SD": "SD of neighbour µm",
    "LeftOut": "left out",
    "G1_Percent": "% in G1",
    "S_Percent": "% in S",
    "G2_Percent": "% in G2",
    "G1_Content": "DNA in G1",
    "Spread_Percent": "% spread of G1",
}
_OF_POSITIVE = {
    "_PositiveCount": "positive", "_PositivePercent": "% positive",
    "_PositivePercentLow": "% from", "_PositivePercentHigh": "% to",
}  # fmt: skip
_KEYS = ("Metadata_Plate", "Metadata_Channel", "Metadata_Z", "Metadata_Time")
"""Columns that are shown where they tell wells apart."""

_GAP = 2
_LONGEST_TEXT = 20
_LINES = 1 << 10
"""Lines that are printed together. Larger: more memory, hardly faster."""


@click.command(
    cls=Command,
    epilog="Examples: nucensus wells run --columns compound,per_mm2; nucensus wells run --csv",
)
@click.argument("folder", type=Destination(), metavar="RUN")
@click.option(
    "--columns",
    metavar="NAME,...",
    help="Show these, beside the well.  [default: those that fit the terminal]",
)
@click.option("--csv", "form", flag_value="csv", help="Print all columns as CSV.")
@click.option("--json", "form", flag_value="json", help="Print all columns as JSON.")
@metadata_option
@positive_options
@progress_option
def command(
    folder: Path | str, columns: str | None, form: str | None, progress: str, **shown_as: Any
) -> None:
    """Show what RUN found in each well.

    nucensus export RUN --to wells (or xlsx) writes the same table as a file.
    """
    from ..export.cell_cycle import PHASE_COLUMNS, with_phases
    from ..export.wells import well_rows, well_table

    run = open_shown(folder, **shown_as)
    dtype, rows = well_rows(run)
    names = dtype.names or ()
    asked = _find_columns(columns, (*names, *PHASE_COLUMNS)) if columns else []
    with counted_images(progress) as run.on_image:
        if form and set(PHASE_COLUMNS).isdisjoint(asked):
            print_rows(form, *_chosen(names, asked, rows))
            return
        wells = well_table(run)
    if not set(PHASE_COLUMNS).isdisjoint(asked):
        wells, notes = with_phases(wells, run)
        for note in notes:
            click.echo(f"Note: {note}", err=True)
    if form:
        print_rows(form, *_chosen(wells.dtype.names or (), asked, iter(wells.tolist())))
        return
    useful = [name for name in wells.dtype.names or () if _tells(wells, name)]
    shown = ["Metadata_Well", *asked] if asked else _fitting(wells, useful)
    print_table(wells, shown)
    hidden = [] if asked else [_heading(name) for name in useful if name not in shown]
    if hidden:
        note = f"Not shown: {', '.join(_grouped(hidden))}; see --columns, --csv and --json."
        click.echo(click.wrap_text(note, shutil.get_terminal_size().columns))


def _grouped(headings: Sequence[str]) -> list[str]:
    """Return headings in short, the statistics of one measurement together: AreaPx_Mean/SD/Q1."""
    groups: dict[str, list[str]] = {}
    for each in headings:
        measured, _, statistic = each.rpartition("_")
        groups.setdefault(measured or each, []).append(statistic if measured else "")
    return [f"{name}_{'/'.join(each)}" if each[0] else name for name, each in groups.items()]


def _chosen(
    names: Sequence[str], asked: Sequence[str], rows: Iterator[tuple[Any, ...]]
) -> tuple[Sequence[str], Iterator[tuple[Any, ...]]]:
    """Return the columns that were asked for, beside the well, and their rows; or all of them."""
    if not asked:
        return names, rows
    chosen = ["Metadata_Well", *asked]
    places = [names.index(each) for each in chosen]
    return chosen, (tuple([row[place] for place in places]) for row in rows)


def _find_columns(asked: str, names: Sequence[str]) -> list[str]:
    """Return the columns that were asked for, by name or heading in any spelling."""
    known = {_plain(each): name for name in reversed(names) for each in (name, _heading(name))}
    known |= {_plain(name.partition("_")[2]): name for name in reversed(names)}
    found = []
    for each in asked.split(","):
        if _plain(each) not in known:
            there = ", ".join(name.partition("_")[2] for name in names)
            raise InputError(f"there is no column {each.strip()!r}; expected some of {there}")
        found.append(known[_plain(each)])
    return [name for name in dict.fromkeys(found) if name != "Metadata_Well"]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold().replace("µ", "u").replace("²", "2")))


def _tells(wells: "Table", name: str) -> bool:
    """Tell whether a column says anything, or tells wells apart where it is there for that."""
    values = wells[name].tolist()
    if name == "Metadata_Failed":
        return any(values)
    return len(set(values)) > 1 if name in _KEYS else any(map(_text, values))


def _fitting(wells: "Table", useful: Sequence[str]) -> list[str]:
    """Return the columns that fit the terminal, the most telling first, in their usual order."""
    room = shutil.get_terminal_size().columns
    shown: list[str] = []
    for name in sorted(useful, key=_rank):
        room -= _width(wells, name) + _GAP
        if room < 0:
            break
        shown.append(name)
    return [name for name in useful if name in shown] or list(useful[:1])


def _rank(name: str) -> int:
    """Return how far a column stands from what most people ask for."""
    if name.startswith("Metadata_"):
        return 1 if name == "Metadata_Images" else 0
    if name.endswith("_PositivePercent"):
        return 1
    return 2 + name.endswith(("_SD", "Px_Mean", "PerMegapixel", "_Q1", "_Q3"))


def _width(wells: "Table", name: str) -> int:
    return max(map(len, (_heading(name), *_texts(wells, name))))


def _texts(wells: "Table", name: str) -> list[str]:
    """Return the values of a column as they are shown; counts are whole where some are unknown."""
    texts = map(_text, wells[name].tolist())
    return [text.removesuffix(".0") if name == "Nuclei_Count" else text for text in texts]


def print_table(wells: "Table", shown: Sequence[str]) -> None:
    """Print these columns of a table."""
    lines = []
    for name in shown:
        texts = [_heading(name), *_texts(wells, name)]
        width = max(map(len, texts))
        is_text = wells.dtype[name].kind == "O"
        lines.append([text.ljust(width) if is_text else text.rjust(width) for text in texts])
    header, *rows = zip(*lines, strict=True)
    click.echo((" " * _GAP).join(header).rstrip())
    click.echo((" " * _GAP).join("─" * len(each) for each in header))
    for row in rows:
        click.echo((" " * _GAP).join(row).rstrip())


def print_rows(form: str, names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """Print a table as "csv" or "json", row by row."""
    from ..export.rows import comma_line

    if form == "json":
        print_json(dict(zip(names, row, strict=True)) for row in rows)
        return
    lines = (comma_line(row) for row in chain([names], rows))
    while some := b"".join(islice(lines, _LINES)):
        click.echo(some.decode(errors="surrogateescape"), nl=False)


def _heading(name: str) -> str:
    for end, words in _OF_POSITIVE.items():
        if name.endswith(end):
            return f"{name.removeprefix('Nuclei_').removesuffix(end)} {words}"
    bare = name.removeprefix("Metadata_").removeprefix("Nuclei_")
    return _HEADINGS.get(name, _HEADINGS.get(bare, bare))


def _text(value: Any) -> str:
    """Return a value as it is shown: texts may be shortened, numbers never are."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.1f}"
    text = str(value)
    if isinstance(value, int) or len(text) <= _LONGEST_TEXT:
        return text
    return text[: _LONGEST_TEXT - 1] + "…"
