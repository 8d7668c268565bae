"""Understand the names of files: plate, well, site, channel, z, time."""

import functools
import re
from collections.abc import Callable
from typing import TypeVar

from .._dataclass import replace
from ..errors import InputError
from ..values import Place

# A single capital after P, as in _T01 and _Z05, is a well only of 1536, and only before a site.
# Small letters are a well only before a site and a wavelength, as BBBC006 has them.
_WELL = r"(?P<well>(?-i:[A-P]|[a-p](?=\d\d_s\d+_w\d)|(?:[Q-Z]|A[A-F])(?=\d\d_s))\d{2})"
GUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"
_TIFF = r"\.tiff?$"

_METAXPRESS = (
    r"(?:(?P<folder>[^/]+)/)?(?:TimePoint_(?P<time>\d+)/)?(?:ZStep_(?P<z>\d+)/)?"
    r"(?:(?P<plate>[^/]+)_)?" + _WELL + r"(?:_s(?P<site>\d+))?"
)
_ANOTHER_WELL = (
    r"(?:[^/]*/)*(?:[^/]*[_\-. ])?(?-i:[A-O]\d\d)[_\-. ](?:[^/]*_)?(?-i:[CF])\d\d"
    rf"(?:{GUID})?\.[^/]*$"
)
"""Names whose last word is a channel or a field: A01_F02, A01_Z02_C01."""

