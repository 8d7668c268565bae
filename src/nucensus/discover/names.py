"""Understand the names of files: plate, well, site, channel, z, time."""

import functools
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from .._dataclass import replace
from ..errors import InputError
from ..remote import absolute, decoded
from ..values import Place
from .instruments import IN_ALL, PATTERNS

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
        match = search_own(own, path)
        return ("--pattern", _place(_told(match.groupdict()))) if match else ("", Place())
    end = "/".join(path.rsplit("/", _FOLDERS_TOLD)[-_FOLDERS_TOLD:])
    name, spans = _fitting(form_of(end))
    fields = {group: end[start:stop] for group, start, stop in spans}
    if "quarter" in fields and fields["quarter"][1] not in "12":
        return "", Place()
    return name, _place(fields)


def search_own(own: re.Pattern[str], path: str) -> re.Match[str] | None:
    r"""Search in the name of a file, then with one more folder before it at a time.

    What a name tells counts before what folders tell; more folders count where they tell more
    groups beside the same ones.

    Examples
    --------
    >>> search_own(re.compile(r"(?P<well>[A-P]\d\d)"), "B12_screen/img_C03.tif")["well"]
    'C03'
    """
    best: re.Match[str] | None = None
    at = len(path)
    while at > 0 and (best is None or not all(best.groupdict().values())):
        at = path.rfind("/", 0, at - 1) + 1
        match = own.search(path, at) or own.search(path, max(0, at - 1))  # as it has (?:^|/) first
        if match is not None and (best is None or _tells_more(match, best)):
            best = match
    return best


def _tells_more(match: re.Match[str], than: re.Match[str]) -> bool:
    """Tell whether a match has all groups of another one, in the same places, and more."""
    spans, others = (
        {name: each.span(name) for name, text in each.groupdict().items() if text}
        for each in (match, than)
    )
    return others.items() < spans.items()


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
        if IN_ALL.get(name, "") in small and (match := _compiled(pattern).match(end)):
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


_PARTS = frozenset(
    ("row", "column", "u", "quarter", "s", "t", "number", "format", "region", "cycle")
)
"""Groups that are parts of a plate, a well, a site or a channel, or what stands after the stain."""


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
    for behind, axis in (("s", "site"), ("t", "time")):
        if behind in fields:
            fields.setdefault(axis, fields.pop(behind))
    if int(cycle := fields.pop("cycle", "1")) > 1:
        fields["time"] = f"{int(cycle)}-{_number(fields['time'])}"
    if region := fields.pop("region", ""):
        fields["site"] = f"{region} {_number(fields.get('site', ''))}".rstrip()
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


def readable_path(path: str) -> str:
    """Return a path from the root on, which is the same in whatever folder it is given."""
    return decoded(absolute(path)).replace("\\", "/")


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
    r"data|images?|tiffs?|raw|projections?|mip|phase|green|red|blue|\."
    r"|[A-P]\d{1,2}-Site_\d+|(?:well|site|field|pos)[ _-]?\w{1,4}",
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


def may_be_channels(wells: Iterable[str]) -> bool:
    """Tell whether words such as C01 and C02 may be channels and not the wells of a plate."""
    return all(re.fullmatch(r"C0[0-6]", each) for each in wells)


def channel_of_well(well: str) -> str:
    """Return the number of a channel that is written like a well: 1 of C01."""
    return well.removeprefix("C").lstrip("0") or "0"


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
