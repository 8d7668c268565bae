"""`nucensus bench`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .commands import Command
from .late_help import LateHelp, tell_compared
from .selection import selection, selection_of

if TYPE_CHECKING:
    from ..bench import Comparison
    from ..values import Selection

_FOR_FUNCTIONS = ("load", "start_methods", "chunk_sizes")
_FOR_THE_DETECTOR = ("number", "detector", "sigma", "min_distance", "threshold", "border")


@click.command(
    cls=Command,
    epilog="Example: nucensus bench plate/ -o bench --limit 48; for a function of your own, with "
    "--function mine.py:count",
)
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
    "--function",
    "functions",
    multiple=True,
    metavar="FILE.py:NAME|MODULE:NAME",
    help="Time your own function of an image; given twice, compare two.",
)
@click.option(
    "--load",
    metavar="FILE.py:NAME",
    help="With --function: what makes an array of a path; without INPUT, what returns all arrays.",
)
@click.option(
    "--start-method",
    "start_methods",
    multiple=True,
    type=click.Choice(["fork", "forkserver", "spawn"]),
    help="With --function: time the pools started in this way, too.",
)
@click.option(
    "--chunk-size",
    "chunk_sizes",
    multiple=True,
    type=click.IntRange(min=1),
    help="With --function: time the pools with so many images at a time, too.  [default: 1, and "
    "a worker's whole share, for the published ones]",
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
    help="Samples of each strategy; with --function at most, and 5.",
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
@click.pass_context
def command(context: click.Context, /, inputs: tuple[str, ...], out: Path, number: int, repeat: int,
            strategies: tuple[str, ...], detector: str, limit: int | None, workers: int | None,
            functions: tuple[str, ...], load: str | None, start_methods: tuple[str, ...],
            chunk_sizes: tuple[int, ...], **options: Any) -> None:  # fmt: skip
    """Time the published methods and ours on your own images, and chart them.

    Without --function it is the detector that is timed: each strategy runs in a fresh process, and
    the points of all must be identical. The methods read whole files, so each must hold one plane.

    With --function every way to run your function is timed, from a plain list to pools and joblib,
    and predicted for other numbers of cores.
    """
    chosen = selection_of(options)
    _refuse_others(context, _FOR_THE_DETECTOR if functions else _FOR_FUNCTIONS, bool(functions))
    if functions:
        is_given = context.get_parameter_source("repeat") is click.core.ParameterSource.COMMANDLINE
        _compare_functions(
            inputs, out, chosen, functions, load, strategies=strategies, limit=limit,
            start_methods=start_methods, chunk_sizes=chunk_sizes or None, workers=workers,
            repeat=repeat if is_given else 5,
        )  # fmt: skip
        return
    from ..bench import compare
    from ..bench.measure import DETECTORS
    from ..discover import discover
    from ..execute import STRATEGIES
    from ..read import SUFFIXES
    from ..values import Settings

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


def _refuse_others(context: click.Context, names: tuple[str, ...], has_function: bool) -> None:
    """Refuse options that mean nothing with --function, or without it."""
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = next(p.opts[0] for p in context.command.params if p.name == name)
            word = "is for the detector and does not go with" if has_function else "goes with"
            raise click.UsageError(f"{option} {word} --function.")


def _compare_functions(
    inputs: tuple[str, ...], out: Path, chosen: "Selection", functions: tuple[str, ...],
    load: str | None, *, strategies: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    from ..bench.worth import compare
    from ..bench.worth.recommend import recommend
    from ..bench.worth.source import source_of
    from ..bench.worth.table import HEADER, not_run, rows
    from ..bench.worth.ways import EVERY
    from ..bench.worth.write import write_comparison

    images: Any = list(inputs)
    if load is not None and not inputs:
        images, load = source_of(load).load()(), None
    elif not inputs and chosen.manifest is None:
        raise click.UsageError("Missing argument 'INPUT...'.")
    comparison = compare(
        images, *functions, selection=chosen, load=load, strategies=strategies or EVERY,
        progress=False, on_timing=_print_timing, **options,
    )  # fmt: skip
    for function in comparison.profiles:
        if len(comparison.profiles) > 1:
            click.echo(function)
        _print_rows(HEADER, rows(comparison, function), left=1)
    for name, reason in not_run(comparison):
        click.echo(f"Not possible here: {name}: {reason}", err=True)
    for sentence in recommend(comparison):
        click.echo(sentence)
    click.echo(f"Written: {', '.join(map(str, write_comparison(comparison, out)))}")


def _print_timing(each: Any) -> None:
    took = "not possible here" if each.failure else f"{each.total_s:.3f} s"
    click.echo(f"{each.function} {each.name}: {took}", err=True)


def publish(comparison: "Comparison", out: Path) -> None:
    """Write and print a comparison."""
    from ..bench import recommend, write_comparison

    _print_table(comparison)
    for name, reason in comparison.skipped:
        click.echo(f"Left out: {name!r}: {reason}", err=True)
    click.echo(recommend(comparison))
    click.echo(f"Written: {', '.join(map(str, write_comparison(comparison, out)))}")


def _print_table(comparison: "Comparison") -> None:
    from ..bench.publish import TABLE_HEADER, table_rows

    _print_rows(TABLE_HEADER, table_rows(comparison), left=2)


def _print_rows(header: tuple[str, ...], rows: list[tuple[str, ...]], *, left: int) -> None:
    """Print a table, whose first columns are texts and the others numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index < left else "right", no_wrap=index < left)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 140, color_system=None).print(table)
