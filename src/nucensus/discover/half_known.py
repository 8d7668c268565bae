"""Find images that are counted together, and of which only a few tell another channel."""

import os
from collections.abc import Iterable, Mapping

from ..errors import InputError
from ..values import ImageRef
from ..values.channels import shows_nuclei
from ..values.images import NOWHERE
from .unknown_names import channel_word, without_word

_MOST_KEPT = 1 << 14
"""Names that are remembered. Larger: names meet that are farther apart in a listing."""


def refuse_half_known(images: Iterable[ImageRef]) -> None:
    """Refuse A01_s1_w1.tif beside A01_s1_BF.tif, of which only the first is as instruments name.

    Raises
    ------
    InputError
        There are such images; the message says what can be chosen.
    """
    known: dict[str, tuple[str, str]] = {}
    other: dict[str, tuple[str, str]] = {}
    for each in images:
        name = f"{os.path.splitext(each.name)[0]}."
        kind, word, rest = channel_word(name)
        word = word if kind == "channel" else ""
        bare = without_word(rest) if word else name
        mine, beside = (other, known) if each.place == NOWHERE else (known, other)
        for key in {bare, name} if mine is known else {bare}:
            if beside.get(key, (word,))[0] != word:
                _refuse(each.name, beside[key][1])
            if len(mine) < _MOST_KEPT:
                mine[key] = word, each.name


def _refuse(*names: str) -> None:
    first, second = sorted(names)
    raise InputError(
        f"{first!r} and {second!r} differ in nothing but a word for a channel, and only one of "
        f"them is named as an instrument names images; expected images of one channel; name the "
        f"files that count, say what names mean with --pattern, or count all with --channel each"
    )


def refuse_unlike_plates(plates: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Refuse plates of one channel each that is not the same, by the stains of their channels.

    Raises
    ------
    InputError
        There are such plates, unless all of the channels show nuclei by their names.
    """
    first: tuple[str, str, str] | None = None
    for plate, channels in plates:
        if len(channels) != 1:
            continue
        ((channel, stain),) = channels.items()
        first = first or (plate, channel, stain)
        both = (first[2], stain) if first[2] and stain else (first[1], channel)
        if both[0] != both[1] and not all(map(shows_nuclei, both)):
            raise InputError(
                f"the plates {first[0]!r} and {plate!r} are of one channel each, {both[0]} and "
                f"{both[1]}; expected the same; name one of the plates, or count both with "
                f"--channel each"
            )
