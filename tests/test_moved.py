"""Modules that were renamed can be imported as before."""

import importlib

import pytest

import nucensus
from nucensus._moved import _MOVED


@pytest.mark.parametrize(("old", "new"), _MOVED.items())
def test_a_module_is_found_by_its_old_name_with_a_word(old, new):
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new} now"):
        module = importlib.import_module(old)
    assert module is importlib.import_module(new)
    assert module.__spec__.name == new


def test_the_rooms_that_people_use_are_there_after_the_import():
    assert issubclass(nucensus.errors.InputError, Exception)
    assert callable(nucensus.score.agreement.score_run)
