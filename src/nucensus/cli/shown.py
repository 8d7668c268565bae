"""Open a run as a command shows it, and say by which thresholds nuclei are positive."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

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
    return run


def print_positive(run: "Run") -> None:
    """Say by which thresholds nuclei are positive, and where there is none."""
    from ..export.positives import describe

    for line in describe(run.positive):
        click.echo(line, err=True)
