"""Small images are read together and then counted, each with its own outcome."""

import threading
from typing import ClassVar

import numpy as np
import pytest
import tifffile

from nucensus import Settings, find_nuclei
from nucensus.batch import grouped
from nucensus.batch.budget import Budget
from nucensus.batch.grouped import Grouped
from nucensus.batch.job import Job
from nucensus.execute import strategy_named
from nucensus.store.lock import RunLock, marks_in
from nucensus.values import Failed, Plane, PlannedImage

NUMBERS = Settings(sigma=2, threshold=300, min_distance=3)
SMALL, LARGE = (40, 50), (200, 300)


class Noting(Budget):
    """A budget that notes what was taken, and how much of it is not back yet."""

    def __init__(self):
        super().__init__(10**6)
        self.events = []

    def take(self, size_bytes):
        super().take(size_bytes)
        self.events.append(size_bytes)

    def give_back(self, size_bytes):
        super().give_back(size_bytes)
        self.events.append(-size_bytes)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Take every image for one that is counted fast."""
    monkeypatch.setattr(grouped, "_QUICK_S", float("inf"))


def plan(folder, shapes):
    """Write an image of so many nuclei as it has a number, and a file that is none last."""
    images = []
    for number, shape in enumerate(shapes):
        pixels = np.zeros(shape, np.uint16)
        pixels[8:32:8, 8 : 8 + 8 * (number % 4) : 8] = 9000
        path = folder / f"{number}.tif"
        tifffile.imwrite(path, pixels, compression="zlib")
        images.append(PlannedImage(number + 5, str(path), Plane(), "", size_bytes=100))
    (folder / "none.tif").write_bytes(b"II*\0")
    none = PlannedImage(len(shapes) + 5, str(folder / "none.tif"), Plane(), "", size_bytes=4)
    return [*images, none]


def run(job, images, strategy="list-disk", workers=1):
    return dict(Grouped(job).run(strategy_named(strategy), images, workers))


@pytest.mark.parametrize(
    ("strategy", "workers"), [("list-disk", 1), ("threads", 3), ("pool-disk", 2)]
)
def test_each_image_of_a_group_has_its_own_outcome_and_number(tmp_path, strategy, workers):
    shapes = [LARGE if number % 5 == 0 else SMALL for number in range(50)]
    images = plan(tmp_path, shapes)
    budget = None if strategy == "pool-disk" else Budget(10**6)
    outcomes = run(Job(NUMBERS, 10**6, 10**6, budget=budget), images, strategy, workers)
    assert sorted(outcomes) == list(range(51))
    assert isinstance(outcomes.pop(50), Failed)
    for number, found in outcomes.items():
        assert found.shape == shapes[number]
        assert found.centres == find_nuclei(tifffile.imread(images[number].path), NUMBERS)
        assert len(found.centres) == 3 * (number % 4)


def test_what_waits_for_memory_holds_none(tmp_path):
    budget = Noting()
    images = plan(tmp_path, [SMALL, SMALL, LARGE, SMALL, LARGE, SMALL])
    run(Job(NUMBERS, 10**6, 10**6, budget=budget), images)
    first, back, second, back_too = budget.events
    assert (first + back, second + back_too) == (0, 0)
    assert min(first, second) >= 2 * 200 * 300


class Marks(Job):
    """A job that notes which images are marked while one is counted."""

    seen: ClassVar[list] = []

    def find(self, loaded):
        Marks.seen.append((loaded.key, marks_in(self.lock._path.parent)))
        return Job.find(self, loaded)


def test_the_images_of_a_group_are_marked_until_all_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(grouped, "_MOST_IMAGES", 3)
    images, lock = plan(tmp_path, [SMALL] * 4)[:-1], RunLock(tmp_path)
    Marks.seen.clear()
    run(Marks(NUMBERS, 10**6, 10**6, lock), images)
    assert Marks.seen == [(5, {5}), *((key, {6, 7, 8}) for key in (6, 7, 8))]
    assert marks_in(tmp_path) == set()
    lock.release()


def sizes_of_groups(images):
    """Return how many images are worked on at a time."""
    sizes = []

    class Counting(Job):
        def count_all(self, planned, small_bytes):
            sizes.append(len(planned))
            return Job.count_all(self, planned, small_bytes)

    run(Counting(NUMBERS, 10**6, 10**6), images)
    return sizes


def test_images_that_take_long_or_lie_in_large_files_are_counted_one_by_one(tmp_path, monkeypatch):
    images = plan(tmp_path, [SMALL] * 20)[:-1]
    monkeypatch.setattr(grouped, "_QUICK_S", 1e6)
    assert sizes_of_groups(images) == [1, 16, 3]
    large = [each._replace(size_bytes=10**6) for each in images]
    assert sizes_of_groups(large) == [1] * 20
    monkeypatch.setattr(grouped, "_QUICK_S", 0)
    assert sizes_of_groups(images) == [1] * 20


def test_no_image_of_a_group_is_begun_once_the_run_is_to_stop(tmp_path):
    stop = threading.Event()

    def until_the_fourth(images):
        for number, each in enumerate(images):
            if number == 3:
                stop.set()
            yield each

    images = plan(tmp_path, [SMALL] * 8)[:-1]
    outcomes = run(Job(NUMBERS, 10**6, 10**6, stop=stop), until_the_fourth(images))
    assert [outcomes[number] is None for number in range(8)] == [False, *[True] * 7]
