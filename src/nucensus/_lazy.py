"""What a room has and imports only when it is asked for, so that commands start soon."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


def modules_of(room: str, *names: str) -> Callable[[str], ModuleType]:
    """Return the `__getattr__` of a room, which imports these modules of it."""

    def find(name: str) -> ModuleType:
        if name not in names:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return import_module(f"{room}.{name}")

    return find


def names_of(room: str, homes: dict[str, str], *, modules: str = "") -> Callable[[str], Any]:
    """Return the `__getattr__` of a room, which imports names from its modules, and `modules`.

    `homes` has the names of each module, with a blank between them. None may be called
    as a module of the room is, which Python puts in its place.
    """
    whole = modules.split()
    module_of = {name: module for module, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name in whole:
            return import_module(f"{room}.{name}")
        if name not in module_of:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(import_module(f"{room}.{module_of[name]}"), name)
        setattr(sys.modules[room], name, value)
        return value

    return find
