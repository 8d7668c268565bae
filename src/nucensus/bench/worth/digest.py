"""Digest what a function returned, so that results of different processes can be compared."""

import hashlib
from collections.abc import Mapping, Set
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """Return a digest that is the same for equal arrays, numbers, texts and collections of them."""
    state = hashlib.sha256()
    try:
        _update(state, value)
    except RecursionError:  # it holds itself
        return ""
    return state.hexdigest()[:16]


def _update(state: Any, value: Any) -> None:
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        value = value.tolist()
    if isinstance(value, np.ndarray | np.generic):
        state.update(f"array{value.dtype}{value.shape}".encode())
        state.update(np.ascontiguousarray(value).tobytes())
    elif value is None or isinstance(value, str | bytes | bool | int | float | complex):
        state.update(f"{type(value).__name__}{value!r}".encode(errors="surrogatepass"))
    elif isinstance(value, BaseException):
        _update(state, (type(value).__name__, str(value)))
    elif isinstance(value, Mapping):
        state.update(b"mapping")
        for key, each in value.items():
            _update(state, key)
            _update(state, each)
    elif isinstance(value, Set):
        _update(state, sorted(map(digest, value)))
    elif isinstance(value, list | tuple):
        state.update(f"{type(value).__name__}{len(value)}".encode())
        for each in value:
            _update(state, each)
    else:
        _update_other(state, value)


def _update_other(state: Any, value: Any) -> None:
    state.update(type(value).__qualname__.encode())
    if isinstance(value, type) or callable(value):
        state.update(getattr(value, "__qualname__", "").encode())
        return
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 whatever a user's object raises
        return
    if isinstance(parts, str):
        state.update(parts.encode())
        return
    for each in parts[1:]:
        if hasattr(each, "__next__"):
            each = list(each)
        _update(state, each)
