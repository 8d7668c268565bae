"""The compiled kernel that finds nuclei as regions, and the numbers it is given."""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..kernel import RegionTable, find_region_table
from .padding import Mask, bounding_box, fill_padding, picture_mask

Floats: TypeAlias = NDArray[np.float64]

_GRID_RADIUS_PX = 4.0
"""Least radius of a nucleus on the working grid: on BBBC039 radii of 4.7, 7 and 14 do as well."""
_HALVED_FROM_PX = 6.4
"""From this radius on the grid is never the image itself, which would take four times as long."""

# Lengths in radii of a nucleus, areas in those of a typical one. docs/method.md tells
# how they were chosen, how flat the optimum is and what that costs on wells left out.
_TILE = 6.0
"""Side of a tile of the background. Larger: less of a colony is taken for background."""
_REACH = 0.65
"""How far a pixel looks for the height it is compared with. Larger: dim neighbours are lost."""
_RIDGE_SIGMA = 0.2
"""Smoothing before pieces are cut. Larger: fewer pieces, and nuclei that touch are one."""
_NOISE_FACTOR = 10.0
"""Height over noise that counts where hardly anything rises; half of it elsewhere. Larger: dim
nuclei are lost."""
_MOST_STRETCH = 0.08
"""Logarithm of the stretch that alone parts two pieces. Larger: more is put together."""
_MOST_DIP = 0.25
"""Dip, in parts of a height, that alone parts two pieces. Larger: more is put together."""
_CREST_SHARE = 0.5
"""Where between its summit (0) and its mean (1) a dip of a piece begins. Larger: dips are less."""
_LEAST_SIZE = 0.75
"""Least factor on the evidence against a union. Larger: small pieces stay apart."""
_LEAST_AREA = 1 / 20
"""Smaller regions are debris. Larger: fragments of nuclei are lost."""
_LEAST_FALL = 0.4
"""Fall of height over a radius at an outline: haze has less than 0.5, nuclei out of focus 0.6 and
more (benchmarks/others.py). Larger: blurred nuclei are lost."""
_MOST_WHOLE = 0.15
"""Evidence that a large whole may have for each of its sizes, from the gap between kinds of
benchmarks/others.py. Larger: clumps are taken for one large nucleus."""

# The noise of a pixel, chosen in the gaps between the kinds of benchmarks/others.py.
_NOISE_APART = 2
"""Pixels between those that are compared. Larger: slopes and small nuclei count as noise."""
_NOISE_ROWS, _NOISE_COLUMNS = 16, 64  # what lies side by side is read as fast as one
"""Samples along each axis. Larger: a steadier figure, which takes longer."""
_STRUCTURED = 1.25
"""Ratio of the spread of nine tenths to that of a fifth, in that of noise, from which there is more
than noise. Larger: small nuclei everywhere are taken for noise."""
_CORRELATED = 3.0
"""Factor by which correlation may understate it. Larger: in crowds small nuclei are lost."""
_DITHERED = 0.3
"""Grey levels of noise below which rounding shows. Larger: more images are taken for rounded."""
_FEW_LEVELS = 10
"""Grey levels that an image must span for that. Larger: fewer images are taken for rounded."""

