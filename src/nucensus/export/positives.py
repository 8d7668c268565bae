"""Choose thresholds of positive nuclei, one for each plate, from the measurements of a run."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..discover.names import normal_well
from ..errors import InputError
from ..store import Run, known_values
from ..values import PlateFact, Positive, PositiveFact

_LEAST_NUCLEI = 100
"""Of a plate, or of its controls, for a threshold of it. Larger: more plates are refused."""
_CONTROL_SHARE = 0.99
"""Of the nuclei of controls that are negative. Larger: fewer nuclei are positive."""
_LEAST_Z, _MOST_FILLED = 3.0, 0.75
"""How certain a valley has to be, in standard deviations, and how high it may be at most, in parts
of the lower peak beside it. In 4,840 samples of 100 to 20,000 from eleven shapes with one peak
(normal, lognormal, exponential, gamma, uniform, Student's t) the greatest was 2.3. Larger: more is
refused."""
_FLOOR = 0.98
"""Of the depth of a valley: its floor is as deep. Larger: a flat one is cut at its beginning."""
_PER_BANDWIDTH, _MOST_BINS = 8, 1 << 14
"""Bins of the density. Larger: finer, and slower."""


def choose_positives(run: Run, rules: Sequence[Positive]) -> list[PositiveFact]:
    """Return which nuclei of a run are positive, as a run records it.

    Parameters
    ----------
    run : Run
    rules : sequence of Positive

    Raises
    ------
    InputError
        A rule names no column of the run, or two of them the same; or no image is of the wells of
        the controls.
    """
    names = [each.name for each in run.nucleus_columns]
    columns = [_column(rule, names) for rule in rules]
    if len(set(columns)) < len(columns):
        raise InputError(
            f"the measurements {', '.join(columns)} were given for positive nuclei; expected each "
            f"once"
        )
    return [
        {"column": column, "threshold": rule.threshold, "controls": list(rule.controls),
         "plates": _thresholds(run, rule, column)}
        for rule, column in zip(rules, columns, strict=True)
    ]  # fmt: skip


def describe(facts: Sequence[PositiveFact]) -> list[str]:
    """Say by which threshold nuclei are positive on each plate, or why there is none."""
    lines = []
    for fact in facts:
        for plate, known in fact["plates"].items():
            where = f"{fact['column']}{f' on plate {plate}' if plate else ''}"
            if known["threshold"] is None:
                lines.append(
                    f"No threshold for {where}: {known['why']}; give a number, or wells without "
                    f"positive nuclei (--negative-control)"
                )
            else:
                lines.append(f"Positive: {where} above {known['threshold']:.4g} ({known['why']})")
    return lines


def _column(rule: Positive, names: Sequence[str]) -> str:
    for name in (rule.name, rule.column):
        if name in names and name not in ("y", "x", "z") and not name.endswith("_positive"):
            return name
    there = ", ".join(name for name in names if name not in ("y", "x", "z"))
    raise InputError(
        f"nuclei were to be positive in {rule.name!r}, which was not measured; expected a channel "
        f"of --measure or one of {there}; count with --measure {rule.name}"
    )


def _thresholds(run: Run, rule: Positive, column: str) -> dict[str, PlateFact]:
    """Return the threshold of each plate; without one why."""
    controls = {normal_well(well) for well in rule.controls}
    plates: dict[str, list[NDArray[np.float64]]] = {}
    has_controls = False
    for row, nuclei in run.found_images(("plate", "well")):
        values = plates.setdefault(row["plate"] or "", [])
        is_control = normal_well(row["well"] or "") in controls
        has_controls |= is_control
        if (is_control or not controls) and column in (nuclei.dtype.names or ()):
            values.append(known_values(column, nuclei[column]))
    if controls and not has_controls:
        raise InputError(
            f"the negative controls are the wells {', '.join(rule.controls)}, and no image is of "
            f"one; expected wells of the run; see nucensus wells"
        )
    if rule.threshold is not None:
        return {plate: {"threshold": rule.threshold, "why": "given"} for plate in plates}
    choose = _of_controls if controls else _of_valley
    return {plate: choose(np.concatenate([np.empty(0), *parts])) for plate, parts in plates.items()}


def _refused(why: str) -> PlateFact:
    return {"threshold": None, "why": why}


def _of_controls(values: NDArray[np.float64]) -> PlateFact:
    if len(values) < _LEAST_NUCLEI:
        return _refused(
            f"the controls have {len(values)} nuclei; expected at least {_LEAST_NUCLEI}"
        )
    threshold = float(np.quantile(values, _CONTROL_SHARE))
    share = f"{100 * _CONTROL_SHARE:g} %"
    return {"threshold": threshold, "why": f"{share} of {len(values)} control nuclei are below"}


def _of_valley(values: NDArray[np.float64]) -> PlateFact:
    if len(values) < _LEAST_NUCLEI:
        return _refused(f"it has {len(values)} nuclei; expected at least {_LEAST_NUCLEI}")
    threshold, z = find_valley(values)
    if z < _LEAST_Z:
        return _refused(
            f"its {len(values)} nuclei do not part into two kinds (valley of {z:.1f} standard "
            f"deviations; expected {_LEAST_Z:g})"
        )
    return {
        "threshold": threshold, "why": f"valley between two peaks, {z:.1f} standard deviations deep"
    }  # fmt: skip


def find_valley(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the place of the most certain valley of a distribution, and how certain it is.

    The density is that of Gaussian kernels over asinh(value / s), which is linear near 0 and the
    logarithm beyond; s is what lies between the tenth percentile and the median. The bandwidth is
    that of Silverman (1986, Density Estimation for Statistics and Data Analysis, eq. 3.31), and
    twice, four times, ... it up to that of the whole spread: of two kinds one may be spread much
    more. The most certain valley of all counts.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)
        Finite.

    Returns
    -------
    threshold : float
        In units of the values.
    z : float
        How much lower it is there than the lower of the peaks on its two sides, over the standard
        deviation of that difference; 0 without a valley.
    """
    tenth, median = np.quantile(values, [0.1, 0.5])
    scale = float(median - tenth) or float(values.std()) or 1.0
    spread = np.arcsinh(values / scale)
    quarters = float(np.subtract(*np.quantile(spread, [0.75, 0.25]))) / 1.34
    usual = 0.9 * len(values) ** -0.2
    width, widest = usual * min(float(spread.std()), quarters), usual * float(spread.std())
    best = float(median), 0.0
    while 0 < width <= widest:
        threshold, z = _valley(spread, width)
        if z > best[1]:
            best = float(np.sinh(threshold) * scale), z
        width *= 2
    return best


def _valley(values: NDArray[np.float64], width: float) -> tuple[float, float]:
    """Return the most certain valley of a density of that bandwidth, and how certain it is."""
    density, places = _density(values, width)
    before, after = np.maximum.accumulate(density), np.maximum.accumulate(density[::-1])[::-1]
    peak = np.minimum(before, after)
    depth = peak - density
    noise = np.sqrt((peak + density) / (len(values) * 2 * np.sqrt(np.pi) * width))
    z = np.divide(depth, noise, out=np.zeros_like(depth), where=density < _MOST_FILLED * peak)
    deepest = int(z.argmax())
    return float(places[_middle(z, deepest)]), float(z[deepest])


def _middle(z: NDArray[np.float64], deepest: int) -> int:
    """Return the middle of the floor of a valley."""
    walls = np.flatnonzero(z < _FLOOR * z[deepest])
    at = int(np.searchsorted(walls, deepest))
    left = walls[at - 1] if at else -1
    right = walls[at] if at < len(walls) else len(z)
    return int(left + right) // 2


def _density(
    values: NDArray[np.float64], width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the density of values at places, and the places."""
    low, high = values.min() - 4 * width, values.max() + 4 * width
    bins = min(_MOST_BINS, int(np.ceil((high - low) / width * _PER_BANDWIDTH)))
    counts, edges = np.histogram(values, bins, (low, high))
    step = (high - low) / bins
    reach = int(np.ceil(4 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    density = np.convolve(counts, kernel / kernel.sum(), "same") / (len(values) * step)
    return density, (edges[:-1] + edges[1:]) / 2


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return the interval of Wilson (1927) of a share, with a confidence of 95 %.

    Examples
    --------
    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    if not of:
        return math.nan, math.nan
    z, share = 1.959964, count / of
    middle = share + z**2 / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return (middle - half) / (1 + z**2 / of), (middle + half) / (1 + z**2 / of)
