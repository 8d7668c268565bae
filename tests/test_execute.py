"""The contract of every strategy: each item once, whatever happens to the workers."""

import dataclasses
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import pytest
import tifffile
from gate import PATIENCE_S, wait_for

from nucensus.errors import MissingPackageError, StrategyError, WorkerDiedError
from nucensus.execute import (
    OTHERS,
    PUBLISHED,
    STRATEGIES,
    Lost,
    Strategy,
    check,
    in_order,
    strategy_named,
)
from nucensus.execute.worker import capped_together, context_of, describe_death, is_crash
from nucensus.machine import start_methods

POOLS = [name for name in STRATEGIES if name.startswith("pool")]
HERE = [name for name in OTHERS if name not in ("interpreters", "joblib")]


@pytest.fixture(params=[*STRATEGIES, *HERE])
def strategy(request):
    return strategy_named(request.param)


def double(item):
    return 2 * item


def die(item):
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def end(item):
    if item == 3:
        os._exit(0)
    return item


def die_once(item):
    """Kill this process, unless the item's file says that one died of it before."""
    number, mark = item
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(item):
    raise ValueError(f"cannot do {item}")


def test_the_five_published_strategies_are_there_by_name():
    assert set(PUBLISHED) < set(STRATEGIES)


CAN = {
    "list-disk": "in_process is_published shares_memory",
    "list-memory": "in_process is_published loads_first shares_memory takes_arrays",
    "pool-disk": "is_published parallel pickles_work takes_chunks takes_start_method",
    "pool-memory": "is_published loads_first parallel pickles_work takes_arrays takes_chunks "
    "takes_start_method",
    "pool-fork": "is_published loads_first needs_fork parallel shares_memory takes_arrays "
    "takes_chunks",
    "threads": "in_process parallel shares_memory takes_arrays",
    "isolated": "isolates_crashes parallel pickles_work takes_arrays",
    "shared-memory": "loads_first parallel pickles_work shares_memory takes_arrays takes_chunks "
    "takes_start_method",
    "executor": "parallel pickles_work takes_arrays takes_chunks takes_start_method",
    "joblib": "parallel pickles_work takes_arrays takes_chunks",
    "interpreters": "in_process parallel pickles_work takes_arrays takes_chunks",
}


@pytest.mark.parametrize("name", CAN)
def test_what_a_strategy_can_do_is_what_is_chosen_by(name):
    strategy = strategy_named(name)
    claims = [each.name for each in dataclasses.fields(strategy) if each.type in ("bool", bool)]
    assert " ".join(each for each in sorted(claims) if getattr(strategy, each)) == CAN[name]
    assert list(CAN) == [*STRATEGIES, *OTHERS]


@pytest.mark.parametrize(("count", "workers"), [(0, 2), (1, 3), (37, 2)])
def test_every_index_comes_once_with_its_own_outcome(strategy, count, workers):
    items = list(range(100, 100 + count))
    outcomes = list(strategy.run(double, items, workers))
    assert sorted(outcomes) == [(index, 2 * item) for index, item in enumerate(items)]


def test_outcomes_can_be_taken_in_the_order_of_their_items():
    def slow_first(item):
        time.sleep(0.02 * (item % 5 == 0))
        return item

    shuffled = [(2, "c"), (0, "a"), (3, "d"), (1, "b")]
    assert list(in_order(iter(shuffled))) == ["a", "b", "c", "d"]
    assert list(in_order(STRATEGIES["threads"].run(slow_first, range(40), 4))) == list(range(40))


def test_threads_end_where_nobody_takes_more_outcomes():
    before = set(threading.enumerate())
    outcomes = in_order(STRATEGIES["threads"].run(abs, range(1000), 2))
    assert next(outcomes) == 0
    assert set(threading.enumerate()) - before
    outcomes.close()
    assert set(threading.enumerate()) <= before


