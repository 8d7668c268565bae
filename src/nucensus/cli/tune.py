"""`nucensus tune`."""

import getpass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .commands import Command
from .page import page_options, show_page
from .selection import selection, selection_of

if TYPE_CHECKING:
    from ..values import ImageRef, Selection


@click.command(cls=Command, epilog="Example: nucensus tune plate/")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@selection
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.toml",
    help="Start from the settings in a file.",
)
@page_options
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Keep marks beside this run of the same images: its tables show the corrected counts.",
)
@click.option("--by", metavar="NAME", help="Who marks.  [default: the user's name]")
def command(inputs: tuple[str, ...], settings_file: Path | None, port: int, no_browser: bool,
            keep: Path | None, by: str | None, **options: Any) -> None:  # fmt: skip
    """Choose the settings by eye, in the browser.

    Opens a page on this machine: an image with its nuclei ringed, and sliders
    that it follows. The page hands out the command line, the Python call or a
    file for nucensus detect --settings.
    """
    from ..batch import expand
    from ..discover import discover
    from ..errors import InputError
    from ..read import SUFFIXES
    from ..tune import Marks, Session, serve
    from ..values import Settings
    from ..values.settings_file import read_settings

    settings = Settings() if settings_file is None else read_settings(settings_file)

    def listed(chosen: "Selection") -> "list[ImageRef]":
        images = list(expand(discover(inputs, SUFFIXES, chosen)))
        there = [each for each in images if not each.problem]
        if not there:
            raise InputError(f"none of the {len(images)} images is there: {images[0].problem}")
        return there

    chosen = selection_of(options)
    there = listed(chosen)
    marks = None if keep is None else Marks(keep, there, by or getpass.getuser())
    session = Session(inputs, there, settings, chosen, marks, None if keep else listed)
    session.require_readable()
    serve(session, port=port, on_ready=partial(show_page, no_browser=no_browser))
