"""Find images that no instrument named beside those of one, unlike in nothing but a channel."""

from collections.abc import Iterable

from ..errors import InputError
from ..values import ImageRef, Place
from .unknown_names import channel_word, without_word

_NOWHERE = Place()
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
        kind, word, rest = channel_word(each.name)
        word = word if kind == "channel" else ""
        bare = without_word(rest) if word else each.name
        mine, beside = (other, known) if each.place == _NOWHERE else (known, other)
        for key in {bare, each.name} if mine is known else {bare}:
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