def test_arrays_are_items_like_any_other(strategy):
    items = [np.full((3, 4), value) for value in range(9)]
    sums = dict(strategy.run(np.sum, items, 2))
    assert [sums[index] for index in range(9)] == [12 * value for value in range(9)]


@pytest.mark.parametrize("name", ["pool-disk", "executor"])
def test_workers_draw_random_numbers_of_their_own(name, tmp_path):
    np.random.random()  # noqa: NPY002 - seeds the generator that a fork copies
    drawn = [value for _, value in strategy_named(name).run(draw, [tmp_path] * 16, 2)]
    assert len(set(drawn)) == 16


def draw(folder):
    (folder / str(os.getpid())).touch()
    wait_for(lambda: len(list(folder.iterdir())) == 2)  # so that one worker does not do all
    return np.random.random()  # noqa: NPY002 - what functions of others use


def test_an_error_of_the_function_comes_through_as_it_is(strategy):
    with pytest.raises(ValueError, match="cannot do"):
        list(strategy.run(refuse, range(8), 2))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_package_that_is_missing_is_said_from_every_worker(strategy):
    with pytest.raises(MissingPackageError, match=r"pip install .*liffile"):
        list(STRATEGIES[strategy].run(miss_a_package, range(3), 2))


def miss_a_package(_):
    raise MissingPackageError("liffile", "Reading LIF", "lif")


@pytest.mark.parametrize("strategy", ["pool-disk", "pool-fork"])
def test_results_on_their_way_do_not_hold_up_the_end_after_an_error(strategy):
    for _ in range(3):
        with pytest.raises(ValueError, match="cannot do"):
            list(STRATEGIES[strategy].run(refuse_at_length, range(8), 4))


def refuse_at_length(_):
    raise ValueError("cannot do" + 300_000 * "!")


def test_a_reader_that_stops_early_leaves_no_worker_behind(strategy):
    before = set(threading.enumerate())
    outcomes = strategy.run(double, range(50), 2)
    next(outcomes)
    outcomes.close()
    assert_no_thread_is_left(before)


def assert_no_thread_is_left(before):
    """Give threads that are about to end the time that they need on a busy machine."""
    for thread in set(threading.enumerate()) - before:
        thread.join(100)
    assert set(threading.enumerate()) <= before


def test_a_worker_that_a_server_forks_begins_with_what_reads_images():
    with context_of("forkserver").Pool(1) as pool:
        assert pool.apply(eval, ("'imagecodecs' in __import__('sys').modules",))


@pytest.mark.skipif("forkserver" not in start_methods(), reason="needs a server of forks")
@pytest.mark.parametrize("name", ["pool-disk", "executor", "isolated"])
def test_a_worker_has_the_environment_of_its_parent_now(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)  # after it, a process is not forked
    asked = ["NUCENSUS_OLD", "NUCENSUS_NEW"]
    monkeypatch.setenv("NUCENSUS_OLD", "1")
    list(strategy_named(name).run(os.getenv, asked, 1))
    monkeypatch.delenv("NUCENSUS_OLD")
    monkeypatch.setenv("NUCENSUS_NEW", "2")
    assert sorted(strategy_named(name).run(os.getenv, asked, 1)) == [(0, None), (1, "2")]


def test_threads_take_items_only_as_they_can_work_on_them():
    taken = []
    outcomes = strategy_named("threads").run(double, (taken.append(i) or i for i in range(1000)), 2)
    next(outcomes)
    assert len(taken) < 20
    outcomes.close()


def test_threads_hand_over_what_is_done_before_they_wait():
    rest = threading.Event()
    outcomes = strategy_named("threads").run(lambda item: item or rest.wait(100), range(12), 2)
    assert sorted(next(outcomes) for _ in range(11)) == [(item, item) for item in range(1, 12)]
    rest.set()
    assert list(outcomes) == [(0, True)]


