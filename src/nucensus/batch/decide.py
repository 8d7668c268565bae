"""Decide where a run works: here, or on the Dask cluster that the user names."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..detect import detect_nuclei
from ..errors import StrategyError
from ..execute import strategy_named
from ..remote import without_credentials
from ..values import Execution
from .choose import Choice, choose

if TYPE_CHECKING:
    from ..execute import Codec


@contextlib.contextmanager
def choose_strategy(
    execution: Execution,
    *,
    codec: Callable[[], "Codec"] | None = None,
    stop: threading.Event | None = None,
    function: Callable[..., Any] = detect_nuclei,
) -> Iterator[Choice | None]:
    """Give the choice that the user made, or None where it is left to a pilot.

    The choice holds as long as the connection to a cluster, which ends with this. There images
    and outcomes travel as the codec says, which `codec()` makes.
    """
    if execution.scheduler is None:
        yield choose(execution, function=function)
        return
    strategy, workers, limits = execution.strategy, execution.workers, execution.limits
    is_open = strategy == "auto" or strategy_named(strategy).isolates_crashes
    if not is_open or workers is not None:
        given = f"the strategy {strategy}" if workers is None else f"{workers} workers"
        raise StrategyError(
            f"a scheduler was given with {given}; expected the scheduler alone, whose cluster says "
            f"who works; leave out the other, or use local:N for N workers here"
        )
    from ..execute import connected, on_cluster

    with connected(execution.scheduler) as client:
        threads = sum(client.nthreads().values())
        on_tasks = on_cluster(
            client,
            codec=codec and codec(),
            isolates=strategy != "auto" or limits.timeout_s is not None,
            timeout_s=limits.timeout_s,
            memory_bytes=limits.max_memory_bytes,
            stop=stop,
        )
        for name in ("scheduler", "dashboard"):
            on_tasks.facts[name] = without_credentials(on_tasks.facts[name] or "")
        yield Choice(on_tasks, max(1, threads), "a scheduler was given")


def codec_of(detector: str) -> Callable[[], "Codec"]:
    """Return what makes the codec of the outcomes of a detector, where one is needed."""

    def make() -> "Codec":
        from .packed import codec_for

        return codec_for(detector)

    return make
