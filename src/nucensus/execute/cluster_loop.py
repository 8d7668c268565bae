"""The loop over the tasks on a Dask cluster: handed out, waited for, handed out again if lost.

Workers come and go, fail where others do not, or do not answer.
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
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any

from .._dataclass import dataclass
from ..errors import ClusterError
from .chunk import Chunk, Worker
from .fitness import problems
from .payload import Payload
from .strategy import Lost, Outcomes
from .task import TaskPayload, work_on
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
_MOST_TRIES = 3
"""Workers that an item is tried on before its failure is believed. Larger: failing costs more."""
_OVERDUE = 5.0
"""A task that takes so many times as long as expected, and some seconds more, is given to an idle
worker too. Smaller: more is done twice."""
_MOST_DEATHS = 4
"""Workers that may die of one image before it is given up. Larger: more of them do."""

_PATHS_ASKED = 16
"""Files of the first items that a worker must find. Larger: more load on a shared disk."""

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
    failure : callable
        Why an outcome is none, where that may be the fault of the worker, else None.
    fitness : callable or None
        Asked of each worker before it gets any work, with the first files: what it lacks, or None.
    """

    pack: Callable[[list[Any]], Any] = list
    unpack: Callable[[Any], list[Any]] = list
    path_of: Callable[[Any], str] = lambda _: ""
    failure: Callable[[Any], str | None] = lambda _: None
    fitness: Callable[[list[str]], str | None] | None = None


