"""Turn dark nuclei into bright ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..values import Settings


def upright(image: NDArray[Any], settings: Settings) -> NDArray[Any]:
    """Turn dark into bright where that is asked for, as `skimage.util.invert` does."""
    if not settings.invert:
        return image
    return 1 - image if image.dtype.kind == "f" else np.invert(image)
