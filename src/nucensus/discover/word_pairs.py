"""Find words that say little alone, and that most pictures of a folder are there with twice.

A name that ends with 10x, bin2 or b may end so by chance. Where most of the names without that word
have two of them, and all of these words are of one kind, they are two pictures of one field.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import field

from .._dataclass import dataclass
from ..text.patterns import late
from .names import form_of
from .unknown_names import mask

_OBJECTIVES = "1.25 2 2.5 4 5 10 16 20 25 32 40 50 60 63 100"
_WORD = late(
    r".*(?:(?<=[_\- (])|^)(?:(?P<objective>\d{1,3}(?:\.\d{1,2})?x)|(?P<bin>bin(?:ning)?[_\-]?\d)"
    r"|(?P<level>(?:level|lvl)[_\-]?\d)|(?P<colour>[a-z])(?=\.[^.]*$)|(?P<camera>d\d)(?=\.[^.]*$))"
    r"(?=[_\-. )])",
    re.IGNORECASE,
)
_KNOWN = {
    "objective": frozenset(_OBJECTIVES.split()),
    "bin": frozenset("1248"),
    "level": frozenset("0123456789"),
    "colour": frozenset("rgb"),
    "camera": frozenset("012345"),
}
"""By kind all words that may be met: one more, such as 8x or bin3, and they tell something else."""
_FIRST = {"level": "0", "camera": "0"}
"""A word that must be met: a pyramid begins with level 0, what sections are numbered by with 1."""
_INITIALS = frozenset("df")
"""DAPI and FITC, beside which rhodamine may be met."""
_IN_FOLDERS = frozenset(("objective", "level", "bin"))
_MOST_KEPT = 1 << 14
"""Names without their word that are remembered: of more the first ones tell."""


@dataclass(slots=True)
class WordPairs:
    """The words of one kind, or of several, in names.

    Parameters
    ----------
    kinds : tuple of str
        Of `objective`, `bin`, `level`, `colour` and `camera` (d0, d1).
    """

    kinds: tuple[str, ...]
    _kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _met: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    _told: frozenset[str] = frozenset()

    def note(self, name: str, *, file: str, ending: str = "") -> None:
        """Note a name, of which file it is, and what it ends with."""
        for kind, word, rest in self._words(name):
            value = _value(kind, word)
            self._met.setdefault(kind, {})[word, ending] = value
            key = kind, rest
            if key in self._kept or len(self._kept) < _MOST_KEPT:
                self._kept.setdefault(key, {}).setdefault(value, file)

    def settle(self) -> tuple[str, str] | None:
        """Return two files that differ in nothing but such a word; None if most have one alone."""
        pair: tuple[str, str] | None = None
        for kind, words in self._met.items():
            met = set(words.values())
            stems = [names for (of, _), names in self._kept.items() if of == kind]
            several = [names for names in stems if len(names) > 1]
            if _are_known(kind, met) and 2 * len(several) > len(stems):
                self._told |= {kind}
                first, second, *_ = several[0].values()
                pair = pair or (first, second)
        return pair

    def word_of(self, name: str) -> str:
        """Return the word of a name that tells which of the pictures of a field it is, or ""."""
        found = self._words(name) if self._told else ()
        return next((word for kind, word, _ in found if kind in self._told), "")

    def words(self) -> Iterator[tuple[str, str]]:
        """Yield the words that tell something, as they stand in names, each with an ending."""
        for kind in self._told:
            yield from self._met[kind]

    def _words(self, name: str) -> Iterator[tuple[str, str, str]]:
        """Yield the kind and the word of a name that has one, and the name without it."""
        at = name.rfind("/") + 1
        if (found := _found(form_of(name[at:]))) and found[0] in self.kinds:
            yield _cut_out(name, at, *found)
            return
        above = name.rfind("/", 0, max(0, at - 1)) + 1
        found = _found(form_of(f"{name[above : at - 1]}.")) if at else None
        if found and found[0] in self.kinds and found[0] in _IN_FOLDERS:
            yield _cut_out(name, above, *found)


def _cut_out(name: str, at: int, kind: str, start: int, end: int) -> tuple[str, str, str]:
    """Return the kind and the word that stands there, behind `at`, and the name without it."""
    return kind, name[at + start : at + end], mask(name, [(at + start, at + end)])


@functools.lru_cache(1 << 12)
def _found(form: bytes) -> tuple[str, int, int] | None:
    """Return which kind of word files of a form have, and where it is."""
    match = _WORD.match(form.decode(errors="surrogatepass"))
    if match is None:
        return None
    kind = match.lastgroup or ""
    return kind, *match.span(kind)


def _are_known(kind: str, met: set[str]) -> bool:
    """Tell whether these are all words of one kind that tell something together."""
    if kind == "colour" and met >= _INITIALS:
        return met <= _INITIALS | {"r"}
    return met <= _KNOWN[kind] and _FIRST.get(kind, min(met)) in met


def _value(kind: str, word: str) -> str:
    """Return a word as `_KNOWN` has it."""
    return word.lower() if kind == "colour" else re.sub(r"[^\d.]", "", word)
