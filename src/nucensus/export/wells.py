"""The well table: what was found in each well, with its metadata."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..discover import natural_key
from ..store import AnyRun, ImageRow, Nuclei, Table, as_run, points_of
from ..values.neighbours import nearest_distances
from .spread import Spread
from .well_features import Measured, Measurements

_Key: TypeAlias = tuple[Any, ...]

_KEYS = ("plate", "well", "channel", "z", "time")

_COUNTS = ("Metadata_Images", "Metadata_Failed")
_CORRECTED = "Metadata_Corrected"
"""How many images of a well were corrected by hand, in runs with such images."""

_ANOTHER = "Extra_"
"""Stands before the name of an entry whose own name is taken, as in `Metadata_Extra_Time`."""

_FEATURES = (
    "Nuclei_Count",
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

        SD is the sample standard deviation. What cannot be known is NaN.

    Examples
    --------
    >>> well_table("run/").to_pandas()  # doctest: +SKIP
    """
    run = as_run(run)
    wells: dict[_Key, _Summary] = {}
    has_subpixel = run.has_subpixel
    measurements = Measurements.of(run)
    # Well by well: the measurements of all nuclei would not fit into memory.
    for key, images in groupby(run.images_by(*_KEYS), lambda image: _key_of(image[0])):
        well = _Well()
        for row, nuclei in images:
            refined = run.subpixel_of(row["name"]) if has_subpixel and len(nuclei) else None
            well.add(row, nuclei, refined)
            well.measured.add(row, nuclei, measurements)
        wells[key] = well.sum_up(measurements)
    return _as_table({key: wells[key] for key in sorted(wells, key=_order)}, measurements)


def _key_of(row: ImageRow) -> _Key:
    return tuple(row[each] for each in _KEYS)


class _Summary(NamedTuple):
    """What the table says of a well: how many images there are, its metadata, its features."""

    images: int
    failed: int
    corrected: int
    metadata: dict[str, dict[str, None]]
    features: tuple[float, ...]


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

    def sum_up(self, measurements: Measurements) -> _Summary:
        """Return what the table says, the values of `_FEATURES` and of the measurements."""
        features = (
            self.count,
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
        return _Summary(self.images, self.failed, self.corrected, self.metadata, features)


def _as_table(wells: dict[_Key, _Summary], measurements: Measurements) -> Table:
    stated = [
        place
        for place, name in enumerate(_KEYS)
        if name in ("plate", "well") or any(key[place] is not None for key in wells)
    ]
    fixed = [f"Metadata_{_KEYS[place].title()}" for place in stated]
    states = [*_COUNTS, *([_CORRECTED] if any(well.corrected for well in wells.values()) else [])]
    extra = _named((*fixed, *states), (name for well in wells.values() for name in well.metadata))
    features = [*_FEATURES, *measurements.columns]
    rows = [
        (
            *("" if key[place] is None else key[place] for place in stated),
            *(well.images, well.failed, well.corrected)[: len(states)],
            *("; ".join(well.metadata.get(name, ())) for name in extra.values()),
            *well.features,
        )
        for key, well in wells.items()
    ]
    dtype = [
        *((name, "O") for name in fixed),
        *((name, "i8") for name in states),
        *((name, "O") for name in extra),
        *((name, "i8" if name == "Nuclei_Count" else "f8") for name in features),
    ]
    return np.array(rows, dtype).view(Table)


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


def _order(key: _Key) -> list[Any]:
    return [natural_key("" if part is None else str(part)) for part in key]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ratio(amount: float, of: float) -> float:
    return amount / of if of else np.nan
