"""Measure what it takes to start processes, and to send them something."""

import contextlib
import multiprocessing
import pickle
import threading
import time
from multiprocessing import Pipe
from typing import Any

from ...errors import StrategyError
from ...execute import default_context
from ...execute.pools import run_pool

_MESSAGES = 100
"""How many a pool gets that has nothing to do. More: surer, and 0.1 ms each."""
_AT_A_TIME, _MOST_BYTES = 16, 8e6
"""How many values are sent together: their number shares the cost of a message."""


def sending(value: Any) -> tuple[int, float]:
    """Return how many bytes a value is as pickle, and the seconds it takes through a pipe.

    It is one of several that are sent together, as pools send them.
    """
    try:
        packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        count = max(1, min(_AT_A_TIME, int(_MOST_BYTES // len(packed))))
        copies = [pickle.loads(packed) for _ in range(count)]  # the same one would be sent once
    except Exception:  # noqa: BLE001 whatever a user's object raises, it is not sent
        return 0, float("inf")
    beyond_s = _seconds_through_pipe(copies) - _seconds_through_pipe(None)
    return len(packed), max(0.0, beyond_s) / count


def _seconds_through_pipe(value: Any) -> float:
    here, there = Pipe()
    samples = []
    for _ in range(5):
        start = time.perf_counter()
        sender = threading.Thread(target=there.send, args=(value,))
        sender.start()
        here.recv()
        sender.join()
        samples.append(time.perf_counter() - start)
    return min(samples)


def pool_costs(workers: int) -> tuple[dict[str, float], float]:
    """Return what a pool takes that has nothing to do, by start method; and what a message takes.

    The first is from its start to its end; the second, a task and its answer, by the method of
    this system.
    """
    starts_s: dict[str, float] = {}
    message_s = 0.0
    own = default_context().get_start_method() or ""
    for method in dict.fromkeys(["spawn", own]):
        multiprocessing.set_start_method(method, force=True)
        with contextlib.suppress(StrategyError, OSError, ImportError):  # its rows will say why
            start = time.perf_counter()
            outcomes = run_pool(abs, range(_MESSAGES), workers, chunk_size=1)
            arrivals = [time.perf_counter() for _ in outcomes]
            took_s, messages_s = time.perf_counter() - start, arrivals[-1] - arrivals[0]
            message_s = messages_s / (_MESSAGES - 1)
            starts_s[method] = took_s - messages_s
    multiprocessing.set_start_method(own, force=True)
    return starts_s, message_s
