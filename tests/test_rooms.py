"""What a room offers is the same whichever of its modules were imported before."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import nucensus

ROOMS = ("batch", "detect", "discover", "kernel", "store", "values")


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_of_a_room_hides_what_the_room_offers(room):
    home = importlib.import_module(f"{nucensus.__name__}.{room}")
    for module in pkgutil.iter_modules(home.__path__, f"{home.__name__}."):
        importlib.import_module(module.name)
    offered = {name: getattr(home, name) for name in home.__all__}
    modules = [name for name, value in offered.items() if isinstance(value, ModuleType)]
    assert offered
    assert modules == []