_AROUND = np.array([(0, 0), (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)])


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured on the way to the regions of one image.

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
    """

    background: float
    noise: float
    otsu: float
    upper: float
    threshold: float
    foreground: float
    edge_width_px: float
    grain: float


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
        Second greatest grey level of 5 x 5 pixels within half a radius of the centre.
    plateau : ndarray of float64
        The grey level that most of them have; minus infinity if there is none.
    measure : Measure
        What else was measured.
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
    measure: Measure

    def __len__(self) -> int:
        return len(self.y)

    def where(self, keep: NDArray[np.bool_]) -> "Regions":
        """Return those for which `keep` is true."""
        names = (field.name for field in fields(self) if field.name != "measure")
        return Regions(**{name: getattr(self, name)[keep] for name in names}, measure=self.measure)


@dataclass(frozen=True, slots=True)
class Levels:
    """Pixels as the kernel takes them, and the noise of one of them.

    Attributes
    ----------
    pixels : ndarray, shape (rows, columns)
        Contiguous uint8, uint16 or float32; grey levels are `zero + unit * pixels`.
    zero, unit : float
        In grey levels.
    noise : float
        Standard deviation of the noise of a pixel, in units; infinite if not known.
    rounding : float
        Standard deviation of the error of rounding to whole levels, in units, where there is so
        little noise that averaging pixels does not lessen it; else 0.
    origin : (int, int)
        Row and column of the image where the pixels begin: a margin around them is cut off.
    picture : ndarray of bool, shape (rows, columns), optional
        Which pixels are the picture, if others had to be filled.
    """

    pixels: NDArray[Any]
    zero: float = 0.0
    unit: float = 1.0
    noise: float = np.inf
    rounding: float = 0.0
    origin: tuple[int, int] = (0, 0)
    picture: Mask | None = None

    @property
    def size_px(self) -> int:
        """Pixels of the picture."""
        return self.pixels.size if self.picture is None else int(np.count_nonzero(self.picture))

    def size_within(self, box: tuple[slice, ...]) -> int:
        """Return how many pixels of the picture lie in these rows and columns of the image."""
        rows, columns = (
            slice(max(0, each.start - first), max(0, each.stop - first))
            for each, first in zip(box, self.origin, strict=True)
        )
        if self.picture is None:
            return self.pixels[rows, columns].size
        return int(np.count_nonzero(self.picture[rows, columns]))

    def negative(self) -> "Levels":
        """Return the levels of the negative: what was dark is bright."""
        return replace(self, pixels=self.pixels.max() - self.pixels)


def find_regions(
    image: NDArray[Any] | Levels,
    *,
    radius_px: float,
    smoothing: float = 0.1,
    crest_smoothing: float = 0.25,
    least_threshold: float = 0.0,
    most_noise: float = np.inf,
    grid_radius_px: float = _GRID_RADIUS_PX,
    level: str | None = None,
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
    least_threshold : float
        No nucleus is lower than this, in grey levels above the background.
    most_noise : float
        The noise is taken to be no more than this, in grey levels.
    grid_radius_px : float
        The image is averaged to a grid on which a nucleus has at least this radius, in pixels.
    level : str, optional
        The instruction set level, one of `kernel.levels()`; all give the same regions.

    Raises
    ------
    ValueError
        The image does not have two axes.
    TypeError
        The image is not one of real numbers.
    """
    levels = image if isinstance(image, Levels) else as_levels(image)
    if levels.pixels.size == 0:
        return _no_regions()
    step = _step(radius_px, grid_radius_px)
    radius = radius_px / step
    # On a coarse grid half a pixel of smoothing would make small nuclei one.
    smooth_sigma = max(0.5 if radius >= _GRID_RADIUS_PX else 0.4, smoothing * radius)
    # What averaging and a Gaussian leave of white noise; pixels nearby may have some in common.
    left = _CORRELATED * levels.noise / (step * 2 * np.sqrt(np.pi) * smooth_sigma)
    table = find_region_table(
        levels.pixels,
        level=level,
        step=step,
        tile=max(4, round(_TILE * radius)),
        reach=max(1, round(_REACH * radius)),
        radius=radius,
        smooth_sigma=smooth_sigma,
        crest_sigma=max(0.5, crest_smoothing * radius),
        ridge_sigma=max(0.6, _RIDGE_SIGMA * radius),
        least_threshold=least_threshold / levels.unit,
        noise_factor=_NOISE_FACTOR,
        most_stretch=_MOST_STRETCH,
        most_dip=_MOST_DIP,
        crest_share=_CREST_SHARE,
        least_size=_LEAST_SIZE,
        least_area=_LEAST_AREA,
        least_fall=_LEAST_FALL,
        most_whole=_MOST_WHOLE,
        least_noise=levels.rounding,
        most_noise=min(left, most_noise / levels.unit),
    )
    return _as_regions(table, levels)


