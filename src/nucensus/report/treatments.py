"""Compare what the wells were treated with: groups of wells, their spread, their controls."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median
from typing import Any, NoReturn

from .._dataclass import dataclass
from ..discover import natural_key
from ..errors import InputError
from .fields import Field, by_view
from .histogram import Axis
from .statistics import deviation, differ_from_control, interval, ssmd, z_prime

_AMOUNT = re.compile(r"([-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)\s*(?:([kmuµnpf])(?=[MgLl]|mol))?\D*")
"""A number, and what its unit begins with: 500 nM."""
_PREFIXES = {"k": 1e3, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_MOST_GROUPS = 60
"""More than so many do not make a figure: it has those farthest from the control, or the middle."""


@dataclass(frozen=True, slots=True)
class TreatedWell:
    """A well with images that were done: what it was treated with, and its nuclei per field."""

    plate: str
    well: str
    treatment: tuple[tuple[str, str], ...]
    fields: int
    per_field: float


@dataclass(frozen=True, slots=True)
class Group:
    """Wells that were treated alike.

    Attributes
    ----------
    name : str
        The treatment, as in "taxol, 0.1".
    wells : tuple of TreatedWell
    mean, low, high, deviation : float
        Of the nuclei per field of its wells: mean, its 95 % interval, sample standard deviation.
    percent, ssmd, z_prime : float
        The mean in per cent of the control wells of the same plates, and how far apart both are
        (of values so normalised). NaN without a control.
    p : float
        How likely chance alone sets it so far from the control (`differ_from_control`).
    is_control : bool
    """

    name: str
    wells: tuple[TreatedWell, ...]
    mean: float
    low: float
    high: float
    deviation: float
    percent: float = math.nan
    ssmd: float = math.nan
    z_prime: float = math.nan
    p: float = math.nan
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The groups of one view (channel, z, time), in the order of their doses."""

    view: str
    columns: str
    groups: tuple[Group, ...]
    control: str

    @property
    def shown(self) -> tuple[Group, ...]:
        """The groups that are drawn: all, or of very many the controls and the most unlike."""
        if len(self.groups) <= _MOST_GROUPS:
            return self.groups
        middle = median(group.mean for group in self.groups)

        def likeness(group: Group) -> tuple[bool, float]:
            known = group.percent == group.percent
            unlike = abs(group.percent - 100) if known else abs(group.mean - middle)
            return not group.is_control, -unlike

        chosen = {group.name for group in sorted(self.groups, key=likeness)[:_MOST_GROUPS]}
        return tuple(group for group in self.groups if group.name in chosen)

    @property
    def without_control(self) -> list[str]:
        """The plates that have no control well, so that nothing on them is compared with one."""
        known = {well.plate for group in self.groups if group.is_control for well in group.wells}
        plates = dict.fromkeys(well.plate for group in self.groups for well in group.wells)
        return [plate for plate in plates if plate not in known] if self.control else []

    @property
    def axis(self) -> Axis:
        """The axis of the figure."""
        values = (well.per_field for group in self.shown for well in group.wells)
        return Axis.over(values, (group.high for group in self.shown))


def compare_treatments(fields: Sequence[Field], control: str | None = None) -> list[Comparison]:
    """Return the treatments of each view beside each other; none where none is known.

    Raises
    ------
    InputError
        No well was treated with `control`.
    """
    found = [
        comparison
        for view, its_fields in by_view(fields).items()
        if (comparison := _compare(view, _wells(its_fields), control)) is not None
    ]
    if control:
        check_control(control, (field.treatment for field in fields))
    return found


def check_control(control: str, wells: Iterable[Mapping[str, str]]) -> None:
    """Raise `InputError` if none of these wells is treated with `control`."""
    rows = [{name: row[name] for name in row if name not in ("plate", "well")} for row in wells]
    if not any(is_treated(row.values(), control) for row in rows):
        _refuse(control, rows)


def _refuse(control: str, treatments: Iterable[Mapping[str, str]]) -> NoReturn:
    named = sorted({value for each in treatments for value in each.values() if value})
    there = ", ".join(named[:20]) or "nothing; give --metadata"
    raise InputError(f"no well was treated with {control!r}; the wells are treated with {there}")


def _wells(fields: Iterable[Field]) -> list[TreatedWell]:
    places: dict[tuple[str, str], list[Field]] = {}
    for field in fields:
        if field.well and field.found:
            places.setdefault((field.plate, field.well), []).append(field)
    return [
        TreatedWell(
            plate, well, tuple(its[0].treatment.items()), len(its), fmean(f.count for f in its)
        )
        for (plate, well), its in places.items()
    ]


