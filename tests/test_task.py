"""A task on a worker of a cluster: what comes back of it, also from a process that may die."""

import os
import pickle

import pytest

pytest.importorskip("distributed")

from nucensus.execute.in_subprocess import run_in_subprocess
from nucensus.execute.payload import Payload
from nucensus.execute.strategy import Lost
from nucensus.execute.task import Done, Task, TaskPayload, work_on


def double_or_die(item):
    """Double a number, or die."""
    print("what a library prints is no result", flush=True)  # noqa: T201
    if isinstance(item, str):
        os._exit(3)
    return 2 * item


def packed(outcomes):
    return [outcomes, "packed"]


def refuse(item):
    raise SystemExit(f"no {item}")


def work_here(work, items):
    payload = pickle.loads(pickle.dumps(TaskPayload(pickle.dumps(Task(work, packed)))))
    return work_on(payload, pickle.dumps(items), in_subprocess=False)


def test_the_outcomes_of_a_task_come_back_packed_with_their_size_and_time():
    done = work_here(double_or_die, [3, 4])
    assert isinstance(done, Done)
    assert done.packed == [[6, 8], "packed"]
    assert 100 < done.size_bytes < 1000
    assert done.seconds > 0


def test_an_error_of_a_task_comes_back_even_one_that_ends_processes():
    answer = work_here(refuse, ["3"])
    assert isinstance(answer, Payload)
    with pytest.raises(SystemExit, match="no 3"):
        answer.open()


def test_one_item_that_its_process_dies_of_is_lost_and_the_others_are_not():
    found = run_in_subprocess(double_or_die, [1, "die", 2], timeout_s=None, memory_bytes=None)
    assert (found[0], found[2]) == (2, 4)
    assert isinstance(found[1], Lost)
    assert "watched" not in found[1].reason
