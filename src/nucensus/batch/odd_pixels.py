"""Say what is odd about the pixels of an image that was counted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detect import note_on_mask
from ..values import Centres, Settings


def note_on_pixels(pixels: NDArray[Any], centres: Centres, settings: Settings) -> str:
    """Return what to say of an image beside its count; "" where nothing is odd."""
    if settings.are_numbers:
        return note_on_infinite(centres) or _note_on_gaps(pixels)
    return note_on_mask(pixels) or _note_on_gaps(pixels)


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
