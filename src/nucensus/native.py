"""Open the compiled library that lies beside the package."""

import ctypes
import importlib.util


def open_library() -> ctypes.CDLL:
    """Return a new handle of the library, whose functions have no argument types yet."""
    spec = importlib.util.find_spec("nucensus._kernel")
    if spec is None or spec.origin is None:
        raise ImportError(
            "the compiled kernel nucensus._kernel is not beside the package; expected it to be "
            "installed with it; install nucensus again from a wheel or with a C++ compiler"
        )
    return ctypes.CDLL(spec.origin)
