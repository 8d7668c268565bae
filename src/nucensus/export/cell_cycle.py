"""The cell cycle of the nuclei of a run: of each plate, and of what its wells were treated with."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..store import AnyRun, ImageRow, Run, Table, as_run
from .dna_content import CellCycle, fit_cell_cycle

_COLUMN = "integrated"
_ZONES = 3
"""Of the field, along each axis, in which contents are compared."""
_LEAST_IN_ZONE, _UNEVEN, _CERTAIN = 50, 0.08, 4.0
"""Nuclei of a zone, and how far means of zones differ at most, in parts of the mean of all, and
in standard deviations. Larger: light counts as uneven less often."""
_CLUMPS = 0.98
"""Quantile that no content exceeds there. Larger: a few clumps change a mean."""
_MOST_SATURATED = 0.05
"""Share of the nuclei that are in saturated images. Larger: there are fewer warnings."""

_LEAST_G1 = 0.15
"""Share of the nuclei of a plate in G1, by whose peak it is found. Larger: more plates are warned
of whose nuclei are in S, and of contents that are flat and no cell cycle."""

_NAMES = ("Plate", "Group", "Nuclei", "LeftOut", "G1_Percent", "S_Percent", "G2_Percent",
          "G1_Content", "Spread_Percent", "Note")  # fmt: skip


def cell_cycle(run: AnyRun, *, by: str | None = None) -> Table:
    """Return the phases of the cell cycle of each plate, and of each group of its wells.

    Parameters
    ----------
    run : Run or path
        A run whose nuclei were measured and show DNA (DAPI, Hoechst).
    by : str, optional
        What else the nuclei of a plate are divided by: "well", or what is known of
        wells or images, as a column of the metadata.

    Returns
    -------
    Table
        `Plate`, `Group` (empty for the whole plate), `Nuclei` that were taken, and `LeftOut`, which
        touch the edge of the image; `G1_Percent`, `S_Percent`, `G2_Percent`; `G1_Content`, the
        integrated intensity of G1, and `Spread_Percent` of its peak; `Note`, why there are none,
        or what spoils them. What is not known is NaN.

    Raises
    ------
    InputError
        Nuclei were not measured, or in several channels, or nothing of that name is known of its
        images.
    MissingPackageError
        scipy is not installed.

    Examples
    --------
    >>> cell_cycle("run/", by="compound").to_pandas()  # doctest: +SKIP
    """
    run = as_run(run)
    if run.counts["nuclei"] and not run.measured_within:
        raise InputError(
            "nuclei of the run were not measured, and the content of DNA is the light in them; "
            "expected a run of the detector auto; count with it"
        )
    found = list(phases_of(run, lambda row: _groups(row, by)))
    if by is not None and not any(each.group for each in found):
        raise InputError(
            f"the nuclei were to be divided by {by!r}, which is not known of any image; expected "
            f"well, or a column of --metadata"
        )
    kinds = ["O", "O", "i8", "i8", *["f8"] * 5, "O"]
    dtype = list(zip(_NAMES, kinds, strict=True))
    return np.array([each.row() for each in found], dtype).view(Table)


PHASE_COLUMNS = tuple(f"Nuclei_{name}" for name in _NAMES[4:7])
"""What a table of wells calls the shares of the phases."""


def with_phases(wells: Table, run: Run) -> tuple[Table, list[str]]:
    """Return the table of the wells of a run with their phases, and what must be said of them.

    Raises
    ------
    InputError
        As of `cell_cycle`, or a well is in several rows.
    """
    places = [*zip(wells["Metadata_Plate"], wells["Metadata_Well"], strict=True)]
    if len(set(places)) < len(places):
        raise InputError(
            "the phases of the cell cycle were asked for, and the table has several rows for a "
            "well; expected one channel, plane and time; leave the phases out"
        )
    cycle = cell_cycle(run, by="well")
    known = {(row["Plate"], row["Group"]): row for row in cycle}
    table = np.empty(len(wells), [*wells.dtype.descr, *((name, "f8") for name in PHASE_COLUMNS)])
    for name in wells.dtype.names or ():
        table[name] = wells[name]
    for column, name in zip(PHASE_COLUMNS, _NAMES[4:7], strict=True):
        table[column] = [known[at][name] if at in known else np.nan for at in places]
    said = [(", ".join(filter(None, (e["Plate"], e["Group"]))), e["Note"]) for e in cycle]
    return table.view(Table), [": ".join(filter(None, each)) for each in said if each[1]]


class Phases(NamedTuple):
    """The contents of the nuclei of a plate, or of a group of its wells, and their phases.

    Attributes
    ----------
    plate, group : str
        The group is "" for the whole plate.
    contents : ndarray of float64, shape (N,)
        Integrated intensities of the nuclei that do not touch the edge of their image.
    left_out : int
        How many do.
    fit : CellCycle or str
        Or why there is none.
    warnings : tuple of str
        What spoils the contents.
    """

    plate: str
    group: str
    contents: NDArray[np.float64]
    left_out: int
    fit: CellCycle | str
    warnings: tuple[str, ...]

    def row(self) -> tuple[object, ...]:
        """Return its row of the table."""
        start = self.plate, self.group, len(self.contents), self.left_out
        fit = self.fit
        if isinstance(fit, str):
            return *start, *[np.nan] * 5, "; ".join([fit, *self.warnings])
        phases = 100 * fit.g1, 100 * fit.s, 100 * fit.g2
        return *start, *phases, fit.g1_content, 100 * fit.spread, "; ".join(self.warnings)


def phases_of(
    run: Run, groups_of: Callable[[ImageRow], Iterable[str]], *, most: int | None = None
) -> Iterator[Phases]:
    """Yield the phases of each plate, then of the groups of its wells, which have its peaks.

    Parameters
    ----------
    run : Run
        Whose nuclei were measured.
    groups_of : callable
        The names of the groups that an image is of, beside its plate.
    most : int, optional
        How many are fitted at most.

    Raises
    ------
    InputError
        Nuclei were counted in several channels.
    """
    plates: dict[str, dict[str, _Nuclei]] = {}
    channels: dict[str, dict[str, None]] = {}
    names = ("plate", "well", "channel", "extra", "flag", "height", "width")
    for row, nuclei in run.found_images(names):
        channels.setdefault(row["plate"] or "", {})[row["channel"] or ""] = None
        groups = plates.setdefault(row["plate"] or "", {})
        for name in ("", *groups_of(row)):
            groups.setdefault(name, _Nuclei()).add(row, nuclei)
    if mixed := [each for each in channels.values() if len(each) > 1]:
        raise InputError(
            f"nuclei were counted in the channels {', '.join(map(repr, mixed[0]))}, and the "
            f"content of DNA is that of one stain; expected a run of one channel; count with "
            f"--channel"
        )
    fits = (each for plate, groups in plates.items() for each in _fits(plate, groups))
    yield from islice(fits, most)


def _groups(row: ImageRow, by: str | None) -> Iterable[str]:
    if by is None:
        return ()
    known = {"well": row["well"], **json.loads(row["extra"] or "{}")}
    value = known.get(by)
    return () if value in (None, "") else (str(value),)


class _Nuclei:
    """The contents of nuclei, and where in their fields they lie."""

    def __init__(self) -> None:
        self.left_out = self.saturated = 0
        self._contents: list[NDArray[np.float64]] = []
        self._zones: list[NDArray[np.int64]] = []

    def add(self, row: ImageRow, nuclei: NDArray[np.void]) -> None:
        """Take in the nuclei of an image that do not touch its edge."""
        if _COLUMN not in (nuclei.dtype.names or ()):
            return
        whole = nuclei[nuclei["touches_edge"] == 0]
        self.left_out += len(nuclei) - len(whole)
        self.saturated += len(whole) * (row["flag"] == "saturated")
        self._contents.append(whole[_COLUMN].astype(np.float64))
        y = whole["y"] * _ZONES // max(row["height"], 1)
        self._zones.append(y * _ZONES + whole["x"] * _ZONES // max(row["width"], 1))

    @property
    def contents(self) -> NDArray[np.float64]:
        """All of them."""
        return np.concatenate([np.empty(0), *self._contents])

    def warnings(self) -> list[str]:
        """Say what spoils their contents."""
        contents, zones = self.contents, np.concatenate([np.empty(0, int), *self._zones])
        contents = (
            contents.clip(None, np.quantile(contents, _CLUMPS)) if len(contents) else contents
        )
        warnings = []
        if self.saturated > _MOST_SATURATED * max(len(contents), 1):
            share = 100 * self.saturated / len(contents)
            warnings.append(f"{share:.0f} % of the nuclei are in saturated images")
        parts = [contents[zones == zone] for zone in range(_ZONES**2)]
        parts = [part for part in parts if len(part) >= _LEAST_IN_ZONE]
        if len(parts) > 1:
            means = np.array([part.mean() for part in parts])
            errors = [part.std() / np.sqrt(len(part)) for part in parts]
            apart, middle = float(np.ptp(means)), float(contents.mean())
            if apart > _UNEVEN * middle and apart > _CERTAIN * max(errors) * np.sqrt(2):
                warnings.append(
                    f"the light is uneven: contents differ by {100 * apart / middle:.0f} % between "
                    f"parts of the field; correct it with --flat-field"
                )
        return warnings


def _fits(plate: str, groups: dict[str, _Nuclei]) -> Iterator[Phases]:
    """Yield the phases of a plate, then those of its groups."""
    whole = fit_cell_cycle(groups[""].contents)
    near = whole if isinstance(whole, CellCycle) else None
    for name, nuclei in groups.items():
        contents = nuclei.contents
        fit = whole if not name else fit_cell_cycle(contents, near=near)
        warnings = nuclei.warnings() if name else [*_hardly_seen(whole), *nuclei.warnings()]
        yield Phases(plate, name, contents, nuclei.left_out, fit, tuple(warnings))


def _hardly_seen(fit: CellCycle | str) -> list[str]:
    """Say so if few nuclei make the peak of G1: contents without one look like a long S phase."""
    if isinstance(fit, str) or fit.g1 >= _LEAST_G1:
        return []
    return [
        f"no clear peak of G1, which has {100 * fit.g1:.0f} % of the nuclei: look at the histogram "
        f"before you trust the phases"
    ]
