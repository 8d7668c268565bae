"""What every worker does before it works: die with its parent, leave the cores to the others."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1


def start_worker(memory_bytes: int | None = None) -> None:
    """Prepare a worker process; with `memory_bytes`, it cannot take more than that.

    Ctrl-C and the end of the terminal are for the parent to answer. A worker that wants too much
    memory gets a `MemoryError`, before the system looks for a process to kill.
    """
    for name in {"SIGINT", "SIGHUP"} & set(dir(signal)):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    _cap_process()
    if memory_bytes is not None and sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + memory_bytes,) * 2)


def _die_with_parent() -> None:
    """End this process when its parent is gone.

    A thread waits for that. Where a server process forked the worker (Linux),
    the system kills it as well, even in code that never lets go of the
    interpreter. Not in a `multiprocessing.Pool`: there the signal would come
    with the end of the thread that forked the worker, and take its locks along.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux" and os.getppid() != parent.pid:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _data_bytes() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))


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
