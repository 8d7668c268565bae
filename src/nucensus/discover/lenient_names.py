"""Find where the names of a folder state the well, if no instrument is known that names so.

One form explains all names, or none: a word that looks like a well in some names only says nothing.
"""

import os
import re
from collections.abc import Collection
from dataclasses import field, replace
from typing import TypeAlias

from .._dataclass import dataclass
from ..remote import absolute
from ..text.patterns import late
from ..values import ImageRef, Place
from .names import NO_PLATES, may_be_channels, normal_well, well_name, well_of_quarter
from .unknown_names import WAVELENGTH, channel_word
from .version_words import is_version

_BETWEEN = r"[_\-. ]+"
_SPLIT = re.compile(_BETWEEN)
_WELL = re.compile(r"(?i:well)?((?:[A-P]|A[A-F]|[a-p](?=\d\d))\d{1,2})")
_ROW_COLUMN = re.compile(r"r(\d{1,2})c(\d{1,2})(?:f(\d{1,4}))?", re.IGNORECASE)
_SPELLED = late(
    r"(?:(?<=[/_\-. ])|^)row[_\-. ]?(\d{1,2})[_\-. ]?col(?:umn)?[_\-. ]?(\d{1,2})(?=[_\-. ]|$)",
    re.IGNORECASE,
)
"""A row and a column in words: row1_col2, Row 1 Column 2."""
_HYPHENED = late(r"(?:(?<=[/_. ])|^)(?:(?i:well)[_\-. ]?)?([A-P])-(\d\d)(?=[_\-. ]|$)")
"""A well with a hyphen, A-01: it is one where no other word is, and rows differ."""
_PLANE = re.compile(r"(?:z|t|tp|time|slice|frame|plane)\d+", re.IGNORECASE)
_QUARTER = re.compile(r"[ab][12]")
"""A quarter of a well of 384, which is a well of 1536, as in A01.a1 (CellVoyager)."""
_SITE_WORDS = ("s", "site", "f", "fld", "field", "fov", "pos", "xy")
_SITE = re.compile(rf"(?:{'|'.join(_SITE_WORDS)})(\d{{1,4}})", re.IGNORECASE)
_STATED_SITE = re.compile(r"(?:s|site)\d{1,4}", re.IGNORECASE)
_DATE = late(
    r"(?<!\d)(?:(?:19|20)\d\d_[01]\d_[0-3]\d|[0-3]\d_[01]\d_(?:19|20)\d\d)"
    r"(?:_[0-2]\d_[0-5]\d(?:_[0-5]\d)?)?(?!\d)"
)
"""A date in three words, and the time of day in two or three: 2024_05_03, 2024_05_03_14_30."""
_MARKS = frozenset("CFP")
"""Letters that may mark a channel, a field or a plate where another word is a well: A01_C1_F2."""
_MOST_WELLS = 100_000

_Where: TypeAlias = tuple[str, int]
"""Which word of a name: from its "start" or its "end", or the "folder" it lies in."""


