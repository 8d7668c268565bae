"""`nucensus evaluate`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..text.plurals import pluralize
from .as_json import json_option, print_json
from .commands import Command
from .destination import Destination
from .progress import counted_images, progress_option

if TYPE_CHECKING:
    from ..score.evaluate_run import RunEvaluation
    from ..score.overlap import OutlineScores
    from ..score.tally import Tally


@click.command(cls=Command, epilog="Example: nucensus evaluate run truth/ --pictures worst")
@click.argument("folder", type=Destination(), metavar="RUN")
@click.argument("truth", type=click.Path(path_type=Path, exists=True), metavar="TRUTH")
@click.option(
    "--radius", type=click.FloatRange(min=0, min_open=True), default=10, show_default=True,
    help="How far from a true centre a nucleus may be, in pixels, where TRUTH is a table.",
)  # fmt: skip
@click.option(
    "--pictures", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Draw the worst fields: hits green, misses amber, false positives red.",
)  # fmt: skip
@click.option(
    "--all",
    "all_fields",
    is_flag=True,
    help="Score images of the truth that RUN lacks or failed on, too: all nuclei are missed.",
)
@json_option
@progress_option
def command(folder: Path | str, truth: Path, radius: float, pictures: Path | None, all_fields: bool,
            as_json: bool, progress: str) -> None:  # fmt: skip
    """Compare the nuclei of a run with the truth.

    TRUTH is a folder of label images (0 is background, every other number a
    nucleus), named as the images are, or a CSV file of true centres
    (image,y,x; of volumes image,z,y,x). Where RUN has outlines, label images
    are compared with them, too.
    """
    from ..score.evaluate_run import evaluate_run
    from ..score.overlap import score_outlines
    from ..store import Run

    with Run(folder) as run:
        with counted_images(progress) as run.on_image:
            evaluation = evaluate_run(run, truth, radius_px=radius, all_fields=all_fields)
            outlines = score_outlines(run, truth, all_fields=all_fields)
        if as_json:
            _print_json(evaluation, outlines)
        else:
            _print_lacking(evaluation.tally, run.counts["found"], all_fields=all_fields)
            _print(evaluation, outlines)
        if pictures is not None:
            from ..report import write_verdicts

            drawn = write_verdicts(run, evaluation.worst, pictures)
            said = f"\nWritten: {pluralize(len(drawn), 'picture')} in {pictures}"
            click.echo(said, err=as_json)


def _print_lacking(tally: "Tally", found: int, *, all_fields: bool) -> None:
    """Say which images have a truth alone, and how many were counted and have none."""
    if (count := tally.lacking_count()) > 0:
        what = "scored as missed" if all_fields else "not scored; --all scores them as missed"
        click.echo(
            f"Not done in the run: {count} of {pluralize(len(tally), 'image')} of the truth, "
            f"such as {next(tally.lacking())!r}; {what}.\n"
        )
    if (without := found - len(tally) + tally.lacking_count()) > 0:
        click.echo(f"Without a truth: {without} of {pluralize(found, 'image')}; not scored.\n")


def _print_json(evaluation: "RunEvaluation", outlines: "OutlineScores | None") -> None:
    scores = {
        name: {"value": each.value, "low": each.low, "high": each.high}
        for name in ("precision", "recall", "f1", "count_error")
        for each in [getattr(evaluation, name)]
    }
    overlap = {} if outlines is None else {"outlines": asdict(outlines)}
    tally = evaluation.tally
    print_json({
        **scores, **overlap, "not_done": tally.lacking(), "fields": tally.worst_first(),
    })  # fmt: skip


def _print(evaluation: "RunEvaluation", outlines: "OutlineScores | None") -> None:
    rows = {
        "precision": evaluation.precision, "recall": evaluation.recall, "F1": evaluation.f1,
        "count error": evaluation.count_error,
    }  # fmt: skip
    for name, each in rows.items():
        click.echo(f"{name:<12} {each.value:7.4f}  (95 %: {each.low:.4f} to {each.high:.4f})")
    if outlines is not None:
        click.echo("\nOutlines, one to one at an intersection over union (IoU) of")
        click.echo(" " * 12 + "".join(f"{least:8.1f}" for least in outlines.f1))
        click.echo(f"{'F1':<12}" + "".join(f"{each:8.4f}" for each in outlines.f1.values()))
        click.echo(f"mean IoU of hits {outlines.mean_iou:.4f}, AJI {outlines.aji:.4f}")
    click.echo("\nWorst fields:    missed   false   nuclei")
    for field in evaluation.worst:
        click.echo(
            f"{len(field.misses):23d} {len(field.false_positives):7d} {field.nucleus_count:8d}"
            f"   {field.name}"
        )