PATTERNS = {
    "Opera Phenix, Operetta": (
        r"(?:(?P<plate>[^/]+?)(?:__[^/]*)?/(?:images/)?)?"
        r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<site>\d+)p(?P<z>\d+)"
        r"(?:rc\d+)?-ch(?P<channel>\d+)(?:sk|t)(?P<time>\d+)(?:fk\d+)?(?:fl\d+)?" + _TIFF
    ),
    "Operetta (Harmony 3)": (
        r"0(?P<row>\d{2})0(?P<column>\d{2})-(?P<site>\d+)-(?P<z>\d{3})(?P<time>\d{3})"
        r"(?P<channel>\d{3})" + _TIFF
    ),
    "scanR (Olympus)": (
        r"(?P<row>[A-P])(?P<column>\d{1,2})--W\d+--P(?P<site>\d+)--Z(?P<z>\d+)--T(?P<time>\d+)"
        r"--(?P<channel>[^/]+?)(?:\.ome)?" + _TIFF
    ),
    "CellVoyager (Yokogawa)": (
        r"(?P<plate>[^/]+)_" + _WELL + r"(?:\.(?P<quarter>[ab][12]))?"
        r"_T(?P<time>\d+)F(?P<site>\d+)L\d+A\d+"
        r"Z(?P<z>\d+)C(?P<channel>\d+)\.(?:tiff?|png)$"
    ),
    "InCell": (
        r"(?:(?P<plate>[^/]+?)(?:/|[_\-. ]+(?=[A-Z]{1,2} ?- ?\d{1,2}\()))?"
        r"(?P<row>[A-Z]{1,2}) ?- ?(?P<column>\d{1,2})"
        r"\((?=[^)]*?\bfld (?P<site>\d+))?"
        r"(?=[^)]*?\bwv (?P<channel>[^)]+?)(?: z \d+| time \d+|\)))?"
        r"(?=[^)]*?\bz (?P<z>\d+))?(?=[^)]*?\btime (?P<time>\d+))?[^)]*\)" + _TIFF
    ),
    "CellVoyager CQ1 (Yokogawa)": (
        r"W(?P<number>\d{4})F(?P<site>\d{4})T(?P<time>\d{4})Z(?P<z>\d{3})C(?P<channel>\d+)"
        r"(?:\.ome)?" + _TIFF
    ),
    "EVOS": (
        r"(?P<plate>[^/]+?)_Plate_(?P<format>[A-Z])_p(?P<time>\d+)(?:_z(?P<z>\d+))?_\d+_"
        + _WELL
        + r"f(?P<site>\d+)(?:d(?P<channel>\d+))?\.(?:tiff?|png|jpe?g)$"
    ),
    "Cellomics, CellInsight": (
        r"(?:(?P<plate>[^/]+)_)?"
        + _WELL
        + r"f(?P<site>\d+)(?:d(?=\d)|(?=o))(?P<channel>o?\d+)"
        + _TIFF
    ),
    "BioTek (Cytation, Lionheart)": (
        r"(?:(?P<folder>[^/]+)/)?(?P<row>[A-P]|A[A-F])(?P<column>\d{1,2})_-?\d{1,2}_\d{1,2}_"
        r"(?:(?P<site>\d+)(?:Z(?P<z>\d+))?_)?(?P<channel>[^/_][^/]*)_(?P<time>\d{3,})" + _TIFF
    ),
    "Incucyte": (
        r"(?P<plate>[^/]+)_(?P<row>[A-P])(?P<column>\d{1,2})_(?P<site>\d{1,2})_"
        r"(?P<time>(?:\d{4}y\d\dm)?\d\dd_?\d\dh\d\dm)" + _TIFF
    ),
    "SIMCEP (BBBC005)": (
        r"(?P<plate>SIMCEP[^/]*?)_" + _WELL + r"_C\d+_F\d+_s(?P<site>\d+)_w(?P<channel>\d)" + _TIFF
    ),
    "Columbus": (
        r"(?:(?P<plate>[^/]+?)[_\-. ]+)?R(?P<row>\d\d)[_\- ]C(?P<column>\d\d)"
        r"(?=[_\- ](?:F|Ch)\d)(?:[_\- ]F(?P<site>\d+))?(?:[_\- ]P(?P<z>\d+))?"
        r"(?:[_\- ](?:Ch?|W)(?P<channel>\d+))?(?:[_\- ]T(?P<time>\d+))?" + _TIFF
    ),
    "Nikon (JOBS)": (
        r"(?:(?P<plate>[^/]+)_)?Well(?P<well>[A-P]\d{1,2})"
        r"(?:_Point(?:[A-P]\d{1,2}_)?(?P<site>\d{4}))?"
        r"(?:_Channel(?:(?P<channel>[^/_,]+)|[^/_]+))?_Seq\d+\.(?:tiff?|nd\d)$"
    ),
    "ImageXpress, MetaXpress": (
        rf"(?!{_ANOTHER_WELL}){_METAXPRESS}(?:_w(?P<channel>\d{{1,2}}?))?(?:{GUID})?" + _TIFF
    ),
    "MetaXpress, MetaMorph": (
        _METAXPRESS + r"_w(?P<channel>\d{1,2})(?: ?(?P<stain>[^\W\d_][^/_]*|\([^/_]+))?"
        r"(?:_t(?P<t>\d+))?\.(?:tiff?|stk)$"
    ),
    "Micro-Manager 2": (
        r"(?:(?P<well>[A-P]\d{1,2})-Site_[^/]*/)?img_channel(?P<channel>\d{3,})"
        r"_position(?P<site>\d{3,})_time(?P<time>\d{9,})_z(?P<z>\d{3,})" + _TIFF
    ),
    "Micro-Manager 1.4": (
        r"(?:(?:(?P<well>[A-P]\d{1,2})-Site_)?(?P<site>\d+|[^/]*Pos[^/]*)/)?img_(?P<time>\d{9,})_(?P<channel>[^/]*)_(?P<z>\d{3,})"
        + _TIFF
    ),
    "Leica (Matrix Screener)": (
        r"[^/]*?--L(?P<loop>\d+)--S\d+--U(?P<u>\d+)--V(?P<v>\d+)--(?P<job>J\d+)--E\d+--O\d+"
        r"--X(?P<x>\d+)--Y(?P<y>\d+)--T(?P<time>\d+)--Z(?P<z>\d+)--(?P<channel>C\d+)(?:\.ome)?"
        + _TIFF
    ),
    "Leica (LAS X)": (
        r"(?:[^/]*?_)?(?P<row>(?-i:[A-P]))_(?P<column>\d{1,2})"
        r"_(?:R|Pos(?:ition)? ?)(?P<site>\d+)(?:_[^/]*?)??"
        r"(?:_t(?P<time>\d+))?(?:_z(?P<z>\d+))?(?:_RAW)?_ch(?P<channel>\d+)(?:_SV)?" + _TIFF
    ),
    "MetaMorph": (
        r"(?P<plate>[^/]+?)_w(?P<channel>\d{1,2})(?=[^\W\d_]|[ (]|_[st]\d)(?! - copy)"
        r"(?P<stain>[^/]*?)(?:_s(?P<site>\d+))?(?:_t(?P<time>\d+))?\.(?:tiff?|stk)$"
    ),
}
"""The names that instruments give, by instrument; the first that fits a path counts."""

_IN_ALL = {
    "Opera Phenix, Operetta": "-ch", "Operetta (Harmony 3)": "-", "scanR (Olympus)": "--w",
    "CellVoyager (Yokogawa)": "_t", "InCell": "(", "Incucyte": "h",
    "Micro-Manager 2": "img_channel", "Micro-Manager 1.4": "img_", "MetaMorph": "_w",
    "SIMCEP (BBBC005)": "simcep", "Columbus": "c", "Nikon (JOBS)": "_seq",
    "CellVoyager CQ1 (Yokogawa)": "z", "EVOS": "_plate_",
    "Leica (Matrix Screener)": "--u", "Leica (LAS X)": "_ch", "MetaXpress, MetaMorph": "_w",
}  # fmt: skip
"""A text that all names of an instrument have, in small letters: without it the pattern need not be
tried, nor compiled."""

