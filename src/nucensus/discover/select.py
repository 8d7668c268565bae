"""Choose among images that lie in files of their own: channel, plane, time point, version."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InputError
from ..values import PROJECTIONS, HowToProject, ImageRef, Plane
from ..values.images import NOWHERE
from .choices import choose_version
from .groups import FieldKey, OnePlate, Unnamed
from .half_known import refuse_half_known, refuse_unlike_plates
from .left_out import LeftOut
from .lenient_names import WellForms
from .names import compile_pattern
from .open_words import refuse_open_words
from .unknown_stains import stains_of_plates, with_stains
from .versions import Versions

if TYPE_CHECKING:
    from .stacks import Stacks


def select(
    everything: Iterable[ImageRef],
    again: Callable[[], Iterable[ImageRef]],
    plane: Plane,
    *,
    pattern: str | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[ImageRef]:
    """Yield the images of one channel, plane, time point and version, as `plane` says.

    What the names of the files of a plate leave open is left to the files. The
    images are asked for again, so that they need not be kept. An image whose
    name says nothing of an axis passes no choice on it where names beside it do:
    it is noted in `left_out`. Names that no instrument gave are searched for words that may
    be wells, channels, z planes, time points or versions; with the user's own `pattern`
    for what that leaves open.

    Raises
    ------
    InputError
        There is a choice, and it was not made; or what was chosen is not there.
    """
    chosen = select_fields(everything, again, plane, pattern=pattern, left_out=left_out)
    for _, each in chosen:
        yield each


def select_fields(
    everything: Iterable[ImageRef],
    again: Callable[[], Iterable[ImageRef]],
    plane: Plane,
    *,
    pattern: str | None = None,
    left_out: LeftOut | None = None,
    problems: dict[str, str] | None = None,
) -> Iterator[tuple[FieldKey, ImageRef]]:
    """Yield what `select` does, each with what tells its field from others.

    With `problems` a plate that leaves a choice, or lacks what was chosen, does not end the
    selection: it has no images, and says why there, unless that is so of all plates.
    """
    reads_words = pattern is None
    groups, versions = _group(everything, again, reads_words=reads_words)
    if reads_words and (stains := stains_of_plates(filter(None, groups))):
        again = functools.partial(with_stains, again, stains)
        groups, versions = _group(again(), again, reads_words=reads_words)
    version, of_all = choose_version(versions, plane.scene), again
    plane = replace(plane, scene=None) if versions.pair else plane
    if version is not None:  # what is left out asks nothing
        again = functools.partial(_of_version, again, versions, version)
        groups, _ = _group(again(), again, reads_words=reads_words)
    _refuse_mixtures(groups, again, plane, pattern)
    _choose(groups, plane, problems)
    noted = LeftOut() if left_out is None else left_out
    how = next((each for each in PROJECTIONS if each == plane.z), None)
    stacks: dict[str | None, Stacks] = {}
    for each in _of_version(of_all, versions, version, noted):
        if (at := _group_of(each)) not in groups:
            continue
        group = groups[at]
        kept = group.keep(each, plane, noted)
        if kept is not None and how is not None and kept.plane.z is None and kept.place.z:
            stacks[at] = stacks.get(at) or _stacks(how, noted)
            stacks[at].add(group.field_of(kept), kept)
        elif kept is not None:
            yield group.key_of(kept), kept
    for at, stack in stacks.items():
        for each in stack:
            yield groups[at].key_of(each), each


def _of_version(
    again: Callable[[], Iterable[ImageRef]], versions: Versions, version: str | None,
    left_out: LeftOut | None = None,
) -> Iterator[ImageRef]:  # fmt: skip
    """Yield the images of a version, all of None, and those that are of no version; note others."""
    others = versions.words - {version} if version is not None else set()
    for each in again():
        if others and versions.of(each.name, versions.place_of(each)) in others:
            if left_out is not None:
                left_out.note("other versions of a picture", each.name)
        else:
            yield each


def _refuse_mixtures(
    groups: dict[str | None, Unnamed | OnePlate], again: Callable[[], Iterable[ImageRef]],
    plane: Plane, pattern: str | None,
) -> None:  # fmt: skip
    """Raise if channels, planes or times would be mixed that no single group tells apart."""
    if pattern is not None:
        refuse_open_words(again(), compile_pattern(pattern), plane)
    elif plane.channel is None and {None} < groups.keys():
        refuse_half_known(again())
    if plane.channel is None:
        refuse_unlike_plates((key, group.stains) for key, group in _plates(groups))


def _stacks(how: HowToProject, left_out: LeftOut) -> "Stacks":
    from .stacks import Stacks  # which most runs do without

    return Stacks(how, left_out)


def _plates(groups: dict[str | None, Unnamed | OnePlate]) -> Iterator[tuple[str, OnePlate]]:
    return ((key or "", each) for key, each in groups.items() if isinstance(each, OnePlate))


def _choose(
    groups: dict[str | None, Unnamed | OnePlate], plane: Plane, problems: dict[str, str] | None
) -> None:
    """Choose in each group; one that cannot goes, and says why in `problems`, or raises it."""
    for key, group in list(groups.items()):
        try:
            group.choose(plane)
        except InputError as error:
            if problems is None or len(groups) == 1:
                raise
            problems[key or ""] = str(error)
            del groups[key]


def _group(
    everything: Iterable[ImageRef], again: Callable[[], Iterable[ImageRef]], *, reads_words: bool
) -> tuple[dict[str | None, Unnamed | OnePlate], Versions]:
    """Return the images by their plate, None for those that no instrument named, and versions."""
    groups, versions, forms = dict[str | None, Unnamed | OnePlate](), Versions(), WellForms()
    for each in everything:
        key = _group_of(each)
        if key not in groups:
            groups[key] = Unnamed() if key is None else OnePlate(key, reads_words=reads_words)
        if reads_words or key is not None:
            groups[key].add(each)
        if not each.problem:
            versions.note(each, is_placed=key is not None)
            if reads_words:
                forms.add_unplaced(each)
    if (form := forms.choose()) is not None:
        groups[None] = unnamed = Unnamed(form)
        for each in again():
            if _group_of(each) is None:
                unnamed.add(each)
        if unnamed.has_bare_wells or len(groups) > 1:  # A01.tif is as instruments name, too
            versions.note_sites(again(), form)
    versions.settle()
    return groups, versions


def _group_of(reference: ImageRef) -> str | None:
    """Return the plate of an image; None if its name says nothing that is understood."""
    place = reference.place
    return place.plate or (None if place == NOWHERE else "")
