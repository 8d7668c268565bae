"""What this process may use of the machine."""

import os

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
