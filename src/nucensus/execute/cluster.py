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
from .task import Task, TaskPayload, work_on
from .task_size import TaskSize

if TYPE_CHECKING:
    from distributed import Client, Future

_PREFETCH = 3
"""Tasks that a worker has at a time, so that it never waits for the next. Larger: more is lost
with it."""
_POLL_S = 0.5
"""Seconds between two questions after the workers. Larger: a lost one is noticed later."""
_SAY_AFTER_S = 2.0
"""Seconds without any worker after which that is said. Larger: later."""
_MOST_SENT_BYTES = 8_000_000
"""Bytes of a task that go through the scheduler; larger ones go to the worker itself."""
_MOST_DEATHS = 4
"""Workers that may die of one image before it is given up. Larger: more of them do."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Codec:
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
    codec: Codec | None = None,
    isolates: bool = False,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
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
    stop : threading.Event, optional
        Once it is set, what workers do is finished, and what waits is taken back.
    """
    facts: dict[str, Any] = {"scheduler": client.scheduler.address, "worker_processes": 0}
    try:
        facts["dashboard"] = client.dashboard_link
    except (KeyError, ValueError, AttributeError):  # the scheduler has none
        facts["dashboard"] = None

    def run(work: Work, items: Iterable[Any], workers: int) -> Outcomes:  # noqa: ARG001 they come and go
        travel = codec or Codec()
        payload = _payload(Task(work, travel.pack, timeout_s, memory_bytes))
        return _ClusterLoop(
            client, payload, items, travel, isolates, stop or threading.Event(), facts
        ).outcomes()

    return Strategy(
        "dask", "tasks on a Dask cluster", run, shares_memory=False, in_process=False,
        isolates_crashes=True, is_remote=True, facts=facts,
    )  # fmt: skip


def _payload(task: Task) -> TaskPayload:
    import cloudpickle

    try:
        return TaskPayload(cloudpickle.dumps(task))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StrategyError(
            f"the function cannot be sent to the workers of the cluster ({error}); expected one "
            f"that cloudpickle can pickle; let it hold no open files, locks or connections"
        ) from error


@dataclass(slots=True, eq=False)
class _Chunk:
    """Some items with their indices, and how many workers died with them."""

    items: list[tuple[int, Any]]
    deaths: int = 0
    future: "Future | None" = None

    def after_a_death(self) -> list["_Chunk"]:
        """Return what to do next: the same in a subprocess, then halves of it, down to one item."""
        deaths, half = self.deaths + 1, len(self.items) // 2
        if deaths == 1 or not half:
            return [_Chunk(self.items, deaths)]
        return [_Chunk(self.items[:half], deaths), _Chunk(self.items[half:], deaths)]


@dataclass(slots=True)
class _Worker:
    """A worker process, and the tasks that it was given, the oldest first."""

    threads: int
    chunks: list[_Chunk] = field(default_factory=list)

    @property
    def load(self) -> float:
        """How many tasks there are for each thread."""
        return len(self.chunks) / self.threads


