"""Set plates beside each other: their wells in numbers, and each treatment on each of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

from .._dataclass import dataclass
from .histogram import Axis
from .plates import Plate
from .statistics import deviation, differ_from, interval
from .treatments import Comparison, Group, TreatedWell, control_means, is_treated, percents

_MOST_NAMED = 24
"""Plates that have a column of the table each. Larger: a table that nobody reads."""
_COLOURED = 7
"""Plates that differ by their colour; of more, only by their line."""
_LANES_PX = 14, 84
"""The least and the most height of the lines of a treatment, one for each plate."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The wells of one treatment on one plate, and their mean: in per cent, or nuclei per field."""

    plate: str
    wells: tuple[tuple[TreatedWell, float], ...]

    @property
    def mean(self) -> float:
        """The mean of its wells; NaN if the treatment is not on the plate."""
        return fmean(value for _, value in self.wells) if self.wells else math.nan


@dataclass(frozen=True, slots=True)
class Replicated:
    """One treatment over plates: the mean of the plates' means, and its 95 % interval.

    With a control, `p` says how likely chance alone sets that mean so far from 100 %.
    """

    name: str
    is_control: bool
    lanes: tuple[Lane, ...]
    mean: float
    low: float
    high: float
    p: float = math.nan


@dataclass(frozen=True, slots=True)
class OverPlates:
    """The treatments of one view over the plates that they are on.

    Attributes
    ----------
    of : Comparison
        The same treatments over all wells.
    plates : tuple of str
        In the order of the lanes of each treatment; with a control, those that have wells of it.
    groups : tuple of Replicated
    """

    of: Comparison
    plates: tuple[str, ...]
    groups: tuple[Replicated, ...]

    @property
    def unit(self) -> str:
        """What the axis shows."""
        control = self.of.control
        return f"% of {control} on the same plate" if control else "nuclei per field"

    @property
    def named(self) -> tuple[str, ...]:
        """The plates that the table has a column for."""
        return self.plates[:_MOST_NAMED]

    @property
    def axis(self) -> Axis:
        """The axis of the figure."""
        lanes = [lane for group in self.groups for lane in group.lanes]
        values = (value for lane in lanes for _, value in lane.wells)
        return Axis.over(values, (group.high for group in self.groups))

    @property
    def lane_px(self) -> float:
        """How far apart the lines of two plates are."""
        low, high = _LANES_PX
        return min(max(low, 9 * len(self.plates)), high) / len(self.plates)

    @property
    def told_apart(self) -> tuple[str, ...]:
        """The plates, if they are few enough to be told apart by their colours."""
        return self.plates if len(self.plates) <= _COLOURED else ()

    def colour(self, index: int) -> str:
        """Return the class of the colour of a plate, which are counted from 1."""
        return f"plate-{index}" if self.told_apart else "plate-any"


def over_plates(comparison: Comparison) -> OverPlates | None:
    """Return the treatments of a comparison plate by plate; None if they are on one only."""
    wells = [well for group in comparison.groups for well in group.wells]
    controls = [well for group in comparison.groups if group.is_control for well in group.wells]
    names = dict.fromkeys(well.plate for well in wells)
    known = dict.fromkeys(well.plate for well in controls if well.per_field > 0)
    plates = tuple(name for name in names if not comparison.control or name in known)
    if len(plates) < 2:
        return None
    means = control_means(controls)
    groups = tuple(_replicated(group, means, plates) for group in comparison.shown)
    there = [group for group in groups if not math.isnan(group.mean)]
    return OverPlates(comparison, plates, tuple(_tested(there) if controls else there))


def _tested(groups: Sequence[Replicated]) -> list[Replicated]:
    """Return the groups with the p-values of those that are compared with a control."""
    means = [
        [lane.mean for lane in group.lanes if lane.wells and not group.is_control]
        for group in groups
    ]
    p = differ_from(means, 100)
    return [replace(group, p=each) for group, each in zip(groups, p, strict=True)]


def _replicated(group: Group, controls: Mapping[str, float], plates: Sequence[str]) -> Replicated:
    values = percents(group.wells, controls) if controls else {w: w.per_field for w in group.wells}
    on_plates: dict[str, list[tuple[TreatedWell, float]]] = {plate: [] for plate in plates}
    for well, value in values.items():
        on_plates[well.plate].append((well, value))
    lanes = tuple(Lane(plate, tuple(its)) for plate, its in on_plates.items())
    means = [lane.mean for lane in lanes if lane.wells]
    mean, low, high = interval(means) if means else (math.nan,) * 3
    if controls and group.is_control:  # 100 on every plate
        low = high = math.nan
    return Replicated(group.name, group.is_control, lanes, mean, low, high)


@dataclass(frozen=True, slots=True)
class PlateRow:
    """What a plate holds in one view.

    The median is of its wells' nuclei per field; the mean and the coefficient of variation, in
    per cent, are those of its control wells.
    """

    plate: Plate
    wells: int
    failed: int
    flagged: int
    median: float
    controls: int
    control_mean: float
    control_cv: float


def rows_of_plates(plates: Sequence[Plate], control: str | None = None) -> list[PlateRow]:
    """Return a row for each plate."""
    return [_row(plate, control) for plate in plates]


def _row(plate: Plate, control: str | None) -> PlateRow:
    wells = list(plate.wells.values())
    done = [well for well in wells if well.done]
    controls = [
        well.per_field
        for well in done
        if control and is_treated(well.fields[0].treatment.values(), control)
    ]
    mean = fmean(controls) if controls else math.nan
    return PlateRow(
        plate,
        wells=len(wells),
        failed=sum(not field.found for well in wells for field in well.fields),
        flagged=sum(bool(field.flags) for well in wells for field in well.fields),
        median=median(well.per_field for well in done) if done else math.nan,
        controls=len(controls),
        control_mean=mean,
        control_cv=100 * deviation(controls) / mean if len(controls) > 1 and mean else math.nan,
    )
