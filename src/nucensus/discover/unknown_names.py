"""Find whether files whose names no instrument gave are planes or channels of a field.

A word in a name says little alone. Two names that differ in nothing but such a
word are two pictures of one field.
"""

import functools
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import field

from .._dataclass import dataclass
from ..text.patterns import late

_START, _END = r"(?:(?<=[_\-. /(\[,+])|^)", r"(?=[_\-. /()\[\],+]|$)"
_NUMBERED = r"(?<=[a-z])(?=\d{1,4}(?:[_\-. /]|$))"
"""The end of a stain that a number follows at once: DAPI01."""
_PLAIN_STAINS = (
    r"dapi|hoechst(?: ?33\d42)?|draq ?\d|sytox|e?gfp|fitc|tritc|cy ?[2357](?:\.5)?|rfp|mcherry|"
    r"tdtomato|texas ?red|txred|[ycb]fp|ebfp2?|alexa(?:fluor)? ?\d{3}|af ?\d{3}|h33?\d42|h3258"
)
"""Stains that are no other words, and may stand at once behind a number: cell1DAPI."""
_COLOUR = r"(?:red|green|blue|yellow)"
WAVELENGTH = r"[3-8]\d\d"
"""A number that may be one, in nm."""
_MARKERS = (
    r"neun|iba[\-]?1|gfap|c[\-]?fos|ki[\-]?67|map2|tuj1|dcx|nestin|olig2|sox(?:2|9|10)|pax[67]|"
    r"aldh1l1|s100b|vimentin|e?[\-]?cadherin|brdu|edu|ph3|gh2ax|yh2ax|53bp1|pcna|synapsin|psd95"
)
"""What antibodies of neuroscience and of dividing cells bind, and no other word is called."""
_STAINS = (
    rf"{_PLAIN_STAINS}|ex\d{{3}}[_\-. ]?em\d{{3}}|{WAVELENGTH}[ _\-]?(?-i:nm|NM)|dsdna|dna|"
    rf"rna|agp|mito|nuc(?:lei|leus)?|actin|tubulin|brightfield|bf|phase|dic|{_COLOUR}(?:[_+]{_COLOUR})*|"
    rf"(?:em|ex)\d{{3}}|(?:w|wl|l|lambda){WAVELENGTH}|hh3|trans(?:mitted)?|t-pmt|"
    r"far[ _\-]?red|irfp\d*|wga|phalloidin|con ?a|(?:atto|jf|led) ?\d{3}|syto ?\d\d|[st]hg|tpef|"
    r"(?:mito|lyso|er)[ _\-]?tracker|"
    rf"{_MARKERS}"
)
_NUMBER = late(
    r"(?:(?:channel|kanal|canal|chn|chan|ch|cam(?:era)?)[ =_\-.]?(\d{1,3})"
    r"|(?:wavelength|wave|fluor|laser|lambda|colou?r|stain)[ =_\-]?(\d{1,2})"
    r"|(?:chs|pmt|hyd|det(?:ector)?)[ =]?(\d{1,2})|(?:c|wv|w)[ =]?(\d{1,2})|c(0?\d{3})"
    r"|(?<=[tzpmf]\d{4}_)[cw](\d{4})|(?:channel|chan|ch)(?-i:[ =]?[A-D]))",
    re.IGNORECASE,
)
_MARK = r"(?:channel|chan|ch|c|wv|w)\d{1,2}"
_STAIN = rf"(?:{_MARK}[_\-. ]?)?(?:{_PLAIN_STAINS})(?:[_\-. ]{_MARK})?"
_TRACK = r"-T\d{1,2}"
"""In which track of a Zeiss microscope a channel was taken: Ch2-T3."""
CHANNEL_FOLDER = late(r"(?:channel|kanal|canal|chan|ch)[ =]?\d{1,3}", re.IGNORECASE)
"""Of folders w1 and c1 may be weeks and cages, unless the names in them have a well."""
_SILENCED = re.compile(r"(?:^|[_\-. /])(?:si|sh|sg)-$", re.IGNORECASE)
_NO_STAIN = late(
    r"red[_\-. ]blood|[dr]na[_\-. ](?:damage|repair)|(?!dapi|hoechst|draq|sytox)[a-z\d]+-"
    r"(?:knock-?(?:down|out)|(?:si|sh|sg)rna|over-?express)",
    re.IGNORECASE,
)
"""What stands before a gene that was silenced, and phrases that begin like a stain."""
_CHANNEL = (
    rf"{_START}(?:(?P<stain>(?:{_MARK}[_\-. ]?)?(?:{_STAINS})(?:[_\-. ]{_MARK})?)"  # C1 DAPI
    rf"(?:{_TRACK})?"
    rf"|(?P<well>(?-i:[A-P]\d\d))|{_NUMBER.pattern}(?:{_TRACK})?){_END}"
    rf"|{_START}(?P<numbered>{_PLAIN_STAINS}){_NUMBERED}"  # DAPI01
    rf"|(?<=[0-9a-z])(?P<glued>(?-i:(?=[A-Z]|(?<=[0-9])))(?:{_PLAIN_STAINS}))(?:{_END}|{_NUMBERED})"
    rf"|(?<=[0-9])(?<!r\d)(?<!r\d\d)(?P<behind>c\d{{1,2}}(?:[\-+]\d)*)"  # xy01c1, t0c1x0, s1c1-2
    rf"(?:{_END}|(?=[a-z]\d))"
    rf"|{_START}(?P<before>c\d{{1,3}})(?=[a-z]\d)"  # C001Z001, c1m1
)
_AMONG, _UNIT = r"(?:(?:xy|[a-z])\d+)", r"(?:[un]m|µm|h|hrs?|min|m?s|sec)?"
_POSITIONS = {  # z01, z_01 and time point 3 between separators, or among other marks: xy1z03c2
    axis: (
        rf"(?:{_START}(?:(?:{letter}|{words})[_\-. =]?|{_AMONG}*?{letter})|(?<=[0-9]){letter})"
        rf"(?P<number>\d+)(?:{_UNIT}|{_AMONG}*){_END}"
    )
    for axis, letter, words in (
        ("z", "z", r"slice|plane|z[_\- ]?(?:plane|slice|pos|position|step|level)"),
        ("time", "t", r"tp|time|frame|cyc(?:le)?|t(?:ime)?[_\- ]?(?:point|step)"),
    )
}
"""How names tell a z plane or a time point; behind a number at once, too: exp001t1c2."""
_DURATION = (
    rf"{_START}(?:(?P<number>\d{{1,4}})[ _\-]?(?:h|hrs?|hours?|min|d|days?|weeks?)"
    rf"|(?:hours?|day|week)[ _\-]?(?P<behind>\d{{1,4}})){_END}"
)
"""How names tell when in an experiment an image was taken: 24h, day 3."""
_AROUND, _AT_START = re.compile(r"[_\-. ,+]*[(\[]?\*[)\]]?"), re.compile(r"(^|/)[_\-. ,+/]+")
"""What separates a word from the words before it, and what is left of that at the start."""
_MOST_KEPT = 1 << 14
"""Names that are remembered: enough for two channels of a million files to meet."""
_LAST_WORDS = re.compile(r"((?:[_\-. ]+[A-Za-z][A-Za-z0-9\-]*)+)\.[^./]*$")
_MOST_WORDS = 10_000


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile what only names need that no instrument gave: it takes as long as some images."""
    return re.compile(pattern, re.IGNORECASE)


def channel_word(name: str) -> tuple[str, str, str]:
    """Return the last word in a name that may be a channel: its kind, the word, and the rest.

    The kind is "well" of what may be a well too, as C01; all is "" if there is no such word. Of the
    rest all that tells the same is left out, and what folders tell of a stain.

    Examples
    --------
    >>> channel_word("a/x_DAPI_01.tif"), channel_word("x_C01.tif")
    (('channel', 'DAPI', 'a/x_*_01.tif'), ('well', 'C01', 'x_*.tif'))
    >>> channel_word("ch1/x_C1.tif"), channel_word("DAPI/x_ch00.tif")
    (('channel', 'C1', '*/x_*.tif'), ('channel', 'ch00', '*/x_*.tif'))
    """
    stem = os.path.splitext(name)[0]
    file = stem.rfind("/") + 1
    matches = [each for each in _compiled(_CHANNEL).finditer(stem) if not _is_phrase(each)]
    has_well = "#" in stem[file:]  # as `WellForm.mask` shows it
    told = [
        each for each in matches
        if _is_stain(each) or each.start() >= file or CHANNEL_FOLDER.fullmatch(each[0])
        or (has_well and not each["well"])
    ]  # fmt: skip
    if not told:
        return "", "", ""
    kind = "well" if told[-1]["well"] else "channel"
    channel = _channel(told[-1][0])
    also = [
        each.span()
        for each in matches
        if _channel(each[0]) == channel or (_is_stain(each) and each.end() < file)
    ]
    return kind, told[-1][0], mask(name, also)


def told_twice(name: str) -> str:
    """Return a name without its channel, where a number and a stain both tell it; else "".

    Words that end the name right behind the number are stains that may be unknown.

    Examples
    --------
    >>> told_twice("a/x_ch0_p1_405nm.tif"), told_twice("a/x_ch0.tif")
    ('a/x_*_p1_*.tif', '')
    >>> told_twice("x_Ch1_Oct4.tif"), told_twice("x_Ch2_Hoechst.tif")
    ('x_*.tif', 'x_*.tif')
    """
    file = name.rfind("/") + 1
    found = _compiled(_CHANNEL).finditer(os.path.splitext(name)[0], file)
    told = [each for each in found if not (each["well"] or _is_phrase(each))]
    for each in told:
        mark = _compiled(_MARK).match(each[0]) if _is_stain(each) else None  # of Ch2_Hoechst Ch2
        at = each.start() + mark.end() if mark else each.end()
        if (mark or not _is_stain(each)) and (behind := _LAST_WORDS.match(name, at)):
            return mask(name, [(each.start(), behind.end(1))])
    kinds = {_is_stain(each) for each in told}
    return mask(name, [each.span() for each in told]) if len(kinds) > 1 else ""


def is_stain(word: str) -> bool:
    """Tell whether a word is a stain and nothing else, as DAPI; red and phase may be more."""
    return _compiled(_STAIN).fullmatch(word) is not None


def _is_stain(match: re.Match[str]) -> bool:
    return bool(match["stain"] or match["glued"] or match["numbered"])


def _is_phrase(match: re.Match[str]) -> bool:
    """Tell whether a word that is like a stain is a gene that was silenced, or of a phrase."""
    name, start = match.string, match.start()
    return bool(_SILENCED.search(name[max(0, start - 4) : start]) or _NO_STAIN.match(name, start))


def mask(name: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a name with stars in the places of some words, which stand in this order.

    Examples
    --------
    >>> mask("DAPI/x_DAPI.tif", [(0, 4), (7, 11)])
    '*/x_*.tif'
    """
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += name[at:start], "*"
        at = end
    return "".join((*parts, name[at:]))


