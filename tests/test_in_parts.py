"""An image that is read part by part has the nuclei of the undivided one, to the last bit."""

import dataclasses
import functools
import itertools
import pickle
import threading
import weakref

import numpy as np
import pytest
import tifffile
from commands import run_here, tables
from hypothesis import given
from hypothesis import strategies as st
from images import CONTENTS, LAYOUTS, find_with_reference, make_image
from images import settings as drawn_settings
from ome_files import write_set
from test_kernel_equals_reference import many

from nucensus import Run, Settings, census, find_nuclei, kernel
from nucensus.batch.budget import Budget
from nucensus.batch.in_parts import Divided, find_in_parts
from nucensus.batch.job import Job
from nucensus.detect import find_nuclei_in_parts, parts_bytes, picture_bytes
from nucensus.detect.walk import held_bytes, walk
from nucensus.errors import TooLargeError
from nucensus.read import open_in_parts
from nucensus.values import Limits, Plane, PlannedImage
from nucensus.values.parts import Parts
from nucensus.values.synthetic import make_field

NUMBERS = Settings("maxima", sigma=2, min_distance=4, threshold=300)
DTYPES = ["bool", "u1", "u2", ">u2", "i2", "u4", "u8", "f4", "f8"]


def parts_of(image, *, is_decoded=True, is_spread=False):
    def read(area):
        return image[area.top : area.bottom, area.left : area.right]

    plane = Parts(image.shape, image.dtype, (1, 1), read, is_decoded=is_decoded)
    return spread(plane) if is_spread else plane


def spread(plane):
    """Return a plane whose parts are worked on elsewhere: all that goes there and back is bytes."""

    def work_elsewhere(work, items):
        for item in itertools.chain.from_iterable(map(each_alone, items)):
            there = pickle.loads(pickle.dumps((work, item)))
            yield pickle.loads(pickle.dumps(there[0](plane, there[1])))

    def each_alone(item):
        """Have a block of parts worked on one by one: the images are small."""
        return [[part] for part in item] if isinstance(item, list) else [item]

    return dataclasses.replace(plane, read=None, fill_of=None, spread=work_elsewhere)


def assert_same(image, settings, part, *, threads=1, is_decoded=True, is_spread=False):
    plane = parts_of(image, is_decoded=is_decoded, is_spread=is_spread)
    found = find_nuclei_in_parts(plane, settings, threads=threads, part=part)
    assert found == find_nuclei(image, settings)
    return found


def field(shape=(90, 120), seed=0):
    return make_field(seed, shape=shape, nuclei=25, radius_px=5).image


@many(200)
@given(data=st.data())
def test_any_division_gives_the_maxima_of_the_whole_image(data):
    shape = (data.draw(st.integers(1, 48)), data.draw(st.integers(1, 48)))
    image = make_image(
        shape=shape,
        dtype=data.draw(st.sampled_from(DTYPES)),
        content=data.draw(st.sampled_from([each for each in CONTENTS if each != "extremes"])),
        layout=data.draw(st.sampled_from(LAYOUTS)),
        seed=data.draw(st.integers(0, 1000)),
    )
    numbers = data.draw(drawn_settings())
    least, most = float(image.min()), float(image.max())
    settings = Settings(
        "maxima", sigma=numbers["sigma"], min_distance=max(1, numbers["min_distance"]),
        threshold=least + data.draw(st.floats(-0.1, 0.9)) * (most - least),
        border=data.draw(st.sampled_from(["keep", "drop"])),
        subpixel=data.draw(st.booleans()),
    )  # fmt: skip
    part = (data.draw(st.integers(1, 50)), data.draw(st.integers(1, 50)))
    try:
        find_nuclei(image, settings)
    except ValueError:  # no pixel can be above the threshold
        with pytest.raises(ValueError, match=r"above it|holds no number"):
            find_nuclei_in_parts(parts_of(image), settings, part=part)
        return
    assert_same(
        image, settings, part, is_decoded=data.draw(st.booleans()),
        is_spread=data.draw(st.booleans()),
    )  # fmt: skip


