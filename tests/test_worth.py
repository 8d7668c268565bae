"""Is it worth it? Any function in every way: measured apart, predicted, said in words."""

import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

import nucensus
from nucensus.batch import Measured
from nucensus.bench.worth import Comparison, compare
from nucensus.bench.worth.digest import digest
from nucensus.bench.worth.findings import Passes, Profile, Timing
from nucensus.bench.worth.holding import forking_s, keeping_s
from nucensus.bench.worth.magic import _compare
from nucensus.bench.worth.page import fragment, page
from nucensus.bench.worth.predict import CORES, Circumstances, predict
from nucensus.bench.worth.recommend import recommend
from nucensus.bench.worth.sending import sending
from nucensus.bench.worth.source import source_of
from nucensus.bench.worth.table import not_run, table_text
from nucensus.bench.worth.timed import Call, warm_up_s
from nucensus.bench.worth.warm_ups import with_common_warm_up
from nucensus.bench.worth.ways import Way, swept_sizes, ways_of
from nucensus.cli.bench import command
from nucensus.errors import FunctionError, InputError
from nucensus.execute import STRATEGIES, strategy_named
from nucensus.machine import can_fork
from nucensus.text.page import begin_page

QUICK = {"repeat": 1, "progress": False, "workers": 1, "chunk_sizes": ()}

