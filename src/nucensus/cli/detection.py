"""The options that say how nuclei are detected."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .commands import give_options
from .late_help import LateHelp, tell_detectors

if TYPE_CHECKING:
    from ..values import Settings


class _NumberOrAuto(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A number, one per axis, as 2,4,4, or the word auto."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind
        self.name = "NUMBER"

    def convert(self, value: Any, *_: Any) -> Any:
        if value == "auto":
            return value
        try:
            numbers = tuple(self._kind(each) for each in str(value).split(","))
        except ValueError:
            return value  # the settings say what they expect
        return numbers if len(numbers) > 1 else numbers[0]


settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.toml",
    help="Take the settings from a file, as nucensus tune saves it; options go before it.",
)
"""What `settings_of` takes."""

_typed_options = give_options(
    click.option("--detector", cls=LateHelp, tell=tell_detectors, metavar="NAME"),
    click.option(
        "--sigma",
        type=_NumberOrAuto(float),
        help="Standard deviation of the smoothing, in pixels, or per axis.  [published: 4]",
    ),
    click.option(
        "--sigma-um",
        type=_NumberOrAuto(float),
        help="The same in micrometres, where the file states the size of its pixels.",
    ),
    click.option(
        "--min-distance",
        type=_NumberOrAuto(int),
        help="Least distance of two nuclei along either axis, in pixels.  [published: 6]",
    ),
    click.option(
        "--threshold",
        type=_NumberOrAuto(float),
        help="Nuclei are brighter than this once smoothed, in grey levels.  [published: 1000]",
    ),
    click.option(
        "--border",
        type=click.Choice(["drop", "keep", "count", "auto"]),
        help="Nuclei near the edge: none, all, or those on two of four edges.  [published: drop; "
        "else keep]",
    ),
    click.option(
        "--subpixel", is_flag=True, default=None, help="Also give centres in fractions of a pixel."
    ),
    click.option(
        "--outlines",
        is_flag=True,
        default=None,
        help="Also find outlines, and measure within them, not in regions (detector auto).",
    ),
    click.option("--invert", is_flag=True, default=None, help="Nuclei are dark on bright ground."),
    click.option("--as-published", is_flag=True, help="The published detector and its numbers."),
)

_NAMES = (
    "detector", "sigma", "sigma_um", "min_distance", "threshold", "border", "subpixel", "invert",
    "outlines",
)  # fmt: skip

_NUMBERS = ("sigma", "sigma_um", "min_distance", "threshold")


def detection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it is called with `given`, a dictionary of what was typed."""

    @functools.wraps(command)
    def with_given(*, as_published: bool, **options: Any) -> None:
        typed = {name: options.pop(name) for name in _NAMES}
        given = {name: value for name, value in typed.items() if value is not None}
        if as_published:
            given = _published(given)
        elif options.get("settings_file") is None:
            _refuse_numbers_with_auto(given)
        command(given=given, **options)

    return _typed_options(with_given)


def _published(given: dict[str, Any]) -> dict[str, Any]:
    """Return the published settings, and of what was typed the numbers and the border."""
    from ..values import Settings

    published = Settings.published().as_dict()
    for name, value in given.items():
        if value == "auto" or (name == "detector" and value != published[name]):
            raise click.UsageError(
                f"--as-published is the detector {published['detector']} with its numbers; it does "
                f"not go with {_option(name)} {value}; leave out one of them."
            )
    return {**published, **given}


def _refuse_numbers_with_auto(given: dict[str, Any]) -> None:
    """Refuse to replace what was typed as auto by the published detector and its numbers."""
    numbers = [name for name in _NUMBERS if given.get(name, "auto") != "auto"]
    open_ = [name for name in ("detector", *_NUMBERS) if given.get(name) == "auto"]
    if not (numbers and open_):
        return
    from ..values.check_settings import DEFAULT_DETECTOR, PUBLISHED_DETECTOR

    if given.get("detector", DEFAULT_DETECTOR) == DEFAULT_DETECTOR:
        raise click.UsageError(
            f"{_option(numbers[0])} brings the published detector with its numbers; it does not go "
            f"with {_option(open_[0])} auto; leave out one of them, or give --detector "
            f"{PUBLISHED_DETECTOR}, which estimates what is left out."
        )


def settings_of(given: dict[str, Any], file: Path | None) -> "Settings":
    """Return the settings that were typed; of `file` what was not."""
    from ..values import Settings

    if file is None:
        settings = Settings(**given)
        _tell_published(settings, given)
        return settings
    from ..values.settings_file import read_settings

    return dataclasses.replace(read_settings(file), **given)


def _tell_published(settings: "Settings", given: dict[str, Any]) -> None:
    """Say which numbers are taken that nobody typed: they may not suit the images."""
    typed = [name for name in _NUMBERS if given.get(name, "auto") != "auto"]
    known = {*given, "sigma", "sigma_um"} if {"sigma", "sigma_um"} & given.keys() else given
    taken = [name for name in ("sigma", "min_distance", "threshold") if name not in known]
    if "detector" in given or not (typed and taken) or click.get_current_context().params["quiet"]:
        return
    numbers = ", ".join(f"{_option(name)} {getattr(settings, name)}" for name in taken)
    click.echo(
        f"Taken as published, beside {_option(typed[0])}: {numbers}; with --detector "
        f"{settings.detector} they are estimated from the images.",
        err=True,
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
