"""Write the report of a run: one HTML file that needs nothing else."""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..store import Run
from .fields import Field, read_fields
from .gallery import Group, choose_fields, overlay
from .heatmap import METRICS, draw_plates
from .histogram import Histogram, histogram
from .plates import gather
from .render import number, render

_ROWS_SHOWN = 200
_EACH_GROUP = 8
_FLAGGED_SHOWN = 24
_PICTURES_BYTES = 10_000_000


def write_report(run: Run, path: str | os.PathLike[str]) -> None:
    """Write the report of `run` to `path`: one HTML file, the same bytes for the same run.

    Images that are still where they were are shown; the rest is in the run file.
    """
    fields = read_fields(run)
    page = render(
        "report.html.j2",
        head=_head(run),
        chosen=_chosen(run.facts),
        metrics=METRICS,
        plates=draw_plates(gather(fields)),
        histograms=_histograms(run, fields),
        flagged=[field for field in fields if field.flags],
        flag_counts=Counter(flag for field in fields for flag in field.flags),
        failures=[field for field in fields if field.status == "failed"],
        rows_shown=_ROWS_SHOWN,
        gallery=_gallery(run, fields),
    )
    partial = Path(f"{os.fspath(path)}.partial")
    partial.write_text(page, "utf-8", "backslashreplace")
    os.replace(partial, path)


def _head(run: Run) -> dict[str, Any]:
    """Return the numbers at the top."""
    counts, facts = run.counts, run.facts
    seconds = facts.get("seconds")
    started = facts.get("started")
    return {
        **counts,
        "pending": counts["images"] - counts["found"] - counts["failed"],
        "seconds": seconds,
        "rate": _rate(facts.get("starts", ())),
        "started": started and f"{datetime.fromtimestamp(started, UTC):%d %B %Y, %H:%M} UTC",
        "version": facts.get("version"),
        "processor": facts.get("machine", {}).get("processor"),
    }


def _rate(starts: Sequence[dict[str, Any]]) -> float | None:
    """Return the images per second of the starts that did any."""
    working = [start for start in starts if start["images"]]
    seconds = sum(start["seconds"] for start in working)
    return sum(start["images"] for start in working) / seconds if seconds else None


def _chosen(facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (what, value, why) of everything that was set, learned or chosen for the run."""
    settings = {
        name: value for name, value in facts["settings"].items() if value not in (None, False)
    }
    if settings.get("detector") == "auto":  # it has no such numbers
        settings = {name: value for name, value in settings.items() if value != "auto"}
        settings = {"detector": "auto", **settings}
    rows = [
        (name.replace("_", " "), _spell(value), _WHY.get(str(value), ""))
        for name, value in settings.items()
    ]
    rows += _learned(facts.get("estimates", {}))
    strategy = facts.get("strategy")
    if strategy:
        workers = strategy.get("workers")
        value = f"{strategy['name']}, {workers} workers" if workers else strategy["name"]
        predicted = ", ".join(
            f"{name} {number(seconds)} s"
            for name, seconds in strategy.get("predicted_s", {}).items()
        )
        why = strategy["reason"] + (f" (predicted for the rest: {predicted})" if predicted else "")
        rows.append(("strategy", value, why))
    if facts.get("bottleneck"):
        rows.append(("time went into", facts["bottleneck"], ""))
    return rows


_WHY = {"auto": "estimated from the images"}


def _learned(estimates: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return what was learned of the nuclei, for each folder and channel if there are several."""
    of_channels = [name for name in estimates if name.startswith("[")]
    folders = [name for name in estimates if name and name not in of_channels] or of_channels
    several = len(folders) > 1
    rows = []
    for folder in sorted(folders) if several else list(estimates)[:1]:
        each = estimates[folder]
        where = f" in {os.path.basename(folder)}" if several else ""
        looked = f"median of {each['image_count']} images"
        blank = f", {each['blank_count']} of them blank" if each["blank_count"] else ""
        rows += [
            (f"radius of a nucleus{where}", f"{each['radius_px']:.3g} px", looked + blank),
            (f"contrast{where}", f"{number(round(each['contrast']))} grey levels", looked + blank),
        ]
    return rows


def _spell(value: Any) -> str:
    if value is True:
        return "yes"
    if isinstance(value, list):
        return ", ".join(map(_spell, value))
    return number(value) if isinstance(value, int | float) else str(value)


def _histograms(run: Run, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """Return the histograms of the count per field and of the nuclei's intensity."""
    counts = [field.count for field in fields if field.found]
    drawn = []
    if counts:
        drawn.append({
            "title": "Nuclei per field", "unit": "fields", "mark": float(np.median(counts)),
            "mark_name": "median", "data": histogram([counts], min(counts), max(counts)),
        })  # fmt: skip
    intensities = _intensities(run)
    if intensities is not None:
        drawn.append({
            "title": "Intensity of nuclei", "unit": "nuclei", "mark": _threshold(run),
            "mark_name": "threshold", "data": intensities,
        })  # fmt: skip
    return drawn


def _threshold(run: Run) -> float | None:
    """Return the threshold, if it was given as a number."""
    threshold = run.settings.threshold
    return None if isinstance(threshold, str) else threshold


def _intensities(run: Run) -> Histogram | None:
    """Return the histogram of all nuclei's intensities, holding one image's at a time."""
    low, high = np.inf, -np.inf
    for _, nuclei in run.nuclei_by_image():
        low = min(low, nuclei["intensity"].min(initial=low))
        high = max(high, nuclei["intensity"].max(initial=high))
    if low > high:
        return None
    threshold = _threshold(run)
    if threshold is not None:
        low = min(low, threshold)
    return histogram((nuclei["intensity"] for _, nuclei in run.nuclei_by_image()), low, high)


def _gallery(run: Run, fields: Sequence[Field]) -> list[tuple[Group, list[tuple[Field, Markup]]]]:
    """Return the groups of pictures, as many as the file has room for."""
    room = _PICTURES_BYTES
    shown = []
    for group in choose_fields(fields, each=_EACH_GROUP, flagged=_FLAGGED_SHOWN):
        pictures = []
        for field in group.fields:
            picture = overlay(run, field)
            room -= len(picture)
            if room < 0:
                break
            pictures.append((field, Markup(picture)))
        shown.append((group, pictures))
    return shown
