"""Measure what it costs to hold all images in memory: to fill it, and to fork a process with it."""

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from ...machine import can_fork

_ENOUGH_S, _MOST_BYTES = 0.1, 64 << 20
"""So long images are loaded, and so much memory is filled, at most. Larger: surer, and longer."""


def keeping_s(load_one: Callable[[Any], Any], images: Sequence[Any]) -> float:
    """Return what it takes longer to load an image where all stay in memory than where none does.

    Memory that was not used before comes from the system page by page, and is cleared first.
    """
    kept: list[Any] = []
    kept_s: list[float] = []
    dropped_s: list[float] = []
    for image in images:
        for samples, keep in ((dropped_s, list[Any]().append), (kept_s, kept.append)):
            start = time.perf_counter()
            keep(load_one(image))
            samples.append(time.perf_counter() - start)
        held = sum(getattr(each, "nbytes", 0) for each in kept)
        if sum(kept_s) + sum(dropped_s) > _ENOUGH_S or held > _MOST_BYTES:
            break
    return max(0.0, median(kept_s) - median(dropped_s))


def forking_s(image: Any) -> float:
    """Return what an image in memory adds to a fork of this process; 0 where none is forked."""
    size_bytes = getattr(image, "nbytes", 0)
    if not (can_fork() and size_bytes):
        return 0.0
    without_s = _fork_s()
    held = [np.ones_like(image) for _ in range(max(1, _MOST_BYTES // size_bytes))]
    return max(0.0, _fork_s() - without_s) / len(held)


def _fork_s() -> float:
    """Return what it takes to fork this process, and until the copy has ended."""
    samples = []
    for _ in range(3):
        start = time.perf_counter()
        if (process := os.fork()) == 0:
            os._exit(0)
        os.waitpid(process, 0)
        samples.append(time.perf_counter() - start)
    return min(samples)
