"""The options of commands that count images, or plan it: which images, how, and where to."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .commands import give_options
from .destination import Destination
from .detection import detection_options, settings_option
from .selection import measure_options, metadata_option, selection

_F = TypeVar("_F", bound=Callable[..., Any])


def counting_options(result: str, holds: str) -> Callable[[_F], _F]:
    """Give a command INPUT and these options; what it makes is a `result`, such as a run."""
    return give_options(
        click.argument("inputs", nargs=-1, metavar="INPUT..."),
        selection,
        click.option(
            "-o", "--out", required=True, type=Destination(), metavar=result.upper(),
            help=f"Folder for {holds}, also in a bucket.",
        ),
        detection_options,
        settings_option,
        metadata_option,
        measure_options,
        click.option(
            "--overwrite", is_flag=True, help=f"Replace an earlier {result} in {result.upper()}."
        ),
    )  # fmt: skip
