"""Write the report of a run: one HTML file that needs nothing else."""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..detect import detector_of_run
from ..store import Facts, Origin, Run, StartFact
from ..text.files import atomic_write
from ..text.plurals import pluralize
from .fields import Field, by_view, read_fields
from .gallery import Group, choose_fields, overlay
from .heatmap import METRICS, draw_plates
from .histogram import histograms
from .plates import gather
from .render import number, render

_ROWS_SHOWN = 200
_EACH_GROUP = 8
_PLATES_SHOWN = 100
_VIEWS_SHOWN = 12
_FLAGGED_SHOWN = 24
_PICTURES_BYTES = 10_000_000


def write_report(run: Run, path: str | os.PathLike[str]) -> None:
    """Write the report of `run` to `path`: one HTML file, the same bytes for the same run.

    Images that are still where they were are shown; the rest is in the run file.
    """
    fields = read_fields(run)
    plates = draw_plates(gather(fields))
    page = render(
        "report.html.j2",
        head=_head(run),
        chosen=_chosen(run.about),
        metrics=METRICS,
        summary=_summary(fields),
        plates=plates[:_PLATES_SHOWN],
        plates_left_out=max(0, len(plates) - _PLATES_SHOWN),
        histograms=_histograms(run, fields),
        flagged=[field for field in fields if field.flags],
        flag_counts=Counter(flag for field in fields for flag in field.flags),
        failures=[field for field in fields if field.status == "failed"],
        rows_shown=_ROWS_SHOWN,
        gallery=_gallery(run, fields),
    )
    with atomic_write(Path(path)) as partial:
        partial.write_text(page, "utf-8", "backslashreplace")


def _head(run: Run) -> dict[str, Any]:
    """Return the numbers at the top."""
    counts, about = run.counts, run.about
    started = about.started
    return {
        **counts,
        "pending": counts["images"] - counts["found"] - counts["failed"],
        "seconds": about.seconds,
        "rate": _rate(about.starts),
        "started": started and f"{datetime.fromtimestamp(started, UTC):%d %B %Y, %H:%M} UTC",
        "version": about.version,
        "processor": about.machine.get("processor"),
    }


def _rate(starts: Sequence[StartFact]) -> float | None:
    """Return the images per second of the starts that did any."""
    working = [start for start in starts if start["images"]]
    seconds = sum(start["seconds"] for start in working)
    return sum(start["images"] for start in working) / seconds if seconds else None


def _chosen(about: Facts) -> list[tuple[str, str, str]]:
    """Return (what, value, why) of everything that was set, learned or chosen for the run."""
    settings = {name: value for name, value in about.settings.items() if value not in (None, False)}
    detector = detector_of_run(settings.pop("detector"))
    if not detector.controls:  # it has no such numbers
        settings = {name: value for name, value in settings.items() if value != "auto"}
    rows = [("detector", detector.name, detector.summary)]
    rows += [
        (name.replace("_", " "), _spell(value), _WHY.get(str(value), ""))
        for name, value in settings.items()
    ]
    rows += _learned(about.estimates, about.sample)
    strategy = about.strategy
    if strategy:
        workers = strategy.get("workers")
        name = strategy["name"]
        value = f"{name}, {pluralize(workers, 'worker')}" if workers else name
        predicted = ", ".join(
            f"{name} {number(seconds)} s"
            for name, seconds in strategy.get("predicted_s", {}).items()
        )
        why = strategy["reason"] + (f" (predicted for the rest: {predicted})" if predicted else "")
        rows.append(("strategy", value, why))
    if about.bottleneck:
        rows.append(("time went into", about.bottleneck, ""))
    rows += [("left out", line, "") for line in about.left_out]
    rows += [("metadata", line.removeprefix("Metadata: "), "") for line in about.unmatched]
    return rows


_WHY = {"auto": "estimated from the images"}


def _learned(
    estimates: dict[str, dict[str, Any]], sample: dict[str, Any]
) -> list[tuple[str, str, str]]:
    """Return what was learned of the nuclei, for each folder and channel if there are several."""
    of_channels = [name for name in estimates if name.startswith("[")]
    folders = [name for name in estimates if name and name not in of_channels] or of_channels
    several = len(folders) > 1
    rows = []
    for folder in sorted(folders) if several else list(estimates)[:1]:
        each = estimates[folder]
        where = f" in {os.path.basename(folder)}" if several else ""
        of = f" of {short[folder][1]}" if folder in (short := sample.get("short", {})) else ""
        looked = f"median of {each['image_count']}{of} images"
        blank = f", {each['blank_count']} of them blank" if each["blank_count"] else ""
        rows += [
            (f"radius of a nucleus{where}", f"{each['radius_px']:.3g} px", looked + blank),
            (f"contrast{where}", f"{number(round(each['contrast']))} grey levels", looked + blank),
        ]
    if origin := str(Origin.from_dict(sample)) if sample else "":
        rows.append(("learned from", origin, ""))
    return rows


def _spell(value: Any) -> str:
    if value is True:
        return "yes"
    if isinstance(value, list):
        return ", ".join(map(_spell, value))
    return number(value) if isinstance(value, int | float) else str(value)


def _histograms(run: Run, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """Return the histograms of the count per field and of the nuclei's intensity, of each view.

    Where the threshold is one of contrast, as for `log`, it is their contrast.
    """
    views = {field.name: field.view for field in fields}
    threshold = _threshold(run)
    measure = "contrast" if "contrast" in (run.nucleus_record.names or ()) else "intensity"
    counts = histograms(lambda: ((each.view, [each.count]) for each in fields if each.found))
    intensities = histograms(
        lambda: (
            (views[name], nuclei[measure]) for name, nuclei in run.nuclei_by_image() if len(nuclei)
        ),
        least=threshold,
    )
    drawn = []
    for view, its_fields in list(by_view(fields).items())[:_VIEWS_SHOWN]:
        in_view = f", {view}" if view else ""
        if view in counts:
            drawn.append({
                "title": f"Nuclei per field{in_view}", "unit": "fields",
                "mark": _median(its_fields), "mark_name": "median", "data": counts[view],
            })  # fmt: skip
        if view in intensities:
            infinite = sum(field.count for field in its_fields) - intensities[view].total
            unit = f"nuclei ({infinite} infinite left out)" if infinite else "nuclei"
            drawn.append({
                "title": f"{measure.title()} of nuclei{in_view}", "unit": unit, "mark": threshold,
                "mark_name": "threshold", "data": intensities[view],
            })  # fmt: skip
    return drawn


def _median(fields: Sequence[Field]) -> float:
    """Return the median count of the fields that were done; NaN if none was."""
    counts = [field.count for field in fields if field.found]
    return float(np.median(counts)) if counts else np.nan


def _summary(fields: Sequence[Field]) -> list[dict[str, Any]]:
    """Return what was found in each view, if there are several."""
    views = by_view(fields)
    if len(views) < 2:
        return []
    return [
        {
            "view": view,
            "images": len(its_fields),
            "failed": sum(field.status == "failed" for field in its_fields),
            "nuclei": sum(field.count for field in its_fields),
            "median": _median(its_fields),
        }
        for view, its_fields in views.items()
    ]


def _threshold(run: Run) -> float | None:
    """Return the threshold, if it was given as a finite number."""
    threshold = run.settings.threshold
    if isinstance(threshold, str) or threshold is None or not np.isfinite(threshold):
        return None
    return threshold


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