def grid_radius(radius_px: float) -> float:
    """Return the radius a nucleus of `radius_px` has on the working grid, in grid pixels."""
    return radius_px / _step(radius_px, _GRID_RADIUS_PX)


def _step(radius_px: float, grid_radius_px: float) -> int:
    """Return how many pixels of the image are a pixel of the grid, along each axis."""
    return max(2 if radius_px >= _HALVED_FROM_PX else 1, int(radius_px / grid_radius_px))


def check_plane(image: NDArray[Any]) -> None:
    """Raise if the image is not one plane of real numbers."""
    if image.ndim != 2:
        raise ValueError(
            f"the image has shape {image.shape}; expected two axes (row, column); pick one plane"
        )
    if image.dtype.kind not in "biuf":
        raise TypeError(
            f"the image has dtype {image.dtype}; expected grey levels: bool, integers or real "
            "floating point; convert it first"
        )


def _no_regions() -> Regions:
    """Return what an image without pixels holds."""
    measure = Measure(**dict.fromkeys((field.name for field in fields(Measure)), 0.0))
    columns = [field.name for field in fields(Regions) if field.name != "measure"]
    empty: dict[str, Any] = {
        name: np.empty(0, np.bool_ if name == "touches_edge" else float) for name in columns
    }
    return Regions(**empty, measure=measure)


def _as_regions(table: RegionTable, levels: Levels) -> Regions:
    """Return the regions in pixels and grey levels of the image."""
    zero, unit, own, measure = levels.zero, levels.unit, table.regions, table.measure
    regions = Regions(
        y=own["y"] + levels.origin[0],
        x=own["x"] + levels.origin[1],
        area_px=own["area"],
        stretch=own["stretch"],
        touches_edge=own["touches_edge"] > 0,
        **{name: own[name] * unit for name in ("height", "mean_height")},
        **{name: own[name] * unit + zero for name in ("intensity", "second", "plateau")},
        measure=Measure(
            background=float(measure["background"]) * unit + zero,
            foreground=float(measure["foreground"]),
            edge_width_px=float(measure["edge_width"]),
            **{
                name: float(measure[name]) * unit
                for name in ("noise", "otsu", "upper", "threshold", "grain")
            },
        ),
    )
    if levels.picture is None:
        return regions
    return _without_padding(regions, levels.origin, levels.picture)


def _without_padding(regions: Regions, origin: tuple[int, int], picture: Mask) -> Regions:
    """Return the regions whose centre is in the picture; what padding cuts has it on the edge."""
    centres = np.floor(np.stack([regions.y, regions.x], axis=1) + 0.5).astype(np.int64)
    places = centres[:, None] + _AROUND
    y, x = np.moveaxis(np.clip(places - origin, 0, np.array(picture.shape) - 1), -1, 0)
    is_picture = picture[y, x]
    nearest = places[np.arange(len(places)), is_picture.argmax(axis=1)]
    inside = is_picture[:, 0]
    moved = replace(
        regions,
        y=np.where(inside, regions.y, nearest[:, 0]),
        x=np.where(inside, regions.x, nearest[:, 1]),
    )
    return moved.where(is_picture.any(axis=1))


def as_levels(image: NDArray[Any]) -> Levels:
    """Return the levels of an image contiguous, in a type the kernel takes, and their noise.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Grey levels. uint8 and uint16 go in as they are; other types are
        converted. What is not finite, and a margin, is left out.

    Raises
    ------
    ValueError
        The image does not have two axes.
    TypeError
        The image is not one of real numbers.
    """
    check_plane(image)
    if image.size == 0:
        return Levels(image)
    levels, picture = _as_pixels(image)
    if picture is not None and picture.any():
        levels = _cropped(levels, picture)
    return _with_noise(levels)


def _cropped(levels: Levels, picture: Mask) -> Levels:
    box = bounding_box(picture)
    pixels, picture = np.ascontiguousarray(levels.pixels[box]), picture[box]
    levels = replace(levels, pixels=pixels, origin=(box[0].start, box[1].start))
    if picture.all():
        return levels
    return replace(levels, pixels=fill_padding(pixels, picture), picture=picture)


