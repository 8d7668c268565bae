"""Find pictures that are there in several versions, by words that are known and by others."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import field

from .._dataclass import dataclass
from ..text.patterns import late
from ..values import ImageRef, Place
from ..values.images import NOWHERE
from .lenient_names import WellForm, placed
from .names import form_of
from .results import Results
from .unknown_names import Alike, channel_word
from .unknown_stains import is_no_stain
from .version_words import is_version, version_of, version_word
from .wholes import Sites, Wholes, word_of
from .word_pairs import WordPairs

_BETWEEN = late(r"[_\-. ]+")
_WORD = late(r"v\d{1,2}|(?!\d).*[^\W\d_]{2}.*(?<!\d)", re.IGNORECASE)
"""A word that numbers nothing, such as a site or a time."""
_MOST_WORDS = 2
"""Words at the end of a name that together may tell a version: denoised_n2v."""
_PAIRS = 3
"""Pictures that are there with a word behind their name and without, where no instrument named
them: of fewer the word may tell a sample."""
_OTHERS = "other versions of a picture, or other samples"
_WHOLE = "whole"
"""The version of a picture that tells no site, beside sites of its well."""
_NO_SITE = "the one without a site may be put together of the sites, or one more field"
_MOST_KEPT = 1 << 14
"""Names that are remembered. Larger: versions meet that are farther apart in a listing."""


@dataclass(slots=True)
class Versions(Alike):
    """Versions of pictures; the pair is one word twice where endings alone are spelled unlike.

    Attributes
    ----------
    doubt : str
        What may tell them, where it may tell something else, too; "" where a known word does.
    form : WellForm, optional
        How names that no instrument gave tell wells.
    """

    doubt: str = ""
    form: WellForm | None = None
    _behind: "WordsBehind" = field(default_factory=lambda: WordsBehind())
    _met: Counter[str] = field(default_factory=Counter)
    _wholes: Wholes = field(default_factory=lambda: Wholes())
    _has_wholes: bool = False
    _pairs: WordPairs = field(default_factory=lambda: WordPairs(("objective", "bin", "level")))
    _sites: Sites = field(default_factory=lambda: Sites())
    _results: Results = field(default_factory=lambda: Results())

    def note(self, image: ImageRef, *, is_placed: bool) -> None:
        """Note an image, and whether an instrument gave its name."""
        name = image.name
        version, rest = _version_and_rest(name, image.place)
        self._met[version] += 1
        self.add(version, rest, name)
        stem = _stem(name)
        self._behind.add(name, stem, is_placed=is_placed)
        self._wholes.note(name, stem)
        self._results.note(name, rest, is_original=version.startswith("original."))
        if is_placed:
            self._sites.note(image)
        elif version.startswith("original."):
            self._pairs.note(name, file=name, ending=version.rpartition(".")[2])

    def note_sites(self, images: Iterable[ImageRef], form: WellForm) -> None:
        """Note images whose wells no instrument tells, but a form of their names."""
        self.form = form
        for each in images:
            if each.place == NOWHERE and not each.problem:
                self._sites.note(placed(each, form))

    def place_of(self, image: ImageRef) -> Place:
        """Return where an image was taken, as an instrument or `form` tells."""
        return image.place if self.form is None else placed(image, self.form).place

    def add(self, word: str, rest: str, name: str) -> None:
        """Note a name that is `word` and the rest."""
        known, other = self._kept.get(rest, ("", ""))
        if not self.pair and known == word and _stem(other) == _stem(name) and other != name:
            self.pair, self.names = (word, word), (other, name)
            self.words.add(word)
        Alike.add(self, word, rest, name)

    def settle(self) -> None:
        """Take in what no list knows, once all names are noted."""
        for word, endings in self._behind.told():
            for ending, count in endings.items():
                self._met[f"original.{ending}"] -= count
                self._met[f"{word.lower()}.{ending}"] += count
            self._take(self._behind.names[word], f"the word {word!r} may tell {_OTHERS}")
            self.words = {version for version, met in self._met.items() if met > 0}
        if (pair := self._results.pair(self._kept)) is not None:
            self._take(pair)
        if (pair := self._wholes.pair(self._behind.names_met())) is not None:
            self._has_wholes = True
            self.words |= set(map(self.of, pair))
            self._take(pair)
        if (pair := self._pairs.settle()) is not None:
            self.words |= {f"{word.lower()}.{ending}" for word, ending in self._pairs.words()}
            first, second = (repr(self._pairs.word_of(name)) for name in pair)
            self._take(pair, f"the words {first} and {second} may tell {_OTHERS}")
        for part, whole in self._sites.pairs():
            self.words.add(f"{_WHOLE}.{version_of(whole.name)[0].rpartition('.')[2]}")
            self._take((part.name, whole.name), _NO_SITE, whole.place)

    def _take(self, names: tuple[str, str], doubt: str = "", place: Place | None = None) -> None:
        """Take two names for those to ask about, if there are none yet."""
        if not self.pair:
            self.names, self.doubt = names, doubt
            self.pair = self.of(names[0]), self.of(names[1], place)

    def of(self, name: str, place: Place | None = None) -> str:
        """Return which version of a picture that is, by its name, and by where it was taken."""
        version = _version_and_rest(name, place)[0]
        kind, _, ending = version.partition(".")
        if self._has_wholes and (word := word_of(name)):
            return f"{word}.{ending}"
        if kind != "original":
            return version
        if place is not None and self._sites.has_parts(place):
            return f"{_WHOLE}.{ending}"
        word = self._pairs.word_of(name) or self._behind.word_of(name)
        return f"{word.lower()}.{ending}" if word else version


def _version_and_rest(name: str, place: Place | None) -> tuple[str, str]:
    """Return what `version_of` does, or the version that the plate in a name tells: P1_mask_A01."""
    version, rest = version_of(name)
    plate = place.plate if place is not None and version.startswith("original.") else ""
    word = version_word(form_of(plate)) if plate else None
    if word is None:
        return version, rest
    told = plate[word[2] : word[3]]
    without = re.sub(rf"[_\-. ]{re.escape(told)}(?=[_\-. ][^/]*$)", "", rest)
    is_told = without != rest
    return (f"{told.lower()}.{version.rpartition('.')[2]}", without) if is_told else (version, rest)


class WordsBehind:
    """Words that stand behind the names of pictures which are there without them, too."""

    def __init__(self) -> None:
        self._bare: dict[str, tuple[str, bool]] = {}
        self._waiting: dict[str, list[tuple[str, str]]] = {}
        self._counts: Counter[str] = Counter()
        self._endings: dict[str, Counter[str]] = {}
        self.names: dict[str, tuple[str, str]] = {}
        """By word two names, without it and with it."""

    def add(self, name: str, stem: str, *, is_placed: bool) -> None:
        """Note a name, and whether an instrument gave it: then it has no word for a version.

        Its `stem` is the name without its ending.
        """
        if ".zarr/" in name:
            return
        if len(self._bare) < _MOST_KEPT:
            self._bare[stem] = name, is_placed
        for word, other in self._waiting.pop(stem, ()):
            self._count(word, name, other, is_sure=is_placed)
        for rest, word in () if is_placed else _cut(stem):
            if rest in self._bare:
                bare, is_sure = self._bare[rest]
                self._count(word, bare, name, is_sure=is_sure)
            elif len(self._waiting) < _MOST_KEPT:
                self._waiting.setdefault(rest, []).append((word, name))

    def names_met(self) -> Iterator[str]:
        """Yield the names that are remembered."""
        return (name for name, _ in self._bare.values())

    def _count(self, word: str, bare: str, other: str, *, is_sure: bool) -> None:
        if all(map(_may_be_version, _BETWEEN.split(word))):
            self._counts[word] += _PAIRS if is_sure else 1
            ending = version_of(other)[0].rpartition(".")[2]
            self._endings.setdefault(word, Counter())[ending] += 1
            self.names.setdefault(word, (bare, other))

    def told(self) -> Iterator[tuple[str, Counter[str]]]:
        """Yield each word that tells a version, and how many pictures with it have which ending."""
        for word, endings in self._endings.items():
            if self._counts[word] >= _PAIRS:
                yield word, endings

    def word_of(self, name: str) -> str:
        """Return the word for the version of a picture; "" of the original."""
        found = (word for _, word in _cut(_stem(name)) if self._counts[word] >= _PAIRS)
        return next(found, "") if self._counts else ""


def _cut(stem: str) -> Iterator[tuple[str, str]]:
    """Yield a name without its last words, and these."""
    file = stem.rfind("/") + 1
    for match in reversed(list(_BETWEEN.finditer(stem, file))[-_MOST_WORDS:]):
        if match.start() > file:
            yield stem[: match.start()], stem[match.end() :]
    first = _BETWEEN.search(stem, file)
    if first is not None and first.start() > file:
        yield stem[:file] + stem[first.end() :], stem[file : first.start()]


def _may_be_version(word: str) -> bool:
    """Tell whether a word may tell a version: it is no sample, no channel, and known as nothing."""
    return bool(
        _WORD.fullmatch(word)
        and not is_no_stain(word)
        and not is_version(word)
        and not channel_word(f"{word}.")[0]
    )


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]
