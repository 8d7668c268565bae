"""Plan a run: find the images, and give each scene, channel, plane and time its own."""

import json
import math
import pickle
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from ..errors import AccessError, InputError, NucensusError, ReadError
from ..read import open_scenes
from ..read.scene import Scene, choose_scene, main_scenes
from ..values import ImageRef, Plane

_NAMES_SHOWN = 5
_AXES = {"channel": "c", "z": "z", "time": "t"}
_MOST_PLANES = 1_000_000
"""Each is a row of the run; a scene of so many has never been seen."""


def expand(references: Iterable[ImageRef]) -> Iterator[ImageRef]:
    """Yield one image for each plane where "each" is asked for, from the header of its file.

    A file that cannot be opened stays one image, with its problem.
    """
    for reference in references:
        plane = reference.plane
        if reference.problem or "each" not in (plane.scene, plane.channel, plane.z, plane.time):
            yield reference
            continue
        try:
            with open_scenes(reference.path) as scenes:
                expanded = list(_planes(reference, scenes))
        except AccessError:
            raise
        except NucensusError as error:
            expanded = [replace(reference, problem=str(error))]
        yield from expanded


def list_first(references: Iterable[ImageRef], channels: set[str]) -> Iterator[ImageRef]:
    """Yield the images once all are listed, and add what channels there are to `channels`.

    Whatever ends a listing does so before an earlier run is removed.
    """
    with tempfile.TemporaryFile() as file:
        count = 0
        for each in references:
            pickle.dump(each, file, pickle.HIGHEST_PROTOCOL)
            channels.add(each.channel)
            count += 1
        file.seek(0)
        for _ in range(count):
            yield pickle.load(file)


def join_treatments(
    references: Iterable[ImageRef], wells: Sequence[dict[str, str]]
) -> Iterator[ImageRef]:
    """Yield the images with what their wells were treated with.

    Where the manifest has a column of the same name, both stay: the well's is called Well_NAME.

    Raises
    ------
    InputError
        At the end, if there are treatments and none is that of an image.
    """
    treatments = {(row.get("plate", ""), row["well"]): row for row in wells}
    others: dict[tuple[str, str], None] = {}
    joined = not wells
    for each in references:
        place = each.place.plate, each.place.well
        row = treatments.get(place) or treatments.get(("", each.place.well))
        joined = joined or row is not None
        if not joined and place[1] and len(others) <= _NAMES_SHOWN:
            others[place] = None
        known = json.loads(each.extra) if each.extra else {}
        own = {key: value for key, value in (row or {}).items() if key not in ("plate", "well")}
        for name, value in own.items():
            known[_free_name(name, known)] = value
        yield replace(each, extra=json.dumps(known, ensure_ascii=False)) if own else each
    if not joined:
        there = f"the images are of {_listed(others)}" if others else "no image states its well"
        raise InputError(
            f"no well of the metadata, {_listed(treatments)}, is that of an image: {there}; "
            f"expected the same plates and wells; check the table, see nucensus scan and --pattern"
        )


def _free_name(name: str, known: Collection[str]) -> str:
    """Return what a treatment is called where the manifest says something of that name."""
    while name in known:
        name = f"Well_{name}"
    return name


def _listed(places: Iterable[tuple[str, str]]) -> str:
    names = [f"{well} of plate {plate}" if plate else well for plate, well in places]
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")


def _planes(reference: ImageRef, scenes: Sequence[Scene]) -> Iterator[ImageRef]:
    """Yield the image of each plane, named by what distinguishes it: stack.tif[z=3]."""
    asked = reference.plane
    main = main_scenes(scenes)
    numbers = range(len(main)) if asked.scene == "each" else [None]
    for number in numbers:
        scene = choose_scene(scenes, asked.scene) if number is None else main[number]
        lengths = {
            axis: scene.sizes.get(letter, 1)
            for axis, letter in _AXES.items()
            if getattr(asked, axis) == "each"
        }
        if math.prod(lengths.values()) > _MOST_PLANES:
            raise ReadError(
                f"the file claims {math.prod(lengths.values()):,} planes; expected at most "
                f"{_MOST_PLANES:,}; check the file, or choose among them"
            )
        for position in product(*map(range, lengths.values())):
            own = dict(zip(lengths, position, strict=True))
            shown = Plane(scene=number, **own)
            stain = scene.channel_names[str(own["channel"])] if "channel" in own else ""
            yield replace(
                reference,
                name=f"{reference.name}[{shown}]",
                plane=replace(asked, **own, **({} if number is None else {"scene": number})),
                place=replace(reference.place, stain=stain or reference.place.stain),
                problem=f"{scene.name!r} is left out: {scene.left_out}" if scene.left_out else "",
            )