_Group = TypeVar("_Group")
"""What is known of a group of a pattern: its text, or where it is."""
_FOLDERS_TOLD = 4
"""Last parts of a path that may tell something: plate/TimePoint_1/ZStep_2/image.tif."""
_GROUPS = {"plate", "well", "row", "column", "site", "channel", "z", "time"}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile the user's own pattern, or say what is wrong with it."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"the pattern {pattern!r} is not a regular expression ({error}); "
            f"expected one as Python's re module takes it"
        ) from error
    groups = set(compiled.groupindex)
    if not groups or not groups <= _GROUPS:
        raise InputError(
            f"the pattern {pattern!r} has the groups {sorted(groups)}; expected (?P<name>...) "
            f"with names of {', '.join(sorted(_GROUPS))}"
        )
    return compiled


def parse_name(path: str, own: re.Pattern[str] | None = None) -> tuple[str, Place]:
    """Return which pattern fits the end of `path` and what it says; "" and nothing if none does.

    Examples
    --------
    >>> parse_name("Week1/Week1_150607_B02_s4_w1.tif")[1].well
    'B02'
    """
    path = path.replace("\\", "/")
    if own is not None:
        match = own.search(path)
        return ("--pattern", _place(_told(match.groupdict()))) if match else ("", Place())
    end = "/".join(path.rsplit("/", _FOLDERS_TOLD)[-_FOLDERS_TOLD:])
    name, spans = _fitting(form_of(end))
    fields = {group: end[start:stop] for group, start, stop in spans}
    if "quarter" in fields and fields["quarter"][1] not in "12":
        return "", Place()
    return name, _place(fields)


def _told(groups: dict[str, _Group]) -> dict[str, _Group]:
    """Return the groups that tell something; the folder above those of time points is a plate."""
    told = {group: value for group, value in groups.items() if value}
    folder = told.pop("folder", None)
    if folder and ("time" in told or "plate" not in told):
        told["plate"] = folder  # MetaXpress exports: the folder above TimePoint_1
    return told


_ONES = bytes.maketrans(b"23456789", b"11111111")


def form_of(name: str) -> bytes:
    """Return a name with 1 for each digit but 0: names of one form are understood once.

    Of the digits patterns ask for none but 0, beside those of quarters: names that differ in the
    others fit the same one, and have its groups in the same places.
    """
    return name.encode(errors="surrogatepass").translate(_ONES)


@functools.lru_cache(maxsize=1 << 12)
def _fitting(form: bytes) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """Return the pattern that fits names of a form, "" if none does, and its groups' places."""
    end = form.decode(errors="surrogatepass")
    small = end.lower()
    for name, pattern in PATTERNS.items():
        if _IN_ALL.get(name, "") in small and (match := _compiled(pattern).match(end)):
            places = {group: match.span(group) for group, text in match.groupdict().items() if text}
            return name, tuple((group, *place) for group, place in _told(places).items())
    return "", ()


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(r"(?:^|.*?/)" + pattern, re.IGNORECASE)


def well_name(row: int | str, column: int | str) -> str:
    """Return the name of a well: row (from 1, or letters) and column (from 1).

    Examples
    --------
    >>> well_name(2, 3), well_name(27, 1), well_name("b", "3")
    ('B03', 'AA01', 'B03')
    """
    if isinstance(row, int):
        if not 0 <= row <= 702:
            raise ValueError(f"row {row} was given; expected one from 1 to 702 (A to ZZ)")
        above, last = divmod(row - 1, 26)
        row = chr(64 + above) + chr(65 + last) if row > 26 else chr(64 + row)
    return f"{row.upper()}{int(column):02d}"


_WELL_ON_PLATE = re.compile(r"([A-Za-z]|A[A-Fa-f])[\s_-]*0*([1-9][0-9]?)")
"""A well of a plate of up to 1536."""


def place_of(well: str) -> tuple[int, int] | None:
    """Return (row, column), counted from 0, of a well like A01, p24 or AF48."""
    match = _WELL_ON_PLATE.fullmatch(well.strip())
    if match is None:
        return None
    letters, number = match[1].upper(), int(match[2])
    return ord(letters[-1]) - ord("A") + 26 * (len(letters) - 1), number - 1


def row_name(row: int) -> str:
    """Return the letters of a row, counted from 0: A to Z, then AA."""
    letter = chr(ord("A") + row % 26)
    return letter if row < 26 else "A" + letter


