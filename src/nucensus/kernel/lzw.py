"""Bytes that are compressed with LZW, as TIFF 6.0 has it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .binding import call


def decode_lzw(
    encoded: NDArray[np.uint8],
    lengths: Sequence[int],
    decoded: NDArray[np.uint8],
    sizes: Sequence[int],
) -> bool:
    """Decode strips or tiles that lie one behind the other; tell whether all of them decode.

    Those of the first years of TIFF do not, whose codes begin with their lowest bit; nor do those
    that are damaged, or too short. What is too long is left out.

    Parameters
    ----------
    encoded : ndarray of uint8, shape (sum of lengths,), contiguous
    lengths : sequence of int
        The bytes of each.
    decoded : ndarray of uint8, shape (sum of sizes,), contiguous
        What is filled.
    sizes : sequence of int
        The bytes that each is to give.

    Examples
    --------
    >>> decoded = np.empty(3, np.uint8)
    >>> decode_lzw(np.array([128, 16, 96, 80, 16], np.uint8), [5], decoded, [3]), decoded.tolist()
    (True, [65, 65, 65])
    """
    if sum(lengths) != encoded.size or sum(sizes) != decoded.size or len(lengths) != len(sizes):
        raise ValueError(
            f"{len(lengths)} strips of {sum(lengths)} bytes for {len(sizes)} of {sum(sizes)} were "
            f"given with arrays of {encoded.size} and {decoded.size} bytes; expected as many"
        )
    before, after = np.array(lengths, np.int64), np.array(sizes, np.int64)
    done = np.zeros((), np.int64)
    call(
        "nucensus_decode_lzw", f"decode {len(lengths)} strips",
        encoded, before, len(lengths), decoded, after, done,
    )  # fmt: skip
    return int(done) == len(lengths)
