"""Any function of one image, over many images, in every way."""

import os
import subprocess
import sys
import time
import weakref

import numpy as np
import pandas as pd
import pytest
import tifffile

import nucensus
from nucensus.batch import Measured, choose, run_over
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


class Tensor:
    """Another library's array."""

    def __array__(self, dtype=None, copy=None):
        return np.zeros((3, 3))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ({"path": ["a.tif"], "well": ["A1"]}, r"a dict was given \(path, well\); expected paths"),
        (pd.DataFrame({"path": ["a.tif"]}), r"a DataFrame was given \(path\); expected paths"),
        (None, "an image is of type NoneType; expected paths, or NumPy arrays"),
        (["a.tif", None], "an image is of type NoneType"),
        ([Tensor(), Tensor()], "is of type Tensor; expected paths, or NumPy arrays.*asarray"),
        (iter([Tensor()]), "is of type Tensor"),
    ],
)
def test_what_is_neither_paths_nor_arrays_is_refused_by_what_it_is(images, said):
    with pytest.raises(TypeError, match=said):
        nucensus.process_images(images, np.sum)


def test_a_table_is_not_taken_for_the_names_of_its_columns(tmp_path):
    with pytest.raises(TypeError, match=r"a DataFrame was given \(path\)"):
        nucensus.census(pd.DataFrame({"path": ["a.tif"]}), tmp_path / "run")


@pytest.mark.parametrize("size", [0, "4", 2.5])
def test_a_chunk_is_a_whole_number_of_images(size):
    with pytest.raises(ValueError, match=f"chunk_size is {size!r}; expected a whole number"):
        nucensus.process_images([np.zeros((3, 3))], np.sum, chunk_size=size)


def test_an_image_that_cannot_be_read_is_an_error(plate):
    (plate / "bad.tif").write_text("nothing")
    with pytest.raises(ReadError):
        nucensus.process_images([plate / "bad.tif"], np.sum)


def test_too_little_memory_is_said_with_both_amounts(paths, monkeypatch):
    monkeypatch.setattr(run_over, "available_memory_bytes", lambda: 100_000)
    with pytest.raises(StrategyError, match=r"need 320.0 kB of memory .* 100.0 kB are"):
        nucensus.process_images(paths, np.sum, strategy="list-memory")


def test_no_images_give_no_results():
    assert nucensus.process_images([], np.sum) == []


def test_no_workers_at_all_is_refused():
    with pytest.raises(StrategyError, match="workers is 0; expected a whole number, 1 or more"):
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


def brightest(image):
    return int(image.max())


def refuse_the_dark(image):
    if image.max() < 1000:
        raise UnluckyError(9, "too dark")
    return int(image.max())


@pytest.mark.parametrize("name_of", [str, lambda folder: folder, lambda folder: f"{folder}/*.tif"])
def test_a_folder_and_a_glob_stand_for_their_images(paths, name_of):
    listed = sorted(paths, key=lambda path: int(path.stem.split("_s")[1]))
    expected = [brightest(tifffile.imread(path)) for path in listed]
    assert nucensus.process_images(name_of(paths[0].parent), brightest) == expected


def test_a_generator_of_files_or_arrays_is_taken(paths):
    expected = [brightest(tifffile.imread(path)) for path in paths]
    assert nucensus.process_images((path for path in paths), brightest) == expected
    assert nucensus.process_images(map(tifffile.imread, paths), brightest) == expected


@pytest.mark.parametrize("strategy", ["auto", "list-memory", "threads", "pool-memory", "executor"])
def test_of_a_generator_of_arrays_a_few_are_in_memory_at_a_time(strategy):
    most = 0
    alive = []

    def arrays():
        nonlocal most
        for value in range(200):
            image = np.full((2, 2), value)
            alive.append(weakref.ref(image))
            most = max(most, sum(each() is not None for each in alive))
            yield image
            del image

    told = []
    found = nucensus.process_images(
        arrays(), brightest, strategy=strategy, workers=2, progress=lambda *each: told.append(each)
    )
    assert found == list(range(200))
    assert most < 50
    assert told[0] == (1, 0)
    assert told[-1] == (200, 200)


def test_a_generator_that_ends_early_starts_no_workers():
    # Of several, the pilot may know enough before the last, and not know that it is the last.
    found = nucensus.process_images(
        (np.full((1, 1), 400_000) for _ in range(1)), lambda image: sum(range(image[0, 0]))
    )
    assert len(found) == 1
    assert "the images were done while measuring" in found.explain()
    assert nucensus.process_images(iter(()), brightest) == []


def test_an_error_in_a_stream_names_the_image_and_a_path_among_arrays_is_refused():
    images = [np.ones((2, 2)), np.zeros((2, 2))]
    found = nucensus.process_images(iter(images), invert, on_error="return")
    assert isinstance(found[1], ZeroDivisionError)
    assert found[1].__notes__ == ["Image: 'image 1'"]
    with pytest.raises(InputError, match="both paths and arrays were given"):
        nucensus.process_images(iter([np.ones((2, 2)), "a.tif"]), np.size, strategy="list-memory")


