"""`nucensus tune-parameters`."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._shell import spell_command
from ..text.plurals import pluralize
from .commands import Command
from .progress import counted_images, progress_option
from .selection import plane_selection, selection_of

if TYPE_CHECKING:
    from ..score.intervals import Scores
    from ..tune.search import TunedParameters
    from ..values import Selection


class _Numbers(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Numbers with commas between them."""

    name = "NUMBERS"

    def convert(self, value: Any, *_: Any) -> list[float]:
        try:
            return [float(each) if "." in each else int(each) for each in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} was given; expected numbers with commas between them, as 2,3,4")


@click.command(cls=Command, epilog="Example: nucensus tune-parameters plate/ truth/")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.argument("truth", type=click.Path(path_type=Path, exists=True), metavar="TRUTH")
@plane_selection
@click.option(
    "--radius", type=click.FloatRange(min=0, min_open=True), default=10, show_default=True,
    help="How far from a true centre a nucleus may be, in pixels, where TRUTH is a table.",
)  # fmt: skip
@click.option(
    "--border", type=click.Choice(["keep", "drop"]), default="keep", show_default=True,
    help="Whether nuclei at the edge are kept.",
)  # fmt: skip
@click.option("--sigma", type=_Numbers(), help="Try these, in pixels.")
@click.option("--min-distance", type=_Numbers(), help="Try these, in pixels.")
@click.option("--threshold", type=_Numbers(), help="Try these, in grey levels.")
@click.option("--workers", type=click.IntRange(min=1), help="How many images at a time.")
@progress_option
def command(
    inputs: tuple[str, ...], truth: Path, radius: float, progress: str, **options: Any
) -> None:
    """Search sigma, min_distance and threshold with the best F1 against a truth.

    The numbers are those of the published detector. They are chosen on all
    images that have a truth; how good they are on others is measured on wells
    left out.

    TRUTH is a folder of label images (0 is background, every other number a
    nucleus), named as the images are, or a CSV file of true centres (image,y,x).
    """
    from ..tune.search import tune_parameters

    chosen = selection_of(options)
    with counted_images(progress) as on_image:
        tuned = tune_parameters(
            inputs, truth, radius_px=radius, selection=chosen, on_image=on_image, **options
        )
    _print(tuned)
    click.echo(f"\nTo detect with them:\n{_command_line(inputs, chosen, tuned)}")


def _print(tuned: "TunedParameters") -> None:
    by_well = tuned.grouped_by == "well"
    wells = f" of {pluralize(tuned.group_count, 'well')}" if by_well else ""
    combinations = " x ".join(map(str, tuned.grid.shape))
    click.echo(
        f"{pluralize(tuned.field_count, 'image')}{wells}, {combinations} "
        f"values of sigma, min_distance and threshold\n\n{'':<24}F1 (95 % interval)"
        f"{'count error':>29}"
    )
    _print_scores("on these images", tuned.training)
    if tuned.held_out is not None:
        _print_scores(f"on {tuned.grouped_by}s left out", tuned.held_out)
    _print_scores("without any parameter", tuned.automatic)
    for name, which in tuned.at_edge.items():
        values = getattr(tuned.grid, name)
        best = values[0] if which == "least" else values[-1]
        option = f"--{name.replace('_', '-')}"
        side = "lower" if which == "least" else "higher"
        click.echo(
            f"\nThe best {name}, {best:g}, is the {which} that was tried: a {side} one may be "
            f"better. Give {option} with such numbers."
        )
    if tuned.held_out is None:
        click.echo(f"\nOne {tuned.grouped_by} cannot be left out: expect less on other images.")
    for reason, count in Counter(tuned.left_out.values()).most_common(3):
        example = next(name for name, why in tuned.left_out.items() if why == reason)
        click.echo(f"\nLeft out: {pluralize(count, 'image')} (such as {example}): {reason}")


def _print_scores(name: str, scores: "Scores") -> None:
    f1, error = scores.f1, scores.count_error
    click.echo(
        f"{name:<24}{f1.value:.4f} ({f1.low:.4f} to {f1.high:.4f})"
        f"{error.value:12.2f} ({error.low:.2f} to {error.high:.2f})"
    )


def _command_line(inputs: tuple[str, ...], selection: "Selection", tuned: "TunedParameters") -> str:
    chosen = {name: value for name, value in asdict(selection).items() if value}
    del chosen["plane"]
    chosen |= selection.plane.as_dict()
    numbers = {
        name: getattr(tuned.settings, name)
        for name in ("sigma", "min_distance", "threshold", "border")
    }
    options = [
        f"--{name.replace('_', '-')}={value:.15g}"
        if isinstance(value, float)
        else f"--{name.replace('_', '-')}={value}"
        for name, value in {**chosen, **numbers}.items()
        if value is not None
    ]
    return spell_command(["nucensus", "detect", *inputs, "-o", "run", *options])
