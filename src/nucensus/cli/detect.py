"""`nucensus detect`."""

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import EXIT_SOME_FAILED
from .selection import Sigma, plane_of, selection

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..batch import Choice
    from ..model import Outcome, Settings
    from ..store import Run

_FAILURES_SHOWN = 20


@click.command(epilog="Example: nucensus detect plate/ -o run --threshold 300 --border keep")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@selection
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
    type=Sigma(),
    default="4",
    show_default=True,
    help="Standard deviation of the smoothing, in pixels; or one per axis, as 2,4,4.",
)
@click.option(
    "--sigma-um",
    type=float,
    help="The same in micrometres, where the file states the size of its pixels.",
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
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.toml",
    help="Take the settings from a file, as nucensus tune saves it; options go before it.",
)
@click.option(
    "--strategy",
    default="auto",
    show_default=True,
    help="How to run over the images; see nucensus bench.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="How many threads or processes.  [default: usable cores]",
)
@click.option("--invert", is_flag=True, help="Nuclei are dark on bright ground.")
@click.option(
    "--metadata",
    metavar="FILE",
    help="CSV or Parquet file of what the wells were treated with, for the well table.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in RUN.")
@click.option("--report", is_flag=True, help="Also write report.html; see nucensus report.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(inputs: tuple[str, ...], out: Path, settings_file: Path | None, strategy: str,
            workers: int | None, overwrite: bool, report: bool, quiet: bool,
            metadata: str | None, pattern: str | None, manifest: str | None,
            **options: Any) -> None:  # fmt: skip
    """Find the nuclei of images and write where they are.

    INPUT is any number of image files, folders (all images in them and below
    them), plates and globs. Look at them first with nucensus scan. A file that
    cannot be read is a row of images.csv with its reason; it never stops the
    others.

    Exit code: 0 if every image was done, 3 if some failed, 2 for wrong usage.
    """
    from ..batch import census

    plane = plane_of(options)
    with _Progress(shown=not quiet and sys.stderr.isatty()) as progress:
        run = census(
            inputs,
            out,
            _settings(options, settings_file),
            plane=plane,
            pattern=pattern,
            manifest=manifest,
            metadata=metadata,
            strategy=strategy,
            workers=workers,
            overwrite=overwrite,
            on_plan=progress.start,
            on_outcome=progress.advance,
        )
    if not quiet:
        print_summary(run, out)
    print_failures(run)
    if report:
        from .report import publish

        publish(run, out / "report.html")
    if run.counts["failed"]:
        sys.exit(EXIT_SOME_FAILED)


def _settings(options: dict[str, Any], file: Path | None) -> "Settings":
    """Return the settings of the options; those of `file` where no option was typed."""
    from ..model import Settings
    from ..settings_file import read_settings

    if file is None:
        return Settings(**options)
    context = click.get_current_context()
    typed = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    return dataclasses.replace(read_settings(file), **typed)


def print_summary(run: "Run", out: Path) -> None:
    """Say what was found, how fast, and where it was written."""
    counts = run.counts
    facts = run.facts
    strategy, seconds = facts["strategy"], facts["seconds"]
    click.echo(
        f"{counts['nuclei']} nuclei in {counts['found']} images, {counts['failed']} failed; "
        f"{seconds:.2f} s, {counts['images'] / seconds:.0f} images/s "
        f"({strategy['name']}, {strategy['workers']} workers)"
    )
    click.echo(f"Written: {out / 'nuclei.csv'}, {out / 'images.csv'}, {out / 'run.sqlite'}")


def print_failures(run: "Run") -> None:
    """List the images that failed, with their reasons."""
    failures = run.failures
    for row in failures[:_FAILURES_SHOWN]:
        click.echo(f"Failed: {row['image']!r} ({row['stage']}): {row['reason']}", err=True)
    if len(failures) > _FAILURES_SHOWN:
        click.echo(f"... and {len(failures) - _FAILURES_SHOWN} more in images.csv", err=True)


class _Progress:
    """A bar with images/s, MB/s, nuclei so far and the time left; nothing if not `shown`."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Progress | None = None
        self._nuclei = self._size_bytes = 0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, image_count: int, choice: "Choice") -> None:
        if not self._shown:
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn(choice.strategy.name),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._started = time.perf_counter()
        self._task = self._bar.add_task("", total=image_count, rate="")
        self._bar.start()

    def advance(self, outcome: "Outcome") -> None:
        if self._bar is None:
            return
        from ..model import Found

        if isinstance(outcome, Found):
            self._nuclei += len(outcome.centres)
            self._size_bytes += outcome.size_bytes
        seconds = time.perf_counter() - self._started
        done = self._bar.tasks[0].completed + 1
        rate = (
            f"{done / seconds:.0f} images/s  {self._size_bytes / seconds / 1e6:.0f} MB/s  "
            f"{self._nuclei} nuclei"
        )
        self._bar.update(self._task, advance=1, rate=rate)
