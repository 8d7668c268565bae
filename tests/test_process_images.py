"""Any function of one image, over many images, in every way."""

import numpy as np
import pytest
import tifffile

import nucensus
from nucensus.batch import choose, process
from nucensus.errors import InputError, ReadError, StrategyError
from nucensus.execute import STRATEGIES


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
        choose("threads", 0)
