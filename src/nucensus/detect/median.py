"""The median, without the masked arrays that NumPy imports for its own: that takes 10 ms."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[np.floating[Any]]) -> float:
    """Return the median of one or more numbers, none NaN, as `numpy.median` computes it."""
    half = len(values) // 2
    low = half if len(values) % 2 else half - 1
    parted = np.partition(values, (low, half))
    return float((parted[low] + parted[half]) / 2)
