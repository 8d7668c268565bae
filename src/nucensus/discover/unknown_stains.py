"""Find channels by stains that no list knows: beside a known one, or two of them in a well."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace

from .._dataclass import dataclass
from ..text.patterns import late
from ..values import ImageRef
from ..values.channels import shows_nuclei
from .names import plate_folder, readable_path
from .unknown_names import WAVELENGTH, Alike, channel_word, is_stain, mask
from .version_words import is_version

_WORD = re.compile(r"[^_\-. /()\[\],+]+")
_HYPHENATED = re.compile(r"(?<=[_. (\[,+])[^\W\d_][^_\-. /()\[\],+]*(?:-[^_\-. /()\[\],+]+)+")
"""Words that are one stain together: LaminA-C."""
_LASERS = frozenset(
    map(
        str,
        (375, 385, 395, 405, 440, 445, 458, 470, 473, 475, 488, 491, 505, 514, 515, 525, 532, 542,
         543, 550, 552, 555, 560, 561, 565, 568, 575, 590, 594, 625, 630, 633, 635, 637, 638, 640,
         642, 647, 650, 660, 685, 730, 735, 750, 785),
    )
)  # fmt: skip
"""Lasers and lamps of microscopes, in nm."""
_LIGHT = re.compile(rf"(?<!\d){WAVELENGTH}(?!\d)")
"""A number that may be a wavelength, of three digits."""
_THREE_DIGITS = re.compile(r"(?<!\d)\d{3}(?!\d)")
_NO_STAIN = late(
    r"wt|ko|kd|oe|wild[\-]?type|parental|mut(?:ant)?|het|hom|ctrl|controls?|(?:un)?treated|mock|"
    r"vehicle|veh|dmso|pbs|lps|scr(?:ambled?)?|ntc?|before|after|pre|post|left|right|top|bottom|"
    r"drug[a-z]?|placebo|starved|serum|(?:un)?stim(?:ulated)?|inhibitor|(?:un|non)?infected|"
    r"irradiated|hypoxia|normoxia|(?:un)?differentiated|young|adult|tumou?r|diseased?|"
    r"upper|lower|[tb][lr]|cent(?:er|re)|middle|edge|(?:fe)?male|healthy|normal|no",
    re.IGNORECASE,
)
"""Words for samples, treatments and places, which no channel is called by."""
_TRANSMITTED = "TL"
"""Transmitted light where another name has a stain, else the top left."""
_NO_STAIN_BEHIND_WELL = late(rf"{_NO_STAIN.pattern}|[LR]", re.IGNORECASE)
_MOST_KEPT = 1 << 14
"""Names that are remembered. Larger: channels meet that are farther apart in a listing."""


def is_no_stain(word: str) -> bool:
    """Tell whether a word tells a sample, a treatment or a place."""
    return _NO_STAIN.fullmatch(word) is not None


class BesideKnown:
    """Words that stand where other names, which are else the same, have a channel.

    Attributes
    ----------
    words : set of str
    names : tuple of str
        Two names that show it; empty if none do.
    """

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.names: tuple[str, ...] = ()
        self._known: dict[str, str] = {}
        self._open: dict[str, dict[str, str]] = {}

    def add_known(self, rest: str, name: str) -> None:
        """Note a name that has a channel, and the rest of it."""
        for word, other in self._open.pop(rest, {}).items():
            self._note(word, other, name)
        if len(self._known) < _MOST_KEPT:
            self._known.setdefault(rest, name)

    def add_other(self, masked: str, name: str) -> None:
        """Note a name that has none, and how it is without its well."""
        for word, rest in _words(masked):
            if rest in self._known:
                self._note(word, self._known[rest], name)
            elif len(self._open) < _MOST_KEPT:
                self._open.setdefault(rest, {})[word] = name

    def _note(self, word: str, *names: str) -> None:
        self.words.add(word)
        self.names = self.names or names

    def chosen(self, *, is_asked: bool) -> set[str]:
        """Return the words that are channels: of versions only what nothing else asks about."""
        return {each for each in self.words if not (is_asked and is_version(each))}


_NUMBERED = late(r"(?<![A-Za-z])[A-Pa-p]?\d+|\d+")
"""Wells and numbers, in which names of one set differ."""


@dataclass(slots=True)
class UnlikeStains(Alike):
    """Stains in names that differ beside them in wells and numbers alone: A01_DAPI, A02_GFP."""

    def add(self, word: str, rest: str, name: str) -> None:
        """Note a name that is `word` and the rest."""
        if is_stain(word):
            Alike.add(self, word, _NUMBERED.sub("#", rest), name)

    def _are_two(self, one: str, other: str) -> bool:
        """Tell whether they are not one stain, or two of nuclei."""
        are_of_nuclei = shows_nuclei(one) and shows_nuclei(other)
        return not are_of_nuclei and _folded(one) != _folded(other)


def _folded(stain: str) -> str:
    return re.sub(r"[\W_]", "", stain).casefold()


def word_of(name: str, words: set[str]) -> tuple[str, str]:
    """Return which of these words is in a name, and the rest; "" for none."""
    return next(((word, rest) for word, rest in _words(name) if word in words), ("", ""))


def _words(name: str) -> Iterator[tuple[str, str]]:
    """Yield the words of a name that may be stains, each with the rest of the name."""
    end = name.rfind(".") if "." in name[name.rfind("/") + 1 :] else len(name)
    matches = list(_WORD.finditer(name, 0, end))
    for match in matches:
        word = match[0]
        is_no_stain_here = _NO_STAIN.fullmatch(word) and word.upper() != _TRANSMITTED
        if not (word.isdecimal() or "#" in word or is_no_stain_here):
            yield word, mask(name, _spans(word, matches))
    for match in _HYPHENATED.finditer(name, 0, end):
        yield match[0], mask(name, [match.span()])


def _spans(word: str, matches: Iterable[re.Match[str]]) -> list[tuple[int, int]]:
    """Return where a word stands among those of a name: often in its folder, too."""
    return [each.span() for each in matches if each[0] == word]


def stains_of_plates(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the plates that differ in nothing but a stain: what they are called without, and it.

    Examples
    --------
    >>> stains_of_plates(["e_DAPI", "e_Ki67", "f"])
    {'e_DAPI': ('e', 'DAPI'), 'e_Ki67': ('e', 'Ki67')}
    """
    named, known, beside = list(names), Alike(), BesideKnown()
    if len(named) < 2:
        return {}
    for name in named:
        kind, word, rest = channel_word(f"{name}.")
        is_number = re.fullmatch(r"(?:c|wv?)\d+", word, re.IGNORECASE)  # it may be one of anything
        if kind == "channel" and not is_number:
            known.add(word, rest, name)
            beside.add_known(rest, name)
        else:
            beside.add_other(f"{name}.", name)
    words = known.words | beside.words
    found = {name: word_of(f"{name}.", words) for name in named if known.pair or beside.words}
    return {
        name: (re.sub(r"[_\-. ]*\*", "", rest).strip("_-. "), word)
        for name, (word, rest) in found.items()
        if word
    }


