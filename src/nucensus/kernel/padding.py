"""Padding of an image, filled with the mirror image of what it surrounds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .binding import call


def mirror_unknown(pixels: NDArray[Any], known: NDArray[np.uint8]) -> int:
    """Fill the pixels that are not known, in place; return how many nothing mirrors.

    Parameters
    ----------
    pixels : ndarray, shape (rows, columns), contiguous
        Of any dtype.
    known : ndarray of uint8, shape (rows, columns), contiguous
        1 where a pixel is known; set where one was filled.
    """
    scratch = np.empty(known.size + known.shape[1], np.int32)
    unknown = np.zeros((), np.int64)
    call(
        "nucensus_mirror", f"fill the padding of an image of shape {pixels.shape}",
        pixels, pixels.itemsize, known, *known.shape, scratch, unknown,
    )  # fmt: skip
    return int(unknown)
