"""Prepare a worker: it dies with its parent, and leaves the cores to the others."""

import contextlib
import copy
import ctypes
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import StrategyError
from ..machine import start_methods

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

WORKER_NAME = "nucensus worker"
POLL_S = 0.1
_PRELOAD = ["__main__", "numpy", "tifffile", "imagecodecs", "nucensus.batch"]
_UNGUARDED = 86
"""The exit code of a worker whose start would start the whole script again."""
_PR_SET_PDEATHSIG = 1


def start_worker(
    environment: Mapping[str, str] | None = None, memory_bytes: int | None = None
) -> None:
    """Prepare a worker process; with `memory_bytes`, it cannot take more than that.

    A server that forked it has the environment of its own start, and not that of the parent now.
    Ctrl-C and the end of the terminal are for the parent to answer.
    """
    if environment is not None:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
    for name in {"SIGINT", "SIGHUP", "SIGBREAK"} & set(dir(signal)):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    import logging

    from ..text.printable_log import PrintableFormatter

    if logging.lastResort is not None:  # a program that sets up logging does without
        logging.lastResort.setFormatter(PrintableFormatter())
    _die_with_parent()
    _cap_process()
    _seed()
    if memory_bytes is not None:
        from .memory_limit import limit_memory

        limit_memory(memory_bytes)


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Let threads and processes that start meanwhile not hear Ctrl-C: it is for this one."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: whoever shares the console hears it
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # when it starts it lets this thread hear again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def default_context() -> "BaseContext":
    """Return the way in which this system starts processes, but for a fork that is not safe.

    A fork copies the locks that other threads hold, and nobody to release them.
    The threads of obstore are not Python's.
    """
    import multiprocessing

    method = multiprocessing.get_start_method(allow_none=True) or start_methods()[0]
    if method == "fork" and (threading.active_count() > 1 or "obstore" in sys.modules):
        method = "forkserver"
    return context_of(method)


def context_of(method: str) -> "BaseContext":
    """Return a way to start processes; a server of forks imports once what each worker needs."""
    import multiprocessing

    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(_PRELOAD)
    return context


def get(answers: "queue.SimpleQueue[Any]") -> Any:
    """Wait for an answer, and let Ctrl-C end that: another thread may have received the signal."""
    while True:
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=POLL_S)


def listing_processes(context: "BaseContext") -> tuple["BaseContext", "list[BaseProcess]"]:
    """Return a context like this one, and the list of the worker processes that it starts."""
    processes: list[BaseProcess] = []
    start, listing = context.Process, copy.copy(context)  # type: ignore[attr-defined]  # typeshed

    def listed(*args: Any, **options: Any) -> "BaseProcess":
        processes.append(start(*args, **{**options, "name": WORKER_NAME}))
        return processes[-1]

    listing.Process = listed  # type: ignore[attr-defined]
    return listing, processes


def exit_codes(processes: "Iterable[BaseProcess]") -> list[int]:
    """Return the exit codes of the processes that are not there any more."""
    return [process.exitcode for process in processes if process.exitcode is not None]


def has_ended(process: "BaseProcess") -> bool:
    """Tell whether a process has ended, and leave its exit code to the thread that waits for it."""
    from multiprocessing.connection import wait

    try:
        return bool(wait([process.sentinel], timeout=0))
    except ValueError:  # it is not started yet
        return False


def refuse_unguarded(codes: Iterable[int] = ()) -> None:
    """Raise where a script is started again by its own workers, or one of them ended of that.

    A worker that imports the script only says so to its parent, and that once.
    """
    process = _this_process()
    is_starting = getattr(process, "_inheriting", False)
    if process is not None and is_starting and process.name == WORKER_NAME:
        os._exit(_UNGUARDED)
    if is_starting or _UNGUARDED in codes:
        raise StrategyError(
            "a worker process imports the script that started it, and would start all of it once "
            'more; expected a script whose work begins below `if __name__ == "__main__":`; put it '
            "there, or use threads or list-memory"
        )