def _compare(view: str, wells: Sequence[TreatedWell], control: str | None) -> Comparison | None:
    columns = _columns(wells, control)
    grouped: dict[tuple[str, ...], list[TreatedWell]] = {}
    for well in wells:
        known = dict(well.treatment)
        if any(values := tuple(known.get(name, "") for name in columns)):
            grouped.setdefault(values, []).append(well)
    if len(grouped) < 2:
        return None
    is_control = {key: control is not None and is_treated(key, control) for key in grouped}
    controls = [well for key, its in grouped.items() if is_control[key] for well in its]
    order = sorted(grouped, key=lambda key: (not is_control[key], [_dose(part) for part in key]))
    means = control_means(controls)
    against = [*percents(controls, means).values()]
    groups = tuple(_group(key, grouped[key], means, against, is_control[key]) for key in order)
    groups = _tested(groups, means, against)
    name = ", ".join(dict.fromkeys(group.name for group in groups if group.is_control))
    return Comparison(view, ", ".join(columns), groups, name)


def _columns(wells: Sequence[TreatedWell], control: str | None) -> list[str]:
    """Return the columns whose values make groups: all that differ, if wells are then repeated.

    Else that one which repeats most: in a table with a remark of its own for each well, the
    others still say something. The column of a control is one of them: in a screen of many
    compounds it is the control alone that is repeated.
    """
    names = dict.fromkeys(name for well in wells for name, _ in well.treatment)
    values = {name: [dict(well.treatment).get(name, "") for well in wells] for name in names}
    differing = [name for name in names if len(set(values[name])) > 1]
    repeated = [name for name in differing if 2 * len(set(values[name])) <= len(wells)]
    if control and (own := [name for name in differing if is_treated(values[name], control)]):
        return [name for name in differing if name in repeated or name == own[0]]
    together = set(zip(*(values[name] for name in repeated), strict=True))
    if len(together) <= max(len(wells) / 2, 2):
        return repeated
    return [min(repeated, key=lambda name: len(set(values[name])))]


def _group(
    key: tuple[str, ...], wells: Sequence[TreatedWell], means: Mapping[str, float],
    against: Sequence[float], is_control: bool,
) -> Group:  # fmt: skip
    values = [well.per_field for well in wells]
    mean, low, high = interval(values)
    name = ", ".join(part for part in key if part)
    group = Group(name, tuple(wells), mean, low, high, deviation(values), is_control=is_control)
    own = [*percents(wells, means).values()]
    if not own:
        return group
    if is_control:
        return replace(group, percent=fmean(own))
    return replace(
        group, percent=fmean(own), ssmd=ssmd(own, against), z_prime=z_prime(own, against)
    )


def _tested(
    groups: tuple[Group, ...], means: Mapping[str, float], against: Sequence[float]
) -> tuple[Group, ...]:
    """Return the groups with the p-values of those that are compared with a control."""
    compared = [each for each in groups if not each.is_control and not math.isnan(each.percent)]
    own = [[*percents(group.wells, means).values()] for group in compared]
    of_group = dict(zip(compared, differ_from_control(own, against), strict=True))
    return tuple(replace(group, p=of_group.get(group, math.nan)) for group in groups)


def control_means(controls: Iterable[TreatedWell]) -> dict[str, float]:
    """Return the mean control well of each plate."""
    plates: dict[str, list[float]] = {}
    for well in controls:
        plates.setdefault(well.plate, []).append(well.per_field)
    return {plate: fmean(values) for plate, values in plates.items()}


def percents(wells: Sequence[TreatedWell], means: Mapping[str, float]) -> dict[TreatedWell, float]:
    """Return the wells in per cent of the mean control well of their own plate, if it has any."""
    return {
        well: 100 * well.per_field / means[well.plate] for well in wells if means.get(well.plate)
    }


def is_treated(values: Iterable[str], name: str) -> bool:
    """Tell whether a treatment of these values, or one of them, is called `name`."""
    known = [value.casefold() for value in values if value]
    return name.casefold() in (", ".join(known), *known)


def _dose(text: str) -> tuple[bool, float, Any]:
    """Return what sorts texts as people read them, and doses by what they are: 500 nM, 1 µM."""
    match = _AMOUNT.fullmatch(text.replace("\u03bc", "µ"))
    if match is None:
        return True, 0.0, natural_key(text.casefold())
    return False, float(match[1].replace(",", ".")) * _PREFIXES.get(match[2] or "", 1.0), []
