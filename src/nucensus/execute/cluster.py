"""Run work on a Dask cluster, a few items a task.

Each task is bound to one worker, and a bounded number is under way. So a task
whose worker dies does not go on to the next worker by itself: it comes back
here, and is done again in a process that may die.
"""

import pickle
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import StrategyError
from .cluster_loop import ClusterLoop, Codec
from .strategy import Outcomes, Strategy, Work
from .task import Task, TaskPayload

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Codec", "on_cluster"]


def on_cluster(
    client: "Client",
    *,
    codec: Codec | None = None,
    isolates: bool = False,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
    overdue_s: float = 10.0,
    stop: threading.Event | None = None,
) -> Strategy:
    """Return the strategy that runs work on the cluster of `client`.

    Parameters
    ----------
    client : distributed.Client
    codec : Codec, optional
    isolates : bool
        Every item is worked on in a process beside the worker, not only those
        whose worker died before.
    timeout_s, memory_bytes
        The most that such a process may take for an item.
    overdue_s : float
        The seconds that a task may take, beyond some times what is expected, before an idle
        worker gets it too. Smaller: more is done twice.
    stop : threading.Event, optional
        Once it is set, what workers do is finished, and what waits is taken back.
    """
    facts: dict[str, Any] = {
        "scheduler": client.scheduler.address, "dashboard": _dashboard(client),
        "worker_processes": 0,
    }  # fmt: skip

    def run(work: Work, items: Iterable[Any], workers: int) -> Outcomes:  # noqa: ARG001 they come and go
        travel = codec or Codec()
        payload = _payload(Task(work, travel.pack, timeout_s, memory_bytes))
        return ClusterLoop(
            client, payload, items, travel, isolates, overdue_s, stop or threading.Event(), facts
        ).outcomes()

    return Strategy(
        "dask", "tasks on a Dask cluster", run, shares_memory=False, in_process=False,
        isolates_crashes=True, is_remote=True, facts=facts,
    )  # fmt: skip


def _dashboard(client: "Client") -> str | None:
    """Return the address of the dashboard; a scheduler without one names a port all the same."""
    try:
        # A lambda goes there by value: the scheduler may have no nucensus.
        has_one = client.run_on_scheduler(
            lambda dask_scheduler: any(
                "Bokeh" in type(each).__name__
                for each in dask_scheduler.http_application.applications
            )
        )
        return client.dashboard_link if has_one else None
    except Exception:  # noqa: BLE001 whatever a scheduler of another version or kind says
        return None


def _payload(task: Task) -> TaskPayload:
    import cloudpickle

    try:
        return TaskPayload(cloudpickle.dumps(task))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StrategyError(
            f"the function cannot be sent to the workers of the cluster ({error}); expected one "
            f"that cloudpickle can pickle; let it hold no open files, locks or connections"
        ) from error
