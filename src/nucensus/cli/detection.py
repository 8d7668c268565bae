"""The options that say how nuclei are detected."""

import functools
from collections.abc import Callable
from typing import Any

import click


class _NumberOrAuto(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A number, or the word auto."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind
        self.name = "NUMBER"

    def convert(self, value: Any, *_: Any) -> Any:
        if value == "auto":
            return value
        try:
            return self._kind(value)
        except ValueError:
            whole = "a whole number" if self._kind is int else "a number"
            self.fail(f"{value!r} was given; expected {whole}, or auto")


_OPTIONS = (
    click.option(
        "--detector",
        metavar="NAME",
        help="auto: by shape and brightness; maxima: as published; log: blobs over scales.",
    ),
    click.option(
        "--sigma",
        type=_NumberOrAuto(float),
        help="Standard deviation of the smoothing, in pixels.  [published: 4]",
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
        type=click.Choice(["drop", "keep", "count"]),
        help="Nuclei near the edge: none, all, or those on two of four edges.  [published: drop]",
    ),
    click.option(
        "--subpixel", is_flag=True, default=None, help="Also give centres in fractions of a pixel."
    ),
    click.option("--as-published", is_flag=True, help="The published detector and its numbers."),
)

_NAMES = ("detector", "sigma", "min_distance", "threshold", "border", "subpixel")


def detection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it is called with `given`, a dictionary of what was typed."""

    @functools.wraps(command)
    def with_given(*, as_published: bool, **options: Any) -> None:
        typed = {name: options.pop(name) for name in _NAMES}
        given = {name: value for name, value in typed.items() if value is not None}
        if as_published:
            given = {"threshold": 1000, **given}
        command(given=given, **options)

    decorated: Callable[..., None] = with_given
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
