"""Check what a run file says of its run: each fact has the shape that it was written with."""

import json
from typing import Any

from ..errors import SettingsError
from ..values import Settings

_MOST_BYTES = 1_000_000
_SHORT = ("version", "bottleneck", "machine", "settings", "selection", "strategy", "journal")

_NUMBER = (int, float)
_SHAPES: dict[str, Any] = {
    "settings": {"detector": str},
    "selection": {"shard": (str, type(None))},
    "strategy": {"name": str, "reason": str, "workers": (int, type(None))},
    "machine": {"processor": (str, type(None))},
    "listing": {"images": int, "digest": str},
    "estimates": {...: {...: _NUMBER, "radius_px": _NUMBER, "contrast": _NUMBER,
                        "image_count": int, "blank_count": int}},
    "sample": {"source": str, "run": (str, type(None)), "images": int, "unread": int,
               "unread_names": [str], "short": {...: [int]}},
    "starts": [{"started": _NUMBER, "seconds": _NUMBER, "images": int}],
    "wells": [{...: str, "well": str}],
    "shards": [{"shard": str, "run": str, "images": int}],
    "files": [str], "vanished_names": [str], "left_out": [str],
    "started": _NUMBER, "seconds": _NUMBER, "vanished": int, "is_learning": bool,
    "version": str, "bottleneck": str, "journal": str, "inputs": str,
    "places": (str, type(None)), "sampled": (str, type(None)), "adopted": str, "tables": dict,
}  # fmt: skip
"""The shape of each fact: types, a list of one shape, or entries by name; `...` is any name."""


def is_fact(name: Any, value: Any) -> bool:
    """Tell whether `value` is JSON of what is recorded under `name`."""
    try:
        if name in _SHORT and len(value) > _MOST_BYTES:
            return False
        fact = json.loads(value)
        if name == "settings":
            Settings.of_run(fact)
    except (ValueError, TypeError, KeyError, RecursionError, SettingsError):
        return False
    return _fits(fact, _SHAPES.get(name, object))


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(each, shape[0]) for each in value)
    if not isinstance(shape, dict):
        return isinstance(value, shape)
    needed = {name for name in shape if name is not ...}
    return (
        isinstance(value, dict)
        and needed <= value.keys()
        and all(
            _fits(each, shape.get(name, shape.get(..., object))) for name, each in value.items()
        )
    )