def without_word(rest: str) -> str:
    """Return what is called like the rest of a name without the word that is missing in it.

    Examples
    --------
    >>> without_word("a/x_*_01.tif"), without_word("*_x.tif"), without_word("*/x.tif")
    ('a/x_01.tif', 'x.tif', 'x.tif')
    """
    return _AT_START.sub(r"\1", _AROUND.sub("", rest))


def position_word(name: str, axis: str, *, has_well: bool = False) -> tuple[str, str]:
    """Return the last number in a name that may be a z plane or a time point, and the rest.

    Of folders `t1` says nothing: that may be a treatment. Behind a well, which `WellForm.mask`
    shows, an hour or a day is a time point.

    Examples
    --------
    >>> position_word("a/x_z01.tif", "z"), position_word("T2/x.tif", "time")
    (('01', 'a/x_z*.tif'), ('', ''))
    >>> position_word("z1/x_z01.tif", "z"), position_word("#A01#_24h.tif", "time", has_well=True)
    (('01', 'z*/x_z*.tif'), ('24', '#A01#_*h.tif'))
    """
    stem = os.path.splitext(name)[0]
    file = stem.rfind("/") + 1
    small = stem.lower()
    if axis == "z" and not ("z" in small or "slice" in small or "plane" in small):
        return "", ""  # as of most names, which saves the search
    matches = list(_compiled(_POSITIONS[axis]).finditer(stem))
    told = [
        each for each in matches
        if each.start() >= file or not re.match(r"t\d", each[0], re.IGNORECASE)
    ]  # fmt: skip
    if not told:
        is_open = has_well and axis == "time"
        return _duration_word(stem, name, stem.rfind("#") + 1) if is_open else ("", "")
    number = told[-1]["number"]
    spans = [each.span("number") for each in matches if int(each["number"]) == int(number)]
    return number, mask(name, spans)