class _ClusterLoop:
    """The work on some items: handed out, waited for, and handed out again if it was lost."""

    def __init__(
        self,
        client: "Client",
        payload: TaskPayload,
        items: Iterable[Any],
        codec: Codec,
        isolates: bool,
        stop: threading.Event,
        facts: dict[str, Any],
    ) -> None:
        self._client, self._codec, self._isolates = client, codec, isolates
        self._stop, self._facts = stop, facts
        self._length = partial(operator.length_hint, items, -1)
        self._source = enumerate(items)
        self._workers: dict[str, _Worker] = {}
        self._refused: set[str] = set()
        self._exhausted = False
        self._again: deque[_Chunk] = deque()
        self._given_up: list[tuple[int, Lost]] = []
        self._answers: queue.SimpleQueue[tuple[str, _Chunk, Any]] = queue.SimpleQueue()
        self._size = TaskSize()
        self._name, self._numbers = f"nucensus-{uuid.uuid4().hex[:8]}", itertools.count()
        self._payload, self._job = payload, None
        self._polled_at = -_POLL_S
        self._wake: Future | None = None
        self._alone_since: float | None = None
        facts["images_per_task"] = self._size.used

    def outcomes(self) -> Outcomes:
        """Yield the index and outcome of each item."""
        try:
            chunk = self._next_chunk(1)
            if chunk is None:
                return
            self._path = self._codec.path_of(chunk.items[0][1])
            self._again.append(chunk)
            while self._again or self._under_way() or not self._exhausted:
                if self._stop.is_set():
                    self._take_back()
                try:
                    self._poll_workers()
                except (OSError, TimeoutError) as error:
                    raise self._lost_scheduler() from error
                self._submit_chunks()
                yield from self._next_outcomes()
                yield from self._given_up
                self._given_up.clear()
        finally:
            self._again.clear()
            for chunk in self._under_way():
                _release(chunk)
            self._job = self._wake = None

    def _under_way(self) -> list[_Chunk]:
        return [chunk for worker in self._workers.values() for chunk in worker.chunks]

    def _take_back(self) -> None:
        """Leave each worker what it is at: the oldest chunk of each thread."""
        self._again.clear()
        self._exhausted = True
        for worker in self._workers.values():
            for chunk in worker.chunks[worker.threads :]:
                _release(chunk)
            del worker.chunks[worker.threads :]

    def _poll_workers(self) -> None:
        """See which workers came and which are gone; take back what the latter had."""
        if time.monotonic() - self._polled_at < _POLL_S:
            return
        self._polled_at = time.monotonic()
        self._check_connection()
        threads = self._client.nthreads()
        for address in self._workers.keys() - threads.keys():
            for chunk in self._workers.pop(address).chunks:
                self._do_again(chunk)
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

    def _submit_chunks(self) -> None:
        """Give tasks to the workers that have the least to do."""
        while self._workers and not self._stop.is_set():
            address, worker = min(self._workers.items(), key=lambda each: each[1].load)
            if worker.load >= _PREFETCH:
                return
            chunk = self._again.popleft() if self._again else self._next_chunk(self._threads())
            if chunk is None:
                return
            self._submit(chunk, address)

    def _threads(self) -> int:
        return sum(worker.threads for worker in self._workers.values())

    def _next_chunk(self, threads: int) -> _Chunk | None:
        remaining = self._length()
        size = self._size.next(None if remaining < 0 else remaining, threads)
        items, size_bytes = [], 0
        for item in itertools.islice(self._source, size):
            items.append(item)
            size_bytes += getattr(item[1], "nbytes", 0)
            if size_bytes > _MOST_SENT_BYTES:
                break
        self._exhausted = not items
        return _Chunk(items) if items else None

    def _submit(self, chunk: _Chunk, address: str) -> None:
        import asyncio  # takes as long to import as thirty images to count

        self._check_connection()
        if self._job is None:
            # The result of a task, and not scattered: it is computed again if its worker dies.
            self._job = self._client.submit(_identity, self._payload, key=self._new_name())
        pickled = pickle.dumps([item for _, item in chunk.items], pickle.HIGHEST_PROTOCOL)
        in_subprocess = self._isolates or chunk.deaths > 0
        chunk.future = self._client.submit(
            work_on, self._job, pickled, in_subprocess, key=self._new_name(), workers=[address]
        )
        answer = asyncio.run_coroutine_threadsafe(
            self._client.gather(chunk.future, asynchronous=True), self._client.loop.asyncio_loop
        )
        answer.add_done_callback(lambda done: self._answers.put((address, chunk, done)))
        self._workers[address].chunks.append(chunk)

    def _new_name(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _next_outcomes(self) -> Outcomes:
        """Wait a little for a chunk, and yield its outcomes."""
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker

        try:
            address, chunk, answer = self._answers.get(timeout=_POLL_S)
        except queue.Empty:
            return
        worker = self._workers.get(address)
        if worker is None or chunk not in worker.chunks:
            return  # it was taken back
        worker.chunks.remove(chunk)
        try:
            done = answer.result()
        except (CancelledError, CommClosedError) as error:
            raise self._lost_scheduler() from error
        except KilledWorker:
            self._do_again(chunk)
            return
        finally:
            _release(chunk)
        if isinstance(done, Payload):
            done.open()  # raises the error of the function
        if not chunk.deaths:  # else it says what a process costs
            self._size.learn(len(chunk.items), seconds=done.seconds, size_bytes=done.size_bytes)
        outcomes = self._codec.unpack(done.packed)
        for (index, _), outcome in zip(chunk.items, outcomes, strict=True):
            yield index, outcome

    def _do_again(self, chunk: _Chunk) -> None:
        _release(chunk)
        if self._stop.is_set():
            return
        if len(chunk.items) == 1 and chunk.deaths + 1 >= _MOST_DEATHS:
            reason = f"its worker was lost, {_MOST_DEATHS} times"
            self._given_up.append((chunk.items[0][0], Lost(reason)))
        else:
            self._again.extend(chunk.after_a_death())

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise self._lost_scheduler()

    def _lost_scheduler(self) -> ClusterError:
        return ClusterError(
            f"the scheduler at {self._facts['scheduler']} was lost, or it gave up the tasks; "
            f"what came back of them is kept; start it again if it ended, and run the same "
            f"command again: it carries on"
        )


def _identity(payload: TaskPayload) -> TaskPayload:
    return payload


def _release(chunk: _Chunk) -> None:
    """Let the scheduler forget a chunk, and a worker that has not begun it too."""
    if chunk.future is not None:
        chunk.future.release()
        chunk.future = None
