"""Auto means measured: what a pilot finds decides how the rest is run."""

import dataclasses
import importlib
import json
import sqlite3
import threading
import time
from contextlib import closing

import numpy as np
import pytest

import nucensus
from nucensus.batch import Choice, Measured, choose, choose_from
from nucensus.batch.choose import seconds_each, trial_size
from nucensus.batch.pilot import Pilot
from nucensus.batch.run_over import run_over
from nucensus.detect import detect_nuclei
from nucensus.errors import StrategyError
from nucensus.execute import STRATEGIES, default_context, inner_pools_capped
from nucensus.execute.pools import chunks_of
from nucensus.machine import network_disk
from nucensus.values import Execution, Limits, Settings


def measured(**facts):
    return Measured(**{"images": 5, "load_s": 0.001, "apply_s": 0.05, "cpu_s": 0.051, **facts})


def hold(image):
    """Hold the interpreter lock."""
    return sum(value for value in range(int(image[0, 0])))


@pytest.fixture
def forks_soon(monkeypatch):
    """A machine on which a process starts as on others: this one may be busy."""
    room = importlib.import_module("nucensus.batch.choose")
    monkeypatch.setattr(room, "_start_s", lambda: 0.1)
    # Other tests may have left threads of libraries behind.
    monkeypatch.setattr(room, "fork_is_safe", lambda: True)


