"""`nucensus report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..store import Run


@click.command(epilog="Example: nucensus report run/")
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="The report.  [default: report.html in RUN]",
)
@click.option(
    "--gallery", is_flag=True, help="Also write a picture of every field, in a folder beside it."
)
def command(folder: Path, out: Path | None, gallery: bool) -> None:
    """Show a run as one HTML file: numbers, plate heat maps, histograms, pictures.

    The file needs no network and nothing beside it. RUN is the folder that
    nucensus detect -o wrote.
    """
    from ..store import Run

    run = Run(folder)
    file = out or (folder if folder.is_dir() else folder.parent) / "report.html"
    publish(run, file)
    if gallery:
        from ..report import write_gallery

        beside = file.with_name(f"{file.stem}_gallery")
        click.echo(f"Written: {write_gallery(run, beside)} pictures and {beside / 'index.html'}")


def publish(run: "Run", file: Path) -> None:
    """Write the report of `run` and say where it is."""
    from ..report import write_report

    write_report(run, file)
    click.echo(f"Written: {file} ({file.stat().st_size / 1e6:.1f} MB)")
