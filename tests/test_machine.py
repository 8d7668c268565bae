"""What this process may use of the machine."""

import os
import sys
from types import SimpleNamespace

import pytest

from nucensus import machine


def test_no_more_cores_are_usable_than_the_process_may_run_on():
    assert 1 <= machine.usable_cores() <= os.cpu_count()


def test_slurm_limits_the_cores(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert machine.usable_cores() == 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_a_cgroup_quota_limits_the_cores(tmp_path, monkeypatch, files, expected):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert machine.core_limits().get("cgroup") == expected


def test_a_cgroup_limits_the_memory(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert machine.available_memory_bytes() == 600_000


def test_slurm_says_it_for_the_node_where_it_does_not_for_the_task(monkeypatch):
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")
    assert machine.core_limits()["slurm"] == 1


def test_the_page_cache_of_a_cgroup_counts_as_free(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 100000\ninactive_file 700000\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert machine.available_memory_bytes() == 800_000


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /data rw shared:2 - nfs4 server:/data rw
24 23 8:2 / /data/scratch rw - xfs /dev/sdb1 rw
25 22 0:6 / /my\\040share rw - cifs //server/share rw
26 22 0:7 / /far rw - fuse.sshfs me@there: rw
27 22 0:8 / /stick rw - fuseblk /dev/sdc1 rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/run", None),
        ("/data/run", "nfs4"),
        ("/database/run", None),
        ("/data/scratch/run", None),
        ("/my share/run", "cifs"),
        ("/far/run", "fuse.sshfs"),
        ("/stick/run", None),
    ],
)
def test_a_network_disk_is_told_from_a_local_one(tmp_path, path, kind):
    (tmp_path / "mounts").write_text(MOUNTS)
    assert machine.network_disk(path, tmp_path / "mounts") == kind


def on_a_machine(monkeypatch, folder, cores, own):
    """Let the system say that it has so many cores, and that this process may run on some."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    affinities = {0: set(range(own))}  # 0 is the process that asks
    monkeypatch.setattr(os, "sched_getaffinity", affinities.__getitem__, raising=False)
    monkeypatch.setattr(machine, "_CGROUP", folder)
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("cores", "own", "usable"), [(64, 64, 64), (64, 48, 48), (1, 1, 1)])
def test_every_core_that_the_process_may_run_on_is_usable(
    tmp_path, monkeypatch, cores, own, usable
):
    on_a_machine(monkeypatch, tmp_path, cores, own)
    assert machine.core_limits() == {"machine": cores, "affinity": own}
    assert machine.usable_cores() == usable


def test_a_machine_that_does_not_tell_its_cores_has_one(tmp_path, monkeypatch):
    on_a_machine(monkeypatch, tmp_path, None, 8)
    assert machine.usable_cores() == 1


@pytest.mark.parametrize(
    ("task", "node", "usable"),
    [
        ("3", "20", 3),
        (None, "20", 20),
        ("", "20", 20),
        (None, "0", 48),
        ("0", None, 48),
        ("4(x2)", None, 48),
        ("100", None, 48),
        (None, None, 48),
    ],
)
def test_slurm_can_only_take_cores_away(tmp_path, monkeypatch, task, node, usable):
    on_a_machine(monkeypatch, tmp_path, 64, 48)
    for name, value in (("SLURM_CPUS_PER_TASK", task), ("SLURM_CPUS_ON_NODE", node)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert machine.usable_cores() == usable


def test_the_least_quota_of_the_cgroups_above_a_process_counts(tmp_path, monkeypatch):
    own = tmp_path / "a" / "b"
    own.mkdir(parents=True)
    for folder, quota in ((tmp_path, "max"), (own.parent, "250000"), (own, "600000")):
        (folder / "cpu.max").write_text(f"{quota} 100000\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_own_cgroup", lambda _: own)
    assert machine.core_limits()["cgroup"] == 3


def test_memory_is_what_the_system_calls_available_where_no_cgroup_limits_it(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine.facts()["memory_bytes"] == total
    assert 10 * 2**20 < machine.available_memory_bytes() <= total


@pytest.mark.parametrize("limit", [1_000_000, None, "not in a task"])
def test_a_worker_of_dask_has_the_memory_that_it_was_given(tmp_path, monkeypatch, limit):
    def get_worker():
        if limit == "not in a task":
            raise ValueError(limit)
        return SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=limit))

    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=get_worker))
    monkeypatch.setitem(sys.modules, "distributed.worker", SimpleNamespace())
    assert (machine.available_memory_bytes() == 1_000_000) == (limit == 1_000_000)
    monkeypatch.delitem(sys.modules, "distributed.worker")
    assert machine.available_memory_bytes() > 1_000_000
