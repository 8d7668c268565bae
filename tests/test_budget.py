"""Images in memory stay below a ceiling."""

import pickle
import threading
import tracemalloc

import numpy as np
import pytest
import tifffile

from nucensus import Settings, find_nuclei, machine
from nucensus.batch.budget import Budget, default_ceiling_bytes
from nucensus.batch.divided import Divided
from nucensus.batch.job import Job, Loaded
from nucensus.detect import detector_named, estimate, pool
from nucensus.execute import strategy_named
from nucensus.read.scene import Scene
from nucensus.values import Failed, Plane, PlannedImage
from nucensus.values.images import Partner
from nucensus.values.synthetic import make_field


def test_what_is_taken_together_never_passes_the_ceiling():
    budget, taken, most, guard = Budget(100), 0, 0, threading.Lock()

    def work(size):
        nonlocal taken, most
        budget.take(size)
        with guard:
            taken += size
            most = max(most, taken)
        with guard:
            taken -= size
        budget.give_back(size)

    list(strategy_named("threads").run(work, [60, 50, 100, 1, 30] * 40, 8))
    assert most <= 100
    assert taken == 0


def test_a_budget_that_is_sent_is_the_one_of_the_process_where_it_arrives():
    sent = pickle.dumps(Budget(100))
    assert pickle.loads(sent) is pickle.loads(sent)
    assert pickle.loads(sent).ceiling_bytes == 100
    assert pickle.loads(pickle.dumps(Budget(None))).ceiling_bytes > 0


class Ledger(Budget):
    """A budget that notes what it gave out, and what is not back yet."""

    def __init__(self, ceiling_bytes):
        super().__init__(ceiling_bytes)
        self.taken, self.missing = [], 0

    def take(self, size_bytes):
        super().take(size_bytes)
        self.taken.append(size_bytes)
        self.missing += size_bytes

    def give_back(self, size_bytes):
        super().give_back(size_bytes)
        self.missing -= size_bytes


NUMBERS = Settings(sigma=2, threshold=300, min_distance=3)


@pytest.mark.parametrize(
    ("settings", "partners", "bytes_of_each"),
    [(NUMBERS, 0, 2), (Settings(), 0, 2), (Settings(outlines=True), 0, 14),
     (Settings(subpixel=True), 0, 14), (Settings(outlines=True), 2, 14 + 2 * 32),
     (Settings("log", sigma=5, threshold=100), 0, 2 + 14)],
)  # fmt: skip
def test_what_an_image_takes_is_given_back_when_its_nuclei_are_found(
    tmp_path, settings, partners, bytes_of_each
):
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, np.zeros((40, 50), np.uint16))
    others = tuple(Partner(f"C{n}", path, Plane(), "") for n in range(partners))
    planned = PlannedImage(1, path, Plane(), "", partners=others)
    ledger = Ledger(10**6)
    job = Job(settings, 10**6, 10**6, budget=ledger)
    loaded = job.load(planned)
    assert (ledger.taken, ledger.missing) == ([2000 * bytes_of_each], 2000 * bytes_of_each)
    job.find(loaded)
    assert ledger.missing == 0
    job.estimate(planned)
    assert (len(ledger.taken), ledger.missing) == (2, 0)


@pytest.mark.parametrize(
    ("plane", "taken"), [(Plane(z=1), 4000), (Plane(z="volume"), 12_000), (Plane(z="max"), 8000)]
)
def test_a_plane_of_a_stack_takes_its_memory_and_a_volume_that_of_all_planes(
    tmp_path, plane, taken
):
    stack = np.zeros((3, 40, 50), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    ledger = Ledger(10**6)
    Job(NUMBERS, 10**6, 10**6, budget=ledger).load(
        PlannedImage(1, str(tmp_path / "a.tif"), plane, "")
    )
    assert ledger.taken == [taken]


def test_what_an_image_takes_is_given_back_if_it_cannot_be_read_or_counted(tmp_path):
    ledger = Ledger(10**6)
    job = Job(Settings(), 10**6, 10**6, budget=ledger)
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, np.zeros((40, 50), np.uint16))
    (tmp_path / "cut.tif").write_bytes(whole.read_bytes()[:-2000])
    tifffile.imwrite(tmp_path / "odd.tif", np.zeros((40, 50), np.complex64))
    for name in ("cut", "odd"):
        planned = PlannedImage(1, str(tmp_path / f"{name}.tif"), Plane(), "")
        for step in (lambda each: job.find(job.load(each)), job.estimate):
            assert isinstance(step(planned), Failed)
            assert ledger.missing == 0
    assert ledger.taken


