"""Watch how much memory a process and all its children hold together."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_EVERY_S = 0.03
"""Seconds between two measurements. Larger: short peaks are missed."""
_MOST_SHARE = 0.02
"""The share of a core that watching may take. Linux goes through all pages of each process: some ms
of a pool, more where it holds many images. Larger: pools seem slower than they are."""


def watch_memory(pid: int, done: threading.Event) -> Callable[[], int]:
    """Watch the process tree of `pid` until `done`; return a function that returns its peak.

    On Linux the figure is the proportional set size, which counts a page that
    several processes share once; elsewhere it is what each process has for itself
    (psutil). Without psutil there, it is 0.
    """
    peak = 0
    held = _held_on_linux if sys.platform == "linux" else _held_elsewhere

    def watch() -> None:
        nonlocal peak
        pause_s = _EVERY_S
        while not done.wait(pause_s):
            start = time.thread_time()
            peak = max(peak, held(pid))
            pause_s = pause_after(time.thread_time() - start)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()

    def result() -> int:
        thread.join()
        return peak

    return result


def pause_after(took_s: float) -> float:
    """Return how long to wait after a measurement that took so much of a core."""
    return max(_EVERY_S, took_s / _MOST_SHARE)


def _held_on_linux(pid: int) -> int:
    return sum(map(_proportional_bytes, _tree(pid)))


def _held_elsewhere(pid: int) -> int:
    try:
        import psutil
    except ImportError:
        return 0
    try:
        process = psutil.Process(pid)
        return sum(_own_bytes(each) for each in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0


def _own_bytes(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


def _tree(pid: int) -> list[int]:
    children = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        pass
    return [pid, *(each for child in children for each in _tree(child))]


def _proportional_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
