"""`nucensus evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..evaluate import Evaluation

_FIELDS_SHOWN = 10


@click.command(epilog="Example: nucensus evaluate run truth/ --pictures worst")
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("truth", type=click.Path(path_type=Path, exists=True), metavar="TRUTH")
@click.option(
    "--radius", type=click.FloatRange(min=0, min_open=True), default=10, show_default=True,
    help="How far from a true centre a nucleus may be, in pixels, where TRUTH is a table.",
)  # fmt: skip
@click.option(
    "--pictures", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Draw the worst fields: hits green, misses amber, false positives red.",
)  # fmt: skip
def command(folder: Path, truth: Path, radius: float, pictures: Path | None) -> None:
    """Compare the nuclei of a run with the truth.

    TRUTH is a folder of label images (0 is background, every other number a
    nucleus), named as the images are, or a CSV file of true centres
    (image,y,x). Every field of the truth counts.
    """
    from ..evaluate import evaluate, score_run
    from ..store import Run

    with Run(folder) as run:
        evaluation = evaluate(score_run(run, truth, radius_px=radius))
        _print(evaluation)
        if pictures is not None:
            from ..report import write_verdicts

            drawn = write_verdicts(run, evaluation.fields[:_FIELDS_SHOWN], pictures)
            click.echo(f"\nWritten: {len(drawn)} pictures in {pictures}")


def _print(evaluation: "Evaluation") -> None:
    rows = {
        "precision": evaluation.precision, "recall": evaluation.recall, "F1": evaluation.f1,
        "count error": evaluation.count_error,
    }  # fmt: skip
    for name, each in rows.items():
        click.echo(f"{name:<12} {each.value:7.4f}  (95 %: {each.low:.4f} to {each.high:.4f})")
    click.echo("\nWorst fields:    missed   false   nuclei")
    for field in evaluation.fields[:_FIELDS_SHOWN]:
        click.echo(
            f"{len(field.misses):23d} {len(field.false_positives):7d} {field.nucleus_count:8d}"
            f"   {field.name}"
        )
