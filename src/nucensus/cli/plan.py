"""`nucensus plan`."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from ..text.plurals import pluralize
from .commands import Command, importing
from .counting import counting_options
from .detection import settings_of
from .running import execution_of, watched, work_options
from .selection import selection_of


@click.command(
    cls=Command,
    epilog="Example: nucensus plan plate/ -o plan; then nucensus detect --plan plan "
    "--shard 3/16 -o shards/3",
)
@counting_options("plan", "the plan")
@work_options
def command(inputs: tuple[str, ...], out: Path | str, settings_file: Path | None,
            given: dict[str, Any], metadata: str | None, overwrite: bool,
            measure: tuple[str, ...], ring: int, flat_field: tuple[str, ...], quiet: bool,
            explain: bool, progress: str, **options: Any) -> None:  # fmt: skip
    """Look once: list images and learn from a sample of them, for others to count.

    Each shard of a run lists all images and reads the sample, unless it is given the plan.

    The options are those of nucensus detect, and hold for all shards. What is found is what
    nucensus detect finds without a plan. Files that come or change afterwards are not looked for:
    make the plan again, in another folder, or carry this one on with the same command.
    """
    with importing():
        from ..batch import plan_census
    from ..store import Origin
    from ..values import Resume

    chosen = dataclasses.replace(
        selection_of(options),
        metadata=metadata,
        measure=measure,
        ring_px=ring,
        flat_field=flat_field,
    )
    if measure:
        given.setdefault("outlines", True)
    with watched(explain=explain, quiet=quiet, progress=progress) as (watcher, stop):
        run = plan_census(
            inputs, out, settings_of(given, settings_file), selection=chosen,
            execution=execution_of(**options), watcher=watcher, resume=Resume(overwrite),
        )  # fmt: skip
    if stop.signal and run.about.is_learning:
        sys.exit(128 + stop.signal)
    if not quiet:
        about, counts = run.about, run.counts
        used = Origin.from_dict(about.sample).used if about.estimates else 0
        read = f"; learned from {used} of them" if used else ""
        click.echo(f"Planned: {pluralize(counts['images'], 'image')}{read}")
        for line in (*about.left_out, *about.unmatched):
            click.echo(line)
        click.echo(f"Count them: nucensus detect --plan {out} --shard I/N -o RUN")
