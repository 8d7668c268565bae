"""Nuclei as regions of one image, found with the numbers that are given."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..values import Outlines
from .binding import (
    Record,
    address,
    call,
    isa_number,
    packed,
    packed_from,
    record,
    records,
    structure_dtype,
)
from .image import described

_LEAST_CAPACITY, _USUAL_CAPACITY, _PIXELS_A_REGION = 256, 1024, 1024
"""Regions that there is room for at first, the second of an image with so many pixels for each;
where there are more, it is done again with room."""
_PIXELS_A_RUN = 16
"""For each run of an outline there is room if the image has so many pixels."""


@dataclass(frozen=True, slots=True)
class RegionTable:
    """The regions of one image, and what was measured on the way.

    Attributes
    ----------
    regions : structured ndarray, shape (N,)
        The fields of `RegionRecord` in `kernel/abi.h`, in reading order of their seeds.
    measure : structured ndarray, shape ()
        The fields of `RegionMeasure`.
    outlines : structured ndarray, shape (N,), or None
        The fields of `OutlineRecord`, where outlines are asked for.
    runs : structured ndarray, shape (M,), or None
        Those of `OutlineRun`, by region, row and column.
    shapes : structured ndarray, shape (N,), or None
        The fields of `ShapeRecord`, where they are asked for.
    cells : structured ndarray, shape (M,), or None
        Those of `OutlineRun`: the pixels of the grid that each region holds.
    ridges : ndarray, shape (N,), or None
        What `measure_ridges` says of each, where it was asked with them.
    """

    regions: Record
    measure: Record
    outlines: Record | None = None
    runs: Record | None = None
    shapes: Record | None = None
    cells: Record | None = None
    ridges: NDArray[np.float64] | None = None


def find_region_table(
    pixels: NDArray[Any],
    settings: dict[str, Any],
    *,
    level: str | None = None,
    shapes: Literal["", "regions", "cells"] = "",
    outline: dict[str, float] | None = None,
) -> RegionTable:
    """Find the regions of a contiguous image of uint8, uint16 or float32.

    `settings` are the fields of `RegionSettings` in `kernel/abi.h`, one each; `level` is an
    instruction set, one of `levels()`: all give the same regions. `shapes` asks for what is in
    them, or for their cells, too. `outline` are those fields of `OutlineSettings` that say how to
    outline them, if that is asked for.
    """
    numbers = packed_from("RegionSettings", settings)
    image = described(pixels)
    measure, count = np.zeros((), structure_dtype("RegionMeasure")), np.zeros((), np.int64)
    capacity = room_for_regions(pixels.size, settings)
    run_capacity = max(_LEAST_CAPACITY, pixels.size // _PIXELS_A_RUN)
    while True:
        regions = records("RegionRecord", capacity)
        shaped = shapes_room(capacity, run_capacity * (shapes == "cells")) if shapes else None
        outlined = None
        if outline:
            outlined = Room.make(
                "OutlineSettings", "OutlineRecord", capacity, run_capacity, **outline
            )
        rooms = [each for each in (shaped, outlined) if each is not None]
        call(
            "nucensus_find_regions", f"find the nuclei of an image of shape {pixels.shape}",
            image, numbers, isa_number(level), measure, regions, capacity, count,
            shaped and shaped.numbers, outlined and outlined.numbers, None,
        )  # fmt: skip
        region_count, run_count = int(count), max((each.run_count for each in rooms), default=0)
        if region_count <= capacity and run_count <= run_capacity:
            break
        capacity, run_capacity = max(capacity, region_count), max(run_capacity, run_count)
    found = slice(region_count)
    return RegionTable(
        regions[found], measure,
        outlines=outlined.records[found] if outlined else None,
        runs=outlined.found_runs if outlined else None,
        shapes=shaped.records[found] if shaped else None,
        cells=shaped.found_runs if shaped else None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Room:
    """Room for what is known of regions, and for their runs of pixels.

    Attributes
    ----------
    numbers : structured ndarray, shape ()
        The structure by which the kernel finds it, and says how many runs there are.
    records, runs : structured ndarray
    """

    numbers: Record
    records: Record
    runs: Record

    @classmethod
    def make(
        cls, structure: str, of: str, capacity: int, run_capacity: int, **numbers: float
    ) -> "Room":
        """Make room for so many records and runs; for no runs there is no address."""
        found, runs = records(of, capacity), records("OutlineRun", run_capacity)
        where = {"records": address(found), "runs": run_capacity and address(runs)}
        known = record(structure, **numbers, **where, capacity=run_capacity, count=0)
        return cls(known, found, runs)

    @property
    def run_count(self) -> int:
        """How many runs there are, of which more than there is room for are not written."""
        return int(self.numbers["count"])

    @property
    def found_runs(self) -> Record | None:
        """The runs; None if there was no room for any."""
        return self.runs[: self.run_count].copy() if len(self.runs) else None


def shapes_room(capacity: int, run_capacity: int = 0) -> Room:
    """Return room for what is in so many regions, and for so many runs of their cells."""
    return Room.make("RegionShapes", "ShapeRecord", capacity, run_capacity)


def room_for_regions(size_px: int, settings: dict[str, Any]) -> int:
    """Return how many typical nuclei lie side by side, or more: they may be assumed too large."""
    area_px = np.pi * (settings["radius"] * settings["step"]) ** 2
    usual = min(_USUAL_CAPACITY, size_px // _PIXELS_A_REGION)
    return max(_LEAST_CAPACITY, usual, int(size_px / area_px))


def find_pairs(pixels: NDArray[Any], **settings: Any) -> Record:
    """Return what is known of each two regions that may be one nucleus: `PairRecord`, one each.

    The image and the `settings` are as of `find_region_table`. A decision is learned from this.
    """
    pairs = np.empty(pixels.size, structure_dtype("PairRecord"))
    log = record("PairLog", records=pairs.ctypes.data, capacity=len(pairs), count=0)
    measure, count = np.zeros((), structure_dtype("RegionMeasure")), np.zeros((), np.int64)
    call(
        "nucensus_find_regions", f"find the pairs of an image of shape {pixels.shape}",
        described(pixels), packed("RegionSettings", **settings), isa_number(None), measure,
        np.empty(0, structure_dtype("RegionRecord")), 0, count, None, None, log,
    )  # fmt: skip
    return pairs[: int(log["count"])].copy()


def measure_outlines(pixels: NDArray[Any], outlines: Outlines) -> Record:
    """Measure what is within outlines in such an image: the fields of `ShapeRecord`, one each."""
    runs = np.empty(len(outlines.rows), structure_dtype("OutlineRun"))
    columns = (outlines.nuclei, outlines.rows, outlines.starts, outlines.ends)
    for name, column in zip(runs.dtype.names or (), columns, strict=True):
        runs[name] = column
    records = np.zeros(len(outlines), structure_dtype("ShapeRecord"))
    call(
        "nucensus_measure_outlines", f"measure the nuclei of an image of shape {pixels.shape}",
        described(pixels), runs, len(runs), records,
    )  # fmt: skip
    return records


def describe_shapes(shapes: Record, places: NDArray[np.int64], unit: float) -> Record:
    """Return what the tables have of nuclei, `MeasuredRecord`s, in the order of these places.

    `shapes` are `ShapeRecord`s; a difference of 1 of the pixels is `unit` grey levels.
    """
    measured = records("MeasuredRecord", len(places))
    call(
        "nucensus_describe_shapes", f"describe {len(places)} nuclei",
        shapes, places, len(places), np.array(float(unit)), measured,
    )  # fmt: skip
    return measured


def draw_rings(labels: NDArray[np.int32], reach_px: int) -> NDArray[np.int32]:
    """Return the pixels of no region up to `reach_px` around each region, with its value.

    A pixel belongs to the nearest region, to the first of several; all else is 0.
    """
    rings = np.empty_like(labels)
    call(
        "nucensus_draw_rings", f"draw rings in an image of shape {labels.shape}",
        labels, *labels.shape, reach_px, rings,
    )  # fmt: skip
    return rings


def describe_evidence(
    area: NDArray[np.float64], stretch: NDArray[np.float64], contrast: NDArray[np.float64] | None,
    *, free: NDArray[np.float64], fall: NDArray[np.float64], mean_height: NDArray[np.float64],
    height: NDArray[np.float64], touches_edge: NDArray[np.bool_],
) -> NDArray[np.float64]:  # fmt: skip
    """Return what the evidence rests on that regions are nuclei, shape (N, 11).

    With contrasts, shape (N, 16). These, the areas and the stretch are logarithms.
    """
    count = len(area)
    features = np.empty((count, 11 if contrast is None else 16))
    call(
        "nucensus_describe_evidence", f"describe {count} regions",
        area, stretch, contrast,
        *map(np.ascontiguousarray, (free, fall, mean_height, height, touches_edge)),
        count, features,
    )  # fmt: skip
    return features


def find_highest_near(
    y: NDArray[np.float64], x: NDArray[np.float64], heights: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Return the greatest of the heights of the places at most `reach` from each, itself one."""
    highest, count = np.empty(len(y)), len(y)
    call(
        "nucensus_find_highest_near", f"compare {count} neighbours",
        *map(np.ascontiguousarray, (y, x, heights)), count, reach, highest,
    )  # fmt: skip
    return highest


