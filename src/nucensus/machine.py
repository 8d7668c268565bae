"""The part of the machine that this process may use: cores, memory, start methods."""

import math
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from .errors import InputError
from .values import Shard

_CGROUP = Path("/sys/fs/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")


def usable_cores() -> int:
    """Return how many cores this process may use: affinity, cgroup quota and SLURM respected."""
    return min(core_limits().values())


def core_limits() -> dict[str, int]:
    """Return every known limit on cores by the name of who sets it."""
    limits = {"machine": os.cpu_count() or 1}
    if hasattr(os, "sched_getaffinity"):
        limits["affinity"] = len(os.sched_getaffinity(0))
    quota = _cgroup_cores()
    if quota is not None:
        limits["cgroup"] = quota
    slurm = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE", "")
    if slurm.isdigit() and int(slurm) > 0:
        limits["slurm"] = int(slurm)
    return limits


def slurm_shard() -> Shard:
    """Return which task of a job array of SLURM this is, and of how many.

    Raises
    ------
    InputError
        This is no task of an array, or of one that is not a range: what the
        tasks of a list are cannot be known to one of them.
    """
    names = {name: f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "MAX", "COUNT")}
    said = {name: os.environ.get(names[name], "") for name in names}
    missing = [names[name] for name, value in said.items() if not value.isdecimal()]
    if missing:
        raise InputError(
            f"the shard is to be the task of a job array, and {', '.join(missing)} is not set to a "
            f"number; expected a job that was submitted with sbatch --array=1-N; outside of one, "
            f"give --shard I/N"
        )
    task, first, last, count = (int(value) for value in said.values())
    step = int(os.environ.get("SLURM_ARRAY_TASK_STEP") or 1)
    if last != first + step * (count - 1) or (task - first) % step:
        raise InputError(
            f"the job array has {count} tasks from {first} to {last}; expected a range, as in "
            f"sbatch --array=1-N; to do single shards again, submit the whole array again (what "
            f"is done stays done), or give --shard I/N"
        )
    return Shard((task - first) // step + 1, count)


def available_memory_bytes() -> int | None:
    """Return how much memory this process may still take, or None where it cannot be known."""
    known = _free_memory_bytes(), _cgroup_free_bytes(), _dask_worker_bytes()
    return min((amount for amount in known if amount), default=None)


_NETWORK_DISKS = (
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "fhgfs", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "virtiofs", "webdav",
    "wekafs",
)  # fmt: skip


def network_disk(path: str | os.PathLike[str], mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of file system below `path` if it is shared over a network, else None.

    Where the system does not tell, the disk is taken for a local one. Every
    FUSE file system counts as shared: most are.
    """
    kinds = _disks(mounts)
    folder = os.path.realpath(path)
    while folder not in kinds and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    if folder not in kinds and folder.startswith(r"\\"):
        return "a share of Windows"
    kind = kinds.get(folder, "")
    return kind if kind in _NETWORK_DISKS or kind.split(".")[0] == "fuse" else None


def _disks(mounts: Path) -> dict[str, str]:
    """Return the kind of file system of each mount point; none where the system does not tell."""
    if sys.platform != "linux":
        import psutil

        disks = psutil.disk_partitions(all=True)
        return {
            each.mountpoint: "smbfs" if "remote" in each.opts.split(",") else each.fstype
            for each in disks
        }
    try:
        lines = os.fsdecode(mounts.read_bytes()).splitlines()
    except OSError:
        return {}
    kinds = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        kinds[_unescaped(before.split()[4])] = after.split()[0]
    return kinds


def _unescaped(mount_point: str) -> str:
    """Return a path as it is: mountinfo writes blanks in names as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount_point)


def start_methods() -> list[str]:
    """Return the ways in which `multiprocessing` can start a process here, the default first."""
    import multiprocessing

    return multiprocessing.get_all_start_methods()


def can_fork() -> bool:
    """Tell whether worker processes can be forked here, without imports for it."""
    return hasattr(os, "fork")


def has_interpreter_lock() -> bool:
    """Tell whether threads of this Python take turns: not in a free-threaded build."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def facts() -> dict[str, Any]:
    """Return what is worth knowing of the machine beside a measurement, without imports for it."""
    return {
        "system": _system_name(),
        "processor": _processor_name(),
        "cores": core_limits(),
        "memory_bytes": _total_memory_bytes(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "gil": has_interpreter_lock(),
    }


def _system_name() -> str:
    """Return `platform.platform()`, for which Linux starts a program that tells the processor."""
    if sys.platform != "linux":
        return platform.platform()
    known, libc = platform.uname(), "".join(platform.libc_ver())
    return "-".join(filter(None, (known.system, known.release, known.machine, "with", libc)))


def _cgroup_cores() -> int | None:
    """Return the least quota of this process's cgroup and those above it (v2, or v1)."""
    quotas = [text.split() for text in _cgroup_texts("cpu.max", "")]
    if not quotas:
        v1 = (_cgroup_texts(f"cpu.cfs_{name}_us", "cpu") for name in ("quota", "period"))
        quotas = [list(pair) for pair in zip(*v1, strict=False)]
    cores = [
        max(1, math.ceil(int(quota) / int(period)))
        for quota, period in quotas
        if quota != "max" and int(quota) > 0
    ]
    return min(cores, default=None)


def _cgroup_free_bytes() -> int | None:
    """Return the least that the cgroups leave; what the page cache holds can be had back."""
    free = []
    for limit, usage, cache, controller in (
        ("memory.max", "memory.current", "inactive_file", ""),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory"),
    ):
        for folder in _cgroup_folders(controller):
            limit_text, usage_text = _text(folder / limit), _text(folder / usage)
            if limit_text and usage_text and limit_text.isdigit():
                held = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
                used = int(usage_text) - int(held.get(cache, 0))
                free.append(max(0, int(limit_text) - used))
    return min(free, default=None)


def _cgroup_texts(name: str, controller: str) -> list[str]:
    """Return what the files of that name say, of this process's cgroup and those above it."""
    return [text for folder in _cgroup_folders(controller) if (text := _text(folder / name))]


def _cgroup_folders(controller: str) -> list[Path]:
    """Return the folder of this process's cgroup and those above it, without the root's parents."""
    top, own = _CGROUP / controller, _own_cgroup(controller)
    return [own, *own.parents[: len(own.parts) - len(top.parts)]]


def _text(path: Path) -> str:
    """Return what a small file says; nothing if it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _own_cgroup(controller: str) -> Path:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return _CGROUP / controller
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _CGROUP / controller / path.lstrip("/")
    return _CGROUP / controller


def _meminfo_bytes(field: str) -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _total_memory_bytes() -> int:
    if sys.platform == "linux":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil

    total: int = psutil.virtual_memory().total
    return total


def _free_memory_bytes() -> int:
    if sys.platform == "linux":
        return _meminfo_bytes("MemAvailable") or _total_memory_bytes()
    import psutil

    available: int = psutil.virtual_memory().available
    return available


def _dask_worker_bytes() -> int | None:
    """Return the memory limit of the worker of Dask in whose task this is called, if any."""
    if "distributed.worker" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        limit: int | None = get_worker().memory_manager.memory_limit
    except ValueError:  # not in a task
        return None
    return limit


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
