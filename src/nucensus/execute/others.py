"""Run work in ways that people also use: other executors, and memory that processes share."""

import concurrent.futures
import contextlib
import functools
import os
import pickle
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackageError, StrategyError, WorkerDiedError
from .payload import Payload, PickledWork, payload_of
from .pools import chunks_of, pool_outcomes
from .strategy import Outcomes, Work
from .worker import default_context, start_worker

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory

_ALIGNMENT = 64


def run_executor(
    work: Work, items: Iterable[Any], workers: int, *, chunk_size: int | None = None
) -> Outcomes:
    """`concurrent.futures.ProcessPoolExecutor`, to which each item is submitted by itself."""
    from concurrent.futures import ProcessPoolExecutor

    start = functools.partial(start_worker, dict(os.environ))
    executor = ProcessPoolExecutor(workers, default_context(), start)
    yield from _executor_outcomes(executor, PickledWork(work), items, workers, chunk_size or 1)


def run_interpreters(
    work: Work, items: Iterable[Any], workers: int, *, chunk_size: int | None = None
) -> Outcomes:
    """`concurrent.futures.InterpreterPoolExecutor`: threads with an interpreter each."""
    if sys.version_info < (3, 14):
        raise StrategyError(
            f"the strategy interpreters was asked for in Python {sys.version.split()[0]}; expected "
            f"Python 3.14 or later; use threads or pool-disk"
        )
    executor = concurrent.futures.InterpreterPoolExecutor(workers)
    yield from _executor_outcomes(executor, PickledWork(work), items, workers, chunk_size or 1)


def _executor_outcomes(
    executor: Executor, work: PickledWork, items: Iterable[Any], workers: int, chunk_size: int
) -> Outcomes:
    """Yield what the executor returns, of which a bounded number is under way."""
    chunks = chunks_of(items, workers, chunk_size)

    def submit(count: int) -> set[Future[list[tuple[int, Payload]]]]:
        return {executor.submit(work_on_each, work, chunk) for chunk in islice(chunks, count)}

    under_way = submit(4 * workers)
    try:
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            under_way |= submit(len(done))
            for future in done:
                for index, payload in future.result():
                    yield index, payload.open()
    except BrokenExecutor as error:
        raise WorkerDiedError(
            "a worker process ended before its work was done; expected it to return; use the "
            "strategy isolated to see where, or fewer workers"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def work_on_each(work: Work, tasks: Sequence[tuple[int, Any]]) -> list[tuple[int, Payload]]:
    """Return what becomes of each item of a chunk."""
    return [(index, payload_of(work, item)) for index, item in tasks]


def run_joblib(
    work: Work, items: Iterable[Any], workers: int, *, chunk_size: int | None = None
) -> Outcomes:
    """`joblib.Parallel` as it comes: the processes of loky, which maps large arrays into memory."""
    try:
        import joblib
        from joblib.externals.loky import get_reusable_executor
    except ImportError as error:
        raise MissingPackageError("joblib", "The strategy joblib", "joblib") from error
    parallel = joblib.Parallel(
        workers, return_as="generator_unordered", batch_size=chunk_size or "auto"
    )
    call = joblib.delayed(_numbered)
    sent = PickledWork(work)
    outcomes = parallel(call(sent, index, item) for index, item in enumerate(items))
    try:
        for index, payload in outcomes:
            yield index, payload.open()
    finally:
        with contextlib.suppress(Exception):  # what it was at is not wanted any more
            outcomes.close()
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _numbered(work: Work, index: int, item: Any) -> tuple[int, Payload]:
    return index, payload_of(work, item)


def run_shared_memory(
    work: Work, items: Iterable[Any], workers: int, *, chunk_size: int | None = None
) -> Outcomes:
    """Copy the arrays once into memory that all workers see, and send them where each one lies.

    What is not an array of the items is pickled as ever (protocol 5, PEP 574).
    """
    from multiprocessing.shared_memory import SharedMemory

    pickled: list[bytes] = []
    buffers: list[list[memoryview]] = []
    for item in items:
        own: list[Any] = []
        pickled.append(pickle.dumps(item, 5, buffer_callback=own.append))
        buffers.append([each.raw() for each in own])
    sizes = [_aligned(each.nbytes) for raw in buffers for each in raw]
    starts = iter(accumulate(sizes, initial=0))
    block = SharedMemory(create=True, size=max(1, sum(sizes)))
    try:
        shared = [
            (one, [_copy(each, block, next(starts)) for each in raw])
            for one, raw in zip(pickled, buffers, strict=True)
        ]
        work_on_chunk = functools.partial(_work_on_shared, PickledWork(work), block.name)
        chunks = chunks_of(shared, workers, chunk_size)
        yield from pool_outcomes(default_context(), workers, chunks, work_on_chunk)
    finally:
        block.close()
        block.unlink()


def _copy(array: memoryview, block: "SharedMemory", start: int) -> tuple[int, int]:
    """Copy the bytes into the block, and return where they lie and how many there are."""
    memory = block.buf
    assert memory is not None
    memory[start : start + array.nbytes] = array
    return start, array.nbytes


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _work_on_shared(
    work: Work, block_name: str, tasks: Sequence[tuple[int, tuple[bytes, list[tuple[int, int]]]]]
) -> list[tuple[int, Payload]]:
    memory = _attached(block_name).buf
    assert memory is not None
    opened = (
        (index, pickle.loads(one, buffers=[memory[at : at + size] for at, size in spans]))
        for index, (one, spans) in tasks
    )
    return [(index, payload_of(work, item)) for index, item in opened]


@functools.lru_cache(maxsize=1)
def _attached(block_name: str) -> "SharedMemory":
    """Return the block, which stays attached as long as the process lives."""
    from multiprocessing.shared_memory import SharedMemory

    return SharedMemory(block_name)
