"""Find the function that the user means, and let it travel to a fresh process."""

import contextlib
import importlib
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from ..._dataclass import dataclass
from ...errors import InputError
from ...execute.by_value import dumps_by_value

Function: TypeAlias = Callable[[Any], Any] | str


@dataclass(frozen=True, slots=True)
class Source:
    """A function: where it is written, or what it is.

    Attributes
    ----------
    name : str
        What it is called in tables.
    place : str
        FILE.py:name or package.module:name; "" if it was given as an object.
    pickled : bytes
        The object.
    """

    name: str
    place: str = ""
    pickled: bytes = b""

    def load(self) -> Callable[..., Any]:
        """Return the function: imported, or as it was given.

        Raises
        ------
        InputError
            There is no such file or name, or it is no function.
        """
        if not self.place:
            function: Callable[..., Any] = pickle.loads(self.pickled)
            return function
        file, _, name = self.place.rpartition(":")
        module = _import_file(file) if file.endswith(".py") else _import_module(file)
        found = getattr(module, name, None)
        if not callable(found):
            named = [key for key, each in vars(module).items() if _is_own(each, module)]
            raise InputError(
                f"{name!r} is no function of {file!r}; expected one of its own functions: "
                f"{', '.join(named) or 'there is none'}; check the name behind the colon"
            )
        return found  # type: ignore[no-any-return]


def source_of(function: Function) -> Source:
    """Return what the user means: a function, FILE.py:name or package.module:name."""
    if callable(function):
        name = getattr(function, "__name__", None) or type(function).__name__
        return Source(name, pickled=dumps_for_child(function))
    file, colon, name = function.rpartition(":")
    if not colon or not name.isidentifier():
        raise InputError(
            f"the function is {function!r}; expected FILE.py:NAME or MODULE:NAME, as in "
            f"mine.py:count"
        )
    if file.endswith(".py"):
        if not os.path.isfile(file):
            raise InputError(
                f"{file!r} is not there; expected a Python file with the function {name!r}; check "
                f"the path"
            )
        return Source(name, f"{os.path.abspath(file)}:{name}")
    return Source(name, function)


def dumps_for_child(value: Any) -> bytes:
    """Pickle a value for a process that does not run this main program: its functions by value."""
    import cloudpickle

    with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
        return dumps_by_value(value)
    try:
        pickled: bytes = cloudpickle.dumps(value)  # a lambda of a module, too
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"the function cannot be sent to a fresh process ({error}); expected one that holds no "
            f"open files, locks or connections; open them inside it"
        ) from error
    return pickled


def _import_file(path: str) -> Any:
    """Import a file under its own name, as its workers can, too."""
    folder, file = os.path.split(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = _import_module(file.removesuffix(".py"))
    if os.path.realpath(module.__file__ or "") != os.path.realpath(path):
        raise InputError(
            f"{path!r} is called like the module {module.__name__!r}, which is imported in its "
            f"place; expected a name of its own; rename the file"
        )
    return module


def _import_module(name: str) -> Any:
    if (cwd := os.getcwd()) not in sys.path:
        sys.path.insert(0, cwd)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise InputError(
            f"there is no module {name!r}; expected one that can be imported here; install it, or "
            f"give its file, as in mine.py:count"
        ) from error


def _is_own(value: Any, module: Any) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__
