"""The compiled kernel that finds nuclei as regions, and the numbers it is given."""

import math
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass, replace
from ..kernel import Record, RegionTable, find_region_table
from ..values import Outlines
from .levels import AnyLevels, Levels, as_levels, check_plane
from .padding import Mask
from .region_numbers import GRID_RADIUS_PX, LEAST_UNION, region_numbers
from .region_pixels import outlines_of, shapes_of, shapes_within
from .rules import NEWEST, VERSIONS, Rules

__all__ = [
    "Floats", "Levels", "Measure", "Regions", "as_levels", "check_plane", "find_regions",
]  # fmt: skip

Floats: TypeAlias = NDArray[np.float64]
Shapes: TypeAlias = Literal["", "regions", "cells", "outlines"]

_CORRELATED = 3.0
"""Factor by which correlation may understate it. Larger: in crowds small nuclei are lost."""

_FALL_OF_BLUR = 12.5
"""The reciprocal of the squared fall grows by so much with each squared radius of blur, on drawn
fields of radii from 6 to 22 pixels: 10 to 15 (benchmarks/flags.py)."""

_OUTLINE_SHARE = 0.5
"""Of the mean height of a nucleus: its pixels are higher. Areas on BBBC039 are 1.00 of those drawn
by hand, with half of the greatest height 0.89. Larger: nuclei are smaller."""

_AROUND = np.array([(0, 0), (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)])


