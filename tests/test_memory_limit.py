"""A worker takes no more memory than it may, on whatever system."""

import subprocess
import sys

import pytest

from nucensus.execute.in_subprocess import run_in_subprocess
from nucensus.execute.memory_limit import OVER_LIMIT
from nucensus.execute.worker import describe_death, is_crash
from nucensus.machine import available_memory_bytes

TAKE = """
import sys, time
import numpy
from nucensus.execute import memory_limit
getattr(memory_limit, sys.argv[1])(100_000_000)
for megabytes in (20, int(sys.argv[2])):
    held = numpy.ones(megabytes * 1_000_000, "u1")
time.sleep(float(sys.argv[3]))
"""


def take(limit, megabytes, *, wait_s=0):
    command = [sys.executable, "-c", TAKE, limit, str(megabytes), str(wait_s)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("limit", ["limit_memory", "end_beyond"])
def test_within_its_memory_a_worker_works_on(limit):
    assert take(limit, 40, wait_s=0.2).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="wine and macOS keep to no such limit")
def test_beyond_its_memory_a_worker_gets_an_error_before_anything_is_killed():
    done = take("limit_memory", 400)
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_a_watched_worker_is_ended_once_it_holds_too_much():
    assert take("end_beyond", 400, wait_s=60).returncode == OVER_LIMIT


def test_a_worker_that_was_ended_for_its_memory_has_crashed_and_is_told_so():
    assert is_crash(OVER_LIMIT)
    assert "more memory than it may" in describe_death(OVER_LIMIT)


def limit_bytes(_):
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is that of Linux")
def test_work_beside_a_worker_of_a_cluster_may_take_a_part_of_the_memory_that_is_left():
    (most,) = run_in_subprocess(limit_bytes, [None], timeout_s=None, memory_bytes=None)
    assert 0 < most < available_memory_bytes()