@pytest.mark.parametrize("part", [(1, 120), (90, 1), (7, 11), (64, 64), (500, 500)])
@pytest.mark.parametrize("threads", [1, 3])
def test_bands_of_one_row_and_tiles_of_any_size_give_the_same(part, threads):
    assert len(assert_same(field(), NUMBERS, part, threads=threads)) > 5


@pytest.mark.parametrize("part", [(512, 1024), (1024, 512), (2048, 2048)])
def test_each_large_tile_of_the_file_is_decoded_once_and_by_itself(part):
    image, read = np.tile(field(), (12, 12)), []

    def read_tile(area):
        read.append(area)
        return image[area.top : area.bottom, area.left : area.right]

    plane = Parts(image.shape, image.dtype, (512, 512), read_tile)
    expected = find_nuclei(image, NUMBERS)
    assert find_nuclei_in_parts(plane, NUMBERS, part=part, threads=2) == expected
    assert len(read) == len(set(read)) == -(-image.shape[0] // 512) * -(-image.shape[1] // 512)
    assert find_nuclei_in_parts(spread(plane), NUMBERS, part=part) == expected


def test_what_stays_of_a_plateau_does_not_depend_on_where_it_is_divided():
    image = field()
    image[20:70, 10:100] = 60_000
    for part in ((1, 120), (13, 17), (90, 40)):
        found = assert_same(image, Settings("maxima", sigma=1, min_distance=5, threshold=300), part)
        assert len(found) > 100


@pytest.mark.parametrize("level", [0, 700])
def test_a_constant_image_has_no_nucleus_in_any_division(level):
    image = np.full((40, 60), level, np.uint16)
    assert not len(assert_same(image, NUMBERS, (11, 13)))


def test_a_part_that_is_constant_has_the_maxima_that_the_whole_image_has_there():
    image = np.full((40, 60), 700, np.uint16)
    image[5, 5] = 100
    assert len(assert_same(image, NUMBERS, (10, 20))) > 10


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("side", ["black", "white", "both"])
def test_the_area_is_that_without_the_margin(side, invert):
    image = field((400, 500))
    if side != "white":
        image[:, :90] = 0
        image[:60] = 0
        image[200:300, 300:] = 0
    if side != "black":
        image[-30:] = 65535
    settings = Settings("maxima", sigma=2, min_distance=4, threshold=300, invert=invert)
    found = assert_same(image, settings, (70, 110), is_spread=invert)
    if not invert and side == "black":
        assert found.area_px < image.size - 90 * 400


def test_a_part_of_which_the_file_holds_nothing_is_not_smoothed():
    image = np.zeros((300, 300), np.uint16)
    image[100:190, 100:220] = field()
    plane = parts_of(image)
    read = []

    def fill_of(area):
        read.append(area)
        return None if image[area.top : area.bottom, area.left : area.right].any() else 0

    sparse = Parts(plane.shape, plane.dtype, (50, 50), plane.read, fill_of)
    found = find_nuclei_in_parts(sparse, NUMBERS, part=(50, 50))
    assert found == find_nuclei(image, NUMBERS)
    assert len(read) == len(set(read))


def test_plateaus_too_wide_to_be_held_are_refused():
    image = np.full((90, 120), 700, np.uint16)
    with pytest.raises(TooLargeError, match="flat over wide areas"):
        find_nuclei_in_parts(parts_of(image), NUMBERS, part=(30, 30), most_maxima=1000)


def test_as_many_maxima_as_can_be_held_are_found_and_one_more_is_refused():
    image = field()
    found = find_nuclei(image, NUMBERS)
    options = {"part": image.shape, "most_maxima": len(found)}
    assert find_nuclei_in_parts(parts_of(image), NUMBERS, **options) == found
    options["most_maxima"] -= 1
    with pytest.raises(TooLargeError):
        find_nuclei_in_parts(parts_of(image), NUMBERS, **options)


def test_no_more_of_a_wide_image_is_held_than_is_said_beforehand():
    alive, held = [], []

    def read(area):
        pixels = np.zeros(area.shape)
        alive.append(weakref.ref(pixels))
        held.append(sum(each().nbytes for each in alive if each() is not None))
        return pixels

    plane = Parts((2048, 20 * 1024), np.dtype(float), (1024, 1024), read)
    pieces = list(walk(plane, lambda piece: piece.own, reach=(1, 1)))
    assert len(pieces) == len(set(pieces)) == 40
    assert max(held) < held_bytes(plane, (1, 1), threads=1) < 20 * 1024 * 1024 * 8


def test_no_tile_of_a_wide_slide_is_decoded_twice():
    decoded = []

    def read(area):
        decoded.append(area)
        return np.zeros(area.shape, np.uint8)

    plane = Parts((2100, 60_000), np.dtype(np.uint8), (512, 512), read)
    assert all(walk(plane, lambda piece: piece.pixels.shape, reach=(22, 22)))
    assert len(decoded) == len(set(decoded)) == 5 * 118


def test_a_thread_decodes_what_no_other_does_before_it_waits():
    decoded, by, went_on = [threading.Event() for _ in range(4)], {}, []

    def read(area):
        tile = area.left // 512
        by[tile] = threading.get_ident()
        if tile == 1:  # of both parts, which are of the tiles 0 to 2 and 1 to 3
            of_the_other = 3 if by.get(0) == by[1] else 2
            went_on.append(decoded[of_the_other].wait(60))
        decoded[tile].set()
        return np.zeros(area.shape, np.uint8)

    plane = Parts((512, 2048), np.dtype(np.uint8), (512, 512), read)
    parts = walk(plane, lambda piece: piece.own, reach=(1, 1), threads=2, part=(512, 1024))
    assert len(list(parts)) == 2
    assert went_on == [True]


@pytest.mark.parametrize("path", ["exact", "sieve", "single"])
def test_the_maxima_of_a_part_are_all_that_its_windows_have(path):
    image = field()
    image[20:40, 30:60] = 60_000
    numbers = {"sigma": (1, 1), "min_distance": 4, "threshold_abs": 300, "exclude_border": 0}
    for level in kernel.levels():
        (found, _), = kernel.find_maxima_many(
            [image], **numbers, level=level, path=path, is_part=True
        )  # fmt: skip
        ordered = found[np.lexsort(found.T[::-1])]
        kept = kernel.space_maxima(ordered, width=image.shape[1], min_distance=4)
        expected, _ = find_with_reference(image, **numbers)
        assert len(found) > len(expected)
        np.testing.assert_array_equal(ordered[kept], expected[np.lexsort(expected.T[::-1])])


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_the_memory_of_parts_is_in_proportion_to_the_bytes_of_a_pixel(dtype):
    def needed(dtype):
        read = None  # nothing is
        plane = Parts((4000, 2000), np.dtype(dtype), (64, 64), read, is_decoded=True)
        return parts_bytes(plane, NUMBERS, threads=2)

    assert needed(dtype) == np.dtype(dtype).itemsize * needed("u1") > 0


SIDE = 8000
LIMITS = Limits(max_memory_bytes=110_000_000)


def write_sparse(path):
    """Write a large image of which little is stored: some rows, at its start and its end."""
    pixels = np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.uint16, (SIDE, SIDE))
    pixels[:90, -120:] = pixels[-90:, :120] = field()
    tifffile.imwrite(path, pixels, metadata=None, tile=(1008, 1008), compression="deflate")
    path.with_suffix(".npy").unlink()
    return path