@dataclass(frozen=True, slots=True)
class WellForm:
    """Which word of the names of a folder is the well."""

    where: _Where
    is_row_and_column: bool = False

    def place(self, reference: ImageRef, stains: Collection[str] = ()) -> Place:
        """Return the plate, well and site that a name states; `stains` are no part of a plate."""
        words = _words(reference.name)[1]
        home = os.path.dirname(absolute(reference.path))
        if self.where[0] == "folder":
            home, word = os.path.split(home)
            before, after = [], words
        else:
            at = _index(self.where, words)
            before, word, after = words[:at], words[at], words[at + 1 :]
        well, site = _well_of(word, after)
        plate = "_".join(each for each in before if not (_is_no_plate(each) or each in stains))
        above, folder = os.path.split(home)
        if folder in stains or channel_word(f"{folder}.")[0] == "channel":
            folder = os.path.basename(above)  # a folder for each channel of the plate
        return Place(plate=plate or folder, well=well, site=site or _site(after))

    def phrase(self, name: str) -> tuple[str, str]:
        """Return what a name says behind its well and site, and the rest of it.

        Planes, time points and versions are no part of either.
        """
        folder, words = _words(name)
        at = -1 if self.where[0] == "folder" else _index(self.where, words)
        said = [
            word for word in words[at + 1 :] if not (_PLANE.fullmatch(word) or is_version(word))
        ]
        first, last = 0, len(said)
        while first < last and _is_site(said[first]):
            first += 1
        while first < last and _is_site(said[last - 1]):
            last -= 1
        rest = "/".join((folder, *words[: at + 1], *said[:first], "*", *said[last:]))
        return " ".join(said[first:last]), rest

    def mask(self, name: str) -> str:
        """Return a name in which the well is taken for nothing else, and still told."""
        if self.where[0] == "folder":
            return name
        if spelled := _SPELLED.search(name) or _hyphened(name):
            return f"{name[: spelled.start()]}#{spelled[0]}#{name[spelled.end() :]}"
        words = _words(name)[1]
        at = _index(self.where, words)
        before = name.rfind("/") + 1
        for _ in range(at):
            match = _SPLIT.search(name, before)
            before = match.end() if match else before
        end = before + len(words[at])
        return f"{name[:before]}#{name[before:end]}#{name[end:]}"

    @property
    def pattern(self) -> str:
        """The same as a pattern for `--pattern`."""
        side, at = self.where
        well = r"(?:(?i:well)[_\-. ]?)?(?P<well>[A-Pa-p][A-F]?-?\d{1,2})"
        if self.is_row_and_column:
            well = (
                r"(?i:r(?:ow)?[_\-. ]?(?P<row>\d{1,2})[_\-. ]?c(?:ol(?:umn)?)?[_\-. ]?"
                r"(?P<column>\d{1,2})(?:f(?P<site>\d+))?)"
            )
        if side == "folder":
            return rf"(?:^|/){well}/[^/]*$"
        word = r"[^/_\-. ]+"
        if side == "start":
            before = rf"(?:{word}{_BETWEEN}){{{at}}}" if at else ""
            return rf"(?:^|/){before}{well}(?=[_\-. ])"
        return rf"(?<=[/_\-. ]){well}(?:{_BETWEEN}{word}){{{at}}}\.\w+$"


@dataclass(slots=True)
class WellForms:
    """The words that are like a well in every name so far."""

    _wells: dict[_Where, set[str]] | None = None
    _before_site: set[_Where] = field(default_factory=set)
    _small: set[_Where] = field(default_factory=set)
    _has_hyphens: bool = False
    _rows_and_columns: set[_Where] = field(default_factory=set)

    def add_unplaced(self, reference: ImageRef) -> None:
        """Note the name of an image that no instrument named."""
        if not reference.problem and reference.place == Place():
            self.add(reference.name)

    def add(self, name: str) -> None:
        """Note a name; words that are no well in it are none in the others."""
        if self._wells == {}:
            return
        found: dict[_Where, str] = {}
        folder, words = _words(name)
        self._has_hyphens |= _hyphened(name) is not None
        if any(map(_are_row_and_column, words, words[1:])):
            words = []
        for at, word in enumerate(words):
            well, site = _well_of(word, words[at + 1 :])
            if not well:
                continue
            both = {("start", at), ("end", len(words) - 1 - at)}
            found |= dict.fromkeys(both, well)
            if site or _site(words[at + 1 :]):
                self._before_site |= both
            if _ROW_COLUMN.fullmatch(word):
                self._rows_and_columns |= both
            elif word.islower():
                self._small |= both
        if well := _well_of(os.path.basename(folder), [])[0]:
            found["folder", 0] = well
        if self._wells is None:
            self._wells = {where: {well} for where, well in found.items()}
            return
        self._wells = {where: wells for where, wells in self._wells.items() if where in found}
        for where, wells in self._wells.items():
            if len(wells) < _MOST_WELLS:
                wells.add(found[where])

    def choose(self) -> WellForm | None:
        """Return the word that is the well, if one is and no other may be."""
        able = {where: wells for where, wells in (self._wells or {}).items()
                if self._are_wells(where, wells)}  # fmt: skip
        for side in ("start", "end", "folder"):
            here = [where for where in able if where[0] == side]
            differing = [where for where in here if len(able[where]) > 1]
            unmarked = [where for where in differing if not _rows(able[where]) <= _MARKS]
            differing = unmarked or differing
            if len(differing) == 1 or (not differing and len(here) == 1):
                where = (differing or here)[0]
                return WellForm(where, where in self._rows_and_columns)
        return None

    def _are_wells(self, where: _Where, wells: set[str]) -> bool:
        """Tell whether these are wells rather than the numbers of something else: B1, C01, f03."""
        if may_be_channels(wells) and where not in self._before_site:
            return False
        if len(_rows(wells)) > 1 or where in self._rows_and_columns:
            return True
        if where in self._small or (self._has_hyphens and where[0] != "folder"):
            return False
        return where in (("start", 0), ("folder", 0), *self._before_site) or len(wells) == 1


