"""`nucensus detect`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .running import run_and_report, run_options

if TYPE_CHECKING:
    from ..model import Border


@click.command(epilog="Example: nucensus detect plate/ -o run --threshold 300 --border keep")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder for run.sqlite, nuclei.csv and images.csv.",
)
@click.option(
    "--sigma",
    type=float,
    default=4,
    show_default=True,
    help="Standard deviation of the smoothing, in pixels.",
)
@click.option(
    "--min-distance",
    type=int,
    default=6,
    show_default=True,
    help="Least distance of two nuclei along either axis, in pixels.",
)
@click.option(
    "--threshold",
    type=float,
    default=1000,
    show_default=True,
    help="Nuclei are brighter than this once smoothed, in grey levels.",
)
@click.option(
    "--border",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="What becomes of nuclei closer to the edge than --min-distance.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in RUN.")
@click.option(
    "--check-content",
    is_flag=True,
    help="Know changed files by a hash of their content, not by size and time.",
)
@run_options
def command(inputs: tuple[str, ...], out: Path, sigma: float, min_distance: int,
            threshold: float, border: "Border", overwrite: bool, check_content: bool,
            **run_options: Any) -> None:  # fmt: skip
    """Find the nuclei of images and write where they are.

    INPUT is any number of image files, folders (all images in them and below
    them) and globs. A file that cannot be read is a row of images.csv with its
    reason; it never stops the others.

    The same command on the same RUN carries on where an earlier one was
    stopped, and does new and changed files.

    Exit code: 0 if every image was done, 3 if some failed, 2 for wrong usage,
    130 and 143 if it was stopped by Ctrl-C or SIGTERM.
    """
    from ..batch import census
    from ..model import Settings

    settings = Settings(sigma, min_distance, threshold, border)
    run_and_report(
        partial(census, inputs, out, settings, overwrite=overwrite, check_content=check_content),
        out,
        **run_options,
    )
