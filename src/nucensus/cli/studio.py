"""`nucensus studio`."""

from functools import partial

import click

from .commands import Command
from .page import page_options, show_page


@click.command(cls=Command, epilog="Example: nucensus studio plate/")
@click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False), metavar="[FOLDER]"
)
@page_options
def command(folder: str | None, port: int, no_browser: bool) -> None:
    """Count in the browser: choose a folder, look at it, count, correct, take the tables.

    Opens a page on this machine. It counts with nucensus detect, whose command
    line it shows; the run lies in the folder of the images, unless another is
    chosen. FOLDER is where it begins.
    """
    from ..studio import Studio, serve

    serve(Studio(folder or ""), port=port, on_ready=partial(show_page, no_browser=no_browser))
