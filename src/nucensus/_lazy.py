"""Modules that are imported when they are asked for, as attributes of their room."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType


def modules_of(room: str, *names: str) -> Callable[[str], ModuleType]:
    """Return the `__getattr__` of a room, which imports these modules of it."""

    def find(name: str) -> ModuleType:
        if name not in names:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return import_module(f"{room}.{name}")

    return find
