"""`nucensus diff`."""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..text.plurals import pluralize
from .as_json import json_option, print_json, records
from .commands import Command
from .destination import Destination
from .progress import counted_images, progress_option

if TYPE_CHECKING:
    from ..score.differences import Change, ImageDiff
    from ..store import Run

EXIT_DIFFERENT = 1
_FIGURES = 6
"""Of a grey level."""
_IMAGES_SHOWN, _NUCLEI_SHOWN = 20, 20
"""Images that are shown, and nuclei of each. Larger: a terminal is flooded."""


@click.command(cls=Command, epilog="Example: nucensus diff monday tuesday")
@click.argument("before", type=Destination(), metavar="RUN")
@click.argument("after", type=Destination(), metavar="RUN")
@click.option(
    "--radius",
    type=click.FloatRange(min=0),
    default=6,
    show_default=True,
    help="Nuclei at most so many pixels apart are taken for the same one.",
)
@json_option
@progress_option
def command(
    before: Path | str, after: Path | str, radius: float, as_json: bool, progress: str
) -> None:
    """Show what changed from one run to another: settings, images and nuclei.

    A nucleus is shown as (row, column), of a volume (plane, row, column), in
    pixels and smoothed grey level: with - if it is gone, with + if it is new,
    with ~ if it moved or changed its brightness. Those of the first images are
    shown, and all of them are counted; --json tells every one. Version, times,
    machine and strategy are not compared.

    Exit code: 0 if the runs are the same, 1 if they differ, 2 if there is
    trouble.
    """
    from ..score.differences import diff_settings

    first, second = _open(before), _open(after)
    settings, counts = diff_settings(first, second), Counter[str]()
    with counted_images(progress) as first.on_image:
        images = _counted(first, second, radius, counts)
        if as_json:
            print_json({"settings": _changes(settings), "images": map(_as_dict, images)})
        else:
            for name, old, new in settings:
                click.echo(f"setting {name}: {_known(old)} -> {_known(new)}")
            for image in images:
                if counts["image"] <= _IMAGES_SHOWN:
                    _show(image)
    if not as_json:
        _say_more(counts["image"] - _IMAGES_SHOWN, "image", "")
        click.echo(_summary(counts) if settings or counts else "The runs are the same.")
    sys.exit(EXIT_DIFFERENT if settings or counts else 0)


def _counted(
    first: "Run", second: "Run", radius: float, counts: Counter[str]
) -> "Iterator[ImageDiff]":
    """Yield what changed, and count it."""
    from ..score.differences import diff_images

    for image in diff_images(first, second, radius):
        counts["image"] += 1
        counts["nucleus"] += len(image.removed)
        counts["new"] += len(image.added)
        counts["moved or changed"] += len(image.before)
        yield image


def _summary(counts: Counter[str]) -> str:
    if not counts:
        return "No image changed"
    return (
        f"{pluralize(counts['image'], 'image')} changed, "
        f"{pluralize(counts['nucleus'], 'nucleus')} gone, "
        f"{counts['new']} new, {counts['moved or changed']} moved or changed"
    )


def _as_dict(image: "ImageDiff") -> dict[str, Any]:
    nuclei = {name: records(getattr(image, name)) for name in ("removed", "added")}
    moved = zip(records(image.before), records(image.after), strict=True)
    return {
        "image": image.image,
        "facts": _changes(image.facts),
        **nuclei,
        "changed": [{"before": old, "after": new} for old, new in moved],
    }


def _changes(changes: "list[Change]") -> dict[str, dict[str, Any]]:
    return {name: {"before": old, "after": new} for name, old, new in changes}


def _open(path: Path | str) -> "Run":
    from ..errors import InputError, RunError
    from ..store import Run

    try:
        return Run(path)
    except RunError as error:
        raise InputError(str(error)) from error  # trouble, and not a difference


def _show(image: "ImageDiff") -> None:
    click.echo(f"{image.image!r}")
    for name, old, new in image.facts:
        click.echo(f"  {_fact(name, old, new)}")
    lines = _changed_nuclei(image)
    for line in islice(lines, _NUCLEI_SHOWN):
        click.echo(line)
    changed = len(image.removed) + len(image.added) + len(image.before)
    _say_more(changed - _NUCLEI_SHOWN, "nucleus", "  ")


def _changed_nuclei(image: "ImageDiff") -> Iterator[str]:
    """Yield a line for each nucleus that is gone, new or changed."""
    for mark, nuclei in (("-", image.removed), ("+", image.added)):
        for nucleus in nuclei:
            yield f"  {mark} {_place(nucleus)} {nucleus['intensity']:.{_FIGURES}g}"
    for old, new in zip(image.before, image.after, strict=True):
        yield f"  ~ {_place(old)} {_what_changed(old, new)}"


def _what_changed(old: Any, new: Any) -> str:
    """Say where a nucleus is now and how bright, or else which measurements of it are others."""
    before, after = _told_apart(old["intensity"], new["intensity"])
    if before != after or _place(old) != _place(new):
        return f"{before} -> {_place(new)} {after}"
    return ", ".join(name for name in old.dtype.names if old[name] != new[name])


def _say_more(count: int, noun: str, margin: str) -> None:
    """Say how many more there are than are shown, and how to see them."""
    if count > 0:
        click.echo(f"{margin}... and {pluralize(count, noun)} more; all with --json")


def _fact(name: str, old: Any, new: Any) -> str:
    """Say what became of an image, or of what is known of it."""
    if name == "image":
        there, which = (old, "first") if new is None else (new, "second")
        return f"only in the {which} run ({there})"
    if isinstance(old, float) and isinstance(new, float):
        old, new = _told_apart(old, new)
    return f"{name}: {_known(old)} -> {_known(new)}"


def _known(value: Any) -> str:
    return "none" if value in (None, "") else str(value)


def _told_apart(old: float, new: float) -> tuple[str, str]:
    """Return two numbers in few figures, but as many as it takes for both to differ."""
    for figures in range(_FIGURES, 18):
        before, after = f"{old:.{figures}g}", f"{new:.{figures}g}"
        if before != after:
            break
    return before, after


def _place(nucleus: Any) -> str:
    """Return where a record of a nucleus, of any columns, says that it is."""
    axes = (axis for axis in ("z", "y", "x") if axis in nucleus.dtype.names)
    return f"({', '.join(str(nucleus[axis]) for axis in axes)})"