def invert(image):
    return 1 / int(image[0, 0])


def test_a_table_of_paths_says_which_images_and_in_which_order(paths, tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("path\n" + "\n".join(map(str, reversed(paths))))
    expected = [brightest(tifffile.imread(path)) for path in reversed(paths)]
    assert nucensus.process_images(table, brightest) == expected
    assert nucensus.process_images([], brightest, manifest=table) == expected


def test_a_file_that_is_named_twice_is_done_twice_and_in_its_place(paths):
    named = [paths[2], paths[0], paths[2]]
    expected = [brightest(tifffile.imread(path)) for path in named]
    assert nucensus.process_images(named, brightest) == expected


def test_a_plane_of_each_file_is_chosen(tmp_path):
    stack = np.arange(3, dtype=np.uint16)[:, None, None] * np.ones((3, 8, 9), np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    one = nucensus.process_images(tmp_path, brightest, plane=nucensus.Plane(z=2))
    each = nucensus.process_images(tmp_path, brightest, plane=nucensus.Plane(z="each"))
    assert (one, each) == ([2], [0, 1, 2])


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
def test_one_image_that_fails_does_not_lose_the_others(paths, strategy, tmp_path):
    tifffile.imwrite(tmp_path / "dark.tif", np.ones((8, 8), np.uint16))
    (tmp_path / "bad.tif").write_text("nothing")
    named = [tmp_path / "bad.tif", paths[0], tmp_path / "dark.tif", paths[1]]
    found = nucensus.process_images(
        named, refuse_the_dark, on_error="return", strategy=strategy, workers=2
    )
    assert [each for each in found if isinstance(each, int)] == [found[1], found[3]]
    assert list(found.failures) == [0, 2]
    assert isinstance(found[0], ReadError)
    assert isinstance(found[2], UnluckyError)
    for index, name in ((0, "bad.tif"), (2, "dark.tif")):
        assert found[index].__notes__ == [f"Image: {str(tmp_path / name)!r}"]


def test_an_image_whose_worker_dies_stands_in_the_list_as_an_error():
    images = [np.zeros((2, 2)), np.ones((2, 2))]
    found = nucensus.process_images(
        images, die_of_darkness, strategy="isolated", on_error="return", workers=1
    )
    assert isinstance(found[0], WorkerDiedError)
    assert found[1] == 2


def die_of_darkness(image):
    if not image.any():
        os._exit(3)
    return 2


def test_the_results_say_how_they_were_made(paths):
    found = nucensus.process_images(paths, brightest)
    assert found.choice.measured.images >= 2
    assert found.explain().startswith(f"Strategy: {found.choice.strategy.name}, ")
    assert "Measured on" in found.explain()


def test_progress_is_told_of_each_image(paths, capsys):
    told = []
    nucensus.process_images(paths, brightest, progress=lambda *each: told.append(each))
    assert told == [(index, 5) for index in range(1, 6)]
    nucensus.process_images(paths, brightest, progress=True)
    assert capsys.readouterr().err.rstrip().split("\r")[-1].startswith("5 of 5 images")


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
def test_each_process_is_warmed_up_once(strategy, tmp_path):
    images = [np.full((2, 2), value) for value in range(40)]
    if not (strategy == "auto" or STRATEGIES[strategy].takes_arrays):
        for image in images:
            tifffile.imwrite(tmp_path / f"{image[0, 0]:02}.tif", image.astype(np.uint8))
        images = tmp_path
    WARMED.clear()
    counts = nucensus.process_images(
        images, count_warm_ups, warm_up=remember, strategy=strategy, workers=2
    )
    assert counts == [1] * 40


WARMED = []


def remember():
    WARMED.append(1)


def count_warm_ups(_):
    return len(WARMED)


def test_a_pool_hands_out_chunks_of_the_size_that_is_asked_for():
    images = [np.full((2, 2), value) for value in range(12)]
    first = nucensus.process_images(
        images, process_id, strategy="pool-memory", workers=2, chunk_size=6
    )
    assert len(set(first[:6])) == len(set(first[6:])) == 1
    with pytest.raises(StrategyError, match="which has no chunks; expected one of pool-disk"):
        nucensus.process_images(images, process_id, strategy="threads", chunk_size=6)


def process_id(_):
    return os.getpid()


def test_a_function_with_threads_of_its_own_is_told_so():
    measured = Measured(5, load_s=0.001, apply_s=0.1, cpu_s=0.19, warm_up_s=3.0)
    remarks = " ".join(measured.remarks())
    assert "keeps 1.9 cores busy by itself" in remarks
    assert "Warming up took 3 s more" in remarks
    assert Measured(5, apply_s=0.1, cpu_s=0.1).remarks() == []
