"""What some pixels of an image tell of it: how many are darkest, and how noisy one is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .binding import address, call, packed, structure_dtype
from .image import described, pixel_type


def count_least(pixels: NDArray[Any], steps: tuple[int, ...]) -> int:
    """Return how many pixels on some rows and columns have the least level there.

    Of so many rows, and columns, one is looked at. A pixel where they cross counts twice.
    """
    count = np.zeros((), np.int64)
    call(
        "nucensus_count_least", f"look for a margin in an image of shape {pixels.shape}",
        described(pixels), *steps, count,
    )  # fmt: skip
    return int(count)


def measure_noise(
    pixels: NDArray[Any], *, shape: tuple[int, int], steps: tuple[int, ...], apart: int
) -> tuple[float, float]:
    """Return the noise of a pixel of an image, and that of rounding, as `Levels` has them.

    Parameters
    ----------
    pixels : ndarray of uint8, uint16 or float32
        The image, shape (rows, columns), contiguous; or samples of it with the pixels below and
        beside each, shape (below, beside, rows, columns).
    shape : (int, int)
        Height and width of the image, more than `apart`, in pixels.
    steps : (int, int)
        From how many rows, and columns, one has samples.
    apart : int
        Pixels between those that are compared.
    """
    strides = pixels.strides
    if pixels.ndim == len(shape):
        strides += steps[0] * strides[0], steps[1] * strides[1]
    below, beside, to_row, to_column = [each // pixels.itemsize for each in strides]
    samples = packed(
        "NoiseSamples", pixels=address(pixels), height=shape[0], width=shape[1],
        down=steps[0], across=steps[1], to_row=to_row, to_column=to_column, below=below,
        beside=beside, apart=apart, pixel_type=pixel_type(pixels.dtype),
    )  # fmt: skip
    measured = np.zeros((), structure_dtype("NoiseMeasure"))
    call(
        "nucensus_measure_noise", f"measure the noise of an image of shape {shape}",
        samples, measured,
    )  # fmt: skip
    return float(measured["noise"]), float(measured["rounding"])