def with_stains(
    again: Callable[[], Iterable[ImageRef]], stains: Mapping[str, tuple[str, str]]
) -> Iterator[ImageRef]:
    """Yield the images whose plates are called by a stain with that as their channel."""
    for each in again():
        place = each.place
        if place.plate in stains and not place.channel:
            plate, channel = stains[place.plate]
            if not plate:
                folders = readable_path(each.path).split("/")[:-1]
                above = "/".join(folder for folder in folders if folder != channel)
                plate = plate_folder(above, place.well)
            each = replace(each, place=replace(place, plate=plate, channel=channel))
        yield each


def line_of(name: str) -> tuple[str, str]:
    """Return the last word of a name that is the wavelength of a laser, and the rest; "" for none.

    Examples
    --------
    >>> line_of("x/img1_405.tif")
    ('405', 'x/img1_*.tif')
    """
    word, rest = number_of(name)
    return (word, rest) if word in _LASERS else ("", "")


def number_of(name: str) -> tuple[str, str]:
    """Return what `line_of` does, or else the last number that is as long."""
    matches = [match for match in _WORD.finditer(name) if _LIGHT.fullmatch(match[0])]
    lasers = [match for match in matches if match[0] in _LASERS]
    found = (lasers or matches)[-1:]
    file = name.rfind("/")
    if not found or (found[0].start() <= file and found[0][0] not in name[:file].split("/")):
        return "", ""  # of folders those count that are called by nothing else
    word = found[0][0]
    return word, mask(name, _spans(word, matches))


class _Runs:
    """Numbers that follow each other in names that are else the same: of frames, not of lasers."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._counted: set[str] = set()

    def add(self, number: str, rest: str) -> bool:
        """Note a number and the rest of its name; return whether it counts something."""
        last = self._last.get(rest, number)
        if abs(int(number) - int(last)) == 1 and not {number, last} <= _LASERS:
            self._counted.add(rest)
        if rest in self._last or len(self._last) < _MOST_KEPT:
            self._last[rest] = number
        return rest in self._counted


@dataclass(slots=True)
class Lines(Alike):
    """Wavelengths of lasers in names: channels where two fields have two of them."""

    _field: str = ""
    _runs: _Runs = field(default_factory=_Runs)

    def add(self, word: str, rest: str, name: str) -> None:
        """Note a name that is `word`, which may be another number, and the rest."""
        if self._runs.add(word, rest) or word not in _LASERS:
            return
        self.words.add(word)
        known = self._kept.get(rest)
        if known is None:
            if len(self._kept) < _MOST_KEPT:
                self._kept[rest] = word, name
        elif known[0] != word and not self.pair:
            if self._field not in ("", rest):
                self.pair, self.names = (known[0], word), (known[1], name)
            self._field = rest


@dataclass(slots=True)
class Phrases(Alike):
    """What names say behind their well and site, of the same well and site."""

    _runs: _Runs = field(default_factory=_Runs)
    _is_counted: bool = False

    def add(self, word: str, rest: str, name: str) -> None:
        """Note a name that is `word` and the rest."""
        number = _THREE_DIGITS.search(word)
        around = f"{rest}/{_kind(_THREE_DIGITS.sub('', word))}"
        self._is_counted = number is not None and self._runs.add(number[0], around)
        Alike.add(self, word, rest, name)

    def _are_two(self, one: str, other: str) -> bool:
        """Tell whether they are not the same thing counted, as img1 and img2 are."""
        if self._is_counted:
            one, other = _LIGHT.sub("", one), _LIGHT.sub("", other)
        return _kind(one) != _kind(other)


def _kind(phrase: str) -> str:
    """Return a phrase without words that are no stains, and without what counts something.

    Numbers of wavelengths stay.
    """
    words = [each for each in phrase.split() if not _NO_STAIN_BEHIND_WELL.fullmatch(each)]
    counting = rf"(?<!\d)(?<!\bd)(?!{WAVELENGTH}(?!\d))\d+"  # d0 and d1 are channels of Cellomics
    return re.sub(counting, "", " ".join(words), flags=re.IGNORECASE)