def _rows(wells: set[str]) -> set[str]:
    return {well[:-2] for well in wells}


def _words(name: str) -> tuple[str, list[str]]:
    folder, file = os.path.split(name)
    stem = _SPELLED.sub(r"r\1c\2", os.path.splitext(file)[0], count=1)
    if _hyphened(stem):
        stem = _HYPHENED.sub(r"\1\2", stem, count=1)
    return folder, _SPLIT.split(stem)


def _hyphened(name: str) -> re.Match[str] | None:
    """Return where a name has a well with a hyphen, if it has no other."""
    file = name.rfind("/") + 1
    match = _HYPHENED.search(name, file) if "-" in name else None
    words = _SPLIT.split(name[file:]) if match else []
    has_other = any(_WELL.fullmatch(word) or _ROW_COLUMN.fullmatch(word) for word in words)
    return None if has_other else match


def _are_row_and_column(one: str, other: str) -> bool:
    """Tell whether two words are a row and a column, or a repeat and a channel: R01_C02."""
    return bool(re.fullmatch(r"[rR]\d{1,2}", one) and re.fullmatch(r"[cC]\d{1,2}", other))


def _is_site(word: str) -> bool:
    """Tell whether a word is the number of something, and no wavelength."""
    number = word.isdecimal() and not re.fullmatch(WAVELENGTH, word)
    return (
        number
        or bool(_SITE.fullmatch(word) or _QUARTER.fullmatch(word))
        or (word.lower() in _SITE_WORDS)
    )


def _is_no_plate(word: str) -> bool:
    return word.lower() in NO_PLATES or channel_word(word)[0] == "channel"


def _index(where: _Where, words: list[str]) -> int:
    side, at = where
    return at if side == "start" else len(words) - 1 - at


def _well_of(word: str, after: list[str]) -> tuple[str, str]:
    """Return the well that a word states, and the site if it does so too; "" if it is none."""
    if match := _ROW_COLUMN.fullmatch(word):
        row, column, site = match.groups()
        return (well_name(int(row), column), site or "") if int(row) else ("", "")
    match = _WELL.fullmatch(word)
    if match is None or not match[1].lstrip("ABCDEFGHIJKLMNOPabcdefghijklmnop").strip("0"):
        return "", ""
    well = normal_well(match[1])
    if after and _QUARTER.fullmatch(after[0]):
        return well_of_quarter(well, after[0]), ""
    return well, ""


def _site(after: list[str]) -> str:
    """Return the site that the words behind a well state: s2, site 2, or a number at once."""
    after = [word for word in _DATE.sub("", "_".join(after)).split("_") if word]
    stated = next((word for word in after if _STATED_SITE.fullmatch(word)), None)
    if stated is not None:
        after = [stated]  # x_A01_F1_s02: F is how far out of focus it is
    for at, word in enumerate(after):
        if match := _SITE.fullmatch(word):
            return str(int(match[1]))
        if word.lower() in _SITE_WORDS and at + 1 < len(after) and after[at + 1].isdecimal():
            return str(int(after[at + 1]))
    first = next((word for word in after if not _QUARTER.fullmatch(word)), "")
    return str(int(first)) if re.fullmatch(r"\d{1,4}", first) else ""


def placed(reference: ImageRef, form: WellForm, stains: Collection[str] = ()) -> ImageRef:
    """Return an image whose place is not known with the one that its name states."""
    if reference.problem or reference.place != Place():
        return reference
    return replace(reference, place=form.place(reference, stains))
