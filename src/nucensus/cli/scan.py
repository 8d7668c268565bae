"""`nucensus scan`."""

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .._shell import spell_word
from ..text.plurals import data_size, pluralize
from .as_json import json_option, print_json
from .commands import Command
from .progress import counted_images, progress_option
from .selection import selection, selection_of

if TYPE_CHECKING:
    from ..batch import Preview
    from ..discover import KeptImages, PlateView, Survey
    from ..discover.lenient_names import WellForm
    from ..values import ImageRef

_SHOWN, _NAMED = 8, 3
_MOST_MAPS, _MOST_LINES = 4, 50
"""Plates that are drawn, and plates that have a line: of more a map each would hide the rest."""
_NAMES = {"site": "sites", "channel": "channels", "z": "z planes", "time": "time points"}


@click.command(cls=Command, epilog="Example: nucensus scan plate/")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@selection
@json_option
@progress_option
def command(inputs: tuple[str, ...], as_json: bool, progress: str, **options: Any) -> None:
    """Show what is in a folder or plate, and what is missing, before anything runs.

    Names of files and index files of instruments say which plate, well, site,
    channel, z plane and time point an image is of.

    Exit code: 0, also where images are missing; 2 for wrong usage.
    """
    from ..batch import preview

    with counted_images(progress, "found") as on_image:
        shown = preview(inputs, selection_of(options), on_image)
    if as_json:
        print_json(_as_dict(shown))
        return
    _print_survey(shown.found)
    if len(shown.plates) > _MOST_MAPS:
        _print_plates(shown.plates)
    else:
        for plate in shown.plates:
            _print_plate(plate)
    if shown.question:
        click.echo(f"\nTo choose: {shown.question}")
        return
    failing = shown.missing_count
    missing = f"; {failing} more {'is' if failing == 1 else 'are'} missing" if failing else ""
    click.echo(f"\nTo count: {pluralize(len(shown.there), 'image')}{missing}")
    for line in shown.left_out.lines():
        click.echo(f"  {line}")
    _print_repeated(shown.there)
    _print_refusals(shown.there)


def _as_dict(shown: "Preview") -> dict[str, Any]:
    found = shown.found
    images = size_bytes = 0
    for each in found.references:
        if not each.problem:
            images += 1
            size_bytes += max(0, each.size_bytes)
    counts = {"to_count": len(shown.there), "missing": shown.missing_count}
    return {
        "images": images,
        "size_bytes": size_bytes,
        "recognised": found.recognised,
        "promised": found.promised,
        "left_out": found.left_out.lines(),
        "plates": [asdict(plate) for plate in shown.plates],
        **(
            {"to_choose": shown.question}
            if shown.question
            else {**counts, "not_chosen": shown.left_out.lines()}
        ),
    }


def _print_repeated(chosen: "KeptImages") -> None:
    """Say which planes of sites are there in several files."""
    from ..store import repeated_places
    from .running import note_on_repeated

    count, files = repeated_places(chosen)
    if files is not None:
        click.echo(f"  {note_on_repeated(count, files)}")


def _print_refusals(chosen: "KeptImages") -> None:
    """Say what some of the files would ask: their channel, plane, time or scene."""
    from ..batch import refusals

    opened, refused = refusals(chosen)
    if refused:
        click.echo(f"  of {pluralize(opened, 'file')} looked at, {len(refused)} would be refused:")
        click.echo(f"  {refused[0]}")


class _Content:
    """Sum up what was found, in one pass over it."""

    def __init__(self, found: "Survey") -> None:
        from ..remote import is_zarr
        from ..values import Place

        self.there = self.sized = self.size_bytes = self.unplaced_count = 0
        self.lost: list[ImageRef] = []
        self.unplaced: list[ImageRef] = []
        for each in found.references:
            if each.problem:
                if not each.place.well and len(self.lost) < _SHOWN:
                    self.lost.append(each)
                continue
            self.there += 1
            if each.size_bytes >= 0 and not is_zarr(each.path):
                self.sized += 1
                self.size_bytes += each.size_bytes
            if each.place == Place():
                self.unplaced_count += 1
                self.unplaced += [each] * (self.unplaced_count <= _NAMED)


def _print_survey(found: "Survey") -> None:
    content = _Content(found)
    size = f", {data_size(content.size_bytes)}" if content.sized else ""
    unknown = content.there - content.sized
    more = f" and {unknown} of unknown size" if content.sized and unknown else ""
    click.echo(f"{pluralize(content.there, 'image')}{size}{more}")
    for name, count in found.recognised.items():
        click.echo(f"  {count} with names of {name}")
    if content.unplaced:
        _print_wells(found.form, content)
    for name, count in found.promised.items():
        click.echo(f"  {pluralize(count, 'image')} promised by {name}")
    for line in found.left_out.lines():
        click.echo(f"  {line}")
    for each in content.lost:
        click.echo(f"  missing: {each.name}: {each.problem}")


