"""Plan a run: find the images, and give each scene, channel, plane and time its own."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, product, takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from ..discover import KeptImages
from ..errors import AccessError, InputError, NotAPlaneError, NucensusError, ReadError
from ..read import open_scenes
from ..read.levels import at_level, find_scene
from ..read.scene import Scene, choose_index, main_scenes
from ..remote import is_remote
from ..values import ImageRef, Partner, Plane

if TYPE_CHECKING:
    from ..values import Treatments

_Item = TypeVar("_Item")

_AXES = {"channel": "c", "z": "z", "time": "t"}
_ASKED = 8
"""Images that are opened before a run is made, while each asks for a choice. Larger: slower where
all do, and surer that they do."""
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
        yield from (replace(each, partners=_of_plane(each)) for each in expanded)


def _of_plane(image: ImageRef) -> tuple[Partner, ...]:
    """Return the other channels of an image, of the plane that it became."""
    return tuple(
        each._replace(plane=replace(
            each.plane,
            **{axis: getattr(image.plane, axis) for axis in ("scene", "z", "time")
               if getattr(each.plane, axis) == "each"},
        ))
        for each in image.partners
    )  # fmt: skip


def ask_first(images: Iterable[ImageRef]) -> Iterator[ImageRef]:
    """Return the images; raise if each of the first few asks for a choice.

    What all images ask is asked once, before a run is made; a server is not asked twice for it.
    """
    rest = iter(images)
    first = list(islice(rest, _ASKED))
    opened = () if first and is_remote(first[0].path) else first
    questions = list(takewhile(bool, map(question_of, opened)))
    if questions and len(questions) == len(first):
        several = f"each of the first {len(first)} images holds more than one plane; of "
        beside = several if len(first) > 1 else ""
        raise InputError(f"{beside}{first[0].name!r}: {questions[0]}")
    return chain(first, rest)


def question_of(image: ImageRef) -> str:
    """Return which choice the header of an image asks for; "" of none, or if it cannot be read."""
    if image.problem:
        return ""
    try:
        with open_scenes(image.path) as scenes:
            choose_index(find_scene(scenes, image.plane), image.plane)
    except NotAPlaneError as error:
        return str(error)
    except NucensusError:  # it becomes a failed row of the run, with its reason
        return ""
    return ""


def list_first(references: Iterable[ImageRef], channels: set[str]) -> Iterator[ImageRef]:
    """Yield the images once all are listed, and add what channels there are to `channels`.

    Whatever ends a listing does so before an earlier run is removed.
    """
    kept = KeptImages()
    for each in kept.keep(references):
        channels.add(each.channel)
    yield from kept


def join_treatments(
    references: Iterable[ImageRef], treatments: "Treatments | None"
) -> Iterator[ImageRef]:
    """Yield the images with what their wells were treated with; raise at the end if none was."""
    if treatments is None:
        yield from references
        return
    for each in references:
        extra = treatments.join(each.extra, each.place.plate, each.place.well)
        yield each if extra == each.extra else replace(each, extra=extra)
    treatments.unmatched()


def telling(items: Iterable[_Item], tell: Callable[[str], object], what: str) -> Iterator[_Item]:
    """Yield the items, and tell of each what is done to it."""
    for each in items:
        tell(what)
        yield each


def _planes(reference: ImageRef, scenes: Sequence[Scene]) -> Iterator[ImageRef]:
    """Yield the image of each plane, named by what distinguishes it: stack.tif[z=3]."""
    asked = reference.plane
    main = main_scenes(scenes)
    numbers = range(len(main)) if asked.scene == "each" else [None]
    for number in numbers:
        scene, problem = (
            (find_scene(scenes, asked), "")
            if number is None
            else _at_level(main[number], asked.level)
        )
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
            own: dict[str, Any] = dict(zip(lengths, position, strict=True))
            shown = Plane(scene=number, **own)
            stain = scene.channel_names[str(own["channel"])] if "channel" in own else ""
            yield replace(
                reference,
                name=f"{reference.name}[{shown}]",
                plane=replace(asked, **(own if number is None else {**own, "scene": number})),
                place=replace(reference.place, stain=stain or reference.place.stain),
                problem=problem,
            )


def _at_level(scene: Scene, level: int) -> tuple[Scene, str]:
    """Return a scene at a level of resolution, or as it is and why it cannot be counted."""
    if scene.left_out:
        return scene, f"{scene.name!r} is left out: {scene.left_out}"
    try:
        return at_level(scene, level), ""
    except NotAPlaneError as error:
        return scene, str(error)
