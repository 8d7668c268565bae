"""Parts of a large image go to many workers, and the outcome is that of one process."""

import os
import pickle
import threading

import numpy as np
import pytest
import tifffile

from nucensus import Settings
from nucensus.batch import admission, spread
from nucensus.batch.divided import Divided
from nucensus.batch.job import Job
from nucensus.batch.pools import Pools
from nucensus.detect import estimate, pool
from nucensus.errors import ClusterError
from nucensus.execute import Lost, Strategy
from nucensus.values import Failed, Plane, PlannedImage
from nucensus.values.synthetic import make_field

NUMBERS = Settings("maxima", sigma=2, min_distance=4, threshold=300)


def field(seed=0):
    return make_field(seed, shape=(500, 620), nuclei=300, radius_px=6).image


@pytest.fixture(autouse=True)
def divided_images(monkeypatch):
    """Have small images read part by part, and these given out one by one."""
    monkeypatch.setattr(admission, "_WHOLE_BYTES", 0)
    monkeypatch.setattr("nucensus.detect.walk._SPREAD_PX", 1)
    monkeypatch.setattr("nucensus.detect.walk._LEAST_SIDE", 128)
    monkeypatch.setattr("nucensus.detect.walk._MOST_SIDE", 128)


class Workers:
    """A cluster: what goes there and back is bytes, and the last comes back first."""

    def __init__(self, outcome_of=None):
        self.given, self._outcome_of = [], outcome_of
        self.strategy = Strategy("far", "elsewhere", self._run, is_remote=True)

    def _run(self, work, items, workers):  # noqa: ARG002 they are not counted
        for index, item in reversed(list(enumerate(items))):
            self.given.append(item)
            there, sent = pickle.loads(pickle.dumps((work, item)))
            outcome = self._outcome_of(there, sent) if self._outcome_of else there(sent)
            if outcome is not None:
                yield index, pickle.loads(pickle.dumps(outcome))

    def parts(self):
        return [each for each in self.given if getattr(each, "parts", None) is not None]


def plan(folder, images):
    planned = []
    for key, image in enumerate(images):
        path = folder / f"{key}.tif"
        tifffile.imwrite(path, image, tile=(128, 128), compression="zlib", metadata=None)
        planned.append(PlannedImage(key, str(path), Plane(), ""))
    return planned


def job_of(settings=NUMBERS, pools: Pools | None = None):
    return Job(settings, 10**9, 10**9, pools=pools or {})


def over(workers, planned, job=None, step=spread.FIND, count=4, stop=None):
    """Return what becomes of images that are spread over so many workers, by their keys."""
    there = (job or job_of()).elsewhere(10**9)
    do = there.estimate if step is spread.ESTIMATE else lambda each: there.find(there.load(each))
    first = ((key, do(each)) for key, each in enumerate(planned))
    stop = stop or threading.Event()
    return dict(spread.with_large(first, step, there, workers.strategy, count, stop))


def here(planned, job=None):
    job = job or job_of()
    return {key: job.find(job.load(each)) for key, each in enumerate(planned)}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, each in found.items():
        assert each.centres == expected[key].centres
        assert (each.shape, each.dtype) == (expected[key].shape, expected[key].dtype)
        assert each.compression == expected[key].compression


@pytest.mark.parametrize("settings", [NUMBERS, Settings()])
@pytest.mark.parametrize("is_known", [False, True])
def test_parts_that_are_spread_give_the_outcome_of_one_process(tmp_path, settings, is_known):
    planned, workers = plan(tmp_path, [field()]), Workers()
    job = job_of(settings, {"": pool([estimate(field(1))])} if is_known else None)
    assert isinstance(job.load(planned[0]), Divided)
    assert_same(over(workers, planned, job), here(planned, job))
    assert len(workers.parts()) > 12
    assert all(each.size_bytes > 128 * 128 * 2 for each in workers.parts())


def test_what_nuclei_look_like_is_estimated_from_parts_that_are_spread(tmp_path):
    planned, workers = plan(tmp_path, [field()]), Workers()
    found = over(workers, planned, job_of(Settings()), spread.ESTIMATE)
    assert found[0].estimate == job_of(Settings()).estimate(planned[0]).estimate
    assert len(workers.parts()) > 12


def test_of_many_large_images_only_the_last_few_are_spread(tmp_path):
    planned, workers = plan(tmp_path, [field(n) for n in range(3)]), Workers()
    assert_same(over(workers, planned, count=2), here(planned))
    whole = [each.planned.key for each in workers.given if each.parts is None]
    assert sorted(whole) == [0, 1]
    assert {each.planned.key for each in workers.parts()} == {2}


def test_an_image_that_parts_do_not_suffice_for_is_read_whole_by_a_worker(tmp_path):
    margin = np.pad(field(), ((0, 0), (90, 0)))
    planned, workers = plan(tmp_path, [margin]), Workers()
    job = job_of(Settings())
    assert_same(over(workers, planned, job), here(planned, job))
    assert workers.given[-1].parts is None


@pytest.mark.parametrize(
    ("outcome", "stage", "reason"),
    [(Lost("its worker was lost, 4 times"), "worker", "4 times"),
     (Failed("read", "the file is gone"), "read", "is gone")],
)  # fmt: skip
def test_an_image_with_a_part_that_nobody_can_do_has_failed(tmp_path, outcome, stage, reason):
    found = over(Workers(lambda *_: outcome), plan(tmp_path, [field()]))[0]
    assert (found.stage, found.reason[-len(reason) :]) == (stage, reason)


def test_a_damaged_part_is_a_failed_image_with_the_reason_of_one_process(tmp_path):
    planned = plan(tmp_path, [field()])
    with tifffile.TiffFile(planned[0].path) as file:
        offset = file.pages.first.dataoffsets[7]
    with open(planned[0].path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(20))
    found = over(Workers(), planned)[0]
    assert found.stage == "read"
    assert found.reason == here(planned)[0].reason


def test_an_image_that_is_written_while_workers_read_its_parts_has_failed(tmp_path):
    def writes(work, task):
        if getattr(task, "parts", None) is not None:
            with open(task.path, "ab") as file:
                file.write(b"more")
        return work(task)

    (found,) = over(Workers(writes), plan(tmp_path, [field()])).values()
    assert found.stage == "read"
    assert "was written while its parts were read" in found.reason


@pytest.mark.parametrize("settings", [NUMBERS, Settings()])
def test_an_image_that_is_another_when_its_parts_are_given_out_has_failed(tmp_path, settings):
    (planned,), workers = plan(tmp_path, [field()]), Workers()
    there = job_of(settings).elsewhere(10**9)

    def opened():
        yield 0, there.find(there.load(planned))
        plan(tmp_path, [field(1)])
        os.utime(planned.path, ns=(0, 1))

    stop = threading.Event()
    ((_, failed),) = spread.with_large(opened(), spread.FIND, there, workers.strategy, 4, stop)
    assert failed.stage == "read"
    assert "was written while its parts were read" in failed.reason


def test_an_image_that_is_stopped_in_its_midst_stays_to_be_done(tmp_path):
    planned, stop = plan(tmp_path, [field(), field(1)]), threading.Event()

    def stops(work, task):
        stop.set()
        return None if task.parts else work(task)

    assert over(Workers(stops), planned, stop=stop) == {0: None}


def test_a_scheduler_that_is_lost_ends_the_run_and_is_no_failed_image(tmp_path):
    def lost(*_):
        raise ClusterError("the scheduler was lost")

    with pytest.raises(ClusterError, match="was lost"):
        over(Workers(lost), plan(tmp_path, [field()]))
