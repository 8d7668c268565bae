"""Write a comparison as JSON, chart and page: pure functions of what was measured."""

import base64
import functools
import html
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackageError
from ..text.page import begin_page
from .measure import Comparison, Measurement
from .recommend import recommend
from .write import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"scikit-image": "#8a94a6", "native": "#1b7f79"}
_LOADING = "#d9dde4"
_INK = "#22272e"

TABLE_HEADER = ("detector", "strategy", "load s", "run s", "spread s", "total s", "peak MB")


def write_comparison(comparison: Comparison, folder: str | os.PathLike[str]) -> list[Path]:
    """Write `bench.json`, `bench.png`, `bench.svg` and `bench.html`, and return their paths."""
    page_with = functools.partial(_page, comparison)
    return write_files(folder, comparison.as_dict(), draw(comparison), page_with)


def table_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of the table, fit for `TABLE_HEADER`."""
    return [
        (
            each.detector,
            each.strategy,
            f"{each.load_s:.3f}" if each.load_s else "",
            f"{each.best_s:.3f}",
            f"{each.spread_s:.3f}",
            f"{each.total_s:.3f}",
            f"{each.peak_memory_bytes / 1e6:.0f}" if each.peak_memory_bytes else "unknown",
        )
        for each in comparison.measurements
    ]


def draw(comparison: Comparison) -> "Figure":
    """Return the bar chart of seconds per method, one group per detector."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingPackageError("matplotlib", "The chart", "bench") from error
    count = len(comparison.measurements)
    with rc_context({"font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "nucensus"}):
        figure = Figure(
            figsize=(8, 1.5 + 0.34 * count), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
        )
        axes = figure.add_subplot()
        _draw_bars(axes, comparison.measurements)
        _draw_title(axes, comparison)
    return figure


def _draw_title(axes: "Axes", comparison: Comparison) -> None:
    megapixels = comparison.pixels / comparison.images / 1e6
    axes.set_title(
        f"Finding the nuclei of {comparison.images} images of {megapixels:.2g} megapixels",
        loc="left", pad=26, fontsize=13, fontweight="bold", color=_INK,
    )  # fmt: skip
    axes.annotate(
        f"{comparison.workers} workers, best of {comparison.repeat}; all find the same points",
        (0, 1), (0, 10), xycoords="axes fraction", textcoords="offset points",
        fontsize=9.5, color="#57606a",
    )  # fmt: skip


def _draw_bars(axes: "Axes", measurements: tuple[Measurement, ...]) -> None:
    positions = _positions(measurements)
    longest = max(each.total_s for each in measurements)
    for position, each in zip(positions, measurements, strict=True):
        axes.barh(position, each.load_s, color=_LOADING, height=0.72)
        axes.barh(
            position, each.best_s, left=each.load_s, color=_COLOURS[each.detector], height=0.72,
            xerr=each.spread_s or None, error_kw={"ecolor": _INK, "elinewidth": 0.8, "capsize": 2},
        )  # fmt: skip
        axes.annotate(
            f"{each.total_s:#.3g} s", (each.total_s + each.spread_s, position), (6, 0),
            textcoords="offset points", va="center", fontsize=9, color=_INK,
        )  # fmt: skip
    axes.set_yticks(positions, [each.strategy for each in measurements])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * longest)
    axes.set_xlabel("seconds for one pass over all images")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#eaecef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _draw_legend(axes, measurements)


def _positions(measurements: tuple[Measurement, ...]) -> list[float]:
    """Return where each bar stands: a gap between one detector's and the next's."""
    positions, gap = [0.0], 0.0
    for before, each in pairwise(measurements):
        gap += 0.6 if each.detector != before.detector else 0
        positions.append(len(positions) + gap)
    return positions


def _draw_legend(axes: "Axes", measurements: tuple[Measurement, ...]) -> None:
    from matplotlib.patches import Patch

    names = {"scikit-image": "scikit-image", "native": "nucensus kernel"}
    detectors = dict.fromkeys(each.detector for each in measurements)
    handles = [Patch(color=_COLOURS[name], label=names[name]) for name in detectors]
    if any(each.load_s for each in measurements):
        handles.append(Patch(color=_LOADING, label="loading into memory first"))
    axes.legend(handles=handles, loc="lower right", frameon=False, fontsize=9)


_STYLE = """
img { width: max(36rem, 100%); max-width: 64rem; background: white; border-radius: 6px }
table { border-collapse: collapse }
td, th { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line) }
td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left }
"""

_BODY = """<body>
<h1>The ways to count nuclei, side by side</h1>
<p>{recommendation}</p>
<div class="listing" tabindex="0" role="region" aria-label="Chart"><img
 alt="Bar chart of the seconds each method takes; the figures are in the table below"
 src="data:image/png;base64,{chart}"></div>
<div class="listing"><table>
<thead><tr>{header}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
<p>As published, the time of the methods over images in memory leaves out loading, which stands in
a column of its own; the total is what one waits for. Every method found the same points.</p>
<h2>Measured on</h2>
<ul>{facts}</ul>
{skipped}
</body>
</html>
"""


def _page(comparison: Comparison, chart: bytes) -> str:
    rows = (
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table_rows(comparison)
    )
    return begin_page("nucensus bench", _STYLE) + _BODY.format(
        recommendation=html.escape(recommend(comparison)),
        chart=base64.b64encode(chart).decode(),
        header="".join(f"<th>{html.escape(name)}</th>" for name in TABLE_HEADER),
        rows="\n".join(rows),
        facts="".join(f"<li>{html.escape(fact)}</li>" for fact in _facts(comparison)),
        skipped=_skipped(comparison),
    )


def _facts(comparison: Comparison) -> list[str]:
    machine: dict[str, Any] = comparison.machine
    libraries = ", ".join(f"{name} {version}" for name, version in comparison.libraries.items())
    settings = ", ".join(f"{name} {value}" for name, value in comparison.settings.as_dict().items())
    return [
        f"{comparison.images} images, {comparison.pixels / 1e6:.1f} megapixels; {settings}",
        f"number {comparison.number}, repeat {comparison.repeat}, {comparison.workers} workers",
        f"{machine['processor']}, {machine['system']}",
        f"{machine['python']}, {libraries}",
    ]


def _skipped(comparison: Comparison) -> str:
    if not comparison.skipped:
        return ""
    items = "".join(
        f"<li>{html.escape(name)}: {html.escape(reason)}</li>"
        for name, reason in comparison.skipped
    )
    return f"<h2>Left out: these cannot be read</h2><ul>{items}</ul>"
