"""The common part of commands that open a page in the browser."""

import webbrowser

import click

from .commands import give_options

page_options = give_options(
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        help="Listen on this port, for an SSH tunnel.  [default: any free one]",
    ),
    click.option("--no-browser", is_flag=True, help="Only print the address."),
)
"""Where the page is, and whether it is opened."""


def show_page(address: str, *, no_browser: bool) -> None:
    """Say where the page is, and open it."""
    click.echo(f"{address}\nThe page is for this machine only. Press Ctrl+C to stop.")
    if not no_browser:
        webbrowser.open(address)