def _print_wells(form: "WellForm | None", content: _Content) -> None:
    """Say how wells are read from names that no instrument gave, and which names tell none."""
    count, unplaced = content.unplaced_count, content.unplaced
    if form is not None:
        well, name = form.place(unplaced[0]).well, unplaced[0].name
        click.echo(f"  {count} with a well in the name: {well} in {name!r}")
        click.echo(f"    (as --pattern {spell_word(form.pattern)})")
        return
    click.echo(f"  {count} without a well in the name (see --pattern)")
    named = ", ".join(repr(each.name) for each in unplaced)
    click.echo(f"    not matched: {named}{', ...' if count > len(unplaced) else ''}")


def _print_plates(plates: "list[PlateView]") -> None:
    """Print a line for each plate."""
    click.echo()
    for plate in plates[:_MOST_LINES]:
        has = [pluralize(len(values), _NAMES[axis].removesuffix("s"))
               for axis, values in plate.values.items() if len(values) > 1]  # fmt: skip
        lacks = f"; lacks {pluralize(plate.missing_count, 'image')}" if plate.missing_count else ""
        click.echo(f"{', '.join((_title(plate), *has))}{lacks}")
    if len(plates) > _MOST_LINES:
        click.echo(f"... and {pluralize(len(plates) - _MOST_LINES, 'more plate')} (--json has all)")
    click.echo("To see the wells, name the folders of a few plates.")


def _title(plate: "PlateView") -> str:
    """Return what a plate is called, and how many of its wells have images."""
    count = sum(bool(images) for well, images in plate.wells.items() if well)
    kind, wells = (
        ("Plate", pluralize(count, "well")) if any(plate.wells) else ("Series", "no wells")
    )
    return f"{kind} {plate.name or 'without a name'}: {wells}"


def _print_plate(plate: "PlateView") -> None:
    from ..values.channels import nuclear_channel

    wells = {well: count for well, count in plate.wells.items() if well}
    click.echo(f"\n{_title(plate)}")
    for axis, values in plate.values.items():
        if values:
            named = [_named(value, plate.stains if axis == "channel" else {}) for value in values]
            click.echo(f"  {_NAMES[axis]}: {_shorten(named)}")
    channels = {value: plate.stains.get(value, "") for value in plate.values["channel"]}
    proposed = nuclear_channel(channels)
    if proposed is not None and len(channels) > 1:
        click.echo(f"  nuclei by name: --channel {spell_word(proposed)}")
    if wells:
        click.echo(_plate_map(plate))
    if plate.missing_count:
        than = "the index promises" if plate.is_promised else "other wells have"
        click.echo(f"  missing: {pluralize(plate.missing_count, 'image')} that {than}")
        for axis, values in plate.nowhere.items():
            named = [_named(value, plate.stains if axis == "channel" else {}) for value in values]
            click.echo(f"    in no well: {_NAMES[axis]} {_shorten(named)}")
        for well, places in list(plate.missing.items())[:_SHOWN]:
            click.echo(f"    {well}: {_shorten(places)}" if well else f"    {_shorten(places)}")
        if len(plate.missing) > _SHOWN:
            click.echo(f"    ... and {pluralize(len(plate.missing) - _SHOWN, 'more well')}")


def _plate_map(plate: "PlateView") -> str:
    """Draw the wells: # is complete, + lacks images, ! has none of those promised, . is empty."""
    split = {well: re.fullmatch(r"([A-Z]+)(\d+)", well) for well in plate.wells}
    places = {well: (match[1], int(match[2])) for well, match in split.items() if match}
    if not places:
        return f"  wells: {_shorten(list(plate.wells))}"
    rows = sorted({row for row, _ in places.values()}, key=lambda row: (len(row), row))
    columns = range(1, max(column for _, column in places.values()) + 1)
    marks = {
        place: "!" if not plate.wells[well] else "+" if well in plate.missing else "#"
        for well, place in places.items()
    }
    lines = ["     " + "".join(f"{column:>3}" for column in columns)]
    lines += [
        f"  {row:>3}" + "".join(f"{marks.get((row, column), '.'):>3}" for column in columns)
        for row in _all_rows(rows)
    ]
    lines.append("     # complete   + lacks images   ! lacks all   . none")
    return "\n".join(lines)


def _all_rows(rows: list[str]) -> list[str]:
    """Return the rows from A to the last one."""
    letters = [chr(code) for code in range(65, 91)]
    every = letters + ["A" + letter for letter in letters]
    return every[: every.index(rows[-1]) + 1] if rows[-1] in every else rows


def _named(value: str, stains: dict[str, str]) -> str:
    return f"{value} ({stains[value]})" if value in stains else value


def _shorten(values: list[str]) -> str:
    if len(values) <= _SHOWN:
        return ", ".join(values)
    return f"{', '.join(values[:_SHOWN])}, ... ({len(values)} in all)"
