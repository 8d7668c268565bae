"""`nucensus merge`."""

import sys
from pathlib import Path

import click

from ..text.plurals import pluralize
from .commands import Command
from .destination import Destination
from .progress import counted_images, progress_option
from .running import counted, exit_code, failed_ok, print_failures, print_written


@click.command(cls=Command, epilog="Example: nucensus merge shards/* -o run")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=Destination())
@click.option(
    "-o",
    "--out",
    required=True,
    type=Destination(),
    metavar="RUN",
    help="Folder for the merged run.sqlite, nuclei.csv and images.csv.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in RUN.")
@progress_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@failed_ok
def command(
    runs: tuple[Path | str, ...], out: Path | str, overwrite: bool, progress: str, quiet: bool,
    failed_ok: bool,
) -> None:  # fmt: skip
    """Join the runs of all shards into one.

    RUN... are the folders that nucensus detect --shard I/N -o wrote, in any
    order. The tables are those of an undivided run, to the byte, the times that
    images took aside. A shard that is missing, doubled, not finished or not
    like the others is refused.

    Exit code: 0 if every image was done, 3 if some failed, 1 if the shards
    cannot be merged, 2 for wrong usage.
    """
    from ..batch import merge_runs

    with counted_images("none" if quiet else progress) as on_image:
        run = merge_runs(runs, out, overwrite=overwrite, on_image=on_image)
    if not quiet:
        click.echo(f"{counted(run.counts)}; merged from {pluralize(len(runs), 'shard')}")
        print_written(out)
    print_failures(run)
    sys.exit(exit_code(run, failed_ok=failed_ok))
