"""The parts of a run beside its images: bottleneck, sample, pools, starts, sizes of tasks."""

import collections
import dataclasses
import itertools
import time

import numpy as np
import pytest

from nucensus.batch.bottleneck import Tally
from nucensus.batch.learn import Learned
from nucensus.batch.pools import learned_of, name_of_pool, pool_of, shown_name
from nucensus.batch.refuse import differences
from nucensus.batch.sample import Sets, choose_sample
from nucensus.batch.starts import Start
from nucensus.detect import BLANK
from nucensus.execute.chunk import Chunk, Worker
from nucensus.execute.task_size import LEAST, MOST, TaskSize
from nucensus.store import Facts, Origin
from nucensus.values import Centres, Failed, Found, ListedImage, Plane, Settings

NONE = Centres(np.empty((0, 2), np.int64), np.empty(0))


def tally(*, read_ms=0.0, cpu_ms=0.0, detect_ms=0.0, compression="", count=10, workers=1):
    summed = Tally(workers=workers)
    for _ in range(count):
        summed.add(Found(NONE, (100, 100), "uint16", read_ms, detect_ms, cpu_ms, compression))
    summed.add(Failed("read", "it is cut off"))
    return summed


def test_times_and_bytes_of_images_are_added_up_without_those_that_failed():
    summed = tally(read_ms=5, cpu_ms=2, detect_ms=30)
    assert (summed.images, summed.size_bytes) == (10, 10 * 20_000)
    assert summed.decode_s == pytest.approx(0.02)
    assert summed.wait_s == pytest.approx(0.03)
    assert summed.detect_s == pytest.approx(0.3)
    assert tally(read_ms=1, cpu_ms=4).wait_s == 0  # of several cores


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ({"detect_ms": 60, "read_ms": 40, "cpu_ms": 40}, "Finding nuclei took the largest part of "
         "the time (60 %): one image was done after the other."),
        ({"detect_ms": 60, "workers": 4}, "(100 %): with more than 4 cores the run would be"),
        ({"detect_ms": 10, "read_ms": 90, "cpu_ms": 30}, "Waiting for files or for a free core "
         "took the largest part of the time (60 %): a faster disk"),
        ({"detect_ms": 10, "read_ms": 90, "cpu_ms": 90}, "Reading the files took the largest part "
         "of the time (90 %): one image"),
        ({"detect_ms": 30, "read_ms": 70, "cpu_ms": 70, "compression": "LZW"}, "Decoding LZW took "
         "the largest part of the time (70 %): stored uncompressed, these images would take about "
         "30 %"),
    ],
)  # fmt: skip
def test_what_took_most_of_the_time_is_said_with_what_helps(times, says):
    assert says in tally(**times).bottleneck(10)


def test_an_image_in_parts_keeps_as_many_cores_busy_as_there_are_parts_at_a_time():
    summed = Tally()
    summed.add(Found(NONE, (100, 100), "uint16", 1, 60, parts_at_a_time=4))
    assert "with more than 4 cores the run would be faster" in summed.bottleneck(10)


def test_of_a_short_run_and_of_none_there_is_nothing_to_say():
    assert tally(detect_ms=5).bottleneck(0.49) == ""
    assert "Finding nuclei" in tally(detect_ms=5).bottleneck(0.5)
    assert tally(count=0).bottleneck(10) == ""


def listed(folder, count, channel=""):
    return [ListedImage(f"{folder}/{k:04d}", f"{folder}/{k:04d}", Plane(), channel, 1, 1)
            for k in range(count)]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "size"), [(1, 1), (7, 7), (8, 8), (31, 8), (36, 9), (64, 16), (1000, 16)]
)
def test_a_sample_is_a_quarter_of_a_set_but_from_8_to_16_images(count, size):
    images = listed("/p", count)
    sample = [each for each, number, _ in choose_sample(images, Sets(images)) if not number]
    assert len(sample) == size
    assert len({each.path for each in sample}) == size
    if count == 1000:  # spread over all of them
        places = [int(each.path[-4:]) for each in sample]
        assert max(b - a for a, b in itertools.pairwise(places)) <= 64


