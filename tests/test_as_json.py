"""What commands print as JSON is what the standard library would print."""

import json
from pathlib import Path

import numpy as np
import pytest

from nucensus.cli import as_json
from nucensus.cli.as_json import print_json

VALUES = [
    {}, [], {"a": {}, "b": []}, [[1, [2.5, "µ\udce9\n"]], {"x": None, "y": True}], "text", 3, None,
    {"plates": [{"wells": {"A01": 3, "A02": 0}, "missing": ["s 1"]}] * 3, "left out": [""]},
]  # fmt: skip


@pytest.mark.parametrize("at_once", [1, 3, 4096])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_it_is_indented_as_by_the_standard_library(value, at_once, monkeypatch):
    monkeypatch.setattr(as_json, "_PIECES", at_once)
    monkeypatch.setattr(as_json.click, "echo", lambda text="\n", **_: said.append(text))
    said = []
    print_json(value)
    assert "".join(said) == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def test_what_is_not_in_json_is_made_so(capsys):
    print_json({
        1: map(str, range(3)), "path": Path("a/b"), "none": iter(()),
        "numbers": (np.int64(3), np.float64(0.5), float("nan"), np.inf),
    })  # fmt: skip
    assert json.loads(capsys.readouterr().out) == {
        "1": ["0", "1", "2"], "path": "a/b", "none": [], "numbers": [3, 0.5, None, None],
    }  # fmt: skip
