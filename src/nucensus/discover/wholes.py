"""Find pictures that were put together of others in the folder: montages, stitched fields."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import TypeAlias

from .._dataclass import dataclass
from ..text.patterns import late
from ..values import ImageRef, Place
from .unknown_names import mask, without_word

_WORDS = (
    "montage", "mosaic", "stitched", "stitching", "merging", "fused", "overview", "panorama",
)  # fmt: skip
_WHOLE = late(
    rf"(?:(?<=[/_\-. (])|^)({'|'.join(_WORDS)})"
    r"(?:(?<=stitching)-\d\d)?(?=[/_\-. )]|$)",
    re.IGNORECASE,
)
_MARK = late(r"(?:(?<=[/_\-. (])|^)[a-z]{0,8}[ \-]?\d{1,5}(?=[_\-. )x]|$)", re.IGNORECASE)
"""A word that may tell which part of a whole a picture is: s1, tile 03, 12."""
_MOST_MARKS = 2
"""Words beside one another that together tell the part: x01_y02, r1_c2."""
_MOST_KEPT = 1 << 10
"""Pictures put together that are remembered. Larger: more memory."""
_MOST_WELLS = 1 << 16
"""Wells of a channel that are remembered: of 170 plates with one channel. Larger: more memory."""
_Well: TypeAlias = tuple[str, str, str]
"""Plate, well and channel."""


@dataclass(slots=True)
class Wholes:
    """Pictures whose names say that they were put together of others."""

    _kept: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, stem: str) -> None:
        """Note a name, whose `stem` is the same without its ending."""
        match = _last_whole(stem)
        if match is not None and len(self._kept) < _MOST_KEPT:
            self._kept[_without(stem, match.start(), match.end())] = name

    def pair(self, names: Iterable[str]) -> tuple[str, str] | None:
        """Return a part among some names, and the whole that it is of; None if there is none."""
        for name in names if self._kept else ():
            for whole in () if word_of(name) else _wholes_of(name):
                if whole in self._kept:
                    return name, self._kept[whole]
        return None


class Sites:
    """Pictures of a well that tell their site, beside others of the same channel that do not."""

    def __init__(self) -> None:
        self._parts: dict[_Well, ImageRef] = {}
        self._open: dict[_Well, ImageRef] = {}

    def note(self, image: ImageRef) -> None:
        """Note an image that lies in a well."""
        place = image.place
        if place.well:
            kept = self._parts if place.site else self._open
            if len(kept) < _MOST_WELLS:
                kept.setdefault((place.plate, place.well, place.channel), image)

    def pairs(self) -> Iterator[tuple[ImageRef, ImageRef]]:
        """Yield each picture without a site, and before it one with a site of the same well."""
        return ((self._parts[at], whole) for at, whole in self._open.items() if at in self._parts)

    def has_parts(self, place: Place) -> bool:
        """Tell whether a place is a whole well of which there are sites."""
        return not place.site and (place.plate, place.well, place.channel) in self._parts


def word_of(name: str) -> str:
    """Return the word that says that a picture was put together of others; "" if none does.

    Examples
    --------
    >>> word_of("TileScan 1_Merging_ch00.tif"), word_of("a/A01_s1.tif"), word_of("Overview.tif")
    ('merging', '', 'overview')
    """
    match = _last_whole(os.path.splitext(name)[0])
    return match[1].lower() if match else ""


def _last_whole(stem: str) -> re.Match[str] | None:
    if not any(map(stem.lower().__contains__, _WORDS)):
        return None  # as of most names, which saves the search
    return next(reversed(list(_WHOLE.finditer(stem))), None)


def _wholes_of(name: str) -> Iterator[str]:
    """Yield what the whole of a picture may be called, without the word for it."""
    stem = os.path.splitext(name)[0]
    file = stem.rfind("/") + 1
    yield from (stem, stem[:file])
    marks = [each.span() for each in _MARK.finditer(stem, file)]
    for first, (start, _) in enumerate(marks):
        for _, end in marks[first : first + _MOST_MARKS]:
            yield _without(stem, start, end)


def _without(stem: str, start: int, end: int) -> str:
    return without_word(mask(stem, [(start, end)]))
