"""`nucensus wells`."""

import math
import sys
from pathlib import Path
from typing import Any

import click

from .selection import metadata_option

_HEADINGS = {
    "Nuclei_Count": "nuclei",
    "Nuclei_PerImage": "per image",
    "Nuclei_PerMegapixel": "per megapixel",
    "Nuclei_PerMm2": "per mm²",
    "Nuclei_Intensity_Mean": "intensity",
    "Nuclei_NeighbourDistancePx_Mean": "neighbour px",
    "Nuclei_NeighbourDistanceUm_Mean": "neighbour µm",
    **dict.fromkeys(
        (
            "Nuclei_Intensity_SD",
            "Nuclei_NeighbourDistancePx_SD",
            "Nuclei_NeighbourDistanceUm_SD",
        ),
        "± SD",
    ),
}


@click.command(epilog="Example: nucensus wells run")
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN")
@metadata_option
def command(folder: Path, metadata: str | None) -> None:
    """Show what RUN found in each well.

    nucensus export RUN --to wells (or xlsx) writes the same table as a file.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..export.treated import open_run
    from ..export.wells import well_table

    wells = well_table(open_run(folder, metadata=metadata))
    shown = [name for name in wells.dtype.names or () if any(map(_text, wells[name].tolist()))]
    table = Table(box=SIMPLE_HEAD)
    for name in shown:
        is_text = wells.dtype[name].kind == "O"
        table.add_column(Text(_heading(name)), justify="left" if is_text else "right")
    for row in wells[shown].tolist():
        table.add_row(*(Text(_text(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else 200, color_system=None).print(table)


def _heading(name: str) -> str:
    return _HEADINGS.get(name, name.removeprefix("Metadata_"))


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if math.isnan(value) else f"{value:.1f}"