@dataclass(frozen=True, slots=True)
class Measure:
    """Figures measured on the way to the regions of one image.

    Attributes
    ----------
    background : float
        Mean level under the nuclei, in grey levels.
    noise : float
        Standard deviation of the smoothed background, in grey levels.
    otsu : float
        Otsu's threshold of the logarithm of the heights, in grey levels above the background.
    upper : float
        Median of the heights above `otsu`, in grey levels.
    threshold : float
        Least height of a nucleus that was used, in grey levels.
    foreground : float
        Share of the image that is nuclei, 0 to 1.
    edge_width_px : float
        How far it is from a quarter to three quarters of the way up a nucleus, in pixels.
    grain : float
        Standard deviation of the noise of a pixel of the grid before smoothing, in grey levels.
    smoothing : float
        Standard deviation of the Gaussian that smoothed the image, in radii of a nucleus.
    """

    background: float
    noise: float
    otsu: float
    upper: float
    threshold: float
    foreground: float
    edge_width_px: float
    grain: float
    smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Regions:
    """The nuclei of one image as regions, arrays of one length, in reading order of their seeds.

    Attributes
    ----------
    y, x : ndarray of float64
        Centre of each, in pixels.
    area_px : ndarray of float64
        Area above half of its own height, in pixels.
    height : ndarray of float64
        Greatest height above the background, in grey levels.
    mean_height : ndarray of float64
        Mean height above the background, in grey levels.
    intensity : ndarray of float64
        Smoothed value at the centre, in grey levels.
    stretch : ndarray of float64
        Area of the ellipse with the same moments over the area: 1 for an ellipse, more for a clump.
    touches_edge : ndarray of bool
        Whether it touches the edge of the image.
    second : ndarray of float64
        Second greatest grey level of 5 x 5 pixels within half a radius of the centre; of no meaning
        where these were not asked for.
    plateau : ndarray of float64
        The grey level that most of them have; minus infinity if there is none.
    fall : ndarray of float64
        How much the heights fall across its free outline over a radius, in shares of its height.
    free : ndarray of float64
        How long its free outline is, in those of a disc of its area.
    measure : Measure
        What else was measured.
    outlines : Outlines or None
        Which pixels each is, where that was asked for.
    refined : ndarray of float64, shape (N, 2), or None
        Then the centre of each to a fraction of a pixel, (row, column).
    shapes : structured ndarray, shape (N,), or None
        What is in each, or within its outline, where that was asked: `ShapeRecord` of the kernel.
    cells : Outlines or None
        The pixels of each, where they are asked for: those that its cells stand for.
    likely : ndarray of float64, shape (N,), or None
        How likely each is a nucleus, 0 to 1, where that was asked.
    ridges : ndarray of float64, shape (N,), or None
        The longest thin ridge through each, in radii, of an image that was read part by part.
    """

    y: Floats
    x: Floats
    area_px: Floats
    height: Floats
    mean_height: Floats
    intensity: Floats
    stretch: Floats
    touches_edge: NDArray[np.bool_]
    second: Floats
    plateau: Floats
    fall: Floats
    free: Floats
    measure: Measure
    outlines: Outlines | None = None
    refined: Floats | None = None
    shapes: Record | None = None
    cells: Outlines | None = None
    likely: Floats | None = None
    ridges: Floats | None = None

    def __len__(self) -> int:
        return len(self.y)

    def blur(self, which: NDArray[np.bool_]) -> float:
        """Return the variance of the Gaussian that outlines look blurred with, in squared radii.

        That of the smoothing is left out. It is the median of those at `which`; 0 of none.
        """
        falls = self.fall[which]
        falls.sort()
        last, count = len(falls) - 1, len(falls)
        fall = float(falls[last // 2] + falls[count // 2]) / 2 if count else 0.0
        return 1 / (_FALL_OF_BLUR * fall**2) - self.measure.smoothing**2 if fall > 0 else 0.0

    def where(self, keep: NDArray[np.bool_], likely: Floats | None = None) -> "Regions":
        """Return those for which `keep` is true; `likely` they are nuclei, if that is given."""
        are_all = np.count_nonzero(keep) == len(keep)
        if are_all and likely is None:
            return self
        known = {name: part for name in _PARTS if (part := getattr(self, name)) is not None}
        if likely is not None:
            known["likely"] = likely
        if not are_all:
            places = keep.nonzero()[0]
            known = {
                name: part.take(places) if name in _TAKEN else part[places]
                for name, part in known.items()
            }
        return Regions(**known, measure=self.measure)


COLUMNS = tuple(field.name for field in fields(Regions) if field.default is MISSING)[:-1]
"""What is known of each region in any case."""
_TAKEN = "shapes", "outlines", "cells"  # by an index structures are copied field by field
_PARTS = *COLUMNS, "refined", "likely", "ridges", *_TAKEN


def find_regions(
    image: NDArray[Any] | AnyLevels,
    *,
    radius_px: float,
    smoothing: float = 0.1,
    crest_smoothing: float = 0.25,
    least_union: float = LEAST_UNION,
    least_threshold: float = 0.0,
    most_noise: float = np.inf,
    grid_radius_px: float = GRID_RADIUS_PX,
    level: str | None = None,
    shapes: Shapes = "",
    outline_sigma_px: float | None = None,
    looks_inside: bool = True,
    rules: Rules = VERSIONS[NEWEST],
) -> Regions:
    """Find the nuclei of about one size in one image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns), or Levels
        Grey levels; what `as_levels` made of them, if several radii are tried.
    radius_px : float
        Radius of a typical nucleus, in pixels.
    smoothing : float
        Standard deviation of the Gaussian that smooths the image, in radii.
    crest_smoothing : float
        The same of the heights that an object's own height is taken from.
    least_union : float
        Logarithm of the odds with which pieces are one nucleus.
    least_threshold : float
        No nucleus is lower than this, in grey levels above the background.
    most_noise : float
        The noise is taken to be no more than this, in grey levels.
    grid_radius_px : float
        The image is averaged to a grid on which a nucleus has at least this radius, in pixels.
    level : str, optional
        The instruction set level, one of `kernel.levels()`; all give the same regions.
    rules : Rules
        The version of the counts.
    shapes : str
        "regions" measures what is in them, "cells" tells their pixels, too; "outlines" measures
        what is within these.
    outline_sigma_px : float, optional
        The image is smoothed with this for outlines, in pixels; else none are found.
    looks_inside : bool
        Whether `second` and `plateau` are asked for, whose pixels are not in the cache any more.

    Raises
    ------
    ValueError
        The image does not have two axes.
    TypeError
        The image is not one of real numbers.
    """
    levels = as_levels(image) if isinstance(image, np.ndarray) else image
    if 0 in levels.extent:
        return _no_regions()
    numbers = region_numbers(
        radius_px=radius_px, smoothing=smoothing, crest_smoothing=crest_smoothing,
        least_union=least_union, least_threshold=least_threshold / levels.unit,
        grid_radius_px=grid_radius_px, rules=rules,
    )  # fmt: skip
    step, smooth_sigma = numbers["step"], numbers["smooth_sigma"]
    left = noise_left(levels, step, smooth_sigma)
    numbers |= {"least_noise": levels.rounding, "most_noise": min(left, most_noise / levels.unit)}
    numbers["looks_inside"] = looks_inside
    asked = {"outlines": "", "regions": "cells" if levels.picture is not None else "regions"}
    table = _finder(levels, radius_px)(
        numbers, level=level, shapes=asked.get(shapes, shapes), outline=_outline(outline_sigma_px)
    )
    known = cells = None
    if table.shapes is not None:
        known, cells = shapes_of(table.shapes, table.cells, levels, step)
    smoothing = smooth_sigma / numbers["radius"]
    regions = _as_regions(table, levels, smoothing, shapes=known, cells=cells)
    if outline_sigma_px is not None:
        regions = _with_outlines(regions, table, levels, measures=shapes == "outlines")
    if levels.picture is None:
        return regions
    return _without_padding(regions, levels.origin, levels.picture)


def noise_left(levels: AnyLevels, step: int, smooth_sigma: float) -> float:
    """Return the most that averaging and a Gaussian leave of the noise of a pixel, in units.

    That is what they leave of white noise; pixels nearby may have some in common.
    """
    return _CORRELATED * levels.noise / (step * 2 * math.sqrt(math.pi) * smooth_sigma)


def _with_outlines(
    regions: Regions, table: RegionTable, levels: AnyLevels, *, measures: bool
) -> Regions:
    """Return the regions with their outlines, and what is within these where it is measured."""
    assert table.outlines is not None
    assert table.runs is not None
    outlines, refined = outlines_of(table.outlines, table.runs, levels)
    shapes = regions.shapes
    if measures:
        shapes = shapes_within(levels, outlines, table.outlines["background"])
    return replace(regions, outlines=outlines, refined=refined, shapes=shapes)


def _finder(levels: AnyLevels, radius_px: float) -> Callable[..., RegionTable]:
    """Return what finds the regions of an image that is in memory, or is read in parts."""
    if isinstance(levels, Levels):
        return partial(find_region_table, levels.pixels)
    return partial(levels.find_table, radius_px)


def _outline(sigma_px: float | None) -> dict[str, float] | None:
    return None if sigma_px is None else {"sigma": sigma_px, "share": _OUTLINE_SHARE}


def _no_regions() -> Regions:
    """Return what an image without pixels holds."""
    measure = Measure(**dict.fromkeys((field.name for field in fields(Measure)), 0.0))
    empty: dict[str, Any] = {
        name: np.empty(0, np.bool_ if name == "touches_edge" else float) for name in COLUMNS
    }
    return Regions(**empty, measure=measure)


def _as_regions(table: RegionTable, levels: AnyLevels, smoothing: float, **pixels: Any) -> Regions:
    """Return the regions in pixels and grey levels of the image."""
    # `Measure` has the fields of `RegionMeasure`, in their order, and then the smoothing.
    own, measure = _columns_of(table.regions), Measure(*(*table.measure.item(), smoothing))
    if levels.origin != (0, 0):
        top, left = levels.origin
        own |= {"y": own["y"] + top, "x": own["x"] + left}
    zero, unit = levels.zero, levels.unit
    if (zero, unit) != (0, 1):
        own |= {name: own[name] * unit for name in ("height", "mean_height")}
        own |= {name: own[name] * unit + zero for name in ("intensity", "second", "plateau")}
        differences = ("noise", "otsu", "upper", "threshold", "grain")
        measure = replace(
            measure,
            background=measure.background * unit + zero,
            **{name: getattr(measure, name) * unit for name in differences},
        )
    own["touches_edge"] = own["touches_edge"] > 0
    return Regions(**own, **pixels, ridges=table.ridges, measure=measure)


def _columns_of(records: Record) -> dict[str, Any]:
    """Return the fields of `RegionRecord`, which begins with `COLUMNS`, each contiguous."""
    rows = np.ndarray((len(records), len(records.dtype.names or ())), np.float64, records)
    return dict(zip(COLUMNS, rows[:, : len(COLUMNS)].T.copy(), strict=True))


def _without_padding(regions: Regions, origin: tuple[int, int], picture: Mask) -> Regions:
    """Return the regions whose centre is in the picture; what padding cuts has it on the edge."""
    centres = np.floor(np.stack([regions.y, regions.x], axis=1) + 0.5).astype(np.int64)
    places = centres[:, None] + _AROUND
    y, x = np.moveaxis(np.clip(places - origin, 0, np.array(picture.shape) - 1), -1, 0)
    is_picture = picture[y, x]
    nearest = places[np.arange(len(places)), is_picture.argmax(axis=1)]
    inside = is_picture[:, 0]
    refined = regions.refined
    if refined is not None:
        refined = np.where(inside[:, None], refined, nearest)
    moved = replace(
        regions,
        refined=refined,
        y=np.where(inside, regions.y, nearest[:, 0]),
        x=np.where(inside, regions.x, nearest[:, 1]),
    )
    return moved.where(is_picture.any(axis=1))
