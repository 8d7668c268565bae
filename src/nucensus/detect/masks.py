"""Tell masks and label images from pictures: they have no grey levels to count nuclei by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

_ROWS = 64
"""So many rows tell."""
_ALIKE, _AT_EDGES = 0.98, 0.4
"""Share of neighbours in regions that are equal, and of those that are at an edge, in a mask. In
pictures noise and shading make most neighbours unlike."""
_LEAST_EQUAL = _ALIKE * (1 - _AT_EDGES)
"""Share of all neighbours that are equal in any mask: all in the background, nearly all in regions,
and none at an edge."""

_NOTE = (
    "every region is of one grey level, as in a mask or a label image: nuclei that touch may be "
    "one; count the picture that it was made of"
)


def refuse_mask(image: NDArray[Any]) -> None:
    """Raise if the pixels are true or false: no size, contrast or noise can be learned of them."""
    if image.dtype == bool:
        raise SettingsError(
            "the image is black and white (1 bit), a mask; expected grey levels; count the picture "
            "that it was made of, or the regions of the mask with scipy.ndimage.label; with "
            "numbers for sigma, min_distance and a threshold below 1 its smoothed maxima are "
            "counted, as in any image"
        )


def rows_that_tell(height: int) -> NDArray[np.int64]:
    """Return the rows of an image of that height that tell."""
    return np.arange(0, height, max(1, height // _ROWS))


def note_on_mask(image: NDArray[Any]) -> str:
    """Return what to say of an image that looks like a mask or a label image; "" of others.

    Examples
    --------
    >>> y, x = np.mgrid[:60, :60]
    >>> mask = ((y % 30 - 15) ** 2 + (x % 30 - 15) ** 2 < 60) * np.uint8(255)
    >>> bool(note_on_mask(mask)), bool(note_on_mask(mask + y.astype(np.uint8)))
    (True, False)
    """
    if image.dtype.kind not in "ui" or image.ndim != 2 or not image.size:
        return ""
    rows = image[rows_that_tell(len(image))]
    are_equal = rows[:, :-1] == rows[:, 1:]
    if np.count_nonzero(are_equal) < _LEAST_EQUAL * are_equal.size:
        return ""
    is_region = rows > rows.min()
    left, right = is_region[:, :-1], is_region[:, 1:]
    inside, at_edge = left & right, np.count_nonzero(left != right)
    count = np.count_nonzero(inside)
    alike = np.count_nonzero(are_equal & inside)
    is_mask = at_edge and alike >= _ALIKE * count and at_edge <= _AT_EDGES * (count + at_edge)
    return _NOTE if is_mask else ""
