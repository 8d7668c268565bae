"""`nucensus detect`."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .commands import Command, importing
from .counting import counting_options
from .destination import Destination, below
from .detection import settings_of
from .progress import counted_images
from .running import run_and_report, run_options
from .selection import positive_options, selection_of
from .shown import print_positive, show_corrections

if TYPE_CHECKING:
    from ..store import Run
    from ..values import Positive, Shard


class _Shard(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """One part of several, as 3/7, or the task of a job array."""

    name = "shard"

    def convert(self, value: Any, *_: Any) -> "Shard":
        from ..machine import slurm_shard
        from ..values import Shard

        return slurm_shard() if value == "slurm" else Shard.parse(value)


@click.command(cls=Command, epilog="Example: nucensus detect plate/ -o run")
@counting_options("run", "run.sqlite, nuclei.csv and images.csv")
@click.option(
    "--check-content",
    is_flag=True,
    help="Know changed files by a hash of their content, not by size and time.",
)
@click.option(
    "--keep-estimates",
    is_flag=True,
    help="Hold to what an earlier start learned of the nuclei, whatever images came since.",
)
@click.option(
    "--estimates-from",
    type=Destination(),
    metavar="RUN",
    help="Take what another run learned of the nuclei.",
)
@click.option(
    "--shard",
    type=_Shard(),
    metavar="I/N|slurm",
    help="Do only this part of the images (slurm: as the task of the job array); see merge.",
)
@click.option(
    "--plan",
    type=Destination(),
    metavar="PLAN",
    help="Count the images of a plan, without INPUT; see nucensus plan.",
)
@positive_options
@click.option("--report", is_flag=True, help="Also write report.html; see nucensus report.")
@click.option(
    "--control",
    metavar="NAME",
    help="In the report, compare the treatments with the wells treated with NAME.",
)
@click.option(
    "--xlsx", is_flag=True, help="Also write wells.xlsx, for Excel; see nucensus export --to xlsx."
)
@run_options
def command(inputs: tuple[str, ...], out: Path | str, settings_file: Path | None,
            given: dict[str, Any], metadata: str | None, shard: "Shard | None",
            overwrite: bool, check_content: bool, keep_estimates: bool,
            estimates_from: Path | str | None, plan: Path | str | None, report: bool,
            control: str | None, xlsx: bool, measure: tuple[str, ...], ring: int,
            flat_field: tuple[str, ...],
            positive: tuple[str, ...], negative_control: tuple[str, ...],
            **options: Any) -> None:  # fmt: skip
    """Find the nuclei of images and write where they are.

    Without a number the size and the contrast of nuclei are estimated from the
    images. A number for --sigma, --min-distance or --threshold brings the
    published detector, with its published numbers for the rest.

    INPUT is any number of image files, folders (all images in them and below
    them), plates and globs, also in buckets (s3://bucket/plate). Look at them
    first with nucensus scan. A file that cannot be read is a row of images.csv
    with its reason; it never stops the others.

    The same command on the same RUN carries on where an earlier one was
    stopped, and ends with what a new run would find: it does new and changed
    files, those that could not be read, and, if the images that it learns from
    say something else now, those that were counted with what they said before.

    Exit code: 0 if every image was done, 3 if some failed (0 with --failed-ok), 2 for wrong usage,
    130, 143 and 129 if it was stopped by Ctrl-C, SIGTERM or SIGHUP.
    """
    with importing():
        from .. import batch
    rules = _rules_of(positive, negative_control, shard)
    if rules:
        from ..values.positives import channels_beside

        measure += channels_beside(rules, measure)
    selected = dataclasses.replace(
        selection_of(options), metadata=metadata, shard=shard,
        measure=measure, ring_px=ring, flat_field=flat_field,
    )  # fmt: skip
    if measure or rules:
        given.setdefault("outlines", True)
    if plan is not None:
        _refuse_beside_plan(click.get_current_context())
        work = partial(batch.census_planned, plan, out, shard=shard, overwrite=overwrite)
    else:
        from ..values import Resume

        resume = Resume(overwrite, check_content, keep_estimates, estimates_from)
        settings = settings_of(given, settings_file)
        work = partial(batch.census, inputs, out, settings, selection=selected, resume=resume)
    _check_control(control, metadata, report=report)
    if xlsx:
        from ..export.optional import require

        require("openpyxl", extra="xlsx")
    then = partial(
        _finish, rules=rules, report=report, control=control, xlsx=xlsx, quiet=options["quiet"],
        progress="none" if options["quiet"] else options["progress"],
    )  # fmt: skip
    run_and_report(work, out, then=then if rules or report or xlsx else None, **options)


def _check_control(control: str | None, metadata: str | None, *, report: bool) -> None:
    """Refuse a control that no well is treated with, before anything is counted."""
    if control is None:
        return
    if not report:
        raise click.UsageError("--control is for the report; it goes with --report.")
    if metadata is not None:
        from ..discover import read_metadata
        from ..report import check_control

        check_control(control, read_metadata(metadata))


def _rules_of(
    positive: tuple[str, ...], controls: tuple[str, ...], shard: "Shard | None"
) -> list["Positive"]:
    """Return which nuclei are positive, if that was typed."""
    if not (positive or controls):
        return []
    from ..values.positives import rules_of

    if shard is not None:
        raise click.UsageError(
            "--positive chooses by all images of a plate; it does not go with --shard: merge the "
            "shards, and give it to nucensus wells, report or export."
        )
    return rules_of(positive, controls)


def _finish(
    run: "Run", out: Path | str, *, rules: list["Positive"], report: bool, control: str | None,
    xlsx: bool, quiet: bool, progress: str,
) -> None:  # fmt: skip
    """Choose which nuclei are positive, and write report and workbook, once all are counted."""
    if rules:
        from ..batch.positives import record_positive
        from ..store import Run

        run.close()
        record_positive(out, rules)
        run = Run(out)
        show_corrections(run, out, quiet=True)
        if not quiet:
            print_positive(run)
    if report:
        from .report import publish

        publish(run, below(out, "report.html"), control=control, progress=progress)
    if xlsx:
        from ..export import export_run

        with counted_images(progress) as run.on_image:
            written = export_run(run, "xlsx", below(out, "wells.xlsx"))
        click.echo(f"Written: {', '.join(map(str, written))}")


def _refuse_beside_plan(context: click.Context) -> None:
    """Refuse what a plan says: which images are counted, and how."""
    from .retry import command as retry

    beside = {each.name for each in retry.params} | {
        "plan", "shard", "overwrite", "report", "control", "xlsx",
    }  # fmt: skip
    for each in context.command.params:
        source = context.get_parameter_source(each.name or "")
        if source is ParameterSource.COMMANDLINE and each.name not in beside:
            what = each.opts[0] if isinstance(each, click.Option) else "INPUT"
            raise click.UsageError(
                f"--plan says which images are counted, and how; it does not go with {what}; "
                f"leave one of them out."
            )
