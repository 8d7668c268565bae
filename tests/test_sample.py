"""What a run learns from a sample of its images."""

import tempfile
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from scenes import make_scene

import nucensus
from nucensus.batch import plan_census, sample_like
from nucensus.batch.learn import Learned
from nucensus.detect import Estimate, is_settled, pool
from nucensus.store import Origin, describe_pools
from nucensus.values import Plane, PlannedImage


def write_scene(path, *, radius=10, count=6, seed=0, **look):
    path.parent.mkdir(parents=True, exist_ok=True)
    scene = make_scene(radius=radius, count=count, shape=(150, 150), seed=seed, **look)
    tifffile.imwrite(path, scene.image.astype("uint16"))
    return path


def learned(*inputs):
    """Return what a run learns, by the folder without what is above them all."""
    with tempfile.TemporaryDirectory() as folder, plan_census(inputs, f"{folder}/plan") as plan:
        return plan.facts["estimates"]


@pytest.mark.parametrize(("count", "end"), [(3, "; c): 9 images"), (4, "; c; ...): 9 images")])
def test_three_changes_of_what_nuclei_look_like_are_said_and_whether_there_are_more(count, end):
    note = Learned({}, Origin("run"), 9, tuple("abcd"[:count])).notes()[-1]
    assert note == f"What nuclei look like changed (a; b{end} are counted again."


def test_five_pools_are_named_and_of_more_how_many_there_are():
    pools = dict.fromkeys("abcde", 1)
    assert describe_pools(pools).endswith("1 image as d, 1 image as e")
    assert describe_pools(pools | {"f": 2, "g": 3}).endswith("1 image as e, and those of 2 more")


def test_the_order_in_which_images_are_named_does_not_matter(tmp_path):
    paths = [write_scene(tmp_path / f"A01_s{n:02d}.tif", radius=8 + n / 4) for n in range(19)]
    assert learned(*paths) == learned(*reversed(paths)) == learned(tmp_path)


@pytest.mark.parametrize("levels", ["{0}", "{0}/deep", "row{1}/{0}"])
def test_of_a_plate_with_a_folder_for_each_well_few_images_are_estimated(tmp_path, levels):
    for well in range(12):
        for site in range(9):
            folder = levels.format(well, well % 3)
            write_scene(tmp_path / "plate" / folder / f"s{site}.tif", seed=site)
    known = learned(tmp_path / "plate")
    assert known[""]["image_count"] <= 48
    assert len(known) <= 4


def test_wells_that_are_folders_are_pooled_by_plate(tmp_path):
    for plate, radius in (("first", 7), ("second", 12)):
        for well in range(8):
            for site in range(8):
                path = tmp_path / plate / f"well{well}" / f"s{site}.tif"
                write_scene(path, radius=radius, seed=site)
    known = learned(tmp_path)
    sizes = {folder.rpartition("/")[2]: round(one["radius_px"]) for folder, one in known.items()}
    assert sizes.keys() == {"", "first", "second"}
    assert sizes["first"] == pytest.approx(7, abs=1)
    assert sizes["second"] == pytest.approx(12, abs=1)
    with nucensus.census(tmp_path) as run:
        assert set(run.images["count"].tolist()) == {6}


def test_a_few_small_folders_are_sets_of_their_own(tmp_path):
    for name, radius in (("liver", 6), ("muscle", 12)):
        for site in range(8):
            write_scene(tmp_path / name / f"s{site}.tif", radius=radius, seed=site)
    known = learned(tmp_path)
    assert {folder.rpartition("/")[2] for folder in known} == {"", "liver", "muscle"}


@pytest.fixture
def stained(tmp_path):
    """A plate of two channels: many bright nuclei, and of a marker a few dim ones."""
    for well in range(1, 13):
        write_scene(tmp_path / "stained" / f"A{well:02d}_s1_w1.tif", contrast=3000, seed=well)
        write_scene(
            tmp_path / "stained" / f"A{well:02d}_s1_w2.tif", count=3, noise=4, seed=40 + well
        )
    return tmp_path / "stained"


def counts(folder, plane):
    with nucensus.census(folder, plane=plane) as run:
        return dict(zip(run.images["image"].tolist(), run.images["count"].tolist(), strict=True))


def test_channels_that_are_counted_together_are_counted_as_each_alone(stained):
    alone = counts(stained, Plane(channel="1")) | counts(stained, Plane(channel="2"))
    assert set(alone.values()) == {6, 3}
    assert counts(stained, Plane(channel="each")) == alone


def test_channels_of_one_file_are_counted_as_each_alone(stained, tmp_path):
    for path in sorted(stained.glob("*_w1.tif")):
        both = [tifffile.imread(path), tifffile.imread(str(path).replace("_w1", "_w2"))]
        target = tmp_path / "stacks" / path.name.replace("_w1", "")
        target.parent.mkdir(exist_ok=True)
        tifffile.imwrite(target, np.stack(both), imagej=True, metadata={"axes": "CYX"})
    found = counts(tmp_path / "stacks", Plane(channel="each"))
    assert {name[-5:]: count for name, count in found.items()} == {"[c=0]": 6, "[c=1]": 3}
    assert set(found.values()) == {6, 3}


