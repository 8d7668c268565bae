"""Keep a worker process from taking more memory than it may."""

import ctypes
import os
import sys
import threading
import time

OVER_LIMIT = 87
"""The exit code of a worker that took more than it may, where the system refuses nothing."""
_EVERY_S = 0.05


def limit_memory(more_bytes: int) -> None:
    """Let this process take so much memory beside what it has.

    What goes beyond is a `MemoryError`, before the system chooses a process to kill. Where the
    system keeps to none, as macOS, the process is watched, and ended with `OVER_LIMIT`.
    """
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + more_bytes,) * 2)
    elif sys.platform != "win32" or not _join_limited_job(more_bytes):
        end_beyond(more_bytes)


def end_beyond(more_bytes: int) -> None:
    """End this process once it takes so much memory beside what it has; a thread watches it."""
    import psutil

    process = psutil.Process()
    limit = process.memory_info().rss + more_bytes

    def watch() -> None:
        while process.memory_info().rss <= limit:
            time.sleep(_EVERY_S)
        os._exit(OVER_LIMIT)

    threading.Thread(target=watch, daemon=True).start()


def _data_bytes() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION of Windows."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("greatest_working_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of Windows."""

    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


_EXTENDED_LIMITS = 9
_LIMIT_PROCESS_MEMORY = 0x100


def _join_limited_job(more_bytes: int) -> bool:
    """Put this process into a job object of its own whose processes may commit so much memory.

    Return whether Windows did: a job that it is in already may not allow it.
    """
    import psutil

    limits = _ExtendedLimits()
    limits.basic.flags = _LIMIT_PROCESS_MEMORY
    limits.process_memory = psutil.Process().memory_info().vms + more_bytes  # vms: committed
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]  # Windows
    kernel.CreateJobObjectW.restype = kernel.GetCurrentProcess.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))  # stays open with the process
    size = ctypes.sizeof(limits)
    this = ctypes.c_void_p(kernel.GetCurrentProcess())
    return bool(
        kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
        and kernel.AssignProcessToJobObject(job, this)
    )
