"""An image that is read part by part, and what its header says for those who have not its file."""

from typing import NamedTuple

import numpy as np

from ..values import PixelSize, PlannedImage


class Opened(NamedTuple):
    """What the header says; the attributes are those of `Parts` and of the image."""

    shape: tuple[int, int]
    dtype: np.dtype
    step: tuple[int, int]
    is_decoded: bool
    pixel_size: PixelSize
    downsample: tuple[float, float]


class Divided(NamedTuple):
    """An image that is read while its nuclei are found.

    Attributes
    ----------
    planned : PlannedImage
    compression : str
    content : str or None
    opened : Opened or None
        Where its parts are to be spread over workers.
    """

    planned: PlannedImage
    compression: str
    content: str | None
    opened: Opened | None = None