def test_the_tuner_looks_at_the_images_of_the_channel():
    listed = [PlannedImage(n, f"/p/A{n:02d}_w{n % 2}.tif", Plane(), str(n % 2)) for n in range(40)]
    name, sample = sample_like(listed[3], listed[::-1])
    assert name == "/p[1]"
    ((images, *_),) = sample
    assert len(images) == 8
    assert {each.channel for each in images} == {"1"}


def folder_of(folder, radii):
    """Write an image of nuclei of each radius, in the order of their names."""
    for number, radius in enumerate(radii):
        write_scene(folder / f"s{number:02d}.tif", radius=radius, seed=number)
    return folder


def looks(radii, contrasts=()):
    """Return what images say whose nuclei have these radii, and a contrast of 100 or these."""
    blank = Estimate(0.0, 0, 0.0, 1.0, 1.0, 10.0, 2.0, 0.2, 10_000)
    heights = contrasts or [100] * len(radii)
    return [
        replace(blank, radius_px=float(radius), contrast=float(height), count=30)
        for radius, height in zip(radii, heights, strict=True)
    ]


@pytest.mark.parametrize(("heights", "ratio"), [([100, 100, 900, 900], 9), ([100, 900, 900], 1)])
def test_four_images_tell_that_some_are_brighter_than_others_and_three_do_not(heights, ratio):
    known = pool(looks([8] * len(heights), heights))
    assert known.brightness_ratio == pytest.approx(ratio)


def test_of_images_of_few_nuclei_the_lesser_of_both_ratios_to_the_median_tells():
    few = [replace(each, count=3) for each in looks([8] * 9, [100] * 3 + [200] * 3 + [500] * 3)]
    assert pool(few).brightness_ratio == pytest.approx((200 / 100) ** 2)


@pytest.mark.parametrize(
    ("said", "settled"),
    [
        (looks([8] * 16), True),
        (looks([8] * 15 + [20]), False),  # it may be one of many
        (looks([8] * 31 + [20]), True),
        (looks([8] * 14 + [20] * 2), True),  # mixed: each is counted by itself
        (looks([8] * 7 + [10] * 7), False),
        (looks([8] * 14, [100] * 7 + [220] * 7), False),
        (looks([8] * 14, [100] * 7 + [140] * 7), True),
        ([], True),
    ],
)
def test_a_sample_is_settled_where_more_images_would_hardly_change_what_is_learned(said, settled):
    assert is_settled(said) == is_settled(said[::-1]) == settled


def test_of_images_that_agree_no_more_are_looked_at(tmp_path):
    known = learned(folder_of(tmp_path / "alike", [8] * 40))
    assert known[""]["image_count"] == 10


def test_images_of_another_size_are_looked_for_where_one_was_seen(tmp_path):
    folder = folder_of(tmp_path / "in", [6] * 36 + [14] * 4)  # the sample of 10 holds one of them
    with nucensus.census(folder, tmp_path / "run") as run:
        assert run.facts["estimates"][""]["image_count"] == 20
        assert run.facts["estimates"][""]["size_count"] == 2
        assert run.facts["sample"]["images"] == 20
        assert set(run.images["pool"]) == {"itself"}
        assert set(run.images["count"]) == {6}


def test_one_odd_image_is_counted_by_itself_among_others_that_are_counted_alike(tmp_path):
    folder = folder_of(tmp_path / "in", [6] * 19 + [16] + [6] * 20)
    with nucensus.census(folder) as run:
        assert run.facts["estimates"][""]["size_count"] == 1
        assert set(run.images["pool"]) == {"all"}
        assert set(run.images["count"]) == {6}
        assert [each["image"] for each in run.images if each["flag"]] == ["s19.tif"]


def test_a_folder_whose_images_agree_at_last_is_learned_from_as_if_it_always_had_been(tmp_path):
    folder, out = folder_of(tmp_path / "in", [6] * 36 + [14] * 4), tmp_path / "run"
    nucensus.census(folder, out).close()
    for number in range(36, 40):
        write_scene(folder / f"s{number}.tif", radius=6, seed=number)
    with nucensus.census(folder, out) as again, nucensus.census(folder) as new:
        assert again.facts["estimates"] == new.facts["estimates"]
        assert again.facts["sample"] == new.facts["sample"]
        assert again.sample() == new.sample()
        assert again.images["pool"].tolist() == new.images["pool"].tolist()


def test_a_run_says_which_images_are_in_which_pool(tmp_path):
    folder_of(tmp_path / "in" / "large", [14] * 8)
    folder_of(tmp_path / "in" / "small", [6] * 8)
    with nucensus.census(tmp_path / "in") as run:
        pools = {each["image"].split("/")[0]: each["pool"] for each in run.images}
        assert pools == {"large": "large", "small": "small"}
        assert describe_pools(run.pools) == "8 images as large, 8 images as small"
    assert describe_pools({"itself": 1}) == "1 image each by itself"