def _duration_word(stem: str, name: str, start: int) -> tuple[str, str]:
    found = list(_compiled(_DURATION).finditer(stem, start))
    if not found:
        return "", ""
    group = "number" if found[-1]["number"] else "behind"
    return found[-1][group], mask(name, [found[-1].span(group)])


def numbers_of(words: Iterable[str]) -> dict[str, str]:
    """Return the number that each word is, without zeros before it if that tells them apart.

    Examples
    --------
    >>> numbers_of(["01", "2"]), numbers_of(["01", "1"])
    ({'01': '1', '2': '2'}, {'01': '01', '1': '1'})
    """
    numbers = {word: str(int(word)) for word in words}
    counts = Counter(numbers.values())
    return {word: each if counts[each] == 1 else word for word, each in numbers.items()}


def channels_of(words: Iterable[str]) -> dict[str, str]:
    """Return what channel each word is: its number, where no other word has the same.

    Examples
    --------
    >>> channels_of(["ch01", "DAPI"])
    {'ch01': '1', 'DAPI': 'DAPI'}
    """
    channels = {word: _channel(word) for word in words}
    counts = Counter(channels.values())
    return {word: each if counts[each] == 1 else word for word, each in channels.items()}


def _channel(word: str) -> str:
    match = _NUMBER.fullmatch(re.sub(rf"{_TRACK}$", "", word))
    return str(int(match[match.lastindex])) if match and match.lastindex else word


@dataclass(slots=True)
class Alike:
    """Names that differ in nothing but one word.

    Attributes
    ----------
    words : set of str
        The words that were met.
    pair, names : tuple of str
        Two words that stand in names which are else the same, and these names; empty if none do.
    """

    words: set[str] = field(default_factory=set)
    pair: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    _kept: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, word: str, rest: str, name: str) -> None:
        """Note a name that is `word` and the rest."""
        if len(self.words) < _MOST_WORDS:
            self.words.add(word)
        if self.pair:
            return
        known = self._kept.get(rest)
        if known is not None and self._are_two(known[0], word):
            self.pair, self.names = (known[0], word), (known[1], name)
            self._kept.clear()
        elif known is None and len(self._kept) < _MOST_KEPT:
            self._kept[rest] = word, name

    def _are_two(self, one: str, other: str) -> bool:
        """Tell whether two words stand for two pictures of one field."""
        return one != other
