"""Find the nuclei of an image part by part: those of the undivided image, to the last bit."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TooLargeError
from ..kernel import find_maxima_many, space_maxima
from ..values import Centres, Points, Settings
from ..values.check_settings import PUBLISHED_DETECTOR
from ..values.parts import Parts
from .frame import counting_box, within_box
from .levels_in_parts import LevelsInParts
from .maxima import check_pixels, sigma_per_axis
from .padding_in_parts import Lines, PartOfLines, lines_in, size_seen_in_parts
from .parameters import parameters
from .pooled import Resolved
from .refine import offsets_of_summits
from .regions_in_parts import (
    find_regions_in_parts,
    regions_bytes,
    takes_regions_in_parts,
)
from .suits import check_axes, check_in_pixels, check_reach
from .upright import upright
from .walk import Piece, held_bytes, walk

_ROUNDING = 1e-6
"""Relative: a smoothed value is above the highest pixel by no more than this."""


def takes_parts(settings: Settings) -> bool:
    """Tell whether nuclei can be found part by part.

    By the published detector with numbers they can, and by the one without parameters, unless
    outlines are asked for.
    """
    threshold = settings.threshold
    return takes_regions_in_parts(settings) or (
        settings.detector == PUBLISHED_DETECTOR
        and settings.are_numbers
        and isinstance(threshold, int | float)
        and math.isfinite(threshold)
    )


def parts_bytes(
    plane: Parts, settings: Settings, threads: int, resolved: Resolved | None = None
) -> int:
    """Return about how much memory it takes to find the nuclei of an image part by part."""
    if settings.detector != PUBLISHED_DETECTOR:
        return regions_bytes(plane, resolved, threads)
    return held_bytes(plane, _Finder(plane, settings, 0).reach, threads)


def find_nuclei_in_parts(
    plane: Parts,
    settings: Settings,
    resolved: Resolved | None = None,
    *,
    threads: int = 1,
    part: tuple[int, int] | None = None,
    most_maxima: int = 1 << 24,
    seen: LevelsInParts | None = None,
    spare_bytes: int | None = None,
) -> Centres:
    """Find the nuclei of an image that need not fit in memory.

    Parameters
    ----------
    plane : Parts
        The image.
    settings : Settings
        Such that `takes_parts` tells that it can be done.
    resolved : Resolved, optional
        As of `find_nuclei`.
    threads : int
        How many parts are worked on at a time.
    part : (int, int), optional
        Rows and columns of a part, about; for the published detector in multiples of the plane's
        step.
    most_maxima : int
        So many are held before they are spaced. More allows wider plateaus, and takes more memory.
    seen : LevelsInParts, optional
        Of the detector without parameters what `estimate_in_parts` kept of the image: its pixels
        are looked at once less.
    spare_bytes : int, optional
        How much of `picture_bytes` there is, beside `parts_bytes`; by default all of it.

    Returns
    -------
    Centres
        Those of `find_nuclei`, to the last bit.

    Raises
    ------
    TypeError, ValueError, SettingsError
        As of `find_nuclei`.
    TooLargeError
        So wide are the plateaus above the threshold that their pixels, all of them maxima, are
        more than can be held.
    WholeNeededError
        The detector without parameters needs the whole image: it may have a margin, is not of 8 or
        16 bits without sign, or its nuclei lie together over too wide an area.

    Notes
    -----
    Whether a pixel is a maximum is decided by the pixels that smoothing and the window reach: a
    part with so much around it knows its own. What stays of a plateau may depend on what lies
    farther off. So all maxima of windows are kept, and spaced once all parts are done.
    """
    check_in_pixels(settings)
    check_axes(settings, 2)
    if settings.detector != PUBLISHED_DETECTOR:
        return find_regions_in_parts(
            plane, settings, resolved, threads=threads, part=part, seen=seen,
            spare_bytes=spare_bytes,
        )  # fmt: skip
    finder, lines = _Finder(plane, settings, most_maxima), Lines(plane.shape, plane.dtype)
    found = []
    parts = walk(plane, finder.find, reach=finder.reach, threads=threads, part=part)
    for each, of_lines in finder.counted(parts):
        lines.put(of_lines)
        found.append(each)
    centres = finder.joined(found)
    extent = _extent(found, plane.dtype)
    if not len(centres):
        check_reach(settings, extent)
    area_px = size_seen_in_parts(plane, lines, finder.box, settings, threads=threads)
    return replace(centres, area_px=area_px)


class _Found(NamedTuple):
    """The maxima of one part, and of floating point the ends of its finite pixels."""

    points: Points
    intensities: NDArray[np.float64]
    subpixel: NDArray[np.float64]
    ends: NDArray[Any]


class _Finder:
    """Finds the maxima of parts, also in another process, and makes those of the image of them."""

    def __init__(self, plane: Parts, settings: Settings, most_maxima: int) -> None:
        check_pixels(plane.dtype)
        numbers = parameters(settings, None)
        self._shape, self._settings, self._most_maxima = plane.shape, settings, most_maxima
        self._sigma = sigma_per_axis(numbers.sigma, 2)
        self._mean_sigma = float(np.mean(numbers.sigma))
        self._distance = numbers.min_distance
        self._threshold = float(numbers.threshold or 0.0)
        self.box = counting_box(plane.shape, settings.border, self._distance)

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns around a part its maxima depend on."""
        refined = int(4 * self._mean_sigma + 0.5) + 1 if self._settings.subpixel else 0
        y, x = (max(int(4 * each + 0.5) + self._distance, refined) for each in self._sigma)
        return y, x

    def find(self, piece: Piece) -> tuple[_Found, PartOfLines]:
        """Find the maxima of a part, and what the lines of the image have there."""
        pixels, own = upright(piece.pixels, self._settings), piece.own.cut(piece.around)
        seen = pixels if piece.fill is None else pixels[:1, :1]
        points, intensities = self._maxima(pixels, seen)
        kept = within_box(points, own)
        points, intensities = points[kept], intensities[kept]
        placed = points + np.array((piece.around.top, piece.around.left))
        subpixel = np.empty((0, 2))
        if self._settings.subpixel:
            subpixel = placed + offsets_of_summits(pixels, points, sigma=self._mean_sigma)
        lines = lines_in(self._shape, piece.own, pixels[own])
        return _Found(placed, intensities, subpixel, _ends(seen)), lines

    def _maxima(
        self, pixels: NDArray[Any], seen: NDArray[Any]
    ) -> tuple[Points, NDArray[np.float64]]:
        """Return all maxima of windows; `seen` are the pixels, or one that all are like."""
        if self._is_low(seen):
            return np.empty((0, 2), np.int64), np.empty(0)
        return find_maxima_many(
            [pixels if seen is pixels else np.array(pixels)], sigma=self._sigma,
            min_distance=self._distance, threshold_abs=self._threshold, exclude_border=0,
            is_part=True,
        )[0]  # fmt: skip

    def _is_low(self, pixels: NDArray[Any]) -> bool:
        """Tell whether all pixels are alike, as in padding, and not above the threshold."""
        if not pixels.size or pixels[0, 0] != pixels[-1, -1]:
            return False
        most = float(pixels.max())
        return most + abs(most) * _ROUNDING <= self._threshold

    def counted(
        self, found: Iterable[tuple[_Found, PartOfLines]]
    ) -> Iterable[tuple[_Found, PartOfLines]]:
        """Pass on what is found; refuse what is too much to be held."""
        count = 0
        for each in found:
            count += len(each[0].points)
            if count > self._most_maxima:
                raise TooLargeError(
                    f"more than {self._most_maxima:,} pixels of the image are maxima of their "
                    f"surroundings: it is flat over wide areas that are above the threshold "
                    f"{self._threshold:g}; give a higher threshold, or a larger sigma"
                )
            yield each

    def joined(self, found: list[_Found]) -> Centres:
        """Return the maxima of the image, spaced and brightest first."""
        points, intensities, subpixel = (
            np.concatenate([getattr(each, name) for each in found])
            for name in ("points", "intensities", "subpixel")
        )
        height, width = self._shape
        if self._distance and len(points) == height * width > 1:  # a constant image has no maximum
            points, intensities, subpixel = points[:0], intensities[:0], subpixel[:0]
        refined = subpixel if self._settings.subpixel else None
        centres = Centres(points, intensities, refined)
        centres = centres.where(within_box(points, self.box))
        centres = centres.where(np.argsort(centres.points @ (width, 1)))
        centres = centres.where(
            space_maxima(centres.points, width=width, min_distance=self._distance)
        )
        return centres.where(np.argsort(-centres.intensities, kind="stable"))


def _ends(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the least and the greatest finite pixel of floating point, if there is one."""
    if pixels.dtype.kind != "f":
        return np.empty(0, pixels.dtype)
    finite = pixels[np.isfinite(pixels)]
    return np.array([finite.min(), finite.max()] if finite.size else [], pixels.dtype)


def _extent(found: list[_Found], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return pixels that stand for those of the image, as far as their extent matters."""
    extent = np.concatenate([each.ends for each in found])
    if dtype.kind == "f" and found and not len(extent):
        raise ValueError("the image holds no number, only NaN or infinities; check its source")
    return extent.astype(dtype)
