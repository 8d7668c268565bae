"""Memory that was freed, which the C library may keep for what is asked for next."""

import ctypes
import functools
import sys
from typing import Any


def give_back_freed() -> None:
    """Give the system back what is free, where the library is one that keeps much of it: glibc.

    Between two goings through a large image that is some 50 MB. It takes about a millisecond.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Any:
    """Return the function that does it; None where there is none."""
    if sys.platform != "linux":
        return None
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim
