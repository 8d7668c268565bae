"""The options that say which images of an input count."""

from typing import TYPE_CHECKING, Any

import click

from .commands import give_options

if TYPE_CHECKING:
    from ..values import Selection


class _Position(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """An index, or one of a few words; with `names` any text, which names come to first."""

    def __init__(self, *words: str, names: bool = False) -> None:
        self.name = "|".join(("INDEX", *(("NAME",) if names else ()), *words))
        self._words = words
        self._names = names

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        text = str(value)
        if self._names:
            return text
        if text.isdecimal():
            return int(text)
        if text not in self._words:
            self.fail(f"{text!r} is not {self.name}.", param, ctx)
        return text


metadata_option = click.option(
    "--metadata",
    metavar="FILE[#SHEET]",
    help="What the wells were treated with: CSV, Excel or Parquet, a list of wells or a plate map.",
)


class _Names(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Names with commas between them."""

    name = "NAME,..."

    def convert(self, value: Any, *_: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(each.strip() for each in str(value).split(","))


measure_options = give_options(
    click.option(
        "--measure", type=_Names(), default=(), metavar="CHANNEL,...",
        help="Measure these other channels of each field in its nuclei; brings --outlines.",
    ),
    click.option(
        "--ring", type=click.IntRange(min=0), default=0, metavar="PIXELS",
        help="Measure them in a ring around each nucleus, too, so wide.",
    ),
    click.option(
        "--flat-field", multiple=True, metavar="learn|FILE|CHANNEL=FILE",
        help="Take uneven light out of the images first: learned from their nuclei, or an image of "
        "it.",
    ),
)  # fmt: skip
"""What is measured in other channels."""

positive_options = give_options(
    click.option(
        "--positive", multiple=True, metavar="CHANNEL=auto|NUMBER",
        help="Nuclei whose mean in the channel is above this are positive; auto chooses a number "
        "for each plate.",
    ),
    click.option(
        "--negative-control", type=_Names(), default=(), metavar="WELL,...",
        help="Wells without positive nuclei, by which auto chooses.",
    ),
)  # fmt: skip
"""Which nuclei are positive."""

plane_selection = give_options(
    click.option(
        "--channel", type=_Position("each", names=True), metavar="NAME|INDEX|each",
        help="Channel with the nuclei; of colours, 0 is red.",
    ),
    click.option(
        "--z", type=_Position("each", "max", "mean", "best-focus"),
        metavar="INDEX|each|max|mean|best-focus",
        help="Plane of a z stack, each of them, their maximum or mean, or the sharpest of them.",
    ),
    click.option(
        "--time", type=_Position("each"), metavar="INDEX|each",
        help="Time point of a series, or each of them.",
    ),
    click.option(
        "--scene", type=_Position("each", names=True), metavar="NAME|INDEX|each",
        help="Image of a file that holds several.",
    ),
    click.option(
        "--level", type=click.IntRange(min=0), default=0, metavar="INDEX",
        help="Level of resolution of images that have several: 0 is full size, 1 the next smaller "
        "one. Pixels are then those of that level.",
    ),
    click.option(
        "--pattern", metavar="REGEX",
        help="How names of files are to be understood: groups plate, well, site, channel, z, time.",
    ),
    click.option(
        "--manifest", metavar="FILE",
        help="CSV, Excel or Parquet file with a column of paths; other columns go to the outputs.",
    ),
)  # fmt: skip
"""Which images of the inputs count, for commands that know no volumes."""

selection = give_options(
    click.option("--volume", is_flag=True, help="Find nuclei in three dimensions, in all planes."),
    plane_selection,
)


def selection_of(options: dict[str, Any]) -> "Selection":
    """Take the options that say which images count out of `options`."""
    from ..values import Plane, Selection

    chosen = {axis: options.pop(axis) for axis in ("scene", "channel", "z", "time", "level")}
    if options.pop("volume", False):
        if chosen["z"] is not None:
            raise click.UsageError("--volume takes all planes; it does not go with --z.")
        chosen["z"] = "volume"
    tables = {name: options.pop(name) for name in ("pattern", "manifest")}
    return Selection(Plane(**chosen), **tables)
