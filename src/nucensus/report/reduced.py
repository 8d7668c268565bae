"""Read an image for a picture that has fewer pixels; a large one part by part."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detect.walk import Piece, walk
from ..machine import usable_cores
from ..read import open_in_parts, read
from ..values import Header, Plane
from ..values.parts import Parts, parts_of_array

_WHOLE_BYTES = 32 << 20
"""Of an image that is read and reduced at once. Larger: more memory, five times as much."""


class _DividedError(Exception):
    """Said of an image that is read part by part."""


def read_reduced(path: str, plane: Plane, longest_px: int) -> tuple[NDArray[np.float32], int]:
    """Return the means of blocks of an image, and how many pixels a block has along a side.

    Parameters
    ----------
    path : path or address
    plane : Plane
    longest_px : int
        No side has more blocks.

    Returns
    -------
    means : ndarray of float32, shape (rows, columns)
        The last blocks repeat the edge; what is not finite is 0.
    step : int
    """
    try:
        pixels = read(path, plane, _refuse_divided)
    except _DividedError:
        with open_in_parts(path, plane) as image:
            step = _step(image.parts.shape, longest_px)
            return reduced_in_parts(image.parts, step), step
    step = _step(pixels.shape, longest_px)
    if pixels.nbytes > _WHOLE_BYTES:
        return reduced_in_parts(parts_of_array(pixels), step), step
    return reduced(pixels, step), step


def _refuse_divided(header: Header) -> None:
    if header.size_bytes > _WHOLE_BYTES and header.has_parts():
        raise _DividedError


def _step(shape: tuple[int, ...], longest_px: int) -> int:
    return -(-max(shape) // longest_px)


def _finite(pixels: NDArray[Any]) -> NDArray[np.float32]:
    finite: NDArray[np.float32] = np.nan_to_num(pixels.astype(np.float32), posinf=0, neginf=0)
    return finite


def reduced(image: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Return the means of blocks of `step` x `step` pixels; the last ones repeat the edge."""
    pixels = _finite(image)
    if step == 1:
        return pixels
    rows, columns = (-size % step for size in pixels.shape)
    padded = np.pad(pixels, ((0, rows), (0, columns)), mode="edge")
    height, width = padded.shape[0] // step, padded.shape[1] // step
    means: NDArray[np.float32] = padded.reshape(height, step, width, step).mean(axis=(1, 3))
    return means


def reduced_in_parts(plane: Parts, step: int) -> NDArray[np.float32]:
    """Return the same of an image in parts; the last blocks are the means of what there is."""
    places = [np.arange(size) // step for size in plane.shape]
    sums = np.zeros([int(each[-1]) + 1 for each in places])

    def add_up(piece: Piece) -> tuple[slice, slice, NDArray[np.float64]]:
        found, own, spans = piece.pixels, piece.own, []
        if found.dtype.kind == "f":
            found = _finite(found)
        for axis, (first, beyond) in enumerate((own[:2], own[2:])):
            of = places[axis][first:beyond]
            starts = np.flatnonzero(np.diff(of, prepend=-1))
            found = np.add.reduceat(found, starts, axis=axis, dtype=np.float64)
            spans.append(slice(int(of[0]), int(of[-1]) + 1))
        return spans[0], spans[1], found

    for rows, columns, found in walk(plane, add_up, reach=(0, 0), threads=usable_cores()):
        sums[rows, columns] += found
    counts = np.multiply.outer(*(np.bincount(each) for each in places))
    return (sums / counts).astype(np.float32)
