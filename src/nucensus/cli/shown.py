"""Open a run as a command shows it, and say by which thresholds nuclei are positive."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..text.plurals import pluralize

if TYPE_CHECKING:
    from ..store import Run


def open_shown(
    folder: Path | str, *, metadata: str | None, positive: tuple[str, ...],
    negative_control: tuple[str, ...],
) -> "Run":  # fmt: skip
    """Return a run with what the options of a command say of its wells and nuclei."""
    from ..export.treated import open_run

    run = open_run(folder, metadata=metadata, positive=positive, negative_control=negative_control)
    if positive:
        print_positive(run)
    print_corrected(run)
    return run


def print_corrected(run: "Run") -> None:
    """Say which corrections by hand are not shown, and of what was counted again since."""
    if not (run.corrections or run.left_corrections):
        return
    from ..store import describe_corrections

    for line in describe_corrections(run.corrections, run.left_corrections):
        click.echo(f"Note: {line}", err=True)


def print_positive(run: "Run") -> None:
    """Say by which thresholds nuclei are positive, and where there is none."""
    from ..export.positives import describe

    for line in describe(run.positive):
        click.echo(line, err=True)


def show_corrections(run: "Run", out: Path | str, *, quiet: bool = False) -> None:
    """Show nuclei that people corrected in an earlier run from here on, and say so."""
    from ..values import CORRECTIONS_FILE

    if isinstance(out, Path) and not (out / CORRECTIONS_FILE).exists():
        return
    from ..store import read_corrections

    corrections = read_corrections(out)
    if not corrections:
        return
    run.correct(corrections)
    if quiet:
        return
    if run.corrections:
        click.echo(
            f"Note: {pluralize(len(run.corrections), 'image')} corrected by hand: nuclei.csv and "
            f"images.csv hold what was counted; nucensus wells, report and export show what was "
            f"corrected",
            err=True,
        )
    print_corrected(run)
