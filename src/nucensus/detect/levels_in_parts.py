"""An image that is read part by part, as the detector without parameters takes it."""

import math
from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..kernel import BLOCK, Ground, Record, RegionTable, Samples, Window
from ..values import Settings
from ..values.parts import Area, Parts, WholeNeededError
from .estimate_image import estimate
from .fields import BLOCK_PX, Heights, Look, estimate_fields, looking
from .flags import STRETCHED, ridge_lengths
from .levels import DividedLevels, NoiseSamples, noise_of
from .look_at_parts import LookAtPart, as_kernel_takes, read_area
from .masks import note_on_mask, rows_that_tell
from .padding import level_of_frame
from .padding_in_parts import Lines, within
from .pooled import Estimate
from .rules import Rules
from .walk import Piece, decoded_bytes, holds_tiles, part_side, walk

_Result = TypeVar("_Result")

_HALO_RADII = 16
"""Radii of a nucleus around a part. Larger: more is computed twice; smaller: more parts are read
again, because of bodies that go on beyond them."""
_BAND_BYTES, _BAND_IN_HALOS = 12 << 20, 1.5
"""Of a part that is as wide as the image, and its rows in halos. Larger: less is computed twice,
more memory."""
_SAMPLE_HALO = 2 * BLOCK
"""Pixels of the grid around a part that its samples depend on."""
_BYTES_A_PIXEL, _PX_A_SAMPLE = 5, 48
"""What a part takes in memory, with its working grid; and from how many pixels there is a sample of
the background."""
_MOST_PX = 1 << 26
"""Pixels of the largest part that is read again. Larger: wider clumps are found, more memory."""
_AGAIN = Lock()
"""Held while a part is read again, with more around it: one takes memory at a time."""