def _as_pixels(image: NDArray[Any]) -> tuple[Levels, Mask | None]:
    """Return the levels, and which of them are the picture, unless all are."""
    if image.dtype.kind == "u" and image.dtype.itemsize <= 2:
        levels = Levels(np.ascontiguousarray(image, image.dtype.newbyteorder("=")))
    elif image.dtype.kind == "b":
        levels = Levels(np.ascontiguousarray(image).view(np.uint8))
    else:
        levels, finite = _as_single(image)
        if not finite.all():
            return levels, finite
    return levels, picture_mask(levels.pixels)


def _with_noise(levels: Levels) -> Levels:
    """Return the levels with their noise, from the second differences of squares of four pixels.

    Neither slopes nor straight edges along an axis have any (Immerkaer, Computer Vision and Image
    Understanding 64, 1996), and the lower fifth are those that other structure reaches least. Noise
    of neighbours may be correlated, so pixels two apart are compared; but where small nuclei are
    everywhere, which shows in the greatest differences, neighbours are.
    """
    pixels = levels.pixels
    if min(pixels.shape) <= 2 * _NOISE_APART:
        return levels
    down, across = _strides(pixels)
    gaps = np.diff(np.sort(pixels[::down, ::across].astype(np.float32), axis=None))
    step = float(gaps[gaps > 0].min(initial=np.inf))
    if not np.isfinite(step):
        return levels
    noise, upper = _spreads(pixels, _NOISE_APART, step)
    if upper > _STRUCTURED * noise:
        noise = min(noise, _spreads(pixels, 1, step)[0])
    # Rounding is like noise of its own, unless there is too little other noise to blur the levels
    # (Widrow and Kollar, Quantization Noise, 2008). Where levels are few, they are the picture.
    rounding = step / np.sqrt(12)
    stays = noise < _DITHERED * step and gaps.sum() > _FEW_LEVELS * step
    return replace(
        levels,
        noise=float(np.hypot(noise, rounding)),
        rounding=float(rounding) if stays else 0.0,
    )


def _strides(pixels: NDArray[Any]) -> tuple[int, int]:
    return max(1, pixels.shape[0] // _NOISE_ROWS), max(1, pixels.shape[1] // _NOISE_COLUMNS)


def _spreads(pixels: NDArray[Any], apart: int, step: float) -> tuple[float, float]:
    """Return the standard deviation of noise that has such a fifth, and such nine tenths."""
    rows, columns = (n - apart for n in pixels.shape)
    down, across = _strides(pixels)
    first, second, third, last = (
        pixels[y : y + rows : down, x : x + columns : across].astype(np.float32)
        for y in (0, apart)
        for x in (0, apart)
    )
    differences = np.abs(first - second - third + last).ravel()
    fifth, most = differences.size // 5, differences.size * 9 // 10
    differences.partition((fifth, most))
    # Those of one level are spread over all that would be rounded to it.
    value = float(differences[fifth])
    below, equal = np.count_nonzero(differences < value), np.count_nonzero(differences == value)
    low = max(value - step / 2, 0.0)
    unrounded = low + (value + step / 2 - low) * (fifth - below) / equal
    return unrounded / (2 * 0.2533), float(differences[most]) / (2 * 1.6449)


def _as_single(image: NDArray[Any]) -> tuple[Levels, Mask]:
    """Return float32 levels from 0 to 1, of which the least and the greatest are remembered.

    Then which of them are finite; the others become the median.
    """
    values = image.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = np.median(values[finite]) if finite.any() else 0.0
    zero = float(values.min())
    unit = float(values.max()) - zero
    if not np.isfinite(unit):
        raise ValueError(
            f"the image spans {values.min()} to {values.max()}, more than a number can hold; "
            "expected grey levels; scale it first"
        )
    unit = unit if unit > 0 else 1.0
    pixels = np.ascontiguousarray((values - zero) / unit, np.float32)
    return Levels(pixels, zero, unit), finite