def refuse_daemon(strategy_name: str) -> None:
    """Raise where this process may not start others, being itself a worker of a pool."""
    process = _this_process()
    if process is not None and process.daemon:
        raise StrategyError(
            f"the strategy {strategy_name} starts processes, and this process may not, because it "
            f"is daemonic, such as the workers of multiprocessing.Pool are; use threads, list-disk "
            f"or list-memory here"
        )


def _this_process() -> "BaseProcess | None":
    """Return this process as `multiprocessing` knows it; None where that was never imported.

    Its workers have it, so that such a process is none of them.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    return None if multiprocessing is None else multiprocessing.current_process()


_WINDOWS_CRASHES = {
    0xC0000005: "it read or wrote memory that is not its own",
    0xC0000017: "there was no memory left",
    0xC000001D: "the processor does not know an instruction",
    0xC0000094: "it divided by zero",
    0xC00000FD: "the stack overflowed",
    0xC0000409: "it ended itself after an error",
}


def is_crash(exit_code: int) -> bool:
    """Tell whether a process was ended for what it did: by a signal, by Windows, by its limit."""
    from .memory_limit import OVER_LIMIT

    return exit_code < 0 or exit_code >= 0xC000_0000 or exit_code == OVER_LIMIT


def describe_death(exit_code: int) -> str:
    """Say how a worker process ended."""
    from .memory_limit import OVER_LIMIT

    if exit_code >= 0xC000_0000:
        reason = _WINDOWS_CRASHES.get(exit_code, "it did what the system does not allow")
        return f"the worker process crashed: {reason} (Windows error 0x{exit_code:08X})"
    if exit_code == OVER_LIMIT:
        return "the worker process was ended: it took more memory than it may"
    if exit_code >= 0:
        return f"the worker process ended by itself with code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    cause = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the worker process was ended by {name}{cause}"


def _die_with_parent() -> None:
    """End this process when its parent is gone.

    A thread waits for that. Where a server process forked the worker (Linux),
    the system kills it as well, even in code that never lets go of the
    interpreter. Not in a `multiprocessing.Pool`: there the signal would come
    with the end of the thread that forked the worker, and take its locks along.
    """
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux" and os.getppid() != parent.pid:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _seed() -> None:
    """Let NumPy's global generator draw other numbers than in the workers forked beside this one.

    `multiprocessing` does so with that of the module `random`.
    """
    if drawn := sys.modules.get("numpy.random"):
        drawn.seed()


def _cap_process() -> None:
    """Cap the inner thread pools of a worker process for as long as it lives."""
    capped = inner_pools_capped()
    capped.__enter__()
    _kept.append(capped)
    cap_numba()


_kept: list[contextlib.AbstractContextManager[None]] = []


@contextlib.contextmanager
def capped_together() -> Iterator[None]:
    """Cap the inner thread pools until the last of several threads leaves, as Dask's workers."""
    with _capping:
        if not _inside:
            _cap.enter_context(inner_pools_capped())
        _inside.append(None)
    try:
        cap_numba()
        yield
    finally:
        with _capping:
            _inside.pop()
            if not _inside:
                _cap.close()


_capping, _cap = threading.Lock(), contextlib.ExitStack()
_inside: list[None] = []


@contextlib.contextmanager
def inner_pools_capped() -> Iterator[None]:
    """Give one thread each to BLAS, OpenMP, OpenCV and tifffile, and restore them afterwards."""
    from threadpoolctl import threadpool_limits

    with contextlib.ExitStack() as restored:
        restored.enter_context(threadpool_limits(1))
        if cv2 := sys.modules.get("cv2"):
            restored.callback(cv2.setNumThreads, cv2.getNumThreads())
            cv2.setNumThreads(1)
        if tifffile := sys.modules.get("tifffile"):
            restored.callback(setattr, tifffile.TIFF, "MAXWORKERS", tifffile.TIFF.MAXWORKERS)
            tifffile.TIFF.MAXWORKERS = 1
        yield


def cap_numba() -> None:
    """Give one thread to the numba functions that this thread calls: numba counts per thread."""
    if numba := sys.modules.get("numba"):
        numba.set_num_threads(1)
