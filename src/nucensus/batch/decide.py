"""Decide where a run works: here, or on the Dask cluster that the user names."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..detect import detect_nuclei
from ..errors import StrategyError
from ..execute import Scheduler, Traffic, connected, on_cluster, strategy_named
from ..remote import without_credentials
from ..values import Limits
from .choose import Choice, choose


@contextlib.contextmanager
def decided(
    strategy: str,
    workers: int | None,
    limits: Limits | None = None,
    *,
    scheduler: Scheduler | None = None,
    traffic: Traffic | None = None,
    stop: threading.Event | None = None,
    function: Callable[..., Any] = detect_nuclei,
) -> Iterator[Choice | None]:
    """Give the choice that the user made, or None where it is left to a pilot.

    The choice holds as long as the connection to a cluster, which ends with this.
    """
    if scheduler is None:
        yield choose(strategy, workers, limits, function=function)
        return
    is_open = strategy == "auto" or strategy_named(strategy).isolates_crashes
    if not is_open or workers is not None:
        given = f"the strategy {strategy}" if workers is None else f"{workers} workers"
        raise StrategyError(
            f"a scheduler was given with {given}; expected the scheduler alone, whose cluster says "
            f"who works; leave out the other, or use local:N for N workers here"
        )
    limits = limits or Limits()
    with connected(scheduler) as client:
        threads = sum(client.nthreads().values())
        on_tasks = on_cluster(
            client,
            traffic=traffic,
            isolates=strategy != "auto" or limits.timeout_s is not None,
            timeout_s=limits.timeout_s,
            memory_bytes=limits.max_memory_bytes,
            stop=stop,
        )
        for name in ("scheduler", "dashboard"):
            on_tasks.facts[name] = without_credentials(on_tasks.facts[name] or "")
        yield Choice(on_tasks, max(1, threads), "a scheduler was given")
