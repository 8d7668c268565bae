"""A run belongs to one process, and knows what that one died of."""

import os
import pickle

import pytest

from nucensus.errors import RunError
from nucensus.store.lock import LOCK_FILE, RunLock, leave_marks, marks_in


def test_a_second_lock_is_refused_with_the_name_of_the_first(tmp_path):
    lock = RunLock(tmp_path)
    with pytest.raises(RunError, match=f"process {os.getpid()} on"):
        RunLock(tmp_path)
    lock.release()
    RunLock(tmp_path).release()


def test_a_lock_that_marks_nothing_leaves_no_file(tmp_path):
    lock = RunLock(tmp_path)
    lock.mark(7)
    lock.unmark(7)
    lock.release()
    assert not list(tmp_path.iterdir())


def test_what_was_marked_is_left_behind_for_the_next(tmp_path):
    lock = RunLock(tmp_path)
    for key in (3, 1_000_000):
        lock.mark(key)
    lock.release()
    assert (tmp_path / LOCK_FILE).exists()
    lock = RunLock(tmp_path)
    assert lock.left_behind == {3, 1_000_000}
    lock.release()


def test_what_another_machine_died_with_is_left_behind_for_the_next(tmp_path):
    assert marks_in(tmp_path) == set()
    leave_marks(tmp_path / "run", [2, 9])
    lock = RunLock(tmp_path / "run")
    assert lock.left_behind == marks_in(tmp_path / "run") == {2, 9}
    lock.unmark_all()
    lock.release()


def test_a_mark_within_another_one_lasts_as_long_as_that(tmp_path):
    lock = RunLock(tmp_path)
    with lock.marked(3):
        with lock.marked(3), lock.marked(4):
            assert marks_in(tmp_path) == {3, 4}
        assert marks_in(tmp_path) == {3}
    assert marks_in(tmp_path) == set()
    lock.release()


def test_a_lock_sent_to_another_process_marks_in_the_same_file(tmp_path):
    lock = RunLock(tmp_path)
    sent = pickle.loads(pickle.dumps(lock))
    sent.mark(5)
    lock.release()
    assert RunLock(tmp_path).left_behind == {5}