class ClusterLoop:
    """The work on some items: handed out, waited for, and handed out again if it was lost."""

    def __init__(
        self,
        client: "Client",
        payload: TaskPayload,
        items: Iterable[Any],
        codec: Codec,
        isolates: bool,
        overdue_s: float,
        stop: threading.Event,
        facts: dict[str, Any],
    ) -> None:
        self._client, self._codec, self._isolates = client, codec, isolates
        self._overdue_s, self._stop, self._facts = overdue_s, stop, facts
        self._length = partial(operator.length_hint, items, -1)
        self._source: Iterator[tuple[int, Any]] = enumerate(items)
        self._paths: list[str] = []
        self._workers: dict[str, Worker] = {}
        self._refused: set[str] = set()
        self._exhausted = False
        self._again: deque[Chunk] = deque()
        self._given_up: list[tuple[int, Any]] = []
        self._answers: queue.SimpleQueue[tuple[str, Chunk, Any]] = queue.SimpleQueue()
        self._size = TaskSize()
        self._name, self._numbers = f"nucensus-{uuid.uuid4().hex[:8]}", itertools.count()
        self._payload = payload
        self._polled_at = -_POLL_S
        self._wake: Future | None = None
        self._alone_since: float | None = None

    def outcomes(self) -> Outcomes:
        """Yield the index and outcome of each item."""
        try:
            first = list(itertools.islice(self._source, _PATHS_ASKED))
            self._paths = list(filter(None, (self._codec.path_of(item) for _, item in first)))
            self._source = itertools.chain(first, self._source)
            if not any(_fills_task(item) for _, item in first):
                self._facts["images_per_task"] = self._size.used
            chunk = self._next_chunk(1)
            if chunk is None:
                return
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
                chunk.release()
            self._wake = None
            self._workers.clear()

    def _under_way(self) -> list[Chunk]:
        return [chunk for worker in self._workers.values() for chunk in worker.chunks]

    def _take_back(self) -> None:
        """Leave each worker what it is at: the oldest chunk of each thread."""
        self._again.clear()
        self._exhausted = True
        for worker in self._workers.values():
            for chunk in worker.chunks[worker.threads :]:
                chunk.release()
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
        unfit = dict(problems(self._client, new, self._paths, self._codec.fitness))
        for address, problem in unfit.items():
            if not self._workers and len(unfit) == len(new):
                raise ClusterError(f"the worker {address} {problem}")
            self._refused.add(address)
            _logger.warning("the worker %s is not used: it %s", address, problem)
        self._workers |= {each: Worker(threads[each]) for each in new if each not in unfit}
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
            if min(each.load for each in self._workers.values()) >= _PREFETCH:
                return
            chunk = self._again.popleft() if self._again else self._next_chunk(self._threads())
            if chunk is None:
                self._help_overdue()
                return
            if address := self._least_busy(chunk.tried):
                self._submit(chunk, address)
            else:  # nobody is left to try it on
                self._given_up += chunk.failed_outcomes()

    def _least_busy(self, but: Container[str]) -> str | None:
        """Return the worker that has the least to do, of those not in `but`, if any."""
        loads = {name: each.load for name, each in self._workers.items() if name not in but}
        return min(loads, key=loads.__getitem__, default=None)

    def _help_overdue(self) -> None:
        """Give what a worker should have done long ago to one that has nothing to do, too.

        Outcomes of several workers are fetched together, so one that does not answer may hold up
        those of others: what is done and has not come is done again, if need be by the same one.
        """
        now = time.monotonic()
        for slow, worker in self._workers.items():
            for chunk in worker.chunks:
                expected_s = self._size.seconds_of(len(chunk.items)) * len(worker.chunks)
                if chunk.twin or now - chunk.since_s < _OVERDUE * expected_s + self._overdue_s:
                    continue
                idle = next((name for name, each in self._workers.items() if each.is_idle), None)
                if idle is None:
                    return
                _logger.warning(
                    "the worker %s has not answered for %.0f s; what it was given is done by %s as "
                    "well", slow, now - chunk.since_s, idle,
                )  # fmt: skip
                chunk.twin = chunk.again()
                chunk.twin.twin = chunk
                self._submit(chunk.twin, idle)

    def _threads(self) -> int:
        return sum(worker.threads for worker in self._workers.values())

    def _next_chunk(self, threads: int) -> Chunk | None:
        remaining = self._length()
        size = self._size.next(None if remaining < 0 else remaining, threads)
        items, size_bytes = [], 0
        for item in itertools.islice(self._source, size):
            items.append(item)
            size_bytes += getattr(item[1], "nbytes", 0)
            if size_bytes > _MOST_SENT_BYTES or _fills_task(item[1]):
                break
        self._exhausted = not items
        return Chunk(items) if items else None

    def _submit(self, chunk: Chunk, address: str) -> None:
        import asyncio  # takes as long to import as thirty images to count

        self._check_connection()
        worker = self._workers[address]
        if worker.job is None:
            # Each has a copy of its own: from a worker that does not answer nobody could fetch it.
            worker.job = self._client.submit(
                _identity, self._payload, key=self._new_name(), workers=[address]
            )
        pickled = pickle.dumps([item for _, item in chunk.items], pickle.HIGHEST_PROTOCOL)
        in_subprocess = self._isolates or chunk.deaths > 0
        chunk.since_s = time.monotonic()
        chunk.future = self._client.submit(
            work_on, worker.job, pickled, in_subprocess, key=self._new_name(), workers=[address]
        )
        answer = asyncio.run_coroutine_threadsafe(
            self._client.gather(chunk.future, asynchronous=True), self._client.loop.asyncio_loop
        )
        answer.add_done_callback(lambda done: self._answers.put((address, chunk, done)))
        worker.chunks.append(chunk)

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
        self._take_back_twin(chunk)
        try:
            done = answer.result()
        except (CancelledError, CommClosedError) as error:
            raise self._lost_scheduler() from error
        except KilledWorker:
            self._do_again(chunk)
            return
        finally:
            chunk.release()
        if isinstance(done, Payload):
            done.open()  # raises the error of the function
        if not chunk.deaths:  # else it says what a process costs
            self._size.learn(len(chunk.items), seconds=done.seconds, size_bytes=done.size_bytes)
        yield from self._believed(address, chunk, self._codec.unpack(done.packed))

    def _take_back_twin(self, chunk: Chunk) -> None:
        """Forget the same items on another worker: the first answer holds."""
        twin = chunk.twin
        for worker in self._workers.values() if twin else ():
            if twin in worker.chunks:
                worker.chunks.remove(twin)
                twin.release()

    def _believed(self, address: str, chunk: Chunk, outcomes: list[Any]) -> Outcomes:
        """Yield outcomes; what failed is tried on others first: it may be the worker's fault."""
        worker, doubted = self._workers[address], list[tuple[tuple[int, Any], Any]]()
        worker.done += len(chunk.items)
        tried = {*chunk.tried, address}
        may_doubt = len(tried) < _MOST_TRIES and self._least_busy(tried) is not None
        for number, (item, outcome) in enumerate(zip(chunk.items, outcomes, strict=True)):
            if self._codec.failure(outcome) is None:
                for other, said in chunk.tried.items():
                    self._blame(other, self._codec.failure(said[number]))
                yield item[0], outcome
            elif may_doubt:
                doubted.append((item, outcome))
            else:
                yield chunk.failed_outcomes()[number] if chunk.tried else (item[0], outcome)
        if doubted:
            kept = {index for (index, _), _ in doubted}
            earlier = {
                other: [o for (i, _), o in zip(chunk.items, said, strict=True) if i in kept]
                for other, said in chunk.tried.items()
            }
            items, failed = [list(each) for each in zip(*doubted, strict=True)]
            self._again.append(Chunk(items, chunk.deaths, {**earlier, address: failed}))

    def _blame(self, address: str, reason: str | None) -> None:
        """Note that another worker could do what failed there; set aside who fails too often."""
        worker = self._workers.get(address)
        if worker is None:
            return
        worker.blamed += 1
        if worker.is_at_fault and len(self._workers) > 1:
            for chunk in self._workers.pop(address).chunks:
                chunk.release()
                if not self._has_twin(chunk):
                    self._again.append(chunk.again())
            self._refused.add(address)
            self._facts["workers_set_aside"] = self._facts.get("workers_set_aside", 0) + 1
            _logger.warning(
                "the worker %s is not used any more: %d items failed there that others could do, "
                "the last because %r", address, worker.blamed, reason,
            )  # fmt: skip

    def _do_again(self, chunk: Chunk) -> None:
        chunk.release()
        if self._stop.is_set() or self._has_twin(chunk):
            return
        if len(chunk.items) == 1 and chunk.deaths + 1 >= _MOST_DEATHS:
            reason = f"its worker was lost, {_MOST_DEATHS} times"
            self._given_up.append((chunk.items[0][0], Lost(reason)))
        else:
            self._again.extend(chunk.after_a_death())

    def _has_twin(self, chunk: Chunk) -> bool:
        """Tell whether another worker has the same items; it has them alone then."""
        twin = chunk.twin
        if twin is None or twin not in self._under_way():
            return False
        twin.twin = None
        return True

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise self._lost_scheduler()

    def _lost_scheduler(self) -> ClusterError:
        return ClusterError(
            f"the scheduler at {self._facts['scheduler']} was lost, or it gave up the tasks; "
            f"what came back of them is kept; start it again if it ended, and run the same "
            f"command again: it carries on"
        )


def _fills_task(item: Any) -> bool:
    """Tell whether an item says that no other goes into the same task, as a part of an image."""
    return getattr(item, "fills_task", False)


def _identity(payload: TaskPayload) -> TaskPayload:
    return payload