MINE = """
import os
import numpy as np

LIMIT = 500

def count(image):
    print("a function may print")
    return int((image > LIMIT).sum())

def other(image):
    return int((image >= LIMIT + 1).sum())

def process(image):
    return os.getpid()

def dark_fails(image):
    if image.max() < 10:
        raise ValueError("too dark")
    return 1

def crashes(image):
    os.kill(os.getpid(), 9)

def fails(image):
    raise ValueError("no good")

def read(path):
    return np.full((4, 4), len(str(path)))

def make():
    return [np.full((4, 4), value) for value in range(3)]

broken = lambda image: 3
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine_of_this_test.py"
    path.write_text(MINE)
    return path


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(3):
        pixels = np.full((20, 30), 400 + 100 * index, np.uint16)
        tifffile.imwrite(tmp_path / "images" / f"A01_s{index}.tif", pixels)
    return tmp_path / "images"


def test_a_function_of_a_file_gets_table_chart_page_and_advice_by_one_command(
    mine, images, tmp_path
):
    out = tmp_path / "out"
    arguments = [str(images), "-o", str(out), "--function", f"{mine}:count", "--repeat", "2"]
    arguments += ["--workers", "2"]
    for name in ("list-memory", "pool-disk", "interpreters"):
        arguments += ["--strategy", name]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "list-memory" in done.stdout
    assert "3 images" in done.stdout
    assert "Not possible here: interpreters: " in done.output or sys.version_info >= (3, 14)
    found = json.loads((out / "bench.json").read_text())
    memory, pool = found["timings"][:2]
    assert memory["load_s"] > 0
    assert memory["passes"] == 2
    assert pool["sent_bytes"] > 0
    assert pool["peak_memory_bytes"] > 10**7
    assert not pool["differs"]
    assert found["timings"][-1]["way"] == "pool-disk (chunks of 2)"
    assert {each.name for each in out.iterdir()} == {
        "bench.json", "bench.png", "bench.svg", "bench.html"
    }  # fmt: skip
    assert "count over 3 images" in (out / "bench.html").read_text()


def test_a_function_of_a_prompt_is_timed_in_processes_that_start_anew():
    script = (
        "import numpy as np, nucensus\n"
        "from functools import cache\n"
        "@cache\n"
        "def factor(): return 3\n"
        "def times(image): return factor() * int(image.sum())\n"
        "found = nucensus.compare([np.ones((3, 3))] * 2, lambda image: times(image),\n"
        "    strategies=['pool-memory'], start_methods=['spawn'], workers=1, repeat=1,\n"
        "    progress=False, chunk_sizes=[])\n"
        "print([each.failure for each in found.timings], found.timings[1].name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stderr == ""
    assert done.stdout == "['', ''] pool-memory (spawn)\n"


def test_a_global_that_workers_of_the_program_miss_is_a_row_with_its_reason(images, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, nucensus\n"
        "def count(image): return int((image > image.min() + LIMIT).sum())\n"
        "if __name__ == '__main__':\n"
        "    LIMIT = 3\n"
        "    multiprocessing.set_start_method('forkserver')\n"
        f"    found = nucensus.compare({str(images)!r}, count, progress=False, repeat=1,\n"
        "        strategies=['list-memory', 'pool-memory', 'isolated'], start_methods=['fork'],\n"
        "        workers=1, chunk_sizes=[])\n"
        "    print(*[each.failure for each in found.timings], sep='|')\n"
        "    print(multiprocessing.get_start_method())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stderr == ""
    reason = "NameError: name 'LIMIT' is not defined (one call in one worker process)"
    assert done.stdout == f"|{reason}|{reason}|\nforkserver\n"


def test_of_a_generator_without_end_as_many_as_are_asked_for_are_compared():
    images = (np.full((2, 2), value) for value in itertools.count())
    found = compare(
        images, sum_up, strategies=["list-memory", "auto"], limit=3, **QUICK | {"workers": 2}
    )
    assert found.images == 3
    assert ([each.failure for each in found.timings], found.errors) == (["", ""], {})
    (known,) = found.profiles.values()
    tried = {1, 2} if can_fork() else set()  # so many calls side by side
    assert set(known.crowded) == tried
    assert all(seconds > 0 for seconds in known.crowded.values())


def test_a_lambda_of_a_module_is_a_row_with_its_reason(images, mine):
    found = compare(images, f"{mine}:broken", strategies=["list-disk", "pool-disk"], **QUICK)
    ((name, reason),) = not_run(found)
    assert name == "pool-disk"
    assert "cannot be pickled" in reason
    assert found.best.way.strategy == "list-disk"


def test_ways_that_cannot_be_taken_for_one_reason_are_told_once():
    reason = "the strategy {} sends the function, and this one cannot be pickled (f at 0x7f{})"
    failed = [
        replace(row(name, 1.0), samples_s=(), failure=reason.format(name, index))
        for index, name in enumerate(("pool-disk", "pool-memory", "isolated"))
    ]
    other = replace(row("pool-fork", 1.0), samples_s=(), failure="it cannot")
    assert not_run(comparison(LIST, *failed, other)) == [
        ("pool-disk", reason.format("pool-disk", 0)),
        ("pool-memory, isolated", "as pool-disk"),
        ("pool-fork", "it cannot"),
    ]


def test_results_that_differ_are_not_recommended(images, mine):
    found = compare(images, f"{mine}:process", strategies=["list-disk", "list-memory"], **QUICK)
    assert len(found.timings[1].differs) == 3
    assert found.best.way.strategy == "list-disk"
    assert "list-memory gave other results than the first way" in found.recommendation


def test_an_image_that_the_function_fails_for_is_named_and_the_others_are_timed(images, mine):
    tifffile.imwrite(images / "A01_s9.tif", np.ones((8, 8), np.uint16))
    found = compare(images, f"{mine}:dark_fails", strategies=["list-disk"], **QUICK)
    assert list(found.errors) == [str(images / "A01_s9.tif")]
    assert "failed for 1 of 4 images" in found.recommendation
    assert "ValueError: too dark" in found.recommendation


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (
            "fails",
            FunctionError,
            r"A01_s0.tif'.* ValueError: no good \(line \d+ of mine\w*\.py\)",
        ),
        ("crashes", FunctionError, r"its process (crashed or was killed \(SIGKILL\)|ended with)"),
        ("absent", InputError, "'absent' is no function .* count, other"),
    ],
)
def test_a_function_that_cannot_be_timed_is_said_with_its_reason(
    images, mine, function, error, text
):
    with pytest.raises(error, match=text):
        compare(images, f"{mine}:{function}", strategies=["list-disk"], **QUICK)


@pytest.mark.parametrize("second", ["fails", "absent"])
def test_all_functions_are_looked_at_before_one_is_timed(images, mine, second):
    timed = []
    with pytest.raises((FunctionError, InputError)):
        compare(
            images, f"{mine}:count", f"{mine}:{second}", strategies=["list-disk"],
            on_timing=timed.append, **QUICK,
        )  # fmt: skip
    assert timed == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("absent.py:count", "'absent.py' is not there"),
        ("count", "expected FILE.py:NAME or MODULE:NAME"),
    ],
)
def test_a_place_that_names_no_function_is_refused(place, text):
    with pytest.raises(InputError, match=text):
        source_of(place)


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"there is no module 'absent\.module'"):
        source_of("absent.module:count").load()


def test_a_file_that_is_called_like_a_module_is_refused(tmp_path):
    (tmp_path / "json.py").write_text("def count(image): return 1")
    with pytest.raises(InputError, match="is called like the module 'json'"):
        source_of(f"{tmp_path / 'json.py'}:count").load()


def test_a_function_that_loads_makes_arrays_of_paths_or_gives_them(images, mine, tmp_path):
    found = compare(images, f"{mine}:count", load=f"{mine}:read", strategies=["list-disk"], **QUICK)
    assert found.images == 3
    arguments = ["-o", str(tmp_path / "out"), "--function", f"{mine}:count", "--repeat", "1"]
    arguments += ["--load", f"{mine}:make", "--strategy", "list-memory"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "for 3 images" in done.stdout


@pytest.mark.parametrize("files", [("mine", "gone"), ("gone", "mine")])
def test_the_files_of_several_functions_are_looked_for_before_any_is_timed(
    images, mine, tmp_path, files
):
    paths = {"mine": mine, "gone": tmp_path / "gone.py"}
    functions = [f"--function={paths[each]}:count" for each in files]
    done = CliRunner().invoke(command, [str(images), "-o", str(tmp_path / "out"), *functions])
    assert done.exit_code != 0
    assert "gone.py' is not there" in str(done.exception)
    assert "list" not in done.output


def test_options_of_the_detector_and_of_functions_are_not_mixed(images):
    for options, text in (
        (["--function", "mine.py:count", "--sigma", "3"], "--sigma is for the detector"),
        (["--chunk-size", "3"], "--chunk-size goes with --function"),
    ):
        done = CliRunner().invoke(command, [str(images), "-o", "out", *options])
        assert done.exit_code == 2
        assert text in done.output


def test_variants_of_the_pools_are_timed_where_they_are_asked_for():
    ways = ways_of(["list-disk", "pool-disk", "auto", "joblib"], ["spawn"], [4])
    assert [each.name for each in ways[4:]] == [
        "pool-disk (spawn)", "pool-disk (chunks of 4)", "joblib (chunks of 4)"
    ]  # fmt: skip


def test_a_pool_is_timed_with_one_image_and_with_a_whole_share_at_a_time(images, mine):
    assert swept_sizes(24, 2) == (1, 12)
    assert swept_sizes(8, 2) == (4,)
    assert swept_sizes(2, 2) == ()
    options = {**QUICK, "workers": 2, "chunk_sizes": None}
    strategies = ["list-disk", "pool-disk", "executor"]
    found = compare(images, f"{mine}:count", strategies=strategies, **options)
    assert [each.name for each in found.timings] == [*strategies, "pool-disk (chunks of 2)"]


def test_a_way_far_behind_the_best_is_run_once(images, tmp_path):
    (tmp_path / "slow_elsewhere.py").write_text(
        "import os, threading, time\n"
        "def work(image):\n"
        "    time.sleep(0.01 + 0.2 * (threading.current_thread() is threading.main_thread()))\n"
    )
    place = f"{tmp_path / 'slow_elsewhere.py'}:work"
    options = {**QUICK, "workers": 2, "repeat": 2}
    found = compare(images, place, strategies=["threads", "list-disk"], **options)
    assert [len(each.samples_s) for each in found.timings] == [2, 1]


def test_another_size_of_chunks_is_named_where_it_matters():
    one = Timing("count", Way("pool-fork", chunk_size=1), "pool-fork", (7.9, 8.0), warm_up_s=0.1)
    slow = replace(one, samples_s=(12.0, 12.1), way=Way("pool-fork", chunk_size=12))
    found = comparison(LIST, FORK, one)
    assert "makes no difference to pool-fork" in found.recommendation
    assert found.recommendation.startswith("On 2 cores, for 240 images: pool-fork, 8 s, 1.8 times")
    assert "pool-fork takes 8 s by itself, 8.05 s in chunks of 1 and 12.2 s in chunks of 12." in (
        comparison(LIST, FORK, one, slow).recommendation
    )
    fast = replace(one, samples_s=(4.0, 4.1))
    assert comparison(LIST, FORK, fast).best.name == "pool-fork (chunks of 1)"


def test_equal_results_have_the_same_digest_whatever_they_are():
    values = [
        np.arange(6).reshape(2, 3), {"a": [1, 2.5, None], "b": ("x", b"y")}, 7, {3, 1, 2},
        ValueError("no"), Way("threads"), np.float64(2.0),
    ]  # fmt: skip
    import pickle

    for value in values:
        assert digest(value) == digest(pickle.loads(pickle.dumps(value)))
    assert len({digest(value) for value in values}) == len(values)
    assert digest(np.arange(6)) != digest(np.arange(6).reshape(2, 3))


def call(seconds, process=1, number=1, import_s=0.0):
    return Call(None, seconds, seconds, import_s, process, number)


def test_what_cold_processes_take_is_counted_apart_and_once_for_all_of_them():
    usual = [call(0.1, 1, number) for number in (2, 3, 4)]
    calls = [call(1.1, 1, 1, import_s=0.5), call(0.9, 2, 1, import_s=0.5), *usual]
    assert warm_up_s(calls, 9.0) == pytest.approx(1.5)
    assert warm_up_s([call(1.1, 1, 1)], 0.1) == pytest.approx(1.0)
    assert warm_up_s([call(1.1, 1, 1), call(0.6, 1, 2), *usual[1:]], 9.0) == pytest.approx(1.5)
    assert warm_up_s([call(0.9, 1, 5), *usual], 0.1) == 0.0
    assert warm_up_s([], 0.1) == 0.0


# What was measured of a function that lets go of the lock, and of one that does not.
FREE = Profile(
    Measured(9, 0.0015, 0.058, cpu_s=0.0595, locked=0.06, size_bytes=2_600_000), 0.1, 0,
    2_600_000, 0.0046, 5, 0.0001, 0.0004, {"fork": 0.02, "spawn": 0.6}, "fork", workers=2,
    crowded={1: 0.058, 2: 0.06},
)  # fmt: skip
TINY = replace(FREE, measured=replace(FREE.measured, apply_s=2e-5, cpu_s=0.00152))
CROWDED = replace(TINY, crowded={1: 2e-5, 2: 9e-5})
HELD = replace(FREE, measured=replace(FREE.measured, locked=1.0))


def row(name, seconds, *, function="count", **facts):
    samples = (0.98 * seconds, seconds, 1.03 * seconds)
    return Timing(function, Way(name), name, samples, warm_up_s=0.1, busy_cores=1.0, **facts)


def comparison(*rows, known=FREE, **facts):
    profiles = {each.function: known for each in rows}
    given = {
        "images": 240, "workers": 2, "machine": {"processor": "", "system": "", "python": ""},
        "errors": {}, "in_memory": False, "places": dict.fromkeys(profiles, "mine.py:count"),
    }  # fmt: skip
    return Comparison(timings=rows, profiles=profiles, **{**given, **facts})


LIST, THREADS, FORK = row("list-disk", 14.3), row("threads", 7.4), row("pool-fork", 7.9)


def test_the_fastest_way_is_named_with_how_much_it_gains_and_why():
    lead, why, *others = recommend(comparison(LIST, THREADS, FORK))
    assert lead == (
        "On 2 cores, for 240 images: threads, 7.5 s, 1.9 times as fast as a plain list (14.4 s)."
    )
    assert "holds the interpreter lock only 6 % of the time" in why
    assert any(each.startswith("Predicted for this system: ") for each in others)
    assert any(each.startswith("On macOS and Windows") for each in others)


@pytest.mark.parametrize("in_memory", [False, True])
def test_where_processes_start_anew_only_a_way_that_needs_no_fork_is_named(in_memory):
    for apply_s in np.geomspace(1e-4, 10, 12):
        known = replace(HELD, measured=replace(HELD.measured, apply_s=apply_s, cpu_s=apply_s))
        found = comparison(LIST, FORK, known=known, in_memory=in_memory)
        (said,) = [each for each in recommend(found) if each.startswith("On macOS and Windows")]
        way = STRATEGIES[said.split("with 8 cores: ")[1].split(",")[0].rstrip(".")]
        assert not way.needs_fork
        assert not way.isolates_crashes
        assert way.takes_arrays or not in_memory


def test_on_one_core_no_pool_is_recommended():
    fast_by_chance = row("pool-fork", 5.0)
    said = comparison(LIST, fast_by_chance, known=replace(HELD, crowded={1: 0.058, 2: 0.116}))
    assert "Predicted for this system: on 1 core list-disk;" in said.recommendation


def test_where_a_list_beat_the_pool_that_was_predicted_nobody_says_that_nothing_would_change_that():
    alone = replace(HELD, crowded={1: 0.058, 2: 0.058})
    chance = comparison(LIST, row("pool-fork", 16.0), known=alone).recommendation
    assert "a plain list is enough" in chance
    assert "would not change that" not in chance
    expected = comparison(LIST, FORK, known=alone).recommendation
    assert "pool-fork, 8 s" in expected
    assert "A function ten times faster or slower" in expected


def test_no_winner_is_named_where_intervals_overlap():
    found = comparison(LIST, THREADS, row("pool-fork", 7.5))
    assert [each.name for each in found.winners] == ["threads", "pool-fork"]
    assert "threads and pool-fork cannot be told apart here" in found.recommendation
    close = comparison(LIST, row("threads", 14.2))
    assert close.best.name == "list-disk"
    assert "a plain list is enough" in close.recommendation


def test_one_pass_does_not_make_a_winner():
    once = Timing("count", Way("pool-fork"), "pool-fork", (6.9,), warm_up_s=0.1)
    found = comparison(LIST, THREADS, once)
    assert [each.name for each in found.winners] == ["threads", "pool-fork"]
    assert fragment(found).count("<u ") == 2  # a line for those of several passes


def test_a_way_that_failed_or_differs_is_never_the_best():
    failed = Timing("count", Way("threads"), failure="it cannot")
    found = comparison(LIST, failed, row("pool-fork", 1.0, differs=("a.tif",)))
    assert found.best is found.timings[0]
    assert "Not run: threads: it cannot" in table_text(found)
    with pytest.raises(InputError, match="no way to run this function worked"):
        _ = comparison(failed).best


def test_two_functions_are_compared_in_their_fastest_ways():
    slow = row("threads", 30.0, function="slow")
    found = comparison(LIST, THREADS, slow)
    assert found.recommendation.startswith("count is 4.0 times as fast as slow.")


def test_a_machine_that_is_busy_with_other_things_is_said():
    found = comparison(LIST, THREADS, machine={"load": 7.0})
    assert "Other programs were at work here" in found.recommendation


def test_what_is_the_best_already_is_no_change():
    measured = replace(FREE.measured, apply_s=0.02, cpu_s=0.0215)
    few = {"known": replace(FREE, import_s=0.0, measured=measured)}
    few["images"] = 5  # threads, says the model, and a list with a function ten times faster
    assert "it would be list-disk" in comparison(LIST, THREADS, **few).recommendation
    found = comparison(LIST, row("threads", 15.0), **few)
    assert found.best.ran == "list-disk"
    assert "it would be list-disk" not in found.recommendation


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"workers": 1}, "there is one worker"),
        ({"machine": {"load": 7.0}}, "other programs kept the cores busy"),
        ({"known": replace(FREE, crowded={1: 0.058, 2: 0.116})}, "2 calls side by side take 2.0"),
        ({}, "a call takes 58 ms, so workers cost more than they save"),
        ({"machine": {"load": 7.0}, "known": CROWDED, "images": 6}, "a call takes 20 µs, so"),
        ({"machine": {"load": 7.0}, "known": TINY, "images": 6}, "a call takes 20 µs, so"),
    ],
)
def test_why_workers_gain_nothing_is_said_as_it_is(facts, said):
    found = comparison(LIST, row("pool-fork", 15.0), **facts)
    assert f"Why: {said}" in found.recommendation


def seconds(name, cores, known=FREE, **facts):
    run = Circumstances(**{"images": 240, "cores": cores, **facts})
    return predict(known, strategy_named(name), run).seconds


def test_threads_gain_nothing_where_the_lock_is_held():
    assert seconds("threads", 8) < 0.2 * seconds("list-disk", 8)
    assert seconds("threads", 8, HELD) > 0.9 * seconds("list-disk", 8, HELD)
    assert seconds("pool-fork", 8, HELD) < 0.3 * seconds("list-disk", 8, HELD)


def test_handing_the_lock_over_is_predicted_as_threads_took_it_in_a_trial():
    short = replace(FREE.measured, load_s=0.0005, apply_s=0.0005, cpu_s=0.001, locked=0.1)
    tried = replace(short, threaded_s=0.0012)
    easy, hard = (seconds("threads", 2, replace(FREE, measured=each)) for each in (short, tried))
    assert hard > easy + 240 * 0.0005
    assert hard == pytest.approx(0.1 + 0.01 + 240 * 0.0012, rel=0.1)
    assert seconds("threads", 1, replace(FREE, measured=tried)) < hard


def test_small_chunks_pay_for_their_messages():
    slow = replace(FREE, message_s=0.01)
    single, many = (seconds("pool-fork", 2, slow, chunk_size=size) for size in (1, 30))
    assert single - many > 1.0


def test_a_value_is_sent_with_others_as_pools_send_it():
    size, sent_s = sending(np.zeros(1000))
    assert 8000 < size < 9000
    assert 0 <= sent_s < float("inf")
    assert sending(lambda: 1) == (0, float("inf"))


def test_sending_images_keeps_more_cores_from_helping():
    sent, shared = ([seconds(name, p) for p in (8, 64)] for name in ("pool-memory", "pool-fork"))
    assert sent[0] > shared[0]
    assert seconds("pool-memory", 64) > 240 * 0.0046 / 2


def test_a_list_does_not_get_faster_with_cores_and_few_images_need_few():
    assert seconds("list-disk", 1) == seconds("list-disk", 64)
    assert seconds("threads", 64, images=4) == seconds("threads", 4, images=4)


def test_workers_that_share_memory_bandwidth_get_in_each_others_way():
    crowded = replace(FREE, crowded={1: 0.058, 2: 0.1})
    assert seconds("pool-fork", 2, crowded) > 1.5 * seconds("pool-fork", 2)


@pytest.mark.parametrize("name", ["threads", "pool-fork"])
def test_the_last_images_are_not_slowed_by_workers_that_are_done(name):
    crowded = replace(FREE, crowded={1: 0.058, 2: 0.116})
    few = [seconds(name, cores, crowded, images=24) for cores in (8, 12, 16, 24)]
    assert max(few) < 1.1 * min(few)  # memory is all that counts: cores neither help nor harm


def test_the_interval_grows_beyond_the_cores_that_were_measured():
    found = [predict(FREE, STRATEGIES["threads"], Circumstances(240, cores)) for cores in (2, 64)]
    near, far = ((each.high - each.low) / each.seconds for each in found)
    assert far > near
    assert all(each.low <= each.seconds <= each.high for each in found)


def test_images_that_all_stay_in_memory_take_longer_to_load_and_to_fork_with():
    held = replace(FREE, keep_s=0.001, fork_s=0.0001)
    for name in ("list-memory", "pool-memory", "pool-fork"):
        assert seconds(name, 2, held) >= seconds(name, 2) + 0.24
        assert seconds(name, 2, held, in_memory=True) < seconds(name, 2, held)
    assert seconds("pool-disk", 2, held) == seconds("pool-disk", 2)
    more = seconds("pool-fork", 64, held) - seconds("pool-fork", 64)
    assert more > 0.24 + 60 * 240 * 0.0001
    assert seconds("pool-memory", 64, held, start_method="spawn") < (
        seconds("pool-memory", 64, start_method="spawn") + 0.25
    )


def test_what_it_costs_to_hold_images_is_measured_in_this_process():
    arrays = [np.ones((64, 64)) for _ in range(3)]
    assert 0 <= keeping_s(np.copy, arrays) < float("inf")
    assert 0 <= forking_s(arrays[0]) < float("inf")
    assert forking_s("no array") == 0


def test_spawned_processes_pay_for_their_start():
    fork, spawn = (seconds("pool-disk", 2, start_method=m) for m in ("fork", "spawn"))
    assert spawn - fork > 0.5


def test_where_no_pool_can_be_started_the_rest_is_still_predicted():
    none = replace(FREE, starts_s={})
    assert seconds("threads", 2, none) == seconds("threads", 2)
    assert seconds("pool-disk", 2, none) > seconds("pool-disk", 2)


def test_predictions_meet_what_was_measured_here():
    found = comparison(LIST, THREADS, FORK)
    curves = found.predictions("count")
    assert set(curves) == {"list-disk", "threads", "pool-fork"}
    assert found.predictions() == curves
    assert list(curves["threads"]) == list(CORES)
    assert curves["threads"][2].seconds == pytest.approx(THREADS.total_s)


def test_it_shows_itself_as_chart_table_and_code():
    found = comparison(LIST, THREADS, FORK, Timing("count", Way("joblib"), failure="<not> here"))
    shown = fragment(found)
    assert "&lt;not&gt; here" in shown
    assert shown.count('class="bar"') == 3
    assert shown.count("<circle") == 3
    (left, right), *_ = {*re.findall(r'd="M(\d+) [\d.]+H(\d+)"', shown)}  # of the grid
    for line in re.findall(r'd="M([^"H]+)"', shown):
        across = [float(corner.split()[0]) for corner in line.rstrip("Z").split("L")]
        assert (min(across), max(across)) == (float(left), float(right))
    assert found._repr_html_() == shown
    assert page(found).startswith(begin_page("Is it worth it? count", ""))
    assert len(found.chart().axes) == 2
    frame = found.to_frame()
    assert list(frame["way"]) == ["list-disk", "threads", "pool-fork", "joblib"]
    compile(found.code(), "code", "exec")
    assert "from mine import count" in found.code()
    assert "ThreadPoolExecutor(2)" in found.code()


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "isolated"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_the_code_to_paste_is_python_for_every_strategy(name, in_memory):
    found = comparison(row(name, 1.0), in_memory=in_memory)
    compile(found.code(), "code", "exec")


def test_a_line_of_a_notebook_compares():
    names = {"images": [np.ones((3, 3))] * 2, "total": sum_up}
    options = "strategies=['list-memory'] repeat=1 workers=1 progress=False"
    found = _compare(f"total images {options}", names)
    assert (found.images, found.best.way.strategy) == (2, "list-memory")
    with pytest.raises(InputError, match="expected a function and images"):
        _compare("total", names)


def sum_up(image):
    return float(image.sum())


def test_the_extension_brings_the_line():
    class Shell:
        def register_magic_function(self, function, *names):
            self.found = function.__name__, *names

    shell = Shell()
    nucensus.load_ipython_extension(shell)
    assert shell.found == ("worth_it", "line", "worth_it")


def test_a_process_that_was_slow_to_warm_up_by_chance_does_not_decide():
    passes = [Passes((1.0,), (each,), 0.5, 0.0, 1.0, name, (), ()) for name, each in WARM_UPS]
    rows = [replace(row(p.ran, 1.0), warm_up_s=0.5 + p.warm_ups_s[0]) for p in passes]
    found = with_common_warm_up(list(zip(rows, passes, strict=True)))
    assert [each.warm_up_s for each in found] == pytest.approx([1.6, 1.6, 1.6, 4.5])


WARM_UPS = (("list-disk", 3.0), ("threads", 1.0), ("pool-fork", 1.1), ("pool-disk", 4.0))


def test_results_that_cannot_be_sent_still_make_a_page_and_json():
    unsendable = replace(FREE, result_bytes=0, result_s=float("inf"))
    found = comparison(LIST, THREADS, known=unsendable)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["images"] == 240
    assert "threads" in page(found)
