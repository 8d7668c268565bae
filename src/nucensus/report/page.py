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
from ..export.positives import describe
from ..store import Facts, Origin, Run, StartFact, describe_corrections, describe_pools
from ..text.files import atomic_write
from ..text.plurals import pluralize
from ..values.flat_field import FlatField, FlatFields
from .dna import dna_histograms
from .fields import Field, by_view, read_fields
from .flags import MEANINGS
from .gallery import Group, choose_fields, overlay
from .heatmap import draw_plates, metrics_of, notes_on
from .histogram import histograms
from .measured import measured_histograms
from .over_plates import over_plates, rows_of_plates
from .plates import Plate, gather
from .render import number, render
from .statistics import missing_package
from .steps import OnProgress, Steps
from .treatments import Comparison, compare_treatments

_ROWS_SHOWN = 200
_EACH_GROUP = 8
_PLATES_SHOWN = 100
_PLATES_NAMED = 3
_FLAGGED_SHOWN = 24
_MOST_PICTURES = 3 * _EACH_GROUP + _FLAGGED_SHOWN
_PICTURES_BYTES = 10_000_000
_PASSES = 2
"""Times that the nuclei of an image are read once more."""


def write_report(
    run: Run,
    path: str | os.PathLike[str],
    *,
    control: str | None = None,
    plate_format: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[str]:
    """Write the report of `run` to `path`: one HTML file, the same bytes for the same run.

    Images that are still where they were are shown; the rest is in the run file.

    Parameters
    ----------
    run : Run
        What was found.
    path : path
        The file, as in "report.html".
    control : str, optional
        The treatment that the others are compared with: what its wells are treated with.
    plate_format : int, optional
        How many wells a plate has, 6 to 1536. By default the fewest that hold those with images.
    on_progress : callable, optional
        Called with how many steps are done, and how many there are.

    Returns
    -------
    list of str
        What it lacks: the intervals and tests of treatments, where scipy is not installed.

    Raises
    ------
    InputError
        No well is treated with `control`, or a plate of that format has no such wells.
    """
    steps = _steps_of(run, on_progress)
    fields = read_fields(run, steps)
    gathered = gather(fields, plate_format)
    plates = draw_plates(gathered, _PLATES_SHOWN)
    comparisons = compare_treatments(fields, control)
    lacks = [missing_package()] if comparisons and missing_package() else []
    page = render(
        "report.html.j2",
        head=_head(run, fields),
        views=_views(fields),
        notes=notes_on(gathered),
        treatments=comparisons,
        lacks_tests=bool(lacks),
        over_plates=[each for each in map(over_plates, comparisons) if each],
        control=control or "",
        plate_rows=rows_of_plates(gathered, control) if _has_several(gathered) else [],
        chosen=_chosen(run.about, run.pools),
        metrics=metrics_of(gathered),
        summary=_summary(fields),
        plates=plates,
        plates_left_out=len(gathered) - len(plates),
        histograms=_all_histograms(run, fields, comparisons, steps),
        flagged=[field for field in fields if field.flags],
        flag_counts=Counter(flag for field in fields for flag in field.flags),
        flag_meanings=MEANINGS,
        failures=[field for field in fields if field.status == "failed"],
        rows_shown=_ROWS_SHOWN,
        gallery=_gallery(run, fields, steps),
    )
    with atomic_write(Path(path)) as partial:
        partial.write_text(page, "utf-8", "backslashreplace")
    steps.end()
    return lacks


def _steps_of(run: Run, on_progress: OnProgress | None) -> Steps:
    counts = run.counts
    return Steps(counts["images"] + _PASSES * counts["found"] + _MOST_PICTURES, on_progress)


def _has_several(plates: Sequence[Plate]) -> bool:
    return len({plate.name for plate in plates}) > 1


def _views(fields: Sequence[Field]) -> dict[str, str]:
    """Return the class of each view: what is shown of it is hidden while another is chosen."""
    return {view: f"view view-{number}" for number, view in enumerate(by_view(fields) or [""], 1)}


def _head(run: Run, fields: Sequence[Field]) -> dict[str, Any]:
    """Return what is at the top: what was counted, the numbers, and what is amiss."""
    about = run.about
    started = about.started
    folder = _common_folder(*run.first_and_last_path())
    return {
        "title": _plate_names(fields) or os.path.basename(folder) or "nucensus report",
        "folder": os.path.join(*Path(folder).parts[-2:]) if folder else "",
        "started": started and f"{datetime.fromtimestamp(started, UTC):%d %B %Y, %H:%M} UTC",
        "version": about.version,
        "numbers": _numbers(run.counts, fields),
        "states": [*_states(run.counts), *_corrected(run)],
    }


def _common_folder(first: str, last: str) -> str:
    """Return the innermost folder or address of both, and so of all that sort between them."""
    pairs = enumerate(zip(first, last, strict=False))
    shared = next((at for at, (one, other) in pairs if one != other), min(len(first), len(last)))
    return os.path.dirname(first[:shared])


def _plate_names(fields: Sequence[Field]) -> str:
    """Return the plates, if they are few."""
    names = list(dict.fromkeys(field.plate for field in fields if field.plate))
    return ", ".join(names) if len(names) <= _PLATES_NAMED else ""


def _numbers(counts: dict[str, int], fields: Sequence[Field]) -> list[tuple[str, str]]:
    wells = len({(field.plate, field.well) for field in fields if field.well})
    flagged = sum(bool(field.flags) for field in fields)
    shown = [
        ("nucleus" if counts["nuclei"] == 1 else "nuclei", number(counts["nuclei"])),
        ("image" if counts["images"] == 1 else "images", number(counts["images"])),
    ]
    if len(by_view(fields)) < 2 and counts["found"]:
        shown.append(("nuclei in the median image", number(_median(fields))))
    if wells:
        shown.append(("well" if wells == 1 else "wells", number(wells)))
    return [*shown, ("failed", number(counts["failed"])), ("flagged", number(flagged))]


def _states(counts: dict[str, int]) -> list[str]:
    """Say what a reader must know before any number."""
    pending = counts["images"] - counts["found"] - counts["failed"]
    states = []
    if not counts["images"]:
        states.append("This run holds no image.")
    elif counts["failed"] == counts["images"]:
        states.append("No image could be counted; the reasons are below.")
    elif counts["found"] and not counts["nuclei"]:
        states.append("No nucleus was found in any image: look at the pictures below.")
    if pending:
        verb = "has" if pending == 1 else "have"
        states.append(f"This run is not finished: {pluralize(pending, 'image')} {verb} no outcome.")
    return states


def _corrected(run: Run) -> list[str]:
    """Say which counts are not those of the program."""
    images = run.corrections
    notes = [f"Note: {each}." for each in describe_corrections(images, run.left_corrections)]
    if not images:
        return notes
    who = ", ".join(dict.fromkeys(each["by"] for each in images))
    verb = "was" if len(images) == 1 else "were"
    added, removed = (sum(each[what] for each in images) for what in ("added", "removed"))
    return [
        f"{pluralize(len(images), 'image')} {verb} corrected by hand by {who}, last on "
        f"{max(each['at'] for each in images)[:10]}: {pluralize(added, 'nucleus')} added, "
        f"{removed} removed. All numbers here are the corrected ones.",
        *notes,
    ]


def _rate(starts: Sequence[StartFact]) -> float | None:
    """Return the images per second of the starts that did any."""
    working = [start for start in starts if start["images"]]
    seconds = sum(start["seconds"] for start in working)
    return sum(start["images"] for start in working) / seconds if seconds else None


def _chosen(about: Facts, pools: dict[str, int]) -> list[tuple[str, str, str]]:
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
    if len(pools) > 1 or "itself" in pools:
        rows.append(("counted alike", describe_pools(pools), ""))
    strategy = about.strategy
    if strategy:
        workers = strategy.get("workers")
        name = strategy["name"]
        value = f"{name}, {pluralize(workers, 'worker')}" if workers else name
        predicted = ", ".join(
            f"{name} {number(seconds)} s"
            for name, seconds in strategy.get("predicted_s", {}).items()
        )
        why = strategy["reason"] + (f" (predicted: {predicted})" if predicted else "")
        rows.append(("strategy", value, why))
    if about.seconds is not None:
        rate = _rate(about.starts)
        each = f", {number(rate)} images per second" if rate else ""
        where = str(about.machine.get("processor") or "")
        rows.append(("time", f"{number(about.seconds)} s{each}", where))
    if about.bottleneck:
        rows.append(("time went into", about.bottleneck, ""))
    rows += [("positive", line, "") for line in describe(about.positive)]
    lights = FlatFields(tuple(map(FlatField.from_dict, about.flat_field)))
    rows += [("flat field", line.removeprefix("Flat field: "), "") for line in lights.lines()]
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
        learned = f"median of {each['image_count']}{of} images"
        blank = f", {each['blank_count']} of them blank" if each["blank_count"] else ""
        rows += [
            (f"radius of a nucleus{where}", f"{each['radius_px']:.3g} px", learned + blank),
            (
                f"contrast{where}",
                f"{number(round(each['contrast']))} grey levels",
                learned + blank,
            ),
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


def _all_histograms(
    run: Run, fields: Sequence[Field], comparisons: Sequence[Comparison], steps: Steps
) -> list[dict[str, Any]]:
    """Return the histograms of measurements, of contents of DNA, of counts and of intensities."""
    contents = dna_histograms(run, comparisons)
    measured = measured_histograms(run, leaves_out=("integrated",) if contents else ())
    return [*measured, *contents, *_histograms(run, fields, steps)]


def _histograms(run: Run, fields: Sequence[Field], steps: Steps) -> list[dict[str, Any]]:
    """Return the histograms of the count per field and of the nuclei's intensity, of each view.

    Where the threshold is one of contrast, as for `log`, it is their contrast.
    """
    found = [field for field in fields if field.found]
    threshold = _threshold(run)
    measure = "contrast" if "contrast" in (run.nucleus_record.names or ()) else "intensity"
    counts = histograms(lambda: ((each.view, [each.count]) for each in found))
    intensities = histograms(
        lambda: (
            (each.view, nuclei[measure])
            for each, (_, nuclei) in zip(found, steps.over(run.nuclei_by_image()), strict=True)
            if len(nuclei)
        ),
        least=threshold,
    )
    drawn: list[dict[str, Any]] = []
    for view, its_fields in by_view(fields).items():
        in_view = f", {view}" if view else ""
        if view in counts:
            drawn.append({
                "view": view, "title": f"Nuclei per field{in_view}",
                "unit": "field" if counts[view].total == 1 else "fields",
                "axis": "nuclei per field", "are_whole": True,
                "mark": _median(its_fields), "mark_name": "median", "data": counts[view],
            })  # fmt: skip
        if view in intensities:
            infinite = sum(field.count for field in its_fields) - intensities[view].total
            unit = f"nuclei ({infinite} infinite left out)" if infinite else "nuclei"
            drawn.append({
                "view": view, "title": f"{measure.title()} of nuclei{in_view}", "unit": unit,
                "axis": f"{measure} in grey levels", "mark": threshold,
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


def _gallery(
    run: Run, fields: Sequence[Field], steps: Steps
) -> list[tuple[Group, list[tuple[Field, Markup]]]]:
    """Return the groups of pictures, as many as the file has room for."""
    room = _PICTURES_BYTES
    shown = []
    for group in choose_fields(fields, each=_EACH_GROUP, flagged=_FLAGGED_SHOWN):
        pictures = []
        for field in steps.over(group.fields):
            picture = overlay(run, field)
            room -= len(picture)
            if room < 0:
                break
            pictures.append((field, Markup(picture)))
        shown.append((group, pictures))
    return shown