@pytest.mark.parametrize(
    ("count", "sizes"), [(15, [8]), (16, [8]), (32, [8, 16]), (64, [16, 32]), (999, [16, 32, 64])]
)
def test_a_sample_is_doubled_twice_but_never_beyond_half_of_a_set(count, sizes):
    images = listed("/p", count)
    sample = list(choose_sample(images, Sets(images)))
    rounds = [number for _, number, _ in sample]
    assert [sum(each <= n for each in rounds) for n in range(max(rounds) + 1)] == sizes
    for last in range(len(sizes)):  # each is spread over all of them
        places = [int(each.path[-4:]) for each, number, _ in sample if number <= last]
        assert max(b - a for a, b in itertools.pairwise(places)) <= -(-count // sizes[last])


def test_of_each_plate_whose_light_is_learned_64_images_are_looked_at_and_few_of_them_estimated():
    images = [image._replace(plate=f"P{k // 300}") for k, image in enumerate(listed("/p", 600))]
    sample = list(choose_sample(images, Sets(images), {"P0": 300, "P1": 300}))
    lit = [image for image, _, is_lit in sample if is_lit]
    assert collections.Counter(image.plate for image in lit) == {"P0": 64, "P1": 64}
    assert sum(number == 0 for _, number, _ in sample) == 16
    without = [(image, number) for image, number, _ in choose_sample(images, Sets(images))]
    assert set(without) <= {(image, number) for image, number, _ in sample}


def test_small_folders_are_a_set_with_the_folder_above_and_large_ones_their_own():
    images = [*listed("/p/a", 7), *listed("/p/b", 100), *listed("/p", 3)]
    sets = Sets(images)
    assert sets.of(images[0]) == sets.of(images[-1]) == ("/", "")  # ten are too few for /p too
    assert sets.of(images[7]) == ("/p/b", "")
    assert sets.pools_of(images[7]) == ("", "/p/b")


def test_a_folder_of_eight_images_is_a_set_and_more_than_four_small_folders_are_none():
    def own(folders, count):
        """Return which folders have pools of their own."""
        images = [each for n in range(folders) for each in listed(f"/p/w{n}/s", count)]
        sets = Sets(images)
        return {pool for each in images for pool in sets.pools_of(each) if pool.startswith("/p/w")}

    assert own(1, 8) == {"/p/w0/s"}
    assert own(1, 7) == set()
    assert len(own(4, 8)) == len(own(4, 63)) == 4
    assert own(5, 8) == own(5, 63) == set()
    assert len(own(5, 64)) == 5


def test_channels_are_sets_of_their_own_where_there_are_several():
    images = [*listed("/p", 20, "DAPI"), *listed("/p", 20, "GFP")]
    sets = Sets(images)
    assert sets.of(images[0]) == ("/p", "DAPI")
    assert sets.pools_of(images[25]) == ("", "[GFP]", "/p[GFP]")
    alone = Sets(listed("/p", 20, "DAPI"))
    assert alone.of(listed("/p", 1, "DAPI")[0]) == ("/p", "")


def resolved(radius_px, **changed):
    return dataclasses.replace(BLANK, radius_px=radius_px, **changed)


def test_an_image_is_counted_with_the_pool_of_the_nearest_folder_of_its_channel():
    pools = {
        "": resolved(1.0), "[GFP]": resolved(2.0), "/p": resolved(3.0), "/p[GFP]": resolved(4.0),
    }  # fmt: skip
    assert name_of_pool("/p", "GFP") == "/p[GFP]"
    assert [pool_of(pools, path, channel).radius_px for path, channel in (
        ("/p/w/a", "GFP"), ("/q/a", "GFP"), ("/p/w/a", "DAPI"), ("/q/a", "DAPI"), ("/p/a", ""),
    )] == [4, 2, 3, 1, 3]  # fmt: skip
    assert pool_of({}, "/p/a", "") is None


def test_a_digest_changes_with_what_nuclei_look_like_and_not_with_the_sample():
    def digest(pool, path="/p/a"):
        return learned_of({"/p": pool}, Settings())(path, "", "")

    assert digest(resolved(3.0)) == digest(resolved(3.0, image_count=99, blank_count=4))
    assert digest(resolved(3.0)) != digest(resolved(3.5))
    assert digest(resolved(3.0)) != digest(resolved(3.0), "/q/a")


def test_a_pool_is_called_by_its_folder_as_far_as_it_has_another_than_others():
    several = {
        "": resolved(1.0), "/in/a": resolved(2.0), "/in/a/deep": resolved(3.0),
        "/in/b[DAPI]": resolved(4.0), "/in/c": resolved(5.0, size_count=2), "[GFP]": resolved(6.0),
        "/in": resolved(7.0),
    }  # fmt: skip
    names = [shown_name(several, name, Settings()) for name in several]
    assert names == ["all", "a", "a/deep", "b[DAPI]", "itself", "all[GFP]", "."]
    assert shown_name(several, "/in/c", Settings("auto@1")) == "c"  # no set is divided there
    assert shown_name({"": resolved(0.0)}, "", Settings()) == "itself"  # nothing was learned
    alone = {"": resolved(1.0), "/in/a": resolved(1.0)}
    assert {shown_name(alone, name, Settings()) for name in alone} == {"all"}
    assert learned_of(several, Settings())("/in/a/1.tif", "", "").endswith(" a")
    assert " " not in learned_of({}, Settings())("/in/a/1.tif", "", "")


def test_a_start_is_added_to_those_before_it():
    first = Start(Facts.from_dict({})).facts(7)
    assert first["started"] == pytest.approx(time.time(), abs=60)
    assert [each["images"] for each in first["starts"]] == [7]
    before = {"started": 100.0, "seconds": 5.0, "images": 3}
    again = Start(Facts.from_dict({"started": 100.0, "starts": [before]})).facts(2)
    assert again["started"] == 100
    assert [each["images"] for each in again["starts"]] == [3, 2]
    assert again["seconds"] == pytest.approx(5, abs=1)
    assert again["seconds"] >= 5


def test_values_that_differ_are_named_and_an_index_is_the_same_as_a_text_or_a_number():
    assert differences({"z": 1, "channel": "0"}, {"z": "1", "channel": 0}) == ""
    assert differences({"z": None}, {"z": "None"}) == "z was not given and is 'None'"
    assert differences({"sigma": 1}, {"sigma": "1"}) == "sigma was 1 and is '1'"
    assert differences({"a": 1}, {"b": 2}) == "a was 1 and is not given, b was not given and is 2"
    assert differences({}, {"level": 0}) == ""
    assert differences({}, {"level": 1}) == "level was 0 and is 1"


def test_the_first_task_is_small_and_the_next_take_two_and_a_half_seconds():
    size = TaskSize()
    assert size.next(None, 4) == LEAST == 16
    size.learn(16, seconds=1.6, size_bytes=16)
    assert size.next(None, 4) == 25
    size.learn(25, seconds=0.025, size_bytes=25)  # of images that take a millisecond
    for _ in range(20):
        size.learn(100, seconds=0.1, size_bytes=100)
    assert size.next(None, 4) == MOST == 256
    assert size.used == {"least": 16, "most": 256, "last": 256}


def test_tasks_become_smaller_at_the_end_and_with_large_results():
    size = TaskSize()
    size.learn(10, seconds=0.5, size_bytes=10)
    assert size.next(80, 4) == 10  # two more rounds of four workers
    assert size.next(3, 4) == 2  # a tenth of a second at least
    assert size.next(0, 4) >= 1
    size.learn(1, seconds=0.05, size_bytes=8_000_000)
    assert size.next(None, 4) == 8
    size.learn(1, seconds=0.05, size_bytes=200_000_000)
    assert size.next(None, 4) == 1


def test_what_workers_died_of_is_halved_after_a_second_try_down_to_one_item():
    items = [(number, f"{number}.tif") for number in range(5)]
    (again,) = Chunk(items).after_a_death()
    assert (again.items, again.deaths) == (items, 1)
    first, second = again.after_a_death()
    assert (first.items, second.items) == (items[:2], items[2:])
    (alone, _) = first.after_a_death()
    (last,) = alone.after_a_death()
    assert (last.items, last.deaths) == (items[:1], 4)


def test_a_worker_is_at_fault_after_three_items_that_others_did_and_a_tenth_of_its_own():
    assert [Worker(1, done=9, blamed=n).is_at_fault for n in (2, 3)] == [False, True]
    assert [Worker(1, done=100, blamed=n).is_at_fault for n in (9, 10)] == [False, True]
    assert Worker(2, chunks=[Chunk([])] * 3).load == 1.5


def test_a_chunk_that_failed_everywhere_has_the_outcomes_of_its_first_worker():
    chunk = Chunk([(7, "a"), (9, "b")], tried={"tcp://1": ["x", "y"], "tcp://2": ["v", "w"]})
    assert chunk.failed_outcomes() == [(7, "x"), (9, "y")]
    again = chunk.again()
    assert (again.items, again.tried, again.future) == (chunk.items, chunk.tried, None)


@pytest.mark.parametrize(("count", "said"), [(1, "1 image is"), (2, "2 images are")])
def test_images_that_are_counted_again_are_told_with_what_changed(count, said):
    changes = ("radius 5 -> 6 px in a", "b", "c", "d")
    (note,) = Learned({"": resolved(5.0)}, Origin.of([]), count, changes[:1]).notes()
    assert note == f"What nuclei look like changed ({changes[0]}): {said} counted again."
    (note,) = Learned({"": resolved(5.0)}, Origin.of([]), count, changes).notes()
    assert note.startswith(f"What nuclei look like changed ({'; '.join(changes[:3])}; ...): {said}")
    (note,) = Learned({"": resolved(5.0)}, Origin.of([]), count, ()).notes()
    assert note == f"What nuclei look like changed: {said} counted again."


def test_folders_with_nuclei_of_several_sizes_are_named():
    pools = {"": resolved(5.0, size_count=2), "/p/a": resolved(5.0, size_count=3)}
    (note,) = Learned(pools, Origin.of([]), 0, ()).notes()
    assert note.startswith("Nuclei in a have 3 sizes, clearly apart")
    (note,) = Learned({"": pools[""]}, Origin.of([]), 0, ()).notes()
    assert note.startswith("Nuclei have 2 sizes, clearly apart")
