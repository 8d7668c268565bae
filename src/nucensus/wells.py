"""The well table: what was found in each well, with its metadata."""

import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .discover import natural_key
from .neighbours import nearest_distances
from .store import ImageRow, Nuclei, Run, Table

_Key: TypeAlias = tuple[Any, ...]

_KEYS = ("plate", "well", "channel", "z", "time")

_COUNTS = ("Metadata_Images", "Metadata_Failed")

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


def well_table(run: Run) -> Table:
    """Return one record per well: its metadata, and what was found in it.

    A well is what the images state as their plate and well; channels, planes
    and times of a well are records of their own. Images that state no well
    make one record together.

    Returns
    -------
    Table
        `Metadata_Plate` and `Metadata_Well`; channel, z and time where images
        state them; `Metadata_Images` and `Metadata_Failed`, how many images were
        planned and failed; a column for each of their other metadata (several
        values joined by "; "); then

        - `Nuclei_Count`, and `Nuclei_PerImage`, `Nuclei_PerMegapixel` and
          `Nuclei_PerMm2` over the images that were done;
        - `Nuclei_Intensity_Mean` and `_SD`, in grey levels;
        - `Nuclei_NeighbourDistancePx_Mean` and `_SD`, from each nucleus to the
          nearest other one of its image, in pixels, and `...Um...` in micrometres.

        SD is the sample standard deviation. What cannot be known is NaN.

    Examples
    --------
    >>> well_table(Run("run/")).to_pandas()  # doctest: +SKIP
    """
    wells: dict[_Key, _Well] = {}
    for row, nuclei in run.all_images():
        key = tuple(row[each] for each in _KEYS)
        wells.setdefault(key, _Well()).add(row, nuclei)
    return _as_table({key: wells[key] for key in sorted(wells, key=_order)})


@dataclass(slots=True)
class _Spread:
    """The mean and spread of numbers that arrive in batches (Chan, Golub, LeVeque 1979)."""

    count: int = 0
    mean: float = np.nan
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        if not len(values):
            return
        mean, before = float(values.mean()), self.count
        squares = float(((values - mean) ** 2).sum())
        self.count += len(values)
        if before == 0:
            self.mean, self.squares = mean, squares
            return
        shift = mean - self.mean
        self.mean += shift * len(values) / self.count
        self.squares += squares + shift**2 * before * len(values) / self.count

    @property
    def deviation(self) -> float:
        return float(np.sqrt(self.squares / (self.count - 1))) if self.count > 1 else np.nan


@dataclass(slots=True)
class _Well:
    images: int = 0
    failed: int = 0
    found: int = 0
    count: int = 0
    pixels: int = 0
    scaled_count: int = 0
    square_mm: float = 0.0
    intensity: _Spread = field(default_factory=_Spread)
    distance_px: _Spread = field(default_factory=_Spread)
    distance_um: _Spread = field(default_factory=_Spread)
    metadata: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, row: ImageRow, nuclei: Nuclei) -> None:
        self.images += 1
        self.failed += row["status"] == "failed"
        for name, value in json.loads(row["extra"] or "{}").items():
            self.metadata.setdefault(f"Metadata_{name}", {})[_text(value)] = None
        if row["status"] == "found":
            self._add_nuclei(row, nuclei)

    def _add_nuclei(self, row: ImageRow, nuclei: Nuclei) -> None:
        pixels, pixel_size_um = row["height"] * row["width"], row["pixel_size_um"]
        distance = nearest_distances(np.column_stack((nuclei["y"], nuclei["x"])))
        distance = distance[np.isfinite(distance)]
        self.found += 1
        self.count += len(nuclei)
        self.pixels += pixels
        self.intensity.add(nuclei["intensity"])
        self.distance_px.add(distance)
        if pixel_size_um is not None:
            self.scaled_count += len(nuclei)
            self.square_mm += pixels * pixel_size_um**2 / 1e6
            self.distance_um.add(distance * pixel_size_um)

    def features(self) -> tuple[float, ...]:
        """Return the values of `_FEATURES`."""
        return (
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
        )


def _as_table(wells: dict[_Key, _Well]) -> Table:
    stated = [
        place
        for place, name in enumerate(_KEYS)
        if name in ("plate", "well") or any(key[place] is not None for key in wells)
    ]
    fixed = [f"Metadata_{_KEYS[place].title()}" for place in stated]
    names = dict.fromkeys(name for well in wells.values() for name in well.metadata)
    extra = [name for name in names if name not in (*fixed, *_COUNTS)]
    rows = [
        (
            *("" if key[place] is None else key[place] for place in stated),
            *(well.images, well.failed),
            *("; ".join(well.metadata.get(name, ())) for name in extra),
            *well.features(),
        )
        for key, well in wells.items()
    ]
    dtype = [
        *((name, "O") for name in fixed),
        *((name, "i8") for name in _COUNTS),
        *((name, "O") for name in extra),
        *((name, "i8" if name == "Nuclei_Count" else "f8") for name in _FEATURES),
    ]
    return np.array(rows, dtype).view(Table)


def _order(key: _Key) -> list[Any]:
    return [natural_key("" if part is None else str(part)) for part in key]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ratio(amount: float, of: float) -> float:
    return amount / of if of else np.nan