@pytest.mark.parametrize(
    ("facts", "remaining", "options", "expected"),
    [
        ({}, 500, {"workers": 1}, "list-disk"),
        ({}, 0, {}, "list-disk"),
        ({"apply_s": 1e-5, "load_s": 1e-5, "cpu_s": 2e-5}, 100, {}, "list-disk"),
        ({}, 500, {}, "threads"),
        ({"locked": 0.1}, 500, {}, "threads"),
        ({"locked": 1.0}, 500, {"function": hold}, "pool-disk"),
        ({"locked": 1.0}, 500, {"function": hold, "in_memory": True}, "pool-fork"),
        ({"locked": 1.0}, 500, {"function": lambda image: image}, "pool-fork"),
        ({"locked": 1.0, "size_bytes": 10**12}, 500, {"function": lambda image: image},
         "list-disk"),
        ({"locked": 1.0, "pickle_s": float("inf")}, 500, {"function": hold}, "list-disk"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("forks_soon")
def test_the_strategy_is_the_one_predicted_to_be_fastest(facts, remaining, options, expected):
    options = {"workers": 4, "function": detect_nuclei, **options}
    choice = choose_from(measured(**facts), remaining, **options)
    assert choice.strategy.name == expected, choice.explanation()
    assert choice.reason


def test_nothing_is_forked_while_other_threads_run():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        choice = choose_from(
            measured(locked=1.0), 500, workers=4, function=lambda image: image, in_memory=True
        )
    finally:
        done.set()
        thread.join()
    assert choice.strategy.name == "list-memory"


def test_a_slow_disk_is_read_ahead_of():
    choice = choose_from(
        measured(load_s=0.2, wait_s=0.15, apply_s=0.05), 500, workers=2, function=detect_nuclei
    )
    assert (choice.strategy.name, choice.ahead) == ("threads", 3)


def test_one_worker_that_waits_for_the_network_is_not_left_waiting():
    facts = measured(load_s=0.1, wait_s=0.099, apply_s=0.002, cpu_s=0.003)
    choice = choose_from(facts, 500, workers=1, function=detect_nuclei)
    assert (choice.strategy.name, choice.workers, choice.ahead) == ("threads", 1, 32)
    assert choice.predicted_s["threads"] >= 0.003 * 500  # no faster than its one core


def test_the_pilot_keeps_its_results_and_stops_when_it_knows_enough():
    taken = []
    items = iter(range(10_000))
    pilot = Pilot(lambda item: item, lambda item: time.sleep(0.01) or 2 * item, sends_images=False)
    taken = list(pilot.run(items))
    assert taken == [2 * item for item in range(len(taken))]
    assert 2 <= len(taken) < 50
    assert next(items) == len(taken)
    assert pilot.measured.apply_s >= 0.01


def test_the_pilot_tells_who_holds_the_interpreter_lock():
    def locked_part(function):
        pilot = Pilot(lambda item: item, function, sends_images=False)
        list(pilot.run(iter(range(40))))
        return pilot.measured.locked

    busy = np.full((1, 1), 400_000)
    # What else runs on the machine delays both; one clear measurement tells.
    holding = max(locked_part(lambda _: hold(busy)) for _ in range(5))
    assert holding > 0.6
    assert any(locked_part(lambda _: time.sleep(0.02)) < holding / 2 for _ in range(50))


def test_threads_are_tried_on_short_images_before_they_are_trusted():
    short = measured(load_s=0.0005, apply_s=0.0005)
    threads, serial = (
        Choice(STRATEGIES[name], 2, "", measured=short) for name in ("threads", "list-disk")
    )
    assert trial_size(threads, 1000) == 32
    assert trial_size(threads, 60) == 0
    assert trial_size(serial, 1000) == 0
    assert trial_size(dataclasses.replace(threads, measured=measured()), 1000) == 0


@pytest.mark.parametrize(("threaded_s", "expected"), [(0.0006, "threads"), (0.002, "list-disk")])
def test_threads_that_were_tried_are_judged_by_what_they_took(threaded_s, expected):
    tried = measured(load_s=0.0005, apply_s=0.0005, threaded_s=threaded_s, pickle_s=float("inf"))
    choice = choose_from(tried, 1000, workers=2, function=detect_nuclei)
    assert choice.strategy.name == expected


def test_every_image_is_worked_on_once_with_pilot_and_trial():
    images = [np.full((1, 1), value) for value in range(2000)]
    pause = 0.0003
    found = nucensus.process_images(images, lambda image: time.sleep(pause) or int(image[0, 0]))
    assert found == list(range(2000))


def test_the_choice_stands_in_the_run_file_with_its_reason(plate, tmp_path):
    run = nucensus.census(plate, tmp_path / "run", Settings(threshold=300), workers=2)
    strategy = run.facts["strategy"]
    assert strategy["reason"]
    assert strategy["measured"]["images"] >= 1
    with closing(sqlite3.connect(tmp_path / "run" / "run.sqlite")) as database:
        journal = database.execute("SELECT value FROM run WHERE key = 'journal'").fetchone()[0]
    network = network_disk(tmp_path)
    assert json.loads(journal) == (
        f"truncate, network disk ({network})" if network else "wal, local disk"
    )


def test_a_time_limit_needs_processes():
    with pytest.raises(StrategyError, match="use the strategy isolated"):
        choose(Execution("threads", limits=Limits(timeout_s=3)))
    assert choose(Execution(limits=Limits(timeout_s=3))).strategy.isolates_crashes


def test_inner_thread_pools_are_capped_and_restored():
    import tifffile
    from threadpoolctl import threadpool_info

    def counts():
        return [pool["num_threads"] for pool in threadpool_info()], tifffile.TIFF.MAXWORKERS

    before = counts()
    with inner_pools_capped():
        assert set(counts()[0]) <= {1}
        assert counts()[1] == 1
    assert counts() == before


@pytest.mark.parametrize("strategy", ["threads", "pool-disk", "pool-fork", "isolated"])
def test_inner_thread_pools_are_capped_in_every_worker(plate, strategy):
    most = nucensus.process_images(sorted(plate.iterdir()), inner_threads, strategy=strategy)
    assert set(most) == {1}


def inner_threads(_):
    from threadpoolctl import threadpool_info

    return max(pool["num_threads"] for pool in threadpool_info())


@pytest.mark.parametrize("warm_up", [[0.3], [0.5, 0.15], [0.8, 0.3, 0.11]])
def test_what_only_the_first_images_take_is_not_taken_for_what_each_takes(warm_up):
    def is_told_apart():
        left = iter(warm_up)
        pilot = Pilot(
            lambda item: item, lambda _: time.sleep(next(left, 0.0) + 0.005), sends_images=False
        )
        assert len(list(pilot.run(iter(range(60))))) > len(warm_up)
        found = pilot.measured
        return found.apply_s < 0.05 and found.warm_up_s > 0.8 * sum(warm_up)

    # On a busy machine images after the first take as long now and then.
    assert any(is_told_apart() for _ in range(20))


def test_what_is_predicted_holds_what_the_pilot_took():
    slow_first, slow_s = iter([0.2]), 0.005
    pilot = Pilot(
        lambda item: item, lambda _: time.sleep(next(slow_first, slow_s)), sends_images=False
    )
    list(pilot.run(iter(range(60))))
    assert pilot.measured.spent_s > 0.2
    late = choose_from(measured(spent_s=3.0), 500, workers=2, function=detect_nuclei)
    now = choose_from(measured(), 500, workers=2, function=detect_nuclei)
    for name in ("list-disk", "threads"):
        assert late.predicted_s[name] == pytest.approx(now.predicted_s[name] + 3.0)
    assert "in 3 s: " in late.explain()
    assert "Predicted for all images: list-disk" in late.explain()


@pytest.mark.usefixtures("forks_soon")
def test_processes_that_start_cold_are_predicted_with_the_warm_up():
    facts = measured(apply_s=0.5, cpu_s=0.5, locked=1.0)
    cold = dataclasses.replace(facts, warm_up_s=5.0)
    warm, late = (choose_from(each, 40, workers=2, function=len) for each in (facts, cold))
    is_forked = default_context().get_start_method() == "fork"
    difference = late.predicted_s.get("pool-disk", 99) - warm.predicted_s["pool-disk"]
    assert difference < 1 if is_forked else difference > 4


@pytest.mark.parametrize(
    ("function", "expected", "in_turn"), [(len, "pool-disk", 50), (lambda _: 0, "pool-fork", 52)]
)
@pytest.mark.usefixtures("forks_soon")
def test_a_pool_is_predicted_with_the_chunks_that_leave_cores_idle_at_the_end(
    function, expected, in_turn
):
    # A list of 100 is cut into chunks of 13, of which one of two workers takes four; what the
    # workers read is given out one by one at last.
    choice = choose_from(
        measured(apply_s=1.0, cpu_s=1.0, locked=1.0), 100, workers=2, function=function
    )
    assert choice.strategy.name == expected
    crowded = 1.1
    assert crowded * in_turn <= choice.predicted_s[expected] < crowded * in_turn + 1.5


def test_what_is_left_for_a_pool_is_given_out_in_smaller_and_smaller_chunks():
    taken = [len(chunk) for chunk in chunks_of(iter(range(100)), 2, None)]
    assert taken == sorted(taken, reverse=True)
    assert (sum(taken), taken[0], taken[-1]) == (100, 13, 1)
    assert {len(chunk) for chunk in chunks_of(range(100), 2, None)} == {13, 9}


@pytest.mark.parametrize("ends", [[2, 2, 4, 4, 6, 6], [1, 2, 3, 4, 5, 6]])
def test_threads_that_are_tried_are_not_taken_for_faster_than_they_are(ends):
    # Each of two takes two seconds for an image, at the same time as the other or in between.
    assert seconds_each(ends, 2) == 1
    assert seconds_each(ends[:2], 2) == 0  # it was stopped


def test_a_strategy_is_chosen_for_what_the_pilot_left():
    asked = []

    def choose_after(measured, remaining):
        asked.append((measured.images, remaining))
        return Choice(STRATEGIES["list-disk"], 1, "it is asked for")

    steps = (lambda item: item), (lambda item: time.sleep(1e-5) or 2 * item)
    found = dict(run_over(range(5000), 5000, lambda _: steps, None, choose_after))
    assert found == {item: 2 * item for item in range(5000)}
    ((done, remaining),) = asked
    assert 0 < done < 5000
    assert done + remaining == 5000