def _place(fields: dict[str, str]) -> Place:
    """Return the place that the groups of a pattern tell."""
    if not _PARTS.isdisjoint(fields):
        _join_parts(fields)
    return Place(**{name: _NORMAL[name](value) for name, value in fields.items()})


_PARTS = frozenset(("row", "column", "u", "quarter", "t", "number", "format"))
"""Groups that are parts of a plate, a well or a channel, or the time after the stain."""


def _join_parts(fields: dict[str, str]) -> None:
    """Make what groups tell of a plate or a well in parts what a place has."""
    row, column = fields.pop("row", ""), fields.pop("column", "")
    if "u" in fields:
        row, column = _place_in_matrix(fields)
    if quarter := fields.pop("quarter", ""):
        fields["well"] = well_of_quarter(fields["well"], quarter)
    if (form := fields.pop("format", "R").upper()) != "R":  # EVOS: as displayed, or merged
        fields["channel"] = f"{form}{fields.get('channel', '')}"
    if number := fields.pop("number", ""):
        fields["well"] = str(int(number))  # of CQ1: which one it is depends on the plate
    if time := fields.pop("t", ""):
        fields.setdefault("time", time)
    if row and column:
        is_well = column.isdecimal() and (len(row) < 3 or not row.isdecimal())
        fields["well"] = (
            well_name(int(row) if row.isdecimal() else row, column) if is_well else row + column
        )  # a pattern of the user's may find anything


def _place_in_matrix(fields: dict[str, str]) -> tuple[str, str]:
    """Let a job of Leica's Matrix Screener be part of the channel; return row and column."""
    column, row, x, y = (int(fields.pop(name)) for name in "uvxy")
    loop, job = int(fields.pop("loop")), fields.pop("job")
    fields["site"] = f"X{x}Y{y}"
    fields["channel"] = f"{job} {fields['channel']}"
    if loop:
        fields["time"] = f"{loop}-{int(fields['time'])}"
    return str(row + 1), str(column + 1)


def well_of_quarter(well: str, quarter: str) -> str:
    """Return the well of 1536 that is a quarter of one of 384, as A01.a1 (CellVoyager).

    Examples
    --------
    >>> well_of_quarter("P24", "b2")
    'AF48'
    """
    row = 2 * (ord(well[0].upper()) - ord("A")) + (quarter[0].lower() == "b") + 1
    return well_name(row, 2 * int(well[1:]) - 2 + int(quarter[1]))


def name_and_place(path: str, own: re.Pattern[str] | None) -> tuple[str, Place]:
    """Return what `parse_name` does, with the plate by its folder where no name states it."""
    kind, place = parse_name(path, own)
    is_told = place.plate.lower() not in NO_PLATES
    if place.well and not is_told and own is None:
        place = replace(place, plate=plate_folder(path.rpartition("/")[0], place.well))
    return kind, place


NO_PLATES = frozenset(("", "well", "img", "image"))
"""Words before a well that are alike in the names of every plate, in small letters."""
_NO_PLATE_FOLDER = re.compile(
    r"data|images?|tiffs?|raw|\.|[A-P]\d{1,2}-Site_\d+|(?:well|site|field|pos)[ _-]?\w{1,4}",
    re.IGNORECASE,
)
"""Folders in a plate that are called alike in every plate."""


@functools.lru_cache(1024)
def plate_folder(folder: str, well: str) -> str:
    """Return what a plate is called of which the names of files say nothing: its folder.

    Examples
    --------
    >>> plate_folder("screen/plate 7/data/B2", "B02")
    'plate 7'
    """
    for each in reversed(folder.split("/")):
        if normal_well(each) != well and not _NO_PLATE_FOLDER.fullmatch(each):
            return each
    return ""


@functools.lru_cache(1 << 12)
def normal_well(text: str) -> str:
    """Return a well as B02, however it is written."""
    match = re.fullmatch(r"([A-Za-z]{1,2})[\s_:-]*0*([1-9]\d?)", text.strip())
    return well_name(match[1], match[2]) if match else text


@functools.lru_cache(1 << 12)
def _number(text: str) -> str:
    return str(int(text)) if text.isdecimal() else text


def _time(text: str) -> str:
    """Return a number; of 01d02h30m the minutes, of 2020y01m02d_03h04m 202001020304."""
    parts = re.findall(r"\d+", text)
    if re.fullmatch(r"\d+d\d+h\d+m", text):
        days, hours, minutes = map(int, parts)
        return str((days * 24 + hours) * 60 + minutes)
    return "".join(parts) if re.fullmatch(r"\d+y\d+m\d+d_\d+h\d+m", text) else _number(text)


_NORMAL: dict[str, Callable[[str], str]] = {
    "plate": str, "well": normal_well, "site": _number, "channel": _number, "z": _number,
    "time": _time, "stain": str,
}  # fmt: skip
