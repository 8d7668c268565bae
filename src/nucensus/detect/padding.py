"""Padding: the part of an image that is no picture, how it is known and how it is filled."""

import functools
import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..kernel import count_least, mirror_unknown

Mask: TypeAlias = NDArray[np.bool_]
Edges: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]

_LEAST_BLACK = 8
"""Sampled pixels of the least level, for a margin to be looked for. Larger: small ones stay in."""
_LINES = 16
"""Rows and columns that are looked at first, each. Larger: small margins are found; slower."""
_NEAR_PX, _FAR_PX = 3, 9
"""Pixels from a margin at which the picture is compared. Larger: softer edges count as sharp."""
_STEP, _MOSTLY = 0.6, 0.6
"""How high the picture is near a margin, in parts of how high it is farther on, and how often: a
background that was cut off at zero rises slowly, or its noise brings it back to zero. Larger: fewer
images have a margin."""
_EVERY_PX = 8
"""Pixels from one place to the next where that is asked. Larger: faster, from fewer places."""
SAMPLED = slice(_EVERY_PX // 2, None, _EVERY_PX)
"""The rows, and the columns, of these places."""
_LARGEST_NUCLEUS_PX = 96
"""Side in pixels of the squares that must fit in a picture. Larger: fewer images have a margin."""
_BAND_ROWS = 512
"""Of the sample that are looked at together. Larger: more memory beside a very large one."""
_LEAST_WIDE = 0.9
"""Share of what is not black that squares larger than nuclei must cover: nuclei that someone cut
out are not a picture with a margin. Larger: fewer images have one."""


def picture_mask(pixels: NDArray[Any]) -> Mask | None:
    """Return which pixels are not a margin; None if there is none.

    Stitched, registered, turned and blanked images have a black one: areas of the least level that
    end sharply. A white one is only known as a frame: whole rows and columns of the greatest level,
    because nuclei may be white, too.

    Parameters
    ----------
    pixels : ndarray, shape (rows, columns)
        Grey levels, all finite.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(200, 10, (300, 300))
    >>> picture_mask(image) is None
    True
    >>> image[:, :40] = 0
    >>> int((~picture_mask(image)).sum())
    12000
    """
    picture = _inside_white_frame(pixels)
    return _beside_black(pixels) if picture is None else picture


def is_exact(dtype: np.dtype[Any]) -> bool:
    """Tell whether the kernel takes pixels of a type as they are: whole grey levels of 16 bits."""
    return dtype.kind == "u" and dtype.itemsize <= 2


def size_seen(image: NDArray[Any], box: tuple[slice, ...]) -> int:
    """Return how many pixels of a box of an image are the picture.

    For detectors that leave the margin in: they find nothing there. It is looked for in planes of 8
    or 16 bits where it reaches an edge, which takes a hundredth of the time of such a detector.
    """
    is_looked_at = image.ndim == 2 and image.size and is_exact(image.dtype)
    if is_looked_at and may_have_margin(edges_of(image)):
        picture = picture_mask(np.ascontiguousarray(image, image.dtype.newbyteorder("=")))
        if picture is not None and picture[box].any():
            return int(np.count_nonzero(picture[box]))
    return math.prod(each.stop - each.start for each in box)


def bounding_box(picture: Mask) -> tuple[slice, slice]:
    """Return the rows and the columns from the first to the last with a pixel of the picture."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def fill_padding(pixels: NDArray[Any], picture: Mask) -> NDArray[Any]:
    """Return the pixels with the padding filled with the mirror image of the picture.

    Light, noise and crowding go on as they were, so that all that is measured of the image is
    measured of the picture. The mirror is the nearest edge along a row or a column.

    Parameters
    ----------
    pixels : ndarray, shape (rows, columns)
        Grey levels, all finite.
    picture : ndarray of bool, shape (rows, columns)
        Which of them are the picture.
    """
    result, known = np.array(pixels, order="C"), picture.astype(np.uint8)
    if mirror_unknown(result, known):
        result[known == 0] = np.median(pixels[picture])
    return result


def edges_of(pixels: NDArray[Any]) -> Edges:
    """Return the first and the last row and column."""
    return pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]


def may_have_margin(edges: Edges) -> bool:
    """Tell whether so much of the edges is of one level that a margin is looked for."""
    joined = np.concatenate(edges)
    ends = (np.count_nonzero(joined == end) for end in (joined.min(), joined.max()))
    return bool(max(ends) >= _LEAST_BLACK)


def level_of_frame(edges: Edges) -> Any:
    """Return the greatest level that a whole edge has; None if there is none."""
    plain = (edge[0] for edge in edges if edge[0] == edge[-1] and (edge == edge[0]).all())
    return max(plain, default=None)


def _inside_white_frame(pixels: NDArray[Any]) -> Mask | None:
    frame = level_of_frame(edges_of(pixels))
    if frame is not None and pixels.min() < frame == pixels.max():
        mask = np.zeros(pixels.shape, np.bool_)
        mask[bounding_box(pixels < frame)] = True
        return mask
    return None


def _beside_black(pixels: NDArray[Any]) -> Mask | None:
    down, across = line_steps(pixels.shape)
    if count_least(pixels, (down, across)) < _LEAST_BLACK:
        return None
    black = level_of_margin(pixels[::down], np.ascontiguousarray(pixels[:, ::across].T))
    if black is None:
        return None
    picture: Mask = pixels != black
    if not is_wide(picture[SAMPLED, SAMPLED]):
        return None
    if picture[bounding_box(picture)].all():
        return picture
    margin = widened(~picture)
    return ~margin if margin.any() else None


@functools.lru_cache
def line_steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return from how many rows and columns one is looked at first."""
    return tuple(max(1, n // _LINES) for n in shape)


def level_of_margin(rows: NDArray[Any], columns: NDArray[Any]) -> float | None:
    """Return the least level of these rows and columns, if areas of it end sharply."""
    black = float(min(rows.min(), columns.min()))
    if np.count_nonzero(rows == black) + np.count_nonzero(columns == black) < _LEAST_BLACK:
        return None
    is_margin = _ends_sharply((rows, rows[:, ::-1], columns, columns[:, ::-1]), black)
    return black if is_margin else None


def _ends_sharply(directions: Iterable[NDArray[Any]], black: float) -> bool:
    """Whether lines that come out of black are at once as high as farther on."""
    sharp = []
    for lines in directions:
        near, far = _out_of_black(lines, black)
        sharp.append((far > 0) & (near >= _STEP * far))
    found = np.concatenate(sharp)
    return found.size > 0 and float(found.mean()) >= _MOSTLY


def _out_of_black(lines: NDArray[Any], black: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the heights above black near the ends of it, and those farther on.

    Black is three pixels long, or at the edge of the image.
    """
    dark = np.pad(lines == black, ((0, 0), (2, 0)), mode="edge")
    ends = dark[:, :-3] & dark[:, 1:-2] & dark[:, 2:-1] & ~dark[:, 3:]
    line, last = np.nonzero(ends[:, : max(0, lines.shape[1] - _FAR_PX)])
    near, far = (lines[line, last + apart] - black for apart in (_NEAR_PX, _FAR_PX))
    return near, far


def is_wide(sample: Mask, every_px: int = _EVERY_PX) -> bool:
    """Tell whether squares larger than a nucleus cover most of the picture, by `SAMPLED` pixels.

    Or by others that are so far apart.
    """
    side = min(_LARGEST_NUCLEUS_PX // every_px, min(sample.shape) // 3)
    if side < 1 or not sample.any():
        return False
    covered = sum(
        _covered(sample, side, top, top + _BAND_ROWS) for top in range(0, len(sample), _BAND_ROWS)
    )
    return bool(covered >= _LEAST_WIDE * np.count_nonzero(sample))


def _covered(mask: Mask, side: int, top: int, bottom: int) -> int:
    """Return how many pixels of some rows lie in a square of that side that the mask fills."""
    first = max(0, top - side + 1)
    band = mask[first : bottom + side - 1]
    squares = _in_windows(np.logical_and, band, side)
    covered = _in_windows(np.logical_or, np.pad(squares, side - 1), side)
    return int(np.count_nonzero(covered[top - first : bottom - first]))


def _in_windows(combine: np.ufunc, mask: Mask, side: int) -> Mask:
    """Return what the pixels of each square of a mask make together."""
    for axis in (0, 1):
        lines, size = np.swapaxes(mask, 0, axis), 1
        while 2 * size < side:
            lines, size = combine(lines[:-size], lines[size:]), 2 * size
        rest = side - size
        lines = combine(lines[: len(lines) - rest], lines[rest:])
        mask = np.swapaxes(lines, 0, axis)
    return mask


def widened(mask: Mask) -> Mask:
    """Return the mask without what is narrower than three pixels, and a pixel wider.

    At the edges it goes on. The pixel is what turning an image makes of a margin and the picture.
    """
    for combine in (np.logical_and, np.logical_or, np.logical_or):
        for axis in (0, 1):
            mask = np.swapaxes(mask, 0, axis)
            wide = np.concatenate((mask[:1], mask, mask[-1:]))
            mask = np.swapaxes(combine(combine(wide[:-2], wide[1:-1]), wide[2:]), 0, axis)
    return mask
