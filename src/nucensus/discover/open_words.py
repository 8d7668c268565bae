"""Ask about words in names that the user's own pattern takes for nothing."""

import re
from collections.abc import Iterable, Iterator

from ..errors import InputError
from ..values import ImageRef, Plane
from .names import readable_path, search_own
from .unknown_names import Alike, channel_word, position_word

_AXES = {"channel": "a channel", "z": "a z plane", "time": "a time point"}


def refuse_open_words(images: Iterable[ImageRef], own: re.Pattern[str], plane: Plane) -> None:
    """Refuse names that differ in a word for a channel, z or time that the pattern leaves out.

    What its groups take is no such word: C01 that it finds as a well is no channel.

    Raises
    ------
    InputError
        There are such names, and nothing was chosen on that axis.
    """
    is_open = [axis not in own.groupindex and getattr(plane, axis) is None for axis in _AXES]
    alike = {axis: Alike() for axis, each in zip(_AXES, is_open, strict=True) if each}
    for each in images if alike else ():
        if each.problem:
            continue
        masked, taken = _masked(readable_path(each.path), own)
        for axis, found in alike.items():
            word, rest = ("", "") if getattr(each.place, axis) else _word(axis, masked, own)
            if word:
                found.add(word, f"{rest}/{taken}", each.name)
    for axis, found in alike.items():
        if found.pair:
            first, second = found.names
            raise InputError(
                f"{first!r} and {second!r} differ in nothing but a word for {_AXES[axis]}, of "
                f"which the pattern {own.pattern!r} says nothing; expected a choice; add "
                f"(?P<{axis}>...) to the pattern, or count all with --{axis} each"
            )


def _word(axis: str, name: str, own: re.Pattern[str]) -> tuple[str, str]:
    """Return the last word of a name for a place on an axis, and the rest; "" if there is none."""
    if axis != "channel":
        return position_word(name, axis, has_well="well" in own.groupindex)
    kind, word, rest = channel_word(name)
    return (word, rest) if kind == "channel" else ("", "")


def _masked(path: str, own: re.Pattern[str]) -> tuple[str, str]:
    """Return a path without what the pattern takes, and that; "" if it does not fit."""
    match = search_own(own, path)
    if match is None:
        return "", ""
    parts: list[str] = []
    at = 0
    for start, end in _spans(match):
        if start >= at:
            parts.append(path[at:start])
            at = end
    return "#".join((*parts, path[at:])), str(match.groups())


def _spans(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    spans = sorted(match.span(group) for group in match.re.groupindex)
    return (span for span in spans if span[0] < span[1])