def test_an_image_may_take_all_of_the_memory_and_no_byte_more(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((40, 50), np.uint16))
    planned = PlannedImage(1, str(path), Plane(), "")
    whole = Settings(outlines=True)
    for most_bytes, most_pixels, reason in (
        (28_000, 2000, None), (27_999, 2000, "raise --max-memory"),
        (28_000, 1999, "raise --max-pixels"),
    ):  # fmt: skip
        loaded = Job(whole, most_pixels, most_bytes).load(planned)
        assert (reason in loaded.reason) if reason else loaded.nbytes == 4000
    assert Job(NUMBERS, 1, 100, budget=Budget(99)).ceiling_bytes == 99
    assert Job(NUMBERS, 1, 100, budget=Budget(101)).ceiling_bytes == 100
    assert Job(NUMBERS, 1, 101).in_one_of(2).most_bytes == 50


def test_half_of_the_memory_that_is_there_is_given_out_if_nothing_is_said(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("0\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert Budget(None).ceiling_bytes == default_ceiling_bytes() == 500_000
    assert Budget(7).ceiling_bytes == 7


@pytest.mark.parametrize(
    ("plane", "more", "pixels", "size_bytes"),
    [
        (Plane(z=0), {}, 2000, 4000),
        (Plane(z="volume"), {}, 6000, 12_000),
        (Plane(z=0), {"block_pixels": 5000}, 5000, 10_000),
        (Plane(z=0), {"is_colour": True}, 4000, 8000),
        (Plane(z=0, channel=1), {"dtypes": ("uint16", "uint8")}, 2000, 2000),
        (Plane(z=0), {"dtypes": ("float32", "uint8")}, 2000, 8000),
    ],
)
def test_a_scene_says_what_it_takes_to_decode_a_plane(plane, more, pixels, size_bytes):
    sizes = {"z": 3, "c": 2}
    header = Scene((40, 50), "uint16", sizes, np.zeros, compression="LZW", **more).header(plane)
    assert (header.pixels, header.size_bytes, header.compression) == (pixels, size_bytes, "LZW")


@pytest.mark.parametrize("dtype", ["u2", "f4", "i4"])
@pytest.mark.parametrize("settings", [
    NUMBERS, Settings(), Settings("log"), Settings("log", sigma=5, threshold=100),
    Settings("log", sigma=(4, 20), threshold=100),
])  # fmt: skip
def test_a_detector_takes_the_memory_that_it_says(settings, dtype):
    image = make_field(1, shape=(500, 700), nuclei=40, radius_px=9).image.astype(dtype)
    looks = pool([estimate(image)])
    find_nuclei(image[:90, :90], settings, looks)  # so that all is imported
    tracemalloc.start()
    try:
        find_nuclei(image, settings, looks)
        peak = tracemalloc.get_traced_memory()[1] / image.size
    finally:
        tracemalloc.stop()
    said = detector_named(settings.detector).bytes_a_pixel(settings, looks, image.dtype)
    assert 0.5 * said < peak < 1.1 * said + 3


def test_an_image_with_which_a_detector_needs_more_than_there_is_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((400, 500), np.uint16))
    planned = PlannedImage(1, str(tmp_path / "a.tif"), Plane(), "")
    settings = Settings("log", sigma=(2, 20), threshold=100)
    failed = Job(settings, 10**6, 10**7).load(planned)
    assert "needs 29.2 MB of memory, and it may take 10.0 MB" in failed.reason


def test_an_image_is_read_in_parts_if_it_does_not_fit_with_what_its_detector_takes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((400, 500), "i4"), tile=(64, 64))
    planned = PlannedImage(1, str(tmp_path / "a.tif"), Plane(), "")
    assert isinstance(Job(NUMBERS, 10**6, 790_000).load(planned), Divided)
    assert isinstance(Job(NUMBERS, 10**6, 900_000).load(planned), Loaded)
    job = Job(Settings(), 10**6, 900_000)  # of four bytes a pixel, which cannot be found by parts
    assert "because its pixels are int32" in job.find(job.load(planned)).reason
