"""Run work on a Dask cluster, a few items a task.

Each task is bound to one worker, and a bounded number is under way. So a task
whose worker dies does not go on to the next worker by itself: it comes back
here, and is done again in a process that may die.
"""

import itertools
import logging
import operator
import pickle
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ClusterError, StrategyError
from .fitness import problems
from .payload import Payload
from .strategy import Lost, Outcomes, Strategy, Work
from .task import Errand, Sent, work_on
from .task_size import TaskSize

if TYPE_CHECKING:
    from distributed import Client, Future

_AHEAD = 3
_LOOK_EVERY_S = 0.5
_SAY_AFTER_S = 2.0
_MOST_SENT_BYTES = 8_000_000
_MOST_DEATHS = 4

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Traffic:
    """How items and outcomes travel.

    Attributes
    ----------
    pack, unpack : callable
        Turn the outcomes of a task into something compact and back.
    path_of : callable
        The file of an item, which every worker must find; "" if there is none.
    """

    pack: Callable[[list[Any]], Any] = list
    unpack: Callable[[Any], list[Any]] = list
    path_of: Callable[[Any], str] = lambda _: ""


def on_cluster(
    client: "Client",
    *,
    traffic: Traffic | None = None,
    isolates: bool = False,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
    stop: threading.Event | None = None,
) -> Strategy:
    """Return the strategy that runs work on the cluster of `client`.

    Parameters
    ----------
    client : distributed.Client
    traffic : Traffic, optional
    isolates : bool
        Every item is worked on in a process beside the worker, not only those
        whose worker died before.
    timeout_s, memory_bytes
        The most that such a process may take for an item.
    stop : threading.Event, optional
        Once it is set, what workers do is finished, and what waits is taken back.
    """
    facts: dict[str, Any] = {"scheduler": client.scheduler.address, "worker_processes": 0}
    try:
        facts["dashboard"] = client.dashboard_link
    except (KeyError, ValueError, AttributeError):  # the scheduler has none
        facts["dashboard"] = None

    def run(work: Work, items: Iterable[Any], workers: int) -> Outcomes:  # noqa: ARG001 they come and go
        flow = traffic or Traffic()
        sent = _sent(Errand(work, flow.pack, timeout_s, memory_bytes))
        shift = _Shift(client, sent, items, flow, isolates, stop or threading.Event(), facts)
        return shift.outcomes()

    return Strategy(
        "dask", "tasks on a Dask cluster", run, shares_memory=False, in_process=False,
        isolates_crashes=True, is_remote=True, facts=facts,
    )  # fmt: skip


def _sent(errand: Errand) -> Sent:
    import cloudpickle

    try:
        return Sent(cloudpickle.dumps(errand))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StrategyError(
            f"the function cannot be sent to the workers of the cluster ({error}); expected one "
            f"that cloudpickle can pickle; let it hold no open files, locks or connections"
        ) from error


@dataclass(slots=True, eq=False)
class _Task:
    """Some items with their indices, and how many workers died with them."""

    items: list[tuple[int, Any]]
    deaths: int = 0
    future: "Future | None" = None

    def after_a_death(self) -> list["_Task"]:
        """Return what to do next: the same, apart; then halves of it, down to one item."""
        deaths, half = self.deaths + 1, len(self.items) // 2
        if deaths == 1 or not half:
            return [_Task(self.items, deaths)]
        return [_Task(self.items[:half], deaths), _Task(self.items[half:], deaths)]


@dataclass(slots=True)
class _Worker:
    """A worker process, and the tasks that it was given, the oldest first."""

    threads: int
    tasks: list[_Task] = field(default_factory=list)

    @property
    def load(self) -> float:
        """How many tasks there are for each thread."""
        return len(self.tasks) / self.threads


