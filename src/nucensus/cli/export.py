"""`nucensus export`."""

from pathlib import Path
from typing import Any

import click

from ..export import FORMATS
from .commands import Command
from .destination import Destination, below, home_of
from .progress import counted_images, progress_option
from .selection import metadata_option, positive_options
from .shown import open_shown

_WRITES = "\n    ".join(f"{name:<12}  {each.writes}" for name, each in FORMATS.items())


@click.command(
    cls=Command,
    help=f"""Write what RUN found in another format, with its provenance beside it.

    FORMAT is one of:

    \b
    {_WRITES}

    A file that is there already is replaced, but not a run in a folder.
    """,
    epilog="Example: nucensus export run --to geojson -o for-qupath",
)
@click.argument("folder", type=Destination(), metavar="RUN")
@click.option(
    "--to", required=True, type=click.Choice(list(FORMATS)), metavar="FORMAT", help="What to write."
)
@click.option(
    "-o",
    "--out",
    type=Destination(),
    metavar="PATH",
    help="Folder, file or address in a bucket to write to.  [default: in RUN]",
)
@click.option(
    "--radius",
    type=click.IntRange(min=0),
    metavar="N",
    help="Draw discs of so many pixels in labels and ome-zarr, if the run has no outlines.  "
    "[default: one pixel]",
)
@metadata_option
@positive_options
@progress_option
def command(
    folder: Path | str, to: str, out: Path | str | None, radius: int | None, progress: str,
    **shown: Any,
) -> None:  # fmt: skip
    """Write what a run found in another format."""
    from ..export import export_run
    from ..export.labels import drawn_as

    run = open_shown(folder, **shown)
    home = home_of(folder)
    target = out or (below(home, to) if FORMATS[to].per_image else home)
    with counted_images(progress) as run.on_image:
        written = export_run(run, to, target, radius=radius)
    click.echo(f"Written: {', '.join(map(str, written))}")
    if FORMATS[to].draws:
        click.echo(f"The label images show {drawn_as(run, radius or 0)}.")
