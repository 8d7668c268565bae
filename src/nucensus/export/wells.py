"""The well table: what was found in each well, with its metadata."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..discover import sortable
from ..store import AnyRun, ImageRow, Nuclei, Run, Table, as_run, points_of
from ..values.neighbours import nearest_distances
from .spread import Spread
from .well_features import Measured, Measurements

_KEYS = ("plate", "well", "channel", "z", "time")
_ALWAYS = _KEYS[:2]
"""Keys that have a column where no image states them, too."""

_COUNTS = ("Metadata_Images", "Metadata_Failed")
_CORRECTED = "Metadata_Corrected"
"""How many images of a well were corrected by hand, in runs with such images."""

_ANOTHER = "Extra_"
"""Stands before the name of an entry whose own name is taken, as in `Metadata_Extra_Time`."""

_COUNT = "Nuclei_Count"
_UNKNOWN = np.nan
"""The count of a well of which no image was done: none is another answer."""
_FEATURES = (
    _COUNT,
    "Nuclei_PerImage",
    "Nuclei_PerMegapixel",
    "Nuclei_PerMm2",
    "Nuclei_Intensity_Mean",
    "Nuclei_Intensity_SD",
    "Nuclei_NeighbourDistancePx_Mean",
    "Nuclei_NeighbourDistancePx_SD",
    "Nuclei_NeighbourDistanceUm_Mean",
    "Nuclei_NeighbourDistanceUm_SD",
)


def well_table(run: AnyRun) -> Table:
    """Return one record per well: its metadata, and what was found in it.

    A well is what the images state as their plate and well; channels, planes
    and times of a well are records of their own. Images that state no well
    make one record together.

    Parameters
    ----------
    run : Run or path
        What was found, or the folder of it.

    Returns
    -------
    Table
        `Metadata_Plate` and `Metadata_Well`; channel, z and time where images
        state them; `Metadata_Images` and `Metadata_Failed`, how many images were
        planned and failed; `Metadata_Corrected`, how many were corrected by hand, if
        any was; a column for each of their other metadata (several
        values joined by "; "), which is called `Metadata_Extra_Time` where
        `Metadata_Time` is one of those above; then

        - `Nuclei_Count`, and `Nuclei_PerImage`, `Nuclei_PerMegapixel` and
          `Nuclei_PerMm2` over the images that were done. The area is that in
          which centres count (`area_px`), of a volume that of a plane;
        - `Nuclei_Intensity_Mean` and `_SD`, in grey levels;
        - `Nuclei_NeighbourDistancePx_Mean` and `_SD`, from each nucleus to the
          nearest other one of its image, in pixels (from plane to plane of a
          volume is one, too), and `...Um...` in micrometres, where the file
          states the size of its pixels and the distance of its planes. They
          are between refined centres where there are some;
        - where nuclei were measured, within outlines or regions, `_Mean`, `_SD`, `_Median`, `_Q1`
          and `_Q3` (the quartiles) of `Nuclei_AreaPx`, `Nuclei_OutlineMean` and
          `Nuclei_OutlineIntegrated` (in grey levels above the background), `Nuclei_MajorPx`,
          `Nuclei_MinorPx` and `Nuclei_Solidity`, where images state square pixels of
          `Nuclei_AreaUm2`, `Nuclei_MajorUm` and `Nuclei_MinorUm`, too; and of what is measured in
          other channels, as `Nuclei_GFP_Mean_Median` or `Nuclei_GFP_RingMean_Q1`;
        - with positive nuclei, as in GFP: `Nuclei_GFP_PositiveCount`, how many they
          are, `Nuclei_GFP_PositivePercent` of those of which that is known, and the ends
          of its interval of 95 % (Wilson), `Nuclei_GFP_PositivePercentLow` and `...High`.

        SD is the sample standard deviation. What cannot be known is NaN: so is the count of a
        well of which no image was done; the counts of all are floats then.

    Examples
    --------
    >>> well_table("run/").to_pandas()  # doctest: +SKIP
    """
    dtype, rows = well_rows(as_run(run))
    records = list(rows)
    at = (dtype.names or ()).index(_COUNT)
    if any(isinstance(record[at], float) for record in records):  # whole numbers know no NaN
        named = ((name, "f8" if name == _COUNT else dtype[name]) for name in dtype.names or ())
        dtype = np.dtype(list(named))
    return np.array(records, dtype).view(Table)


def well_rows(run: Run) -> tuple[np.dtype[Any], Iterator[tuple[Any, ...]]]:
    """Return the columns of `well_table`, and its records while they are summed up, one by one.

    The count of a well of which no image was done is NaN among whole numbers.
    """
    measurements = Measurements.of(run)
    keys = [name for name in _KEYS if name in _ALWAYS or run.states(name)]
    fixed = [f"Metadata_{name.title()}" for name in keys]
    states = [*_COUNTS, *([_CORRECTED] if run.corrections else [])]
    extra = _named((*fixed, *states), run.metadata_names)
    dtype = [
        *((name, "O") for name in fixed),
        *((name, "i8") for name in states),
        *((name, "O") for name in extra),
        *((name, "i8" if name == _COUNT else "f8")
          for name in (*_FEATURES, *measurements.columns)),
    ]  # fmt: skip
    rows = (
        (
            *("" if each is None else each for each in key),
            *(well.images, well.failed, well.corrected)[: len(states)],
            *("; ".join(well.metadata.get(name, ())) for name in extra.values()),
            well.count if well.found else _UNKNOWN,
            *map(float, well.features(measurements)),
        )
        for key, well in _wells(run, keys, measurements)
    )
    return np.dtype(dtype), rows


def _wells(
    run: Run, keys: Sequence[str], measurements: Measurements
) -> "Iterator[tuple[tuple[Any, ...], _Well]]":
    """Yield each well and what states it: the measurements of all would not fit into memory."""
    has_subpixel = run.has_subpixel
    sorted_images = run.images_by(*keys, sort_key=sortable)
    for key, images in groupby(sorted_images, lambda image: tuple(map(image[0].get, keys))):
        well = _Well()
        for row, nuclei in images:
            refined = run.subpixel_of(row["name"]) if has_subpixel and len(nuclei) else None
            well.add(row, nuclei, refined)
            well.measured.add(row, nuclei, measurements)
        yield key, well


@dataclass(slots=True)
class _Well:
    images: int = 0
    failed: int = 0
    corrected: int = 0
    found: int = 0
    count: int = 0
    pixels: int = 0
    scaled_count: int = 0
    square_mm: float = 0.0
    intensity: Spread = field(default_factory=Spread)
    distance_px: Spread = field(default_factory=Spread)
    distance_um: Spread = field(default_factory=Spread)
    metadata: dict[str, dict[str, None]] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)

    def add(self, row: ImageRow, nuclei: Nuclei, refined: NDArray[np.float64] | None) -> None:
        self.images += 1
        self.failed += row["status"] == "failed"
        self.corrected += bool(row.get("corrected"))
        for name, value in json.loads(row["extra"] or "{}").items():
            self.metadata.setdefault(name, {})[_text(value)] = None
        if row["status"] == "found":
            self._add_nuclei(row, nuclei, refined)

    def _add_nuclei(
        self, row: ImageRow, nuclei: Nuclei, refined: NDArray[np.float64] | None
    ) -> None:
        self.found += 1
        self.count += len(nuclei)
        self.pixels += row["area_px"]
        self.intensity.add(nuclei["intensity"])
        points = points_of(nuclei) if refined is None else refined
        distance_px = _known(nearest_distances(points))
        self.distance_px.add(distance_px)
        size_um = [row["depth_um"], row["pixel_y_um"], row["pixel_x_um"]]
        if None in size_um[1:]:
            return
        self.scaled_count += len(nuclei)
        self.square_mm += row["area_px"] * row["pixel_y_um"] * row["pixel_x_um"] / 1e6
        size_um = size_um[-points.shape[1] :]
        if None in size_um:
            return
        if len(set(size_um)) == 1:
            self.distance_um.add(distance_px * size_um[0])
        else:
            self.distance_um.add(_known(nearest_distances(points * size_um)))

    def features(self, measurements: Measurements) -> tuple[float, ...]:
        """Return the values of `_FEATURES` behind the count, and of the measurements."""
        return (
            _ratio(self.count, self.found),
            _ratio(self.count, self.pixels / 1e6),
            _ratio(self.scaled_count, self.square_mm),
            self.intensity.mean,
            self.intensity.deviation,
            self.distance_px.mean,
            self.distance_px.deviation,
            self.distance_um.mean,
            self.distance_um.deviation,
            *self.measured.features(measurements),
        )


def _named(taken: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return column -> entry of the metadata; no two columns differ in case alone."""
    known = {column.casefold() for column in taken}
    columns: dict[str, str] = {}
    for name in dict.fromkeys(names):
        column = f"Metadata_{name}"
        while column.casefold() in known:
            column = column.replace("_", f"_{_ANOTHER}", 1)
        known.add(column.casefold())
        columns[column] = name
    return columns


def _known(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return distance[np.isfinite(distance)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ratio(amount: float, of: float) -> float:
    return amount / of if of else np.nan