class LevelsInParts(DividedLevels):
    """What `Levels` says of an image in memory, of one that is read part by part.

    Attributes
    ----------
    extent, image_shape : (int, int)
        Rows and columns, of the plane and of the image.
    size_px : int
        Pixels.
    noise, rounding : float
        As of `Levels`; a grey level is a unit here.
    origin : (int, int)
        Row and column of the image where the plane begins: it may be one picture of several.
    lines : Lines
    heights : Heights
    """

    def __init__(
        self,
        plane: Parts,
        settings: Settings,
        *,
        threads: int = 1,
        part: tuple[int, int] | None = None,
        halo: int | None = None,
        origin: tuple[int, int] = (0, 0),
        image_shape: tuple[int, int] | None = None,
        expected: dict[str, Any] | None = None,
    ) -> None:
        """Look at all pixels once; `part` and `halo`, in pixels of the grid, are for tests.

        With `expected`, what `find_table` will probably be asked for, they are sampled for it, too.
        """
        self._plane, self._settings, self._threads = plane, settings, threads
        self._part, self._halo = part, halo
        self.extent, self.image_shape = plane.shape, image_shape or plane.shape
        self.origin, self.size_px = origin, plane.whole.size
        self.lines = Lines(plane.shape, plane.dtype.newbyteorder("="))
        self.heights = Heights(plane.shape)
        self._sampled = None if expected is None else Ground(plane.shape, **expected)
        self.noise, self.rounding = self._look()

    @property
    def may_have_margin(self) -> bool:
        """Whether `picture_mask` may find a margin, by some rows and columns."""
        frame = level_of_frame(self.lines.edges)
        is_frame = frame is not None and self.lines.most <= frame
        return is_frame or self.lines.level_of_margin() is not None

    @property
    def nbytes(self) -> int:
        """About how much memory they take."""
        return self.heights.sums.nbytes + (self._sampled.nbytes if self._sampled else 0)

    def of(self, plane: Parts, settings: Settings, threads: int) -> "LevelsInParts":
        """Return the same of a plane that was opened again; what was sampled goes with it."""
        levels = copy(self)
        levels._plane, levels._settings, levels._threads = plane, settings, threads
        self._sampled = None
        return levels

    def size_within(self, box: tuple[slice, ...]) -> int:
        """Return how many pixels lie in these rows and columns of the image."""
        (rows, columns), (top, left) = box, self.origin
        own = Area(top, top + self.extent[0], left, left + self.extent[1])
        return own.shared(Area(rows.start, rows.stop, columns.start, columns.stop)).size

    def estimate(self, rules: Rules) -> Estimate:
        """Estimate what the nuclei are like, as `estimate` does."""
        if self.size_px > rules.large_px:
            return estimate_fields(self.looking(rules), self.heights)
        (found,) = self.looking(rules)([self._plane.whole])
        return found

    def find_table(
        self,
        radius_px: float,
        numbers: dict[str, Any],
        *,
        level: str | None,
        shapes: str,
        outline: dict[str, float] | None,
    ) -> RegionTable:
        """Find regions as `find_region_table` does, but for outlines; each with its ridge."""
        if outline is not None:
            raise WholeNeededError("outlines are asked for")
        halo = self._halo or _HALO_RADII * max(1, math.ceil(numbers["radius"]))
        grid = self._grid(int(numbers["step"]), BLOCK * -(-halo // BLOCK))
        ground = self._sampled_ground(numbers) if level is None else None
        if ground is None:
            ground = Ground(self.extent, level=level, **numbers)
            sample = _Sample(grid, ground, self._settings)
            for samples in self._walk(sample, grid.part, grid.sample_reach):
                _put(ground, samples)
        ground.fit()
        find = _Find(grid, ground, self._settings, radius_px, is_measured=bool(shapes))
        found = list(self._walk(find, grid.part, grid.reach))
        ground.count(np.concatenate([each.window for each in found]))
        regions = np.concatenate([each.regions for each in found])
        ridges = np.concatenate([each.ridges for each in found])
        known = [each.shapes for each in found if each.shapes is not None]
        order = np.lexsort((regions["first_x"], regions["first_y"]))
        return RegionTable(
            regions[order], ground.measure, ridges=ridges[order],
            shapes=np.concatenate(known)[order] if known else None,
        )  # fmt: skip

    def _sampled_ground(self, numbers: dict[str, Any]) -> Ground | None:
        """Return what was sampled, if it was for these numbers; once."""
        ground, self._sampled = self._sampled, None
        return None if ground is None else ground.with_settings(numbers)

    def _look(self) -> tuple[float, float]:
        """Look at all pixels once; return the noise of one, and of rounding."""
        shape, dtype = self.extent, self._plane.dtype.newbyteorder("=")
        samples, places = NoiseSamples.empty(shape, dtype), rows_that_tell(shape[0])
        rows = np.empty((len(places), shape[1]), dtype)
        step = 1 if self._sampled is None else self._sampled.step
        grid = self._grid(step, 0, also=BLOCK_PX)
        look = LookAtPart(shape, self._settings, grid.window, self._sampled)
        reach = (0, 0) if self._sampled is None else grid.sample_reach
        for seen in self._walk(look, grid.part, reach):
            own = seen.own
            self.lines.put(seen.lines)
            samples.put(seen.noise)
            rows[within(places, *own[:2]), own.left : own.right] = seen.rows
            self.heights.put(own, seen.sums)
            if seen.is_left_out:
                look.ground = self._sampled = None  # the file may have little
            _put(self._sampled, seen.samples)
        if note_on_mask(rows):
            raise WholeNeededError("it looks like a mask")
        return noise_of(samples)

    def _grid(self, step: int, halo: int, also: int = 1) -> "Grid":
        about = self._part or _about(self._plane, step * halo, self._threads)
        return Grid(self._plane, step, halo, about, also)

    def _walk(
        self, work: Callable[[Piece], _Result], part: tuple[int, int], reach: tuple[int, int]
    ) -> Iterator[_Result]:
        return walk(self._plane, work, reach=reach, threads=self._threads, part=part)

    def read(self, area: Area) -> NDArray[Any]:
        """Return the pixels of any area."""
        plane, read = self._plane, partial(read_area, self._settings)
        return read(plane, area) if plane.spread is None else next(plane.spread(read, [area]))

    def looking(self, rules: Rules) -> Look:
        """Return what looks at fields of it by some rules."""
        return looking_at(self._plane, self._settings, rules, threads=self._threads)


def looking_at(plane: Parts, settings: Settings, rules: Rules, *, threads: int) -> Look:
    """Return what looks at fields of a plane by some rules, where its parts are worked on."""
    if plane.spread is None:
        return looking(partial(read_area, settings, plane), rules, threads)
    return partial(plane.spread, partial(_estimate_field, settings, rules))


def _estimate_field(settings: Settings, rules: Rules, plane: Parts, field: Area) -> Estimate:
    return estimate(read_area(settings, plane, field), rules)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Takes the samples of parts."""

    grid: "Grid"
    ground: Ground
    settings: Settings

    def __call__(self, piece: Piece) -> Samples | None:
        pixels = as_kernel_takes(piece.pixels, self.settings)
        return self.ground.sample(pixels, self.grid.window(piece.own, piece.around))


@dataclass(frozen=True, slots=True)
class _Find:
    """Finds the regions of parts over a background that is known, each with its ridge."""

    grid: "Grid"
    ground: Ground
    settings: Settings
    radius_px: float
    is_measured: bool

    def __call__(self, piece: Piece) -> "_Found":
        """Find the regions of a part; where one goes on beyond it, look at more around it."""
        grid, around, reach = self.grid, piece.around, self.grid.reach[0]
        find = partial(self.ground.find, is_measured=self.is_measured)
        pixels = as_kernel_takes(piece.pixels, self.settings)
        regions, shapes, window = find(pixels, grid.window(piece.own, around))
        while window["is_cut"]:
            reach *= 2
            around = grid.aligned(piece.own.widened((reach, reach), piece.plane.shape))
            if around.size > max(_MOST_PX, 4 * piece.own.size):
                raise WholeNeededError("its nuclei lie together over too wide an area")
            with _AGAIN:
                pixels = read_area(self.settings, piece.plane, around)
                regions, shapes, window = find(pixels, grid.window(piece.own, around))
        lengths = self._ridges(regions, piece.plane, around, pixels)
        return _Found(regions, shapes, np.atleast_1d(window), lengths)

    def _ridges(
        self,
        regions: Record,
        plane: Parts,
        around: Area,
        pixels: NDArray[Any],
    ) -> NDArray[np.float64]:
        """Return the lengths of the ridges through regions, with more around them where asked."""
        background, radius_px = float(self.ground.measure["background"]), self.radius_px
        lengths = np.where(regions["stretch"] > STRETCHED, -1.0, 0.0)
        while len(left := np.flatnonzero(lengths < 0)):
            some = regions[left]
            places = np.stack([some["y"], some["x"], some["intensity"] - background], axis=1)
            lengths[left] = ridge_lengths(
                pixels, places, background, radius_px,
                shape=plane.shape, origin=(around.top, around.left),
            )  # fmt: skip
            if (lengths[left] < 0).any():
                reach = math.ceil(_HALO_RADII * radius_px)
                around = around.widened((reach, reach), plane.shape)
                with _AGAIN:
                    pixels = read_area(self.settings, plane, around)
        return lengths


def _put(ground: Ground | None, samples: Samples | None) -> None:
    """Put samples that were taken in another process where they belong."""
    if ground is not None and samples is not None:
        ground.put(samples)


class _Found(NamedTuple):
    """The regions of a part, what is in them, if that was asked, the part, and their ridges."""

    regions: Record
    shapes: Record | None
    window: Record
    ridges: NDArray[np.float64]


def bytes_in_parts(plane: Parts, radius_px: float, threads: int) -> int:
    """Return about how much memory it takes to find regions of such nuclei part by part."""
    halo_px, itemsize = math.ceil(_HALO_RADII * radius_px), plane.dtype.itemsize
    about = _about(plane, halo_px, threads)
    rows, columns = min(about[0], plane.shape[0]), min(about[1], plane.shape[1])
    around = plane.whole.widened((0, 0), (rows + 2 * halo_px, columns + 2 * halo_px)).size
    taken = threads * around * _BYTES_A_PIXEL + 4 * plane.whole.size // _PX_A_SAMPLE
    taken += decoded_bytes(plane, (rows, columns), (halo_px, halo_px), threads)
    return min(taken, plane.whole.size * itemsize)


class Grid:
    """How a plane is divided for a working grid of some step, into parts of about some sides."""

    def __init__(
        self, plane: Parts, step: int, halo: int, about: tuple[int, int], also: int
    ) -> None:
        self.step, self.unit = step, step * BLOCK
        self._shape = plane.shape
        self.reach, self.sample_reach = (step * halo,) * 2, (step * _SAMPLE_HALO,) * 2
        unit = math.lcm(self.unit, also)
        self.part = _multiples(plane, unit, about)

    def aligned(self, area: Area) -> Area:
        """Return the least area around one that begins and ends with blocks of the grid."""
        (height, width), unit = self._shape, self.unit
        return Area(
            area.top // unit * unit, min(height, -(-area.bottom // unit) * unit),
            area.left // unit * unit, min(width, -(-area.right // unit) * unit),
        )  # fmt: skip

    def window(self, own: Area, around: Area) -> Window:
        """Return where a part lies on the grid."""
        step = self.step
        return Window(
            around.top // step, around.left // step,
            own.top // step, -(-own.bottom // step), own.left // step, -(-own.right // step),
        )  # fmt: skip


def _about(plane: Parts, reach: int, threads: int) -> tuple[int, int]:
    """Return about how many rows and columns a part should have, where so many are worked on."""
    if plane.step[1] < plane.shape[1]:
        side = part_side(plane, reach, threads)
        return side, side
    rows = _BAND_BYTES // (plane.shape[1] * plane.dtype.itemsize)
    return max(rows, int(_BAND_IN_HALOS * reach)), plane.shape[1]


def _multiples(plane: Parts, unit: int, about: tuple[int, int]) -> tuple[int, int]:
    """Return the sides of a part in multiples of a unit, and of the plane's step if they must."""
    sides = []
    for step, size, side in zip(plane.step, plane.shape, about, strict=True):
        apart = 1 if holds_tiles(plane) and plane.is_decoded else step
        whole = math.lcm(apart, unit) if step < size else unit * -(-size // unit)
        sides.append(whole * max(1, round(side / whole)))
    return sides[0], sides[1]
