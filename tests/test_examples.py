"""The examples in docstrings show what the functions return."""

import doctest
from pathlib import Path

import pytest

import nucensus

SOURCE = Path(nucensus.__file__).parent
EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_the_examples_of_a_module_hold(path):
    name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
    module = pytest.importorskip(name.removesuffix(".__init__"))
    assert doctest.testmod(module).failed == 0
