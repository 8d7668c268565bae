"""Take the image that was given to a function as an array."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_image(image: Any) -> NDArray[Any]:
    """Return `image` as an array.

    Raises
    ------
    TypeError
        It is the name of a file, or nothing, or a part of it is masked.
    """
    if type(image) is np.ndarray:  # as nearly always
        return image
    if image is None:
        raise TypeError("the image is None; expected an array of height x width")
    if isinstance(image, str | os.PathLike):
        name = os.fspath(image)
        raise TypeError(
            f"the image is {name!r}; expected its pixels, an array of height x width; read it "
            f"first, as with tifffile.imread, or give the file to process_images or census"
        )
    if isinstance(image, np.ndarray) and np.any(getattr(image, "mask", False)):
        raise TypeError(
            "the image is a masked array, and what its mask hides would be counted, too; expected "
            "plain pixels; fill it, as with image.filled(image.min())"
        )
    return np.asarray(image)