class _Shift:
    """The work on some items: handed out, waited for, and handed out again if it was lost."""

    def __init__(
        self,
        client: "Client",
        sent: Sent,
        items: Iterable[Any],
        traffic: Traffic,
        isolates: bool,
        stop: threading.Event,
        facts: dict[str, Any],
    ) -> None:
        self._client, self._traffic, self._isolates = client, traffic, isolates
        self._stop, self._facts = stop, facts
        self._length = partial(operator.length_hint, items, -1)
        self._source = enumerate(items)
        self._workers: dict[str, _Worker] = {}
        self._refused: set[str] = set()
        self._exhausted = False
        self._again: deque[_Task] = deque()
        self._given_up: list[tuple[int, Lost]] = []
        self._answers: queue.SimpleQueue[tuple[str, _Task, Any]] = queue.SimpleQueue()
        self._size = TaskSize()
        self._name, self._numbers = f"nucensus-{uuid.uuid4().hex[:8]}", itertools.count()
        self._sent, self._job = sent, None
        self._looked_at = -_LOOK_EVERY_S
        self._wake: Future | None = None
        self._alone_since: float | None = None
        facts["images_per_task"] = self._size.used

    def outcomes(self) -> Outcomes:
        """Yield the index and outcome of each item."""
        try:
            task = self._next_task(1)
            if task is None:
                return
            self._path = self._traffic.path_of(task.items[0][1])
            self._again.append(task)
            while self._again or self._under_way() or not self._exhausted:
                if self._stop.is_set():
                    self._take_back()
                try:
                    self._look_at_workers()
                except (OSError, TimeoutError) as error:
                    raise self._lost_scheduler() from error
                self._hand_out()
                yield from self._next_outcomes()
                yield from self._given_up
                self._given_up.clear()
        finally:
            self._again.clear()
            for task in self._under_way():
                _release(task)
            self._job = self._wake = None

    def _under_way(self) -> list[_Task]:
        return [task for worker in self._workers.values() for task in worker.tasks]

    def _take_back(self) -> None:
        """Leave each worker what it is at: the oldest task of each thread."""
        self._again.clear()
        self._exhausted = True
        for worker in self._workers.values():
            for task in worker.tasks[worker.threads :]:
                _release(task)
            del worker.tasks[worker.threads :]

    def _look_at_workers(self) -> None:
        """See which workers came and which are gone; take back what the latter had."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        self._check_connection()
        threads = self._client.nthreads()
        for address in self._workers.keys() - threads.keys():
            for task in self._workers.pop(address).tasks:
                self._do_again(task)
            self._facts["workers_lost"] = self._facts.get("workers_lost", 0) + 1
            _logger.warning("the worker %s is gone; its tasks go to others", address)
        self._admit([address for address in threads if address not in self._workers], threads)
        self._wake_workers()

    def _admit(self, addresses: list[str], threads: dict[str, int]) -> None:
        """Take on workers that fit; the first that do not are an error, later ones are left out."""
        new = [address for address in addresses if address not in self._refused]
        if not new:
            return
        unfit = dict(problems(self._client, new, self._path))
        for address, problem in unfit.items():
            if not self._workers:
                raise ClusterError(f"the worker {address} {problem}")
            self._refused.add(address)
            _logger.warning("the worker %s is not used: it %s", address, problem)
        self._workers |= {each: _Worker(threads[each]) for each in new if each not in unfit}
        most = max(len(self._workers), self._facts["worker_processes"])
        self._facts["worker_processes"] = most

    def _wake_workers(self) -> None:
        """While there are no workers, want one: a cluster that adapts starts some then."""
        if self._workers:
            self._wake = self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
            self._wake = self._client.submit(int, key=self._new_name())
        elif time.monotonic() - self._alone_since > _SAY_AFTER_S:
            self._alone_since = float("inf")
            _logger.warning("the cluster has no workers; waiting for one")

    def _hand_out(self) -> None:
        """Give tasks to the workers that have the least to do."""
        while self._workers and not self._stop.is_set():
            address, worker = min(self._workers.items(), key=lambda each: each[1].load)
            if worker.load >= _AHEAD:
                return
            task = self._again.popleft() if self._again else self._next_task(self._threads())
            if task is None:
                return
            self._submit(task, address)

    def _threads(self) -> int:
        return sum(worker.threads for worker in self._workers.values())

    def _next_task(self, threads: int) -> _Task | None:
        remaining = self._length()
        size = self._size.next(None if remaining < 0 else remaining, threads)
        items, size_bytes = [], 0
        for item in itertools.islice(self._source, size):
            items.append(item)
            size_bytes += getattr(item[1], "nbytes", 0)
            if size_bytes > _MOST_SENT_BYTES:
                break
        self._exhausted = not items
        return _Task(items) if items else None

    def _submit(self, task: _Task, address: str) -> None:
        import asyncio  # takes as long to import as thirty images to count

        self._check_connection()
        if self._job is None:
            # The result of a task, and not scattered: it is computed again if its worker dies.
            self._job = self._client.submit(_itself, self._sent, key=self._new_name())
        pickled = pickle.dumps([item for _, item in task.items], pickle.HIGHEST_PROTOCOL)
        apart = self._isolates or task.deaths > 0
        task.future = self._client.submit(
            work_on, self._job, pickled, apart, key=self._new_name(), workers=[address]
        )
        answer = asyncio.run_coroutine_threadsafe(
            self._client.gather(task.future, asynchronous=True), self._client.loop.asyncio_loop
        )
        answer.add_done_callback(lambda done: self._answers.put((address, task, done)))
        self._workers[address].tasks.append(task)

    def _new_name(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _next_outcomes(self) -> Outcomes:
        """Wait a little for a task, and yield its outcomes."""
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker

        try:
            address, task, answer = self._answers.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            return
        worker = self._workers.get(address)
        if worker is None or task not in worker.tasks:
            return  # it was taken back
        worker.tasks.remove(task)
        try:
            done = answer.result()
        except (CancelledError, CommClosedError) as error:
            raise self._lost_scheduler() from error
        except KilledWorker:
            self._do_again(task)
            return
        finally:
            _release(task)
        if isinstance(done, Payload):
            done.open()  # raises the error of the function
        if not task.deaths:  # else it says what a process costs
            self._size.learn(len(task.items), seconds=done.seconds, size_bytes=done.size_bytes)
        outcomes = self._traffic.unpack(done.packed)
        for (index, _), outcome in zip(task.items, outcomes, strict=True):
            yield index, outcome

    def _do_again(self, task: _Task) -> None:
        _release(task)
        if self._stop.is_set():
            return
        if len(task.items) == 1 and task.deaths + 1 >= _MOST_DEATHS:
            reason = f"its worker was lost, {_MOST_DEATHS} times"
            self._given_up.append((task.items[0][0], Lost(reason)))
        else:
            self._again.extend(task.after_a_death())

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise self._lost_scheduler()

    def _lost_scheduler(self) -> ClusterError:
        return ClusterError(
            f"the scheduler at {self._facts['scheduler']} was lost, or it gave up the tasks; "
            f"what came back of them is kept; start it again if it ended, and run the same "
            f"command again: it carries on"
        )


def _itself(sent: Sent) -> Sent:
    return sent


def _release(task: _Task) -> None:
    """Let the scheduler forget a task, and a worker that has not begun it too."""
    if task.future is not None:
        task.future.release()
        task.future = None
