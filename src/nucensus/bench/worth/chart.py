"""Draw a comparison with matplotlib: the seconds of each way, and seconds over cores."""

from typing import TYPE_CHECKING, Any

from ...errors import MissingPackageError
from ...text.plurals import pluralize
from .compared import Compared
from .curves import steps
from .findings import Timing
from .predict import CORES, TICKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOADING, WARM_UP, WORK, OTHER = "#c3c9d2", "#dd9b2f", "#1b7f79", "#7a6fb0"
_INK, _GREY = "#22272e", "#57606a"
LINES = ("#8a94a6", "#1b7f79", "#c4682b", "#7a6fb0", "#b03a5b", "#4b8bd4")


def draw(comparison: Compared) -> "Figure":
    """Return a figure with bars for each function, and the prediction of the first below."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingPackageError("matplotlib", "The chart", "bench") from error
    shown = [each for each in comparison.timings if not each.failure]
    heights = [1.0 + 0.32 * len(shown), 3.6]
    with rc_context({"font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "nucensus"}):
        figure = Figure(
            figsize=(8, sum(heights) + 0.6),
            layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.14),
        )
        bars, curves = figure.subplots(2, 1, height_ratios=heights)
        _draw_bars(bars, comparison, shown)
        _draw_curves(curves, comparison)
    return figure


def _draw_bars(axes: "Axes", comparison: Compared, shown: list[Timing]) -> None:
    several = len(comparison.profiles) > 1
    colours = dict(zip(comparison.profiles, (WORK, OTHER, *LINES), strict=False))
    for position, each in enumerate(shown):
        left = 0.0
        parts = ((each.load_s, LOADING), (each.warm_up_s, WARM_UP))
        for seconds, colour in (*parts, (each.work_s, colours[each.function])):
            axes.barh(position, seconds, left=left, color=colour, height=0.72)
            left += seconds
        low, high = each.interval_s if len(each.samples_s) > 1 else (each.total_s, each.total_s)
        if low < high:
            axes.errorbar(
                each.total_s, position, xerr=[[each.total_s - low], [high - each.total_s]],
                ecolor=_INK, elinewidth=0.9, capsize=2,
            )  # fmt: skip
        axes.annotate(
            f"{each.total_s:#.3g} s", (high, position), (6, 0), textcoords="offset points",
            va="center", fontsize=9, color=_INK,
        )  # fmt: skip
    names = [f"{each.function}: {each.name}" if several else each.name for each in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.14 * max(each.interval_s[1] for each in shown))
    axes.set_xlabel("seconds for one pass over all images")
    is_repeated = any(len(each.samples_s) > 1 for each in shown)
    passes = (
        "the median of several passes, and the least and the most" if is_repeated else "one pass"
    )
    _draw_title(
        axes,
        f"{_functions(comparison)} over {pluralize(comparison.images, 'image')}",
        f"{pluralize(comparison.workers, 'worker')}; {passes}",
    )
    _draw_legend(axes, colours if several else {"working": WORK})
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#eaecef", linewidth=0.8)
    _clean(axes)


def _functions(comparison: Compared) -> str:
    return " and ".join(comparison.profiles)


def _draw_title(axes: "Axes", title: str, below: str) -> None:
    axes.set_title(title, loc="left", pad=26, fontsize=13, fontweight="bold", color=_INK)
    axes.annotate(
        below, (0, 1), (0, 10), xycoords="axes fraction", textcoords="offset points",
        fontsize=9.5, color=_GREY,
    )  # fmt: skip


def _draw_legend(axes: "Axes", colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    parts = {"loading first": LOADING, "warm-up": WARM_UP, **colours}
    handles = [Patch(color=colour, label=name) for name, colour in parts.items()]
    axes.legend(
        handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9,
        handlelength=1,
    )  # fmt: skip


def _draw_curves(axes: "Axes", comparison: Compared) -> None:
    function = comparison.best.function
    curves = comparison.predictions(function)
    measured = {each.way.name: each for each in comparison.timed if each.function == function}
    for (name, curve), colour in zip(curves.items(), _cycle(LINES), strict=False):
        seconds = [curve[cores].seconds for cores in CORES]
        axes.plot(CORES, seconds, color=colour, label=name, linewidth=1.6)
        axes.fill_between(
            CORES, [curve[c].low for c in CORES], [curve[c].high for c in CORES],
            color=colour, alpha=0.1, linewidth=0,
        )  # fmt: skip
        axes.plot(comparison.workers, measured[name].total_s, "o", color=colour, markersize=5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(TICKS, list(map(str, TICKS)))
    axes.set_xticks([], minor=True)
    every = [each for curve in curves.values() for each in curve.values()]
    numbers = steps(min(each.low for each in every), max(each.high for each in every))
    axes.set_yticks(numbers, [f"{each:g}" for each in numbers])
    axes.set_yticks([], minor=True)
    axes.set_xlabel("cores")
    axes.set_ylabel("seconds")
    _draw_title(
        axes,
        f"Predicted for other numbers of cores: {function}",
        f"dots: measured on {pluralize(comparison.workers, 'core')}; bands: where it should lie",
    )
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.grid(color="#eaecef", linewidth=0.8)
    _clean(axes)


def _cycle(colours: tuple[str, ...]) -> Any:
    from itertools import cycle

    return cycle(colours)


def _clean(axes: "Axes") -> None:
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
