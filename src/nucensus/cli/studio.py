"""`nucensus studio`."""

import webbrowser

import click

from .commands import Command


@click.command(cls=Command, epilog="Example: nucensus studio plate/")
@click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False), metavar="[FOLDER]"
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Listen on this port, for an SSH tunnel.  [default: any free one]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def command(folder: str | None, port: int, no_browser: bool) -> None:
    """Count in the browser: choose a folder, look at it, count, correct, take the tables.

    Opens a page on this machine. It counts with nucensus detect, whose command
    line it shows; the run lies in the folder of the images, unless another is
    chosen. FOLDER is where it begins.
    """
    from ..studio import Studio, serve

    def announce(address: str) -> None:
        click.echo(f"{address}\nThe page is for this machine only. Press Ctrl+C to stop.")
        if not no_browser:
            webbrowser.open(address)

    serve(Studio(folder or ""), port=port, on_ready=announce)