def test_a_run_reads_part_by_part_what_is_larger_than_its_memory(tmp_path):
    path = write_sparse(tmp_path / "a.tif")
    job = Job(NUMBERS, 10**9, LIMITS.max_memory_bytes)
    assert isinstance(job.load(PlannedImage(1, str(path), Plane(), "")), Divided)
    census(path, tmp_path / "whole", NUMBERS)
    run = census(path, tmp_path / "parts", NUMBERS, limits=LIMITS)
    assert run.facts["strategy"]["in_parts"]["images"] == 1
    assert run.counts["nuclei"] > 10
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")


def test_a_run_in_parts_says_how_many_it_worked_on_at_a_time(tmp_path):
    inputs = (write_sparse(tmp_path / "a.tif"), tmp_path / "b.tif")
    tifffile.imwrite(inputs[1], field(), metadata=None)
    options = ("--threshold", 300, "--sigma", 2, "--min-distance", 4, "--workers", 3)
    done = run_here("detect", *inputs, "-o", tmp_path / "run", *options, "--max-memory", "120MB")
    assert "; 1 image part by part, 3 parts at a time)" in done.stdout
    with Run(tmp_path / "run") as run:
        assert run.facts["strategy"]["in_parts"] == {"images": 1, "at_a_time": 3}


