"""Look at a part of an image: all that is known of an image before anything is found in it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernel import Ground, Samples, Window
from ..values import Settings
from ..values.parts import Area, Parts
from .fields import sums_of_level, sums_of_squares
from .levels import PlacedSamples, noise_samples_in
from .masks import rows_that_tell
from .padding_in_parts import PartOfLines, lines_in, within
from .upright import upright
from .walk import Piece

_ROWS_AT_ONCE = 128
"""Of any area that is read, where rows are as wide as the image. Larger: more memory."""


class Looked(NamedTuple):
    """What a part tells.

    Attributes
    ----------
    own : Area
    is_left_out : bool
        Whether the file leaves its pixels out, which are all alike.
    sums : ndarray of float32
        Of its squares, as `Heights` has them.
    lines : PartOfLines
    noise : list of PlacedSamples
    rows : ndarray
        Of those that tell whether the image is a mask, what lies in the part.
    samples : Samples or None
        Of the background, where they were asked for and taken in another process.
    """

    own: Area
    is_left_out: bool
    sums: NDArray[np.float32]
    lines: PartOfLines
    noise: list[PlacedSamples]
    rows: NDArray[Any]
    samples: Samples | None


class LookAtPart:
    """Looks at parts, also in another process.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the plane.
    settings : Settings
    window : callable
        Returns where a part lies on the working grid, by its area and that with what is around it.
    ground : Ground or None
        What is sampled, if anything is.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        settings: Settings,
        window: Callable[[Area, Area], Window],
        ground: Ground | None,
    ) -> None:
        self._shape, self._settings, self._window, self.ground = shape, settings, window, ground

    def __call__(self, piece: Piece) -> Looked:
        """Look at a part."""
        own, raw, samples = piece.own, piece.pixels[piece.own.cut(piece.around)], None
        if piece.fill is None:
            pixels = as_kernel_takes(piece.pixels, self._settings)
            if self.ground is not None:
                samples = self.ground.sample(pixels, self._window(own, piece.around))
            pixels = pixels[own.cut(piece.around)]
            sums = sums_of_squares(pixels)
        else:
            pixels = upright(raw, self._settings)
            sums = sums_of_level(own.shape, float(pixels[0, 0]))
        places = rows_that_tell(self._shape[0])
        some = places[within(places, *own[:2])]
        return Looked(
            own, piece.fill is not None, sums, lines_in(self._shape, own, pixels),
            noise_samples_in(self._shape, own.top, own.left, pixels), raw[some - own.top], samples,
        )  # fmt: skip


def as_kernel_takes(pixels: NDArray[Any], settings: Settings) -> NDArray[Any]:
    """Return pixels as the kernel takes them."""
    turned = upright(pixels, settings)
    return np.ascontiguousarray(turned, turned.dtype.newbyteorder("="))


def read_area(settings: Settings, plane: Parts, area: Area) -> NDArray[Any]:
    """Return the pixels of any area of a plane, as the kernel takes them."""
    (height, width), (down, across) = plane.shape, plane.step
    left, right = area.left // across * across, min(width, -(-area.right // across) * across)
    rows = down * max(1, _ROWS_AT_ONCE // down)
    pixels = np.empty(area.shape, plane.dtype.newbyteorder("="))
    for top in range(area.top // down * down, area.bottom, rows):
        around = Area(top, min(height, top + rows), left, right)
        shared = around.shared(area)
        pixels[shared.cut(area)] = plane.read(around)[shared.cut(around)]
    return as_kernel_takes(pixels, settings)
