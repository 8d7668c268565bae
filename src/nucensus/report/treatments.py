"""Compare what the wells were treated with: groups of wells, their spread, their controls."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ..errors import InputError
from .fields import Field, by_view
from .histogram import round_ticks
from .statistics import deviation, interval, ssmd, z_prime

_MOST_GROUPS = 60
"""More than so many do not make a figure; the well table has them."""


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
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The groups of one view (channel, z, time), in the order of their doses."""

    view: str
    columns: str
    groups: tuple[Group, ...]
    control: str

    @property
    def most(self) -> float:
        """The end of the axis: what is drawn reaches as far."""
        values = (w.per_field for group in self.groups for w in group.wells)
        ends = (group.high for group in self.groups if group.high == group.high)
        return max(*values, *ends, 1.0)

    @property
    def ticks(self) -> list[float]:
        """Round values along the axis."""
        return round_ticks(0, self.most)

    def place(self, value: float) -> float:
        """Return where a value is drawn in a figure 480 wide; an interval may end below 0."""
        return 8 + 464 * max(value, 0.0) / self.most


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
    if control and not any(each.control for each in found):
        named = sorted({value for field in fields for value in field.treatment.values() if value})
        there = ", ".join(named[:20]) or "nothing; give --metadata"
        raise InputError(
            f"no well was treated with {control!r}; the wells are treated with {there}"
        )
    return found


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
    columns = _columns(wells)
    grouped: dict[tuple[str, ...], list[TreatedWell]] = {}
    for well in wells:
        known = dict(well.treatment)
        if any(values := tuple(known.get(name, "") for name in columns)):
            grouped.setdefault(values, []).append(well)
    if not 1 < len(grouped) <= _MOST_GROUPS:
        return None
    is_control = {key: control is not None and _is(key, control) for key in grouped}
    controls = [well for key, its in grouped.items() if is_control[key] for well in its]
    order = sorted(grouped, key=lambda key: (not is_control[key], [_dose(part) for part in key]))
    groups = tuple(_group(key, grouped[key], controls, is_control[key]) for key in order)
    name = ", ".join(dict.fromkeys(group.name for group in groups if group.is_control))
    return Comparison(view, ", ".join(columns), groups, name)


def _columns(wells: Sequence[TreatedWell]) -> list[str]:
    """Return the columns whose values make groups: all that differ, if wells are then repeated.

    Else that one which repeats most: in a table with a remark of its own for each well, the
    others still say something.
    """
    names = dict.fromkeys(name for well in wells for name, _ in well.treatment)
    values = {name: [dict(well.treatment).get(name, "") for well in wells] for name in names}
    differing = [name for name in names if len(set(values[name])) > 1]
    repeated = [name for name in differing if 2 * len(set(values[name])) <= len(wells)]
    together = set(zip(*(values[name] for name in repeated), strict=True))
    if len(together) <= max(len(wells) / 2, 2):
        return repeated
    return [min(repeated, key=lambda name: len(set(values[name])))]


def _group(
    key: tuple[str, ...], wells: Sequence[TreatedWell], controls: Sequence[TreatedWell],
    is_control: bool,
) -> Group:  # fmt: skip
    values = [well.per_field for well in wells]
    mean, low, high = interval(values)
    name = ", ".join(part for part in key if part)
    group = Group(name, tuple(wells), mean, low, high, deviation(values), is_control=is_control)
    percents, against = _percents(wells, controls), _percents(controls, controls)
    if not percents:
        return group
    if is_control:
        return replace(group, percent=fmean(percents))
    return replace(
        group,
        percent=fmean(percents),
        ssmd=ssmd(percents, against),
        z_prime=z_prime(percents, against),
    )


def _percents(wells: Sequence[TreatedWell], controls: Sequence[TreatedWell]) -> list[float]:
    """Return the wells in per cent of the mean control well of their own plate, if it has any."""
    plates: dict[str, list[float]] = {}
    for well in controls:
        plates.setdefault(well.plate, []).append(well.per_field)
    means = {plate: fmean(values) for plate, values in plates.items()}
    return [100 * well.per_field / means[well.plate] for well in wells if means.get(well.plate)]


def _is(key: tuple[str, ...], name: str) -> bool:
    return name.casefold() in (", ".join(part for part in key if part).casefold(),
                               *(part.casefold() for part in key))  # fmt: skip


def _dose(text: str) -> tuple[bool, float, str]:
    """Return what sorts texts as people read them, and numbers as doses."""
    try:
        return False, float(text), ""
    except ValueError:
        return True, 0.0, text.casefold()