def test_no_more_parts_are_worked_on_at_a_time_than_there_is_memory_for(tmp_path):
    path = write_sparse(tmp_path / "a.tif")
    with open_in_parts(str(path), Plane()) as image:
        most_bytes = parts_bytes(image.parts, NUMBERS, 2)
    divided = Divided(PlannedImage(1, str(path), Plane(), ""), "", None)
    limits = {"budget": None, "most_bytes": most_bytes}
    assert find_in_parts(divided, NUMBERS, None, threads=8, **limits).parts_at_a_time == 2
    limits["most_bytes"] = parts_bytes(image.parts, NUMBERS, 1) - 1
    few, many = (find_in_parts(divided, NUMBERS, None, threads=n, **limits) for n in (1, 8))
    assert few.reason == many.reason
    assert "raise --max-memory" in few.reason


def test_a_picture_with_a_margin_is_held_alone_if_there_is_memory_for_that_too(tmp_path):
    path, image = tmp_path / "a.tif", np.zeros((8300, 8300), np.uint16)
    image[1000:4000, 2000:5000] = np.tile(field(shape=(500, 500)), (6, 6))
    image[1000:2000, 2000:3000] = 0  # an L of 9 million pixels
    tifffile.imwrite(path, image, tile=(512, 512), compression="zlib", metadata=None)
    with open_in_parts(str(path), Plane()) as opened:
        needed, more = (
            parts_bytes(opened.parts, Settings(), 1), picture_bytes(opened.parts, Settings())
        )  # fmt: skip
    divided = Divided(PlannedImage(1, str(path), Plane(), ""), "", None)
    budget = Taking(10**10)
    find = functools.partial(find_in_parts, divided, Settings(), None, threads=1, budget=budget)
    assert "margin" in find(most_bytes=needed + more // 5)
    assert len(find(most_bytes=10**10).centres) > 500
    assert budget.taken == [needed + more // 5, needed + more]


def test_a_damaged_part_is_a_failed_image_with_its_reason(tmp_path):
    path = write_sparse(tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        offset, length = file.pages.first.dataoffsets[7], file.pages.first.databytecounts[7]
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(length))
    run = census(path, tmp_path / "run", NUMBERS, limits=LIMITS)
    assert list(run.failures["stage"]) == ["read"]
    assert "tile 8 does not decode" in run.failures["reason"][0]


class Taking(Budget):
    """Memory of a process that notes what is taken of it."""

    def __init__(self, ceiling_bytes):
        super().__init__(ceiling_bytes)
        self.taken = []

    def take(self, size_bytes):
        super().take(size_bytes)
        self.taken.append(size_bytes)


class Writing(Budget):
    """Memory of a process during whose work somebody writes a file."""

    def __init__(self, path):
        super().__init__(10**9)
        self._path = path

    def take(self, size_bytes):
        super().take(size_bytes)
        with open(self._path, "ab") as file:
            file.write(b"more")


@pytest.mark.parametrize("written", [0, 1])
def test_an_image_of_which_a_file_is_written_while_it_is_read_has_failed(tmp_path, written):
    planes = {(channel, 0, 0): field() for channel in (0, 1)}
    files = write_set(tmp_path, planes, {"c": 2, "z": 1, "t": 1}, split="c")
    divided = Divided(PlannedImage(1, str(files[0]), Plane(channel=1), ""), "none", None)
    find = functools.partial(find_in_parts, divided, NUMBERS, None, threads=1, most_bytes=10**9)
    assert find(budget=Budget(10**9)).centres == find_nuclei(field(), NUMBERS)
    failed = find(budget=Writing(files[written]))
    assert failed.stage == "read"
    assert "was written while its parts were read" in failed.reason


def test_what_is_read_whole_is_refused_with_a_word_on_what_is_not(tmp_path):
    path = write_sparse(tmp_path / "a.tif")
    run = census(path, tmp_path / "run", Settings("log"), limits=LIMITS)
    reason = run.failures["reason"][0]
    assert "needs" in reason
    assert "read part by part with --detector auto without outlines" in reason