@pytest.mark.parametrize("name", POOLS)
def test_a_worker_that_is_killed_ends_the_run_instead_of_hanging_it(name):
    with pytest.raises(WorkerDiedError, match="ended before its work was done"):
        list(strategy_named(name).run(die, range(8), 2))


def test_a_worker_that_is_killed_while_it_waits_does_not_hang_the_run():
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as apart:
        for name in ("pool-disk", "pool-fork"):
            said = apart.submit(run_with_killed_workers, name).result()
            assert "SIGKILL" in said
            assert "ended before its work was done" in said


def run_with_killed_workers(name):
    """Return the error of a run; its pool leaves threads behind that wait for the dead."""
    forkserver._forkserver._forkserver_pid = None  # one of the parent's: not to be waited for here
    try:
        list(strategy_named(name).run(kill_the_others, range(1), 2))
    except WorkerDiedError as error:
        return str(error)


def kill_the_others(_):
    wait_for(other_workers)
    time.sleep(0.3)  # now they wait for work with the lock of their pipe
    for pid in other_workers():
        os.kill(pid, signal.SIGKILL)
    time.sleep(PATIENCE_S)


def other_workers():
    """Return the processes of which the parent is that of this one."""
    children = Path(f"/proc/{os.getppid()}/task").glob("*/children")
    others = {int(pid) for each in children for pid in each.read_text().split()} - {os.getpid()}
    return {pid for pid in others if b"tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.parametrize("name", [name for name in STRATEGIES if STRATEGIES[name].in_process])
def test_ctrl_c_ends_a_function_that_waits_for_ever(name):
    gate = threading.Event()

    def wait(item):
        if item == 0:
            os.kill(os.getpid(), signal.SIGINT)
        gate.wait()

    with pytest.raises(KeyboardInterrupt):
        list(strategy_named(name).run(wait, range(4), 2))
    gate.set()


def test_an_item_whose_worker_died_once_is_done_by_another(tmp_path):
    items = [(number, tmp_path / "died") for number in range(9)]
    assert sorted(STRATEGIES["isolated"].run(die_once, items, 2)) == [(k, k) for k in range(9)]
    assert (tmp_path / "died").exists()


def test_an_item_whose_workers_die_is_lost_with_the_reason_and_the_others_go_on():
    outcomes = dict(STRATEGIES["isolated"].run(die, range(9), 2))
    lost = outcomes.pop(3)
    assert isinstance(lost, Lost)
    assert lost.reason.endswith(", 2 times")
    assert outcomes == {number: number for number in range(9) if number != 3}


def test_an_item_whose_worker_ends_without_an_error_is_lost_instead_of_waited_for():
    outcomes = dict(STRATEGIES["isolated"].run(end, range(5), 2))
    assert outcomes.pop(3) == Lost("the worker process ended by itself with code 0, 2 times")
    assert outcomes == {number: number for number in range(5) if number != 3}


PRESS_CTRL_C = """
import os, signal, threading
from nucensus.execute import STRATEGIES

done = threading.Event()

def press():
    while not done.wait(0.01):
        os.killpg(0, signal.SIGINT)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    pressing = threading.Thread(target=press)
    pressing.start()
    print(sorted(STRATEGIES["isolated"].run(abs, [-3, -2, -1], 2)))
    done.set()
    pressing.join()
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="a terminal of POSIX tells the whole group")
def test_workers_do_not_hear_ctrl_c_while_they_start(tmp_path):
    script = tmp_path / "press.py"
    script.write_text(PRESS_CTRL_C)
    told = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, start_new_session=True
    )
    assert (told.stdout, told.stderr) == ("[(0, 3), (1, 2), (2, 1)]\n", "")


def test_a_daemonic_process_is_told_what_works_there():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        said = pool.map(check_here, STRATEGIES)
    for strategy, text in zip(STRATEGIES.values(), said, strict=True):
        assert (text == "") == strategy.in_process
        assert strategy.in_process or "use threads, list-disk or list-memory here" in text


def check_here(name):
    try:
        check(strategy_named(name), double)
    except StrategyError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["list-disk", "list-memory", "pool-fork", "threads"])
def test_closures_and_lambdas_work_where_nothing_is_pickled(name):
    offset = 5
    check(strategy_named(name), lambda item: item + offset)
    outcomes = strategy_named(name).run(lambda item: item + offset, range(4), 2)
    assert sorted(outcomes) == [(0, 5), (1, 6), (2, 7), (3, 8)]


@pytest.mark.parametrize("name", ["pool-disk", "pool-memory"])
def test_a_lambda_that_cannot_be_pickled_is_refused_before_anything_runs(name):
    with pytest.raises(
        StrategyError, match=r"cannot be pickled .* define it there, or use threads"
    ):
        check(strategy_named(name), lambda item: item)


@pytest.mark.parametrize("name", HERE)
def test_a_worker_that_is_killed_is_said_by_the_other_ways_too(name):
    with pytest.raises(WorkerDiedError, match="ended before its work was done"):
        list(strategy_named(name).run(die, range(8), 2))


def test_joblib_keeps_the_contract_and_leaves_no_worker_behind():
    pytest.importorskip("joblib")
    before = set(threading.enumerate())
    outcomes = list(strategy_named("joblib").run(double, range(5), 2))
    assert sorted(outcomes) == [(index, 2 * index) for index in range(5)]
    with pytest.raises(ValueError, match="cannot do"):
        list(strategy_named("joblib").run(refuse, range(8), 2))
    assert_no_thread_is_left(before)
    gc.collect()  # loky's semaphores: Python 3.12 cannot give them back while it starts a process


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there they are")
def test_interpreters_are_refused_where_there_are_none():
    with pytest.raises(StrategyError, match=r"expected Python 3\.14 or later; use threads"):
        list(strategy_named("interpreters").run(double, range(3), 2))


def test_arrays_in_shared_memory_are_copied_once_and_seen_by_all():
    items = [np.full((50, 60), value, np.uint16) for value in range(7)]
    addresses = dict(strategy_named("shared-memory").run(describe_array, items, 2))
    assert [each[:3] for _, each in sorted(addresses.items())] == [
        ((50, 60), "uint16", value) for value in range(7)
    ]
    assert not any(owns for *_, owns in addresses.values())


def describe_array(array):
    return array.shape, str(array.dtype), int(array.max()), array.flags.owndata


_AT_A_PROMPT = """
import functools, multiprocessing
from dataclasses import dataclass
import numpy as np
import nucensus

@functools.lru_cache
def weight():
    return 3

@dataclass
class Count:
    count: int

class UnluckyError(Exception):
    pass

def count(image):
    if image[0, 0] == 9:
        raise UnluckyError("no nuclei")
    return Count(int(image[0, 0]) * weight())

images = [np.full((2, 2), value) for value in range(5)]
multiprocessing.set_start_method(METHOD)
for strategy in STRATEGIES:
    found = nucensus.process_images(images, count, strategy=strategy, workers=2)
    assert found == [Count(3 * value) for value in range(5)], found
    try:
        nucensus.process_images([np.full((2, 2), 9)], count, strategy=strategy, workers=2)
    except UnluckyError as error:
        print(strategy, error)
"""


@pytest.mark.parametrize(
    ("method", "strategies"),
    [("forkserver", ["pool-memory", "isolated"]), ("spawn", ["shared-memory"])],
)
def test_a_function_of_a_prompt_or_notebook_works_in_every_process(method, strategies):
    script = f"METHOD, STRATEGIES = {method!r}, {strategies}\n{_AT_A_PROMPT}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(strategies)


def test_inner_pools_are_capped_until_the_last_of_several_threads_leaves(monkeypatch):
    monkeypatch.setattr(tifffile.TIFF, "MAXWORKERS", 5)
    with capped_together():
        with capped_together():
            assert tifffile.TIFF.MAXWORKERS == 1
        assert tifffile.TIFF.MAXWORKERS == 1
    assert tifffile.TIFF.MAXWORKERS == 5


def test_each_thread_that_works_tells_numba_and_opencv_to_use_one(monkeypatch):
    told, numba, cv2 = {}, types.ModuleType("numba"), types.ModuleType("cv2")
    numba.set_num_threads = lambda count: told.setdefault(threading.get_ident(), count)
    cv2.threads = 7
    cv2.getNumThreads = lambda: cv2.threads
    cv2.setNumThreads = lambda count: setattr(cv2, "threads", count)
    monkeypatch.setitem(sys.modules, "numba", numba)
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    both = threading.Barrier(2)
    list(strategy_named("threads").run(lambda _: both.wait(100), range(2), 2))
    assert list(told.values()) == [1, 1]
    told.clear()
    with capped_together():
        assert (cv2.threads, told) == (1, {threading.get_ident(): 1})
    assert cv2.threads == 7


def test_an_unknown_strategy_is_refused_with_those_that_there_are():
    with pytest.raises(StrategyError, match=r"no strategy 'pool'; expected one of list-disk"):
        strategy_named("pool")


@pytest.mark.parametrize(("code", "said"), [
    (0xC0000005, "crashed: it read or wrote memory that is not its own (Windows error 0xC0000005)"),
    (0xC0000017, "there was no memory left"),
    (0xC000001D, "the processor does not know an instruction"),
    (0xC0000094, "it divided by zero"),
    (0xC00000FD, "the stack overflowed"),
    (0xC0000409, "it ended itself after an error"),
    (0xC0000000, "it did what the system does not allow (Windows error 0xC0000000)"),
    (-signal.SIGSEGV, "was ended by SIGSEGV"),
    (-99, "was ended by signal 99"),
])  # fmt: skip
def test_how_a_worker_crashed_is_told_in_words(code, said):
    assert said in describe_death(code)
    assert is_crash(code)


@pytest.mark.parametrize("code", [0, 7, 0xBFFFFFFF])
def test_a_worker_that_ends_by_itself_has_not_crashed(code):
    assert describe_death(code) == f"the worker process ended by itself with code {code}"
    assert not is_crash(code)


def test_who_is_killed_is_told_that_memory_may_have_run_out():
    assert describe_death(-9) == (
        "the worker process was ended by SIGKILL, as the system does when memory runs out"
    )


def test_what_each_strategy_can_do_is_what_others_ask_it_for():
    can_do = {
        "list-disk": "shares_memory in_process is_published",
        "list-memory": "loads_first takes_arrays shares_memory in_process is_published",
        "pool-disk": "parallel pickles_work is_published takes_start_method takes_chunks",
        "pool-memory": "loads_first takes_arrays parallel pickles_work is_published "
                       "takes_start_method takes_chunks",
        "pool-fork": "loads_first takes_arrays parallel shares_memory needs_fork is_published "
                     "takes_chunks",
        "threads": "takes_arrays parallel shares_memory in_process",
        "isolated": "takes_arrays parallel pickles_work isolates_crashes",
        "shared-memory": "loads_first takes_arrays parallel pickles_work shares_memory "
                         "takes_start_method takes_chunks",
        "executor": "takes_arrays parallel pickles_work takes_start_method takes_chunks",
        "joblib": "takes_arrays parallel pickles_work takes_chunks",
        "interpreters": "takes_arrays parallel pickles_work in_process takes_chunks",
    }  # fmt: skip
    asked = [each.name for each in dataclasses.fields(Strategy) if each.type is bool]
    for name, strategy in {**STRATEGIES, **OTHERS}.items():
        found = {each for each in asked if getattr(strategy, each)}
        assert found == set(can_do.pop(name).split()), name
    assert not can_do
