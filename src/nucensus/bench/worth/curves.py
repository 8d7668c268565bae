"""Draw seconds over cores as SVG, for pages: it takes the colours of its surroundings."""

import math

from .compared import Compared
from .predict import CORES, TICKS, Prediction

_WIDTH, _HEIGHT = 430, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 104, 24, 36
_COLOURS = ("#8a94a6", "#17958d", "#d07a35", "#8f83cc", "#cf5577", "#4b8bd4")
_LABEL_GAP = 13


def curves_svg(comparison: Compared) -> str:
    """Return the predicted seconds of each strategy, with the measured ones as dots."""
    function = comparison.best.function
    curves = comparison.predictions(function)
    if not curves:
        return ""
    every = [each for curve in curves.values() for each in curve.values()]
    axes = _Axes(*span(min(each.low for each in every), max(each.high for each in every)))
    measured = {each.way.name: each for each in comparison.timed if each.function == function}
    colours = dict(zip(curves, _COLOURS, strict=False))
    parts = [axes.grid()]
    for name, curve in curves.items():
        parts.append(axes.band(curve, colours.get(name, "currentColor")))
    for name, curve in curves.items():
        colour = colours.get(name, "currentColor")
        parts.append(axes.line(curve, colour))
        x, y = axes.x(comparison.workers), axes.y(measured[name].total_s)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}"/>')
    parts.append(axes.labels({n: c[CORES[-1]].seconds for n, c in curves.items()}, colours))
    names = ", ".join(curves)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Predicted seconds over '
        f'cores of {names}">{"".join(parts)}</svg>'
    )


def steps(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10, ... from the last one below `low` to the first one above `high`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]
    first = max((each for each in every if each <= low), default=every[0])
    last = min((each for each in every if each >= high), default=every[-1])
    return [each for each in every if first <= each <= last]


def span(low: float, high: float) -> tuple[float, float]:
    """Return the first and the last of the steps."""
    found = steps(low, high)
    return found[0], found[-1]


class _Axes:
    """Where cores and seconds lie, both in powers."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def x(self, cores: int) -> float:
        part = math.log2(cores) / math.log2(CORES[-1])
        return _LEFT + part * (_WIDTH - _LEFT - _RIGHT)

    def y(self, seconds: float) -> float:
        part = math.log(seconds / self._low) / math.log(self._high / self._low)
        return _HEIGHT - _BOTTOM - part * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> str:
        """Return the lines and numbers of both axes."""
        parts = []
        for seconds in steps(self._low, self._high):
            y = self.y(seconds)
            parts.append(
                f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="currentColor" '
                f'opacity="0.2"/>'
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{seconds:g}</text>'
            )
        parts += [
            f'<text x="{self.x(cores):.1f}" y="{_HEIGHT - _BOTTOM + 15}" '
            f'text-anchor="middle">{cores}</text>'
            for cores in TICKS
        ]
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">cores</text>')
        parts.append('<text x="0" y="13">seconds</text>')
        return "".join(parts)

    def band(self, curve: dict[int, Prediction], colour: str) -> str:
        """Return the area in which the seconds should lie."""
        upper = [f"{self.x(c):.1f} {self.y(curve[c].high):.1f}" for c in CORES]
        lower = [f"{self.x(c):.1f} {self.y(curve[c].low):.1f}" for c in reversed(CORES)]
        return f'<path d="M{"L".join(upper + lower)}Z" fill="{colour}" opacity="0.1"/>'

    def line(self, curve: dict[int, Prediction], colour: str) -> str:
        """Return the line of the seconds."""
        points = [f"{self.x(c):.1f} {self.y(curve[c].seconds):.1f}" for c in CORES]
        return f'<path d="M{"L".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def labels(self, ends: dict[str, float], colours: dict[str, str]) -> str:
        """Return the names at the ends of the lines, moved apart."""
        parts = []
        free = _HEIGHT - _BOTTOM - 14.0
        x = _WIDTH - _RIGHT + 6
        for name, seconds in sorted(ends.items(), key=lambda each: each[1]):
            free = min(free, self.y(seconds) + 4)
            parts.append(
                f'<rect x="{x}" y="{free - 8:.1f}" width="8" height="8" '
                f'fill="{colours.get(name, "currentColor")}"/>'
                f'<text x="{x + 12}" y="{free:.1f}">{name}</text>'
            )
            free -= _LABEL_GAP
        return "".join(parts)
