"""Draw the DNA content of the nuclei of each plate and treatment, with their phases."""

from collections.abc import Sequence
from typing import Any

from ..errors import InputError, MissingPackageError
from ..export.cell_cycle import Phases, phases_of
from ..store import ImageRow, Run
from .measured import histogram_of
from .treatments import Comparison

_MOST = 24
"""Histograms that are drawn. Larger: a longer page, and each is a fit of a tenth of a second."""


def dna_histograms(run: Run, comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return a histogram of integrated intensity for each plate and treatment, as drawn.

    None where nuclei were not measured, of several channels, or where scipy is not there to fit
    phases. Treatments are shown on plates whose own phases are known.
    """
    if not run.measured_within:
        return []
    groups = {
        (well.plate, well.well): group.name
        for comparison in comparisons[:1]
        for group in comparison.shown
        for well in group.wells
    }

    def groups_of(row: ImageRow) -> list[str]:
        name = groups.get((row["plate"] or "", row["well"] or ""))
        return [name] if name else []

    try:
        found = list(phases_of(run, groups_of, most=_MOST))
    except (MissingPackageError, InputError):
        return []
    known = {each.plate for each in found if not each.group and not isinstance(each.fit, str)}
    shown = (each for each in found if not each.group or each.plate in known)
    return [_drawn(each) for each in shown if len(each.contents)]


def _drawn(phases: Phases) -> dict[str, Any]:
    where = [f"plate {phases.plate}" if phases.plate else "", phases.group]
    fit = phases.fit
    if isinstance(fit, str):
        said, mark = f"no phases: {fit}", None
    else:
        shares = {"G1": fit.g1, "S": fit.s, "G2": fit.g2}
        said = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        mark = fit.g1_content
    return {
        "view": "", "title": ", ".join(filter(None, ["DNA content", *where])),
        "unit": "; ".join(["nuclei", said, *phases.warnings]),
        "axis": "integrated intensity in grey levels; the last bars hold what is beyond",
        "mark": mark, "mark_name": "G1", "data": histogram_of(phases.contents, mark),
    }  # fmt: skip
