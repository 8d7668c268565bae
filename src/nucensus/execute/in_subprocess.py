"""Run work in a process beside this one: whatever it dies of, this one lives on.

A worker of Dask may not have children of `multiprocessing` while it is one
itself. So a fresh interpreter is started, and that watches over the process in
which the work is done.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ..machine import available_memory_bytes
from .isolated import run_isolated
from .payload import Payload, pack_error, payload_of
from .strategy import Lost, Work


def run_in_subprocess(
    work: Work, items: Sequence[Any], *, timeout_s: float | None, memory_bytes: int | None
) -> list[Any]:
    """Return the outcome of each item; that of one whose process died twice is `Lost`."""
    limits = {
        "timeout_s": timeout_s,
        "memory_bytes": memory_bytes or (available_memory_bytes() or 0) // 2 or None,
    }
    outcomes: list[Any] = [Lost("the process that watched over its worker died")] * len(items)
    for index, payload in _answers((work, items, limits)):
        outcomes[index] = payload.open()
    return outcomes


def _answers(question: Any) -> Iterator[tuple[int, Payload]]:
    """Yield what the process says, until it is done or dies."""
    with subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import watch_over_work; watch_over_work()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(question, process.stdin)
            process.stdin.flush()
            while True:
                yield pickle.load(process.stdout)
        except (EOFError, BrokenPipeError):
            return
        finally:
            process.kill()


def watch_over_work() -> None:
    """Do what comes on the standard input; end when it closes, as it does when the parent dies."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints does not print into the results
    work, items, limits = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        for index, outcome in run_isolated(work, items, 1, **limits):
            pickle.dump((index, payload_of(_identity, outcome)), results)
            results.flush()
    except BaseException as error:  # noqa: BLE001 raised again by the parent
        pickle.dump((-1, pack_error(error)), results)
    results.close()


def _identity(outcome: Any) -> Any:
    return outcome


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
