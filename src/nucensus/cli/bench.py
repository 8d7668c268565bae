"""`nucensus bench`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .late_help import LateHelp, tell_compared
from .selection import selection, selection_of

if TYPE_CHECKING:
    from ..bench import Comparison


@click.command(epilog="Example: nucensus bench plate/ -o bench --limit 48")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@selection
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Folder for bench.json, bench.png, bench.svg and bench.html.",
)
@click.option(
    "--number",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Loops over all images in a sample.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Samples of each strategy.",
)
@click.option(
    "--strategy",
    "strategies",
    cls=LateHelp,
    tell=tell_compared,
    multiple=True,
    metavar="NAME",
)
@click.option(
    "--detector",
    type=click.Choice(["native", "scikit-image", "both"]),
    default="both",
    show_default=True,
    help="The kernel of nucensus, the published definition, or both.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N images.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="How many threads or processes.  [default: usable cores]",
)
@click.option("--sigma", type=float, default=4, show_default=True, help="As in detect.")
@click.option("--min-distance", type=int, default=6, show_default=True, help="As in detect.")
@click.option("--threshold", type=float, default=1000, show_default=True, help="As in detect.")
@click.option(
    "--border",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="As in detect.",
)
def command(inputs: tuple[str, ...], out: Path, number: int, repeat: int,
            strategies: tuple[str, ...], detector: str, limit: int | None, workers: int | None,
            **options: Any) -> None:  # fmt: skip
    """Time the published methods and ours on your own images, and chart them.

    Each strategy runs in a fresh process; the points of all must be identical.
    The methods read whole files, so each must hold one plane.
    """
    from ..bench import compare
    from ..bench.measure import DETECTORS
    from ..discover import discover
    from ..execute import STRATEGIES
    from ..read import SUFFIXES
    from ..values import Settings

    chosen = selection_of(options)
    comparison = compare(
        discover(inputs, SUFFIXES, chosen)[:limit],
        strategies=strategies or tuple(STRATEGIES),
        detectors=DETECTORS if detector == "both" else (detector,),
        settings=Settings(**options),
        number=number,
        repeat=repeat,
        workers=workers,
        on_measured=lambda each: click.echo(
            f"{each.detector} {each.strategy}: {each.total_s:.3f} s", err=True
        ),
    )
    publish(comparison, out)


def publish(comparison: "Comparison", out: Path) -> None:
    """Write and print a comparison."""
    from ..bench import recommend, write_comparison

    _print_table(comparison)
    for name, reason in comparison.skipped:
        click.echo(f"Left out: {name!r}: {reason}", err=True)
    click.echo(recommend(comparison))
    click.echo(f"Written: {', '.join(map(str, write_comparison(comparison, out)))}")


def _print_table(comparison: "Comparison") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..bench.publish import TABLE_HEADER, table_rows

    table = Table(box=SIMPLE_HEAD)
    for index, name in enumerate(TABLE_HEADER):
        table.add_column(name, justify="left" if index < 2 else "right", no_wrap=True)
    for row in table_rows(comparison):
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 100, color_system=None).print(table)
