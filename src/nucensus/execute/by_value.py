"""Pickle functions: by their name where workers can import it, else by what they are.

What is defined in a notebook or at a prompt no other process can import. What belongs to a module
travels by its name.
"""

import functools
import io
import os
import pickle
import sys
import types
from typing import Any


def dumps(value: Any, *, is_for_workers: bool = False) -> bytes:
    """Pickle a value; with `is_for_workers`, so that a process that starts anew can open it.

    Raises
    ------
    pickle.PicklingError, AttributeError, TypeError
        It cannot be pickled, as a lambda of a module cannot.
    """
    from multiprocessing.reduction import ForkingPickler

    if is_for_workers and not main_is_a_file():
        return dumps_by_value(value)
    try:
        return bytes(ForkingPickler.dumps(value))
    except (pickle.PicklingError, AttributeError, TypeError):
        return dumps_by_value(value)


def main_is_a_file() -> bool:
    """Tell whether workers run the file of the main program, as `multiprocessing` lets them."""
    return os.path.exists(getattr(sys.modules["__main__"], "__file__", ""))


def dumps_by_value(value: Any) -> bytes:
    """Pickle a value with the functions of the main program by what they are."""
    file = io.BytesIO()
    _pickler_class()(file).dump(value)
    return file.getvalue()


@functools.cache
def _pickler_class() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        """Pickle by value the functions of the main program, and no others."""

        def reducer_override(self, value: Any) -> Any:
            is_of_main = getattr(value, "__module__", None) == "__main__"
            if isinstance(value, types.FunctionType) and not is_of_main:
                return NotImplemented
            if isinstance(value, functools._lru_cache_wrapper) and is_of_main:
                return _cached, (value.__wrapped__, value.cache_parameters())
            return super().reducer_override(value)

    return Pickler


def _cached(function: Any, parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)
