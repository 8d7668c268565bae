"""See a plate as a whole: what is there, and what is missing."""

import math
from collections.abc import Iterable
from itertools import product

from .._dataclass import dataclass
from ..values import ImageRef

_AXES = ("site", "channel", "z", "time")
_MOST_PLACES = 10_000_000
"""Places that a grid of wells, sites, channels, planes and times may have to be compared with the
images. Larger: odd names take more memory."""


@dataclass(frozen=True, slots=True)
class PlateView:
    """The images of one plate, or of a series without wells.

    Attributes
    ----------
    name : str
    wells : dict of str to int
        How many images each well has; "" stands for those without one.
    values : dict of str to list of str
        What there is of sites, channels, z and time, in order.
    stains : dict of str to str
        The names of channels, as far as an index file gives them.
    nowhere : dict of str to list of str
        Sites, channels, z and times that an index file promises and no well has.
    missing : dict of str to list of str
        By well, what else an index file promises and the well lacks; without
        an index, what other wells have.
    missing_count : int
        How many images all of that are.
    is_promised : bool
        Whether an index file promises what is missing.
    """

    name: str
    wells: dict[str, int]
    values: dict[str, list[str]]
    stains: dict[str, str]
    nowhere: dict[str, list[str]]
    missing: dict[str, list[str]]
    missing_count: int
    is_promised: bool


def view_plates(references: Iterable[ImageRef]) -> list[PlateView]:
    """Return every plate, or series, among `references`; of others nothing is known."""
    plates: dict[str, list[ImageRef]] = {}
    for each in references:
        if each.place.well or any(_axes(each)):
            plates.setdefault(each.place.plate, []).append(each)
    return [_view(name, images) for name, images in plates.items()]


def _view(name: str, images: list[ImageRef]) -> PlateView:
    there = [each for each in images if not each.problem]
    problems = [each for each in images if each.problem]
    wells: dict[str, int] = {each.place.well: 0 for each in images}
    for each in there:
        wells[each.place.well] += 1
    values = {axis: _values(there, axis) for axis in _AXES}
    nowhere = {
        axis: [value for value in _values(problems, axis) if value not in values[axis]]
        for axis in _AXES
    }
    missing = [(each.place.well, _axes(each)) for each in problems] or _holes(there, values)
    by_well: dict[str, list[str]] = {}
    for well, place in missing:
        if not any(value in nowhere[axis] for axis, value in zip(_AXES, place, strict=True)):
            by_well.setdefault(well, []).append(_position(place, values))
    return PlateView(
        name,
        dict(sorted(wells.items(), key=lambda item: (len(item[0]), item[0]))),
        values,
        {each.place.channel: each.place.stain for each in images if each.place.stain},
        {axis: found for axis, found in nowhere.items() if found},
        by_well,
        len(missing),
        bool(problems),
    )


def _holes(
    images: list[ImageRef], values: dict[str, list[str]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the places that other wells have and a well has not."""
    there = {(each.place.well, _axes(each)) for each in images}
    wells = dict.fromkeys(each.place.well for each in images)
    axes = [values[axis] or [""] for axis in _AXES]
    if len(wells) * math.prod(map(len, axes)) > _MOST_PLACES:
        return []  # these names are no grid
    expected = list(product(*axes))
    return [(well, place) for well in wells for place in expected if (well, place) not in there]


def _axes(reference: ImageRef) -> tuple[str, ...]:
    place = reference.place
    return place.site, place.channel, place.z, place.time


def _values(images: list[ImageRef], axis: str) -> list[str]:
    found = {getattr(each.place, axis) for each in images} - {""}
    return sorted(found, key=lambda value: (len(value), value))


def _position(place: tuple[str, ...], values: dict[str, list[str]]) -> str:
    """Return a place on the axes that leave a choice."""
    named = zip(_AXES, place, strict=True)
    parts = [f"{axis} {value}" for axis, value in named if value and len(values[axis]) > 1]
    return " ".join(parts) or "its image"
