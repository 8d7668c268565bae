"""Any function of one image, over many images, in every way."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

import nucensus
from nucensus.batch import choose, process
from nucensus.errors import InputError, ReadError, StrategyError, WorkerDiedError
from nucensus.execute import STRATEGIES
from nucensus.values import Execution


@pytest.fixture
def paths(plate):
    return sorted(plate.iterdir())


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
def test_every_strategy_gives_the_points_of_a_plain_loop_in_order(paths, strategy):
    expected = [nucensus.detect_nuclei(tifffile.imread(path)) for path in paths]
    found = nucensus.process_images(paths, strategy=strategy, workers=2)
    assert sum(map(len, expected)) > 0
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("strategy", ["auto", "list-memory", "pool-memory", "pool-fork", "threads"])
def test_arrays_in_memory_give_the_same(paths, strategy):
    images = [tifffile.imread(path) for path in paths]
    sums = nucensus.process_images(images, np.sum, strategy=strategy, workers=2)
    assert sums == [image.sum() for image in images]


def test_a_closure_works_with_auto(paths):
    least = 500
    counts = nucensus.process_images(paths, lambda image: int((image > least).sum()), workers=2)
    assert counts == [int((tifffile.imread(path) > least).sum()) for path in paths]


def test_a_strategy_that_reads_files_refuses_arrays():
    with pytest.raises(StrategyError, match="use list-memory for arrays"):
        nucensus.process_images([np.zeros((3, 3))], np.sum, strategy="list-disk")


def test_paths_and_arrays_together_are_refused(paths):
    with pytest.raises(InputError, match="both paths and arrays"):
        nucensus.process_images([paths[0], np.zeros((3, 3))], np.sum)


def test_an_image_that_cannot_be_read_is_an_error(plate):
    (plate / "bad.tif").write_text("nothing")
    with pytest.raises(ReadError):
        nucensus.process_images([plate / "bad.tif"], np.sum)


def test_too_little_memory_is_said_with_both_amounts(paths, monkeypatch):
    monkeypatch.setattr(process, "available_memory_bytes", lambda: 100_000)
    with pytest.raises(StrategyError, match=r"need 0.00032 GB of memory .* 0.0001 GB are"):
        nucensus.process_images(paths, np.sum, strategy="list-memory")


def test_no_images_give_no_results():
    assert nucensus.process_images([], np.sum) == []


def test_no_workers_at_all_is_refused():
    with pytest.raises(StrategyError, match="workers is 0; expected 1 or more"):
        choose(Execution("threads", 0))


class UnluckyError(Exception):
    """Its constructor wants more than it passes on."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def be_unlucky(_):
    raise UnluckyError(7, "no nuclei")


def leave(_):
    sys.exit(3)


def make_a_function(_):
    return lambda: 3


def sleep(_):
    time.sleep(100)


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
@pytest.mark.parametrize(
    ("function", "error", "text"),
    [(be_unlucky, UnluckyError, "no nuclei"), (leave, SystemExit, "3")],
)
def test_every_strategy_tells_an_error_of_the_function_alike(
    paths, strategy, function, error, text
):
    with pytest.raises(error) as caught:
        nucensus.process_images(paths[:1], function, strategy=strategy, workers=1)
    assert str(caught.value) == text
    assert caught.value.__notes__ == [f"Image: {str(paths[0])!r}"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_image_that_cannot_be_read_is_named(tmp_path, strategy):
    (tmp_path / "bad.tif").write_text("nothing")
    with pytest.raises(ReadError) as caught:
        nucensus.process_images([tmp_path / "bad.tif"], strategy=strategy, workers=1)
    assert caught.value.__notes__ == [f"Image: {str(tmp_path / 'bad.tif')!r}"]


@pytest.mark.parametrize("strategy", [each for each in STRATEGIES.values() if not each.in_process])
def test_a_result_that_cannot_be_sent_is_said_with_its_image(paths, strategy):
    with pytest.raises(StrategyError, match=f"returned for {str(paths[0])!r} cannot be sent by pi"):
        nucensus.process_images(paths[:1], make_a_function, strategy=strategy.name, workers=1)


def test_an_image_that_takes_longer_than_the_time_limit_is_named(paths):
    with pytest.raises(WorkerDiedError, match=r"A01_s1.tif' cannot be .*longer than 0.3"):
        nucensus.process_images(paths[:1], sleep, timeout=0.3, workers=1)


def test_a_time_limit_that_a_strategy_cannot_keep_is_refused(paths):
    with pytest.raises(StrategyError, match="a time limit was given with the strategy threads"):
        nucensus.process_images(paths, np.sum, strategy="threads", timeout=1)


_WITHOUT_A_GUARD = """
import multiprocessing
import numpy as np
import nucensus

multiprocessing.set_start_method("spawn", force=True)
for strategy in ("pool-disk", "isolated"):
    try:
        nucensus.process_images(PATHS, np.sum, strategy=strategy, workers=2)
    except nucensus.errors.StrategyError as error:
        print(strategy, error)
"""


def test_a_script_without_a_guard_is_told_so_once_and_ends(paths, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"PATHS = {[os.fspath(path) for path in paths]}\n{_WITHOUT_A_GUARD}")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["pool-disk", "isolated"]
    assert all('below `if __name__ == "__main__":`' in line for line in lines)