def count_touching(
    y: NDArray[np.float64], x: NDArray[np.float64], radii: NDArray[np.float64], *,
    reach: float, share: float,
) -> NDArray[np.int64]:  # fmt: skip
    """Return how many others each place touches.

    Those are less than `share` of the sum of both radii away, and at most `reach`.
    """
    touching, count = np.empty(len(y), np.int64), len(y)
    call(
        "nucensus_count_touching", f"compare {count} neighbours",
        *map(np.ascontiguousarray, (y, x, radii)), count, reach, share, touching,
    )  # fmt: skip
    return touching


def measure_ridges(
    pixels: NDArray[Any],
    places: NDArray[np.float64],
    *,
    shape: tuple[int, int] | None = None,
    origin: tuple[int, int] = (0, 0),
    **settings: float,
) -> NDArray[np.float64]:
    """Return how long the longest thin ridge is that goes through each of the places, in radii.

    The image is one as above, or a part of one of that `shape` which begins at `origin`: then it is
    -1 where the part is too small to tell. Each place is (y, x, height). `settings` are the other
    fields of `RidgeSettings`, one each.
    """
    (height, width), (top, left) = shape or pixels.shape, origin
    lengths = np.zeros(len(places))
    numbers = packed(
        "RidgeSettings", **settings, height=height, width=width, top=top, left=left
    )  # fmt: skip
    call(
        "nucensus_measure_ridges", f"follow the ridges of an image of shape {pixels.shape}",
        described(pixels), numbers, places, len(places), lengths,
    )  # fmt: skip
    return lengths
