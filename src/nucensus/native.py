"""Open the compiled library that lies beside the package."""

import ctypes
import functools
import importlib.util
from collections.abc import Callable
from typing import Any


def open_library() -> ctypes.CDLL:
    """Return a new handle of the library, whose functions have no argument types yet."""
    spec = importlib.util.find_spec("nucensus._kernel")
    if spec is None or spec.origin is None:
        raise ImportError(
            "the compiled kernel nucensus._kernel is not beside the package; expected it to be "
            "installed with it; install nucensus again from a wheel or with a C++ compiler"
        )
    return ctypes.CDLL(spec.origin)


@functools.cache
def open_function(name: str, *argument_types: Any) -> Callable[..., int]:
    """Return a function of the library that takes these types and returns a 64-bit number."""
    function = getattr(open_library(), name)
    function.restype = ctypes.c_int64
    function.argtypes = argument_types
    return function  # type: ignore[no-any-return]  # ctypes finds it by its name
