"""`nucensus report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..text.plurals import data_size, pluralize
from .commands import Command
from .destination import Destination, below, home_of
from .progress import progress_of, progress_option
from .selection import metadata_option, positive_options
from .shown import open_shown

if TYPE_CHECKING:
    from ..store import Run


@click.command(cls=Command, epilog="Example: nucensus report run/")
@click.argument("folder", type=Destination(), metavar="RUN")
@click.option(
    "-o",
    "--out",
    type=Destination(),
    metavar="FILE.html",
    help="The report, also in a bucket.  [default: report.html in RUN]",
)
@click.option(
    "--gallery", is_flag=True, help="Also write a picture of every field, in a folder beside it."
)
@metadata_option
@positive_options
@click.option(
    "--control", metavar="NAME", help="Compare the treatments with the wells treated with NAME."
)
@click.option(
    "--plate-format",
    type=click.IntRange(6, 1536),
    metavar="WELLS",
    help="Draw plates of so many wells, 6 to 1536.  [default: as many as hold the images]",
)
@progress_option
def command(
    folder: Path | str, out: Path | str | None, gallery: bool, control: str | None,
    plate_format: int | None, progress: str, **shown: Any,
) -> None:  # fmt: skip
    """Show a run as one HTML file: numbers, plate heat maps, histograms, pictures.

    The file needs no network and nothing beside it. RUN is the folder that
    nucensus detect -o wrote.
    """
    run = open_shown(folder, **shown)
    file = out or below(home_of(folder), "report.html")
    publish(
        run, file, gallery=gallery, control=control, plate_format=plate_format, progress=progress
    )


def publish(
    run: "Run", out: Path | str, *, gallery: bool = False, control: str | None = None,
    plate_format: int | None = None, progress: str = "none",
) -> None:  # fmt: skip
    """Write the report of `run`, show how far it is, and say where it is."""
    from ..remote import staged
    from ..report import write_gallery, write_report

    written = []
    with staged(out) as stage:
        file = stage.path
        with progress_of(progress) as bar:
            lacks = write_report(
                run, file, control=control, plate_format=plate_format, on_progress=bar.reach
            )
        written.append(f"Written: {stage.final(file)} ({data_size(file.stat().st_size)})")
        if gallery:
            index = file.with_name(f"{file.stem}_gallery") / "index.html"
            with progress_of(progress) as bar:
                count = write_gallery(run, index.parent, bar.reach)
            written.append(f"Written: {pluralize(count, 'picture')} and {stage.final(index)}")
    click.echo("\n".join(written))
    for each in lacks:
        click.echo(f"Note: {each}", err=True)
