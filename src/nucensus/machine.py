"""What this process may use of the machine: cores, memory, start methods."""

import math
import multiprocessing
import os
import platform
import sys
from pathlib import Path
from typing import Any

_CGROUP = Path("/sys/fs/cgroup")


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
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdigit() and int(slurm) > 0:
        limits["slurm"] = int(slurm)
    return limits


def available_memory_bytes() -> int | None:
    """Return how much memory this process may still take, or None where it cannot be known."""
    amounts = [amount for amount in (_free_memory_bytes(), _cgroup_free_bytes()) if amount]
    return min(amounts, default=None)


def start_methods() -> list[str]:
    """Return the ways in which `multiprocessing` can start a process here, the default first."""
    return multiprocessing.get_all_start_methods()


def can_fork() -> bool:
    """Tell whether worker processes can be forked here."""
    return "fork" in start_methods()


def facts() -> dict[str, Any]:
    """Return what is worth knowing about the machine beside a measurement."""
    return {
        "system": platform.platform(),
        "processor": _processor_name(),
        "cores": core_limits(),
        "memory_bytes": _total_memory_bytes(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "start_methods": start_methods(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }


def _cgroup_cores() -> int | None:
    quota, period = "max", "100000"
    v2 = _cgroup_text("cpu.max", "")
    if v2 is not None and len(v2.split()) == 2:
        quota, period = v2.split()
    else:
        quota = _cgroup_text("cpu.cfs_quota_us", "cpu") or "max"
        period = _cgroup_text("cpu.cfs_period_us", "cpu") or "100000"
    if quota == "max" or int(quota) <= 0:
        return None
    return max(1, math.ceil(int(quota) / int(period)))


def _cgroup_free_bytes() -> int | None:
    for limit, usage, controller in (
        ("memory.max", "memory.current", ""),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory"),
    ):
        limit_text = _cgroup_text(limit, controller)
        usage_text = _cgroup_text(usage, controller)
        if limit_text and usage_text and limit_text.isdigit():
            return max(0, int(limit_text) - int(usage_text))
    return None


def _cgroup_text(name: str, controller: str) -> str | None:
    """Return the content of a cgroup file of this process (v2, or v1 with a controller)."""
    for folder in (_own_cgroup(controller), _CGROUP / controller):
        try:
            return (folder / name).read_text().strip()
        except OSError:
            continue
    return None


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


def _total_memory_bytes() -> int | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _free_memory_bytes() -> int | None:
    return _meminfo_bytes("MemAvailable") or _total_memory_bytes()


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
