"""Take uneven light out of images: read an image of the light, or draw what was learned."""

import functools
import os
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detect import Resolved, find_nuclei
from ..detect.light import Lit, is_saturated
from ..detect.masks import refuse_mask
from ..errors import InputError, NucensusError, ReadError, reason_of
from ..read import read
from ..remote import absolute, open_to_read
from ..values import Centres, Settings
from ..values.flat_field import FlatField, checked_gain, divided
from .content import file_hash

_FULL_SHARE = 0.01
"""Of the pixels of an image of light at the greatest level of their type, from which the light is
cut off. Larger: more is believed."""
_LEAST_SOLIDITY = 0.85
"""Of a nucleus that tells of the light. Larger: fewer clumps, and fewer nuclei."""


def flat_field_of(path: str) -> FlatField:
    """Return the flat field in a file: an image of any format, or an array that NumPy saved.

    Raises
    ------
    InputError
        It cannot be read, is saturated, or has pixels without light.
    """
    return _light_in(path)[0]


def _light_in(path: str) -> tuple[FlatField, NDArray[np.float32]]:
    """Return the flat field in a file, and the light of each pixel."""
    where = absolute(path)
    try:
        light, digest = _read(where), file_hash(where)
    except (OSError, ValueError, NucensusError) as error:
        raise InputError(
            f"the flat field {path!r} cannot be read ({reason_of(error)}); expected an image of "
            f"one channel, or an array that NumPy saved (.npy)"
        ) from error
    if light.dtype.kind in "iu":
        full = np.count_nonzero(light == np.iinfo(light.dtype).max)
        if full > _FULL_SHARE * light.size:
            raise InputError(
                f"the flat field {path!r} is saturated: {100 * full / light.size:.0f} % of its "
                f"pixels are at the greatest level; expected light within the range of the camera; "
                f"take it with a shorter exposure"
            )
    gain = checked_gain(light, repr(path))
    height, width = gain.shape
    darkest = round(float(gain.min() / gain.max()), 4)
    return FlatField(height, width, path=where, digest=digest, darkest=darkest), gain


def _read(path: str) -> NDArray[Any]:
    if os.path.splitext(path)[1].lower() != ".npy":
        return read(path)
    with open_to_read(path) as file:
        light: NDArray[Any] = np.load(file, allow_pickle=False)
    if light.ndim != 2 or light.dtype.kind not in "iuf":
        raise ValueError(f"it holds {light.dtype} of shape {light.shape}")
    return light


@functools.lru_cache(maxsize=4)
def _gain(light: FlatField) -> NDArray[np.float32]:
    """Return the light of each pixel; a file has to be as it was when the run was started."""
    if not light.path:
        return light.learned_gain()
    there, gain = _light_in(light.path)
    if (there.shape, there.digest) != (light.shape, light.digest):
        raise ReadError(f"the flat field {light.path!r} has changed since the run was started")
    return gain


def in_even_light(pixels: NDArray[Any], light: FlatField | None) -> NDArray[Any]:
    """Return an image as it would be in even light."""
    return pixels if light is None else divided(pixels, _gain(light))


def find_in_even_light(
    pixels: NDArray[Any], light: FlatField, settings: Settings, resolved: Resolved | None
) -> Centres:
    """Find the nuclei of an image in even light; what is saturated is told from it as it is."""
    refuse_mask(pixels)
    centres = find_nuclei(in_even_light(pixels, light), settings, resolved)
    if centres.flag is None and pixels.ndim == 2 and is_saturated(pixels, centres.points):
        return replace(centres, flag="saturated")
    return centres


def look_at_light(image: NDArray[Any]) -> Lit:
    """Find the nuclei of an image, and how bright they are."""
    found = find_nuclei(image, Settings(outlines=True))
    measured = found.measured
    assert measured is not None
    usable = (measured["touches_edge"] == 0) & (measured["solidity"] > _LEAST_SOLIDITY)
    usable &= measured["mean"] > 0
    return Lit(
        image.shape, found.points[usable].astype(np.float64), measured["mean"][usable],
        is_saturated(image, found.points),
    )  # fmt: skip
