"""Say what is odd about the pixels of an image that was counted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detect import note_on_mask
from ..values import Centres, Settings

_WRAPPED = 20
"""Pairs of neighbours that are farther apart than half of what their type holds, from which on
numbers seem to have no sign. Larger: the rim of one saturated nucleus goes unseen."""


def note_on_pixels(pixels: NDArray[Any], centres: Centres, settings: Settings) -> str:
    """Return what to say of an image beside its count; "" where nothing is odd."""
    odd = note_on_infinite(centres) if settings.are_numbers else note_on_mask(pixels)
    return odd or _note_on_gaps(pixels) or _note_on_signs(pixels)


def note_on_infinite(centres: Centres) -> str:
    """Return what to say of infinite grey levels, which are the maxima of all that is near them."""
    count = np.count_nonzero(np.isinf(centres.intensities))
    if not count:
        return ""
    return (
        f"{count} of the {len(centres.intensities)} nuclei are infinitely bright: they are pixels "
        f"beside grey levels that are no numbers; replace these, or count with --detector auto"
    )


def _note_on_gaps(pixels: NDArray[Any]) -> str:
    """Return what to say of pixels that are no numbers, unless they are a margin."""
    if pixels.dtype.kind != "f":
        return ""
    gaps = ~np.isfinite(pixels)
    if not gaps.any() or not (gaps & ~_reaches_edge(gaps)).any():
        return ""
    return (
        "pixels within the image are no numbers (NaN or infinite): nuclei there are lost, or "
        "found in part; look where they come from"
    )


def _reaches_edge(gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which gaps go on to an edge of the image, along a row or a column."""
    reaching = np.zeros_like(gaps)
    for axis in (-1, -2):
        reaching |= np.logical_and.accumulate(gaps, axis=axis)
        from_end = np.flip(np.logical_and.accumulate(np.flip(gaps, axis), axis=axis), axis)
        reaching |= from_end
    return reaching


def _note_on_signs(pixels: NDArray[Any]) -> str:
    """Return what to say of numbers that seem to be those of a type without a sign."""
    if pixels.dtype.kind != "i" or pixels.dtype.itemsize > 2:
        return ""
    half = 1 << (8 * pixels.dtype.itemsize - 1)
    if int(pixels.max()) - int(pixels.min()) <= half:
        return ""
    count = sum(
        np.count_nonzero(abs(np.diff(row.astype(np.int32))) > half)
        for row in pixels.reshape(-1, pixels.shape[-1])
    )
    if count < _WRAPPED:
        return ""
    return (
        f"the file says that its grey levels have a sign, and {count:,} neighbours are farther "
        f"apart than half of all levels: they may be levels without a sign, of which the brightest "
        f"are read as negative; save the image as uint{8 * pixels.dtype.itemsize}"
    )
