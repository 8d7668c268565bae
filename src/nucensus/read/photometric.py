"""Make grey levels of the numbers in a TIFF file, where they are anything else."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from . import ifd
from .ifd import Tags

_WHITE_IS_ZERO, _PALETTE, _YCBCR = 0, 3, 6
_JPEG, _APERIO_YCBCR = (6, 7), 33003
_LEAST_FLOAT = int(np.float32(1e-6).view(np.uint32))
_NO_GREY_LEVELS = {
    5: "inks, as CMYK", 6: "YCbCr", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*",
    32803: "the mosaic of a colour sensor", 32844: "LogL", 32845: "LogLuv",
}  # fmt: skip


def as_grey(pixels: NDArray[Any], tags: Tags) -> NDArray[Any]:
    """Return pixels whose larger numbers are brighter, of the page that `tags` describe.

    Where 0 is white they are turned over: so many are left to the largest number that the bits of
    a sample hold. The numbers of a palette are grey levels if its colours get brighter with them,
    as those of the lookup tables of ImageJ do.

    Raises
    ------
    ReadError
        The numbers are no grey levels, and not the red, green and blue of colours either.
    """
    if ifd.SAMPLE_FORMAT not in tags and _are_floats(pixels):
        raise ReadError(
            "the file says nothing of how its 32 bits a pixel are to be read, and as whole numbers "
            "all of them are near 10^9, as floating point from 10^-6 to 10^6; expected the tag "
            "SampleFormat; save the image as floating point again"
        )
    (photometric,) = tags.get(ifd.PHOTOMETRIC, (1,))
    if photometric == _WHITE_IS_ZERO:
        return _turned_over(pixels, tags.get(ifd.BITS, (1,))[0])
    if photometric == _PALETTE and not _gets_brighter(tags.get(ifd.PALETTE, ())):
        raise ReadError(
            "the pixels are numbers of colours in a palette; expected grey levels, or a palette "
            "that gets brighter with its numbers; save the image as grey levels"
        )
    (compression,) = tags.get(ifd.COMPRESSION, (1,))
    if compression == _APERIO_YCBCR and pixels.ndim == 4 and pixels.shape[-1] * len(pixels) > 1:
        photometric = _YCBCR  # whatever the tag says; tifffile does not convert it
    if photometric in _NO_GREY_LEVELS and not (compression in _JPEG and photometric == _YCBCR):
        raise ReadError(
            f"the pixels are colours stored as {_NO_GREY_LEVELS[photometric]}; expected grey "
            f"levels or RGB; convert the file"
        )
    return pixels


def _are_floats(pixels: NDArray[Any]) -> bool:
    """Tell whether whole numbers of 32 bits are floating point: so all of them are usual levels."""
    if pixels.dtype.newbyteorder("=") != np.uint32 or pixels.max(initial=0) < _LEAST_FLOAT:
        return False
    told = pixels[pixels != 0].astype(np.uint32).view(np.float32)
    is_usual = (told >= 1e-6) & (told <= 1e6)
    return told.size > 0 and bool(is_usual.all() and told.min() < told.max())


def _turned_over(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    if pixels.dtype.kind not in "bui":
        raise ReadError(
            "the file says that 0 is white, and its pixels are floating point, of which none is "
            "the blackest; expected whole numbers; save the image so that 0 is black"
        )
    turned: NDArray[Any] = np.empty_like(pixels)  # in the byte order that they have
    np.invert(pixels, out=turned)
    if pixels.dtype.kind == "u" and bits < 8 * pixels.dtype.itemsize:
        turned &= pixels.dtype.type((1 << bits) - 1)
    return turned


def _gets_brighter(palette: tuple[int, ...]) -> bool:
    """Tell whether the colours of a palette (all reds, greens, blues) get no darker."""
    if not palette or len(palette) % 3:
        return False
    brightness = np.reshape(palette, (3, -1)).sum(0)
    return bool((np.diff(brightness) >= 0).all()) and bool(brightness[0] < brightness[-1])
