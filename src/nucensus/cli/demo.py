"""`nucensus demo`."""

import os
from pathlib import Path

import click

from .commands import Command


@click.command(cls=Command, epilog="Example: nucensus demo")
@click.argument("folder", type=click.Path(path_type=Path), default="nucensus-demo", metavar="[DIR]")
def command(folder: Path) -> None:
    """Make a small synthetic plate in DIR, count it, and compare the methods on it.

    The plate has known centres, touching nuclei and nuclei at the border, one
    blank field and one damaged file.
    """
    from ..batch import census
    from ..bench import compare
    from ..bench.demo import COMPARED, SETTINGS, agreement
    from ..discover import discover
    from ..read import SUFFIXES
    from ..values.synthetic import write_plate
    from .bench import publish
    from .running import print_failures, print_summary

    plate, out = folder / "plate", folder / "run"
    paths = write_plate(plate)
    click.echo(f"Made {len(paths)} images of 1024 x 1280 in {plate}: one blank, one damaged.\n")

    click.echo(f"$ nucensus detect {plate} -o {out}")
    run = census(plate, out, overwrite=True)
    print_summary(run, out)
    print_failures(run)
    truth = agreement(run, plate / "truth.csv")
    click.echo(
        f"{truth.hits} of the {truth.known} known centres were found "
        f"({100 * truth.hits / truth.known:.1f} %), with {truth.found - truth.hits} false ones.\n"
    )

    options = f"--threshold {SETTINGS.threshold:g} --border {SETTINGS.border} --repeat 1"
    click.echo(f"$ nucensus bench {plate} -o {folder / 'bench'} {options} --limit {COMPARED}")
    references = discover([plate], SUFFIXES)[:COMPARED]
    publish(
        compare(references, settings=SETTINGS, repeat=1),
        folder / "bench",
    )
    # uv says so to what it runs: there the command alone is not on the path of the terminal.
    nucensus = "uv run nucensus" if "UV_RUN_RECURSION_DEPTH" in os.environ else "nucensus"
    click.echo(
        f"\nLook at the run, then count your own images:\n"
        f"  {nucensus} report {out}\n"
        f"  {nucensus} detect FOLDER -o run"
    )
