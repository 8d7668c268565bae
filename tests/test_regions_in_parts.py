"""Without parameters, too, an image that is read part by part has the nuclei of the whole."""

import dataclasses
import functools
import math
import os

import numpy as np
import pytest
import tifffile
from commands import tables
from expected_values import RULES as NUMBERS
from expected_values import draw_images
from hypothesis import assume, given
from hypothesis import strategies as st
from scenes import draw_lobed, make_scene
from test_in_parts import parts_of, spread
from test_kernel_equals_reference import many

from nucensus import Settings, census, find_nuclei
from nucensus.batch import admission
from nucensus.batch.in_parts import Divided
from nucensus.batch.job import Job
from nucensus.batch.kept import Kept
from nucensus.detect import estimate, find_nuclei_in_parts, pool, takes_parts
from nucensus.detect.alone import looks_of
from nucensus.detect.automatic import detect_levels
from nucensus.detect.fields import Heights, estimate_fields, looking
from nucensus.detect.levels_in_parts import LevelsInParts
from nucensus.detect.pictures import Pictures, levels_of
from nucensus.detect.regions import as_levels, find_regions
from nucensus.detect.regions_in_parts import find_regions_in_parts, levels_of_parts, regions_bytes
from nucensus.detect.rules import NEWEST, VERSIONS
from nucensus.kernel import Ground, Window, levels
from nucensus.read import open_in_parts
from nucensus.values import Plane, PlannedImage
from nucensus.values.parts import Area, Parts, WholeNeededError
from nucensus.values.synthetic import make_field

RULES = VERSIONS[NEWEST]
LARGE = dataclasses.replace(RULES, large_px=1)
"""Rules by which every image is large."""
KINDS = ("crowd", "dim", "hazy", "large", "odd", "saturated", "small", "sparse", "specks", "uneven")


def drawn(name):
    image = draw_images()[name]
    return image if image.dtype.kind == "u" else np.clip(image, 0, 65535).astype(np.uint16)


def field(radius_px=6, seed=0, shape=(500, 620), share=0.25):
    nuclei = int(share * shape[0] * shape[1] / (np.pi * radius_px**2))
    return make_once(seed, shape=shape, nuclei=nuclei, radius_px=radius_px).image.copy()


make_once = functools.cache(make_field)


def assert_same(
    image, settings=None, resolved=None, *, part, halo=None, threads=1, is_decoded=True,
    is_spread=False,
):  # fmt: skip
    settings = settings or Settings()
    plane = parts_of(image, is_decoded=is_decoded, is_spread=is_spread)
    found = find_regions_in_parts(plane, settings, resolved, threads=threads, part=part, halo=halo)
    whole = find_nuclei(image, settings, resolved)
    assert found == whole
    assert (found.flag, found.area_px) == (whole.flag, whole.area_px)
    np.testing.assert_array_equal(found.confidences, whole.confidences)
    return found


@many(25)
@given(data=st.data())
def test_any_division_gives_the_nuclei_of_the_whole_image(data):
    image = drawn(data.draw(st.sampled_from(KINDS)))
    top, left = (data.draw(st.integers(0, n // 3)) for n in image.shape)
    settings = Settings(
        border=data.draw(st.sampled_from(["keep", "drop", "count"])),
        invert=data.draw(st.booleans()),
    )
    image = np.invert(image[top:, left:]) if settings.invert else image[top:, left:]
    part = tuple(data.draw(st.integers(1, n + 40)) for n in image.shape)
    halo = data.draw(st.sampled_from([None, 8, 40, 64]))
    other = data.draw(st.sampled_from([None, *KINDS]))
    resolved = None if other is None else pool([estimate(drawn(other))])
    assert_same(
        image, settings, resolved, part=part, halo=halo, is_decoded=data.draw(st.booleans()),
        is_spread=data.draw(st.booleans()),
    )  # fmt: skip


@pytest.mark.parametrize("radius_px", [4, 12, 20])
@pytest.mark.parametrize("threads", [1, 3])
def test_nuclei_of_any_size_are_found_in_bands_and_tiles(radius_px, threads):
    image = field(radius_px)
    part = (64, 620) if threads == 1 else (130, 150)
    assert len(assert_same(image, part=part, threads=threads)) > 20


def test_lobes_of_nuclei_that_came_apart_are_found_in_parts_too():
    image = draw_lobed(1).image.astype(np.uint16)
    whole = make_scene(radius=16, count=40, shape=image.shape)
    resolved = pool([estimate(whole.image)])
    found = assert_same(image, resolved=resolved, part=(130, 150))
    assert found.flag == "fragments"
    assert detect_levels(as_levels(image), resolved, LARGE).flag == "unsure"  # not twice


@pytest.mark.parametrize("times", [2, 3])
def test_an_image_of_a_known_set_is_gone_through_twice_and_another_three_times(times):
    image, read = field(6, shape=(900, 1024)), []
    resolved = pool([estimate(image)]) if times == 2 else None
    plane = parts_of(image)

    def read_area(area):
        read.append(area.size)
        return plane.read(area)

    counting = dataclasses.replace(plane, read=read_area, step=(128, 128))
    found = find_regions_in_parts(counting, Settings(), resolved, part=(256, 256))
    assert found == find_nuclei(image, Settings(), resolved)
    estimating = image.size * (resolved is None)  # as a small image it is estimated whole
    assert sum(read) == times * image.size + estimating


@pytest.mark.parametrize("is_right", [True, False])
def test_a_large_image_alone_is_gone_through_again_only_where_its_nuclei_are_not_as_guessed(
    monkeypatch, is_right
):
    image, read = field(6, shape=(900, 1024)), []
    guess = pool([estimate(image if is_right else field(20))])
    monkeypatch.setattr("nucensus.detect.regions_in_parts.rules_of", lambda _: LARGE)
    monkeypatch.setattr("nucensus.detect.regions_in_parts.pool", lambda _: guess)
    plane = parts_of(image)

    def read_area(area):
        read.append(area.size)
        return plane.read(area)

    counting = dataclasses.replace(plane, read=read_area, step=(128, 128))
    found = find_regions_in_parts(counting, Settings(), part=(256, 256))
    whole = detect_levels(levels_of(image, LARGE), None, LARGE)
    np.testing.assert_array_equal(found.points, whole.points)
    np.testing.assert_array_equal(found.confidences, whole.confidences)
    fields = 2  # it is its only field, from which is guessed and estimated
    assert sum(read) == ((2 if is_right else 3) + fields) * image.size


def chain():
    """Draw nuclei that touch from one end of the image to the other, among others."""
    image = field(8, shape=(300, 700), share=0.1)
    y, x = np.mgrid[:300, :700]
    for k in range(53):
        image[(y - 150 - 20 * np.sin(k / 4)) ** 2 + (x - 13 * k - 8) ** 2 < 64] = 2000
    return image


def test_a_body_that_goes_on_beyond_a_part_is_looked_at_whole():
    assert len(assert_same(chain(), part=(64, 64), halo=8)) > 50


REACH_PX = 16 + math.ceil(3 * 1.5) + 4 + math.ceil(3 * 1.2) + 2 + 3
"""Two blocks, what smoothing and comparing reach, a step beyond, and the pixels beside a hole."""
SIDES = {
    "bottom": ((slice(96), slice(None)), Window(0, 0, 0, 96, 0, 160)),
    "right": ((slice(None), slice(96)), Window(0, 0, 0, 160, 0, 96)),
    "top": ((slice(64, None), slice(None)), Window(64, 0, 64, 160, 0, 160)),
    "left": ((slice(None), slice(64, None)), Window(0, 64, 0, 160, 64, 160)),
}
"""Parts of an image of 160 x 160 pixels that end 96 pixels from a side of it."""


def draw_discs(discs):
    """Draw discs of 6 pixels: of each the row, the column and the height."""
    y, x = np.mgrid[:160, :160]
    image = 200.0 + (7 * y + 13 * x) % 5
    for row, column, height in discs:
        far = np.hypot(y - row, x - column)
        image += height / (1 + np.exp(np.clip(2 * (far - 6.4), -50, 50)))
    return image.astype(np.uint16)


def known_of_part(side, most_hole, *discs):
    """Return the regions of an image and those known in the part, each as (y, x, area).

    The discs lie so far from that side of the part, and are so high, above a background as of many.
    """
    image = draw_discs([(95 - place, 50, height) for place, height in discs])
    image = image if side in ("bottom", "top") else image.T
    image = np.ascontiguousarray(image if side in ("bottom", "right") else image[::-1, ::-1])
    ground = Ground(image.shape, **NUMBERS | {
        "tile": 24, "reach": 4, "radius": 6.0, "smooth_sigma": 0.6, "crest_sigma": 1.5,
        "ridge_sigma": 1.2, "least_threshold": 100.0, "most_hole": most_hole,
    })  # fmt: skip
    whole, (own, window) = Window(0, 0, 0, 160, 0, 160), SIDES[side]
    ground.sample(draw_discs([(y, x, 900) for y in (20, 80, 140) for x in (20, 80, 140)]), whole)
    ground.fit()
    found = [ground.find(np.ascontiguousarray(pixels), part)[0]
             for pixels, part in ((image, whole), (image[own], window))]  # fmt: skip
    return [{tuple(each.tolist()) for each in one[["y", "x", "area"]]} for one in found]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("most_hole", "beside_px"), [(0.0, 0), (0.25, 28)])
def test_a_nucleus_is_known_whole_as_far_from_what_is_not_known_as_anything_reaches(
    side, most_hole, beside_px
):
    far = REACH_PX + beside_px + 6
    for place, is_known in ((far - 1, False), (far, True)):
        whole, known = known_of_part(side, most_hole, (place, 900))
        assert (len(whole), known) == (1, whole if is_known else set())
    touching = known_of_part(side, most_hole, (far + 11, 900), (far - 1, 900))
    assert [len(each) for each in touching] == [2, 0]


@pytest.mark.parametrize("side", SIDES)
def test_what_a_bright_nucleus_beyond_takes_from_a_dim_one_is_not_missed(side):
    counts = set()
    for place in range(0, 48, 3):
        whole, known = known_of_part(side, 0, (place, 400), (place - 14, 4000))
        assert known <= whole
        counts.add(len(known))
    assert counts == {0, 1}


def test_bodies_too_wide_for_a_part_need_the_whole_image(monkeypatch):
    monkeypatch.setattr("nucensus.detect.levels_in_parts._MOST_PX", 1)
    with pytest.raises(WholeNeededError, match="too wide"):
        find_regions_in_parts(parts_of(chain()), Settings(), part=(64, 64), halo=8)


@pytest.mark.parametrize(
    ("spell", "why"),
    [
        (lambda image: np.pad(image, ((0, 0), (90, 0))), "margin"),
        (lambda image: np.pad(image, 9, constant_values=65535), "margin"),
        (lambda image: image.astype(np.float32), "float32"),
        (lambda image: np.where(image > 600, 255, 0).astype(np.uint8), "mask"),
    ],
)
def test_what_only_the_whole_image_can_tell_is_read_whole(spell, why):
    with pytest.raises(WholeNeededError, match=why):
        find_nuclei_in_parts(parts_of(spell(field())), Settings())


@pytest.mark.parametrize("settings", [Settings(outlines=True), Settings(subpixel=True),
                                      Settings("log"), Settings("auto@1")])  # fmt: skip
def test_other_ways_to_find_nuclei_do_not_take_parts(settings):
    assert not takes_parts(settings)
    assert takes_parts(Settings())
    assert takes_parts(Settings("auto@2"))


@pytest.mark.parametrize("radius_px", [4.0, 8.0])
def test_every_instruction_set_measures_parts_as_the_whole(radius_px):
    image = field(radius_px)
    for level in levels():
        part = LevelsInParts(parts_of(image), Settings(), part=(100, 100))
        one, other = (
            find_regions(each, radius_px=radius_px, level=level)
            for each in (part, as_levels(image))
        )
        assert one.measure == other.measure
        for name in ("y", "x", "area_px", "height", "intensity", "fall", "second", "touches_edge"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("shape", [(5, 3), (17, 200), (100, 90)])
def test_the_noise_of_a_pixel_is_that_of_the_whole_image(shape):
    image = np.random.default_rng(0).normal(200, 5, shape).astype(np.uint16)
    for part in ((16, 16), (48, 500)):
        found, whole = LevelsInParts(parts_of(image), Settings(), part=part), as_levels(image)
        assert (found.noise, found.rounding) == (whole.noise, whole.rounding)


@pytest.mark.parametrize(
    ("radius_px", "threads", "height", "size_bytes"),
    [  # five bytes of each pixel of a band and 16 radii around it, and one in 48 of all pixels
        (20, 1, 40_000, 5 * 2000 * (3145 + 2 * 320) + 4 * 40_000 * 2000 // 48),
        (20, 3, 40_000, 3 * 5 * 2000 * (3145 + 2 * 320) + 4 * 40_000 * 2000 // 48),
        (150, 1, 40_000, 5 * 2000 * (3600 + 2 * 2400) + 4 * 40_000 * 2000 // 48),
        (0, 1, 40_000, 5 * 2000 * (3145 + 2 * 192) + 4 * 40_000 * 2000 // 48),  # it is not known
        (20, 3, 20_000, 2 * 20_000 * 2000),  # the whole image is no more
    ],
)
def test_regions_in_bands_take_so_much_memory(radius_px, threads, height, size_bytes):
    plane = Parts((height, 2000), np.dtype(np.uint16), (1, 2000), None, is_decoded=False)
    looks = dataclasses.replace(pool([estimate(field())]), radius_px=radius_px)
    assert regions_bytes(plane, looks, threads) == size_bytes


def scattered(places, *, shape=(900, 1000), side=200, level=0, radius_px=6):
    """Draw pictures apart from each other, in a margin of one level."""
    image = np.full(shape, level, np.uint16)
    for number, (y, x) in enumerate(places):
        picture = field(radius_px, number, (side, side + 30))
        target = image[y : y + side, x : x + side + 30]
        target[...] = picture[: target.shape[0], : target.shape[1]]
    return image


def counted(levels, box):
    """Return the nuclei of pictures that lie apart, and the area of them in a box."""
    assert isinstance(levels, Pictures)
    resolved = looks_of(levels.estimate(LARGE))
    return detect_levels(levels, resolved, LARGE), levels.size_within(box)


def assert_pictures_same(
    image, *, part, halo=None, small_px=1 << 20, masked_px=1 << 20, threads=1, plane=None,
    is_spread=False,
):  # fmt: skip
    box = (slice(20, image.shape[0] - 20), slice(20, image.shape[1] - 20))
    whole, area_px = counted(levels_of(image, LARGE), box)
    levels = levels_of_parts(
        plane or parts_of(image, is_spread=is_spread), Settings(), LARGE, threads=threads,
        small_px=small_px, masked_px=masked_px, part=part, halo=halo,
    )  # fmt: skip
    found, area_in_parts_px = counted(levels, box)
    assert (found, found.flag, area_in_parts_px) == (whole, whole.flag, area_px)
    return whole


@many(25)
@given(data=st.data())
def test_any_division_gives_the_nuclei_of_pictures_that_lie_apart(data):
    corner = st.tuples(st.integers(0, 700), st.integers(0, 770))
    places = data.draw(st.lists(corner, min_size=1, max_size=4))
    image = scattered(places, radius_px=data.draw(st.sampled_from([4, 6, 9])))
    assume(isinstance(levels_of(image, LARGE), Pictures))  # a margin of one row is none
    part = tuple(data.draw(st.integers(16, n)) for n in image.shape)
    small_px, masked_px = (data.draw(st.sampled_from([0, 50_000, 1 << 20])) for _ in range(2))
    try:
        assert_pictures_same(
            image, part=part, halo=data.draw(st.sampled_from([None, 40])), small_px=small_px,
            masked_px=masked_px, threads=data.draw(st.sampled_from([1, 3])),
            is_spread=data.draw(st.booleans()),
        )  # fmt: skip
    except WholeNeededError:  # a large picture with a corner of the margin in it
        assert len(places) > 1
        assert masked_px < 1 << 20


@pytest.mark.parametrize("level", [0, 65535])
@pytest.mark.parametrize("small_px", [0, 1 << 20])
def test_a_margin_around_a_large_image_is_left_out_in_parts_as_in_the_whole(level, small_px):
    image = np.pad(field(shape=(500, 620)), ((33, 71), (130, 9)), constant_values=level)
    found = assert_pictures_same(image, part=(128, 200), small_px=small_px)
    assert len(found) > 0.9 * len(find_nuclei(field(shape=(500, 620))))


def test_a_large_picture_with_a_margin_in_it_is_held_alone_unless_it_is_too_large():
    image = np.pad(field(shape=(500, 620)), ((33, 71), (130, 9)))
    image[:233, :280] = 0
    assert len(assert_pictures_same(image, part=(300, 300), small_px=0)) > 5
    with pytest.raises(WholeNeededError, match="margin"):
        assert_pictures_same(image, part=(300, 300), small_px=0, masked_px=0)


def test_pictures_that_lie_apart_are_counted_as_images_of_one_set():
    places = [(0, 0), (300, 500), (650, 100)]
    image = scattered(places)
    images = [image[y : y + 200, x : x + 230] for y, x in places]
    resolved = pool([estimate(each) for each in images])
    apart = sum(len(find_nuclei(each, resolved=resolved)) for each in images)
    assert len(assert_pictures_same(image, part=(300, 300))) == pytest.approx(apart, rel=0.03)


def test_nuclei_of_pictures_that_lie_apart_have_outlines_at_their_places():
    image = scattered([(0, 0), (300, 500)])
    levels = levels_of(image, LARGE)
    resolved = looks_of(levels.estimate(LARGE))
    found = detect_levels(levels, resolved, LARGE, "nuclei")
    np.testing.assert_array_equal(found.points, detect_levels(levels, resolved, LARGE).points)
    labels = found.outlines.labels()
    assert labels.shape == image.shape
    np.testing.assert_array_equal(labels[tuple(found.points.T)], np.arange(1, len(found) + 1))
    assert not labels[image == 0].any()


def test_what_a_file_leaves_out_is_not_read():
    image = scattered([(256, 512), (640, 128)], shape=(1024, 1024), side=128)
    inside = np.kron(image.reshape(8, 128, 8, 128).any(axis=(1, 3)), np.ones((128, 128), bool))
    read = []

    def read_area(area):
        read.append(area)
        return image[area.top : area.bottom, area.left : area.right]

    def fill_of(area):
        return None if inside[area.top : area.bottom, area.left : area.right].any() else 0

    plane = Parts(image.shape, image.dtype, (128, 128), read_area, fill_of)
    assert_pictures_same(image, part=(128, 128), plane=spread(plane))
    assert_pictures_same(image, part=(128, 128), plane=plane)
    looked_at = np.zeros(image.shape, bool)
    for area in read:
        looked_at[area.top : area.bottom, area.left : area.right] = True
    assert looked_at.mean() < 0.4 < 1 - inside.mean()  # the pictures, and beside their edges


def test_a_margin_that_is_no_frame_needs_the_whole_image():
    image = field(shape=(500, 620))
    image[:200, :150] = 0
    with pytest.raises(WholeNeededError, match="margin"):
        levels_of_parts(parts_of(image), Settings(), LARGE, threads=1)


def fields_of(image, side=128):
    heights = Heights(image.shape)
    heights.add(Area(0, image.shape[0], 0, image.shape[1]), image)
    read = parts_of(image).read
    return estimate_fields(looking(read, RULES, threads=2), heights, side=side)


@pytest.mark.parametrize(("height", "count"), [(191, 1), (193, 2)])
def test_an_image_is_divided_into_fields_nearest_to_the_side_they_should_have(height, count):
    image, looked = field(6, shape=(height, 128)), []
    look = looking(parts_of(image).read, RULES)
    estimate_fields(
        lambda areas: look(looked.extend(areas) or areas), Heights(image.shape), side=128
    )
    assert [area.shape[1] for area in looked] == [128] * count
    assert sum(area.size for area in looked) == image.size


def test_a_large_image_is_estimated_by_its_fields():
    image = field(6, shape=(600, 700))
    by_fields, whole = fields_of(image, 200), estimate(image)
    assert by_fields.size_px == image.size
    for name in ("radius_px", "contrast", "count", "background", "foreground"):
        assert getattr(by_fields, name) == pytest.approx(getattr(whole, name), rel=0.1)


def test_an_image_that_is_empty_but_for_one_place_is_learned_from_there():
    image = np.random.default_rng(0).normal(200, 5, (900, 800)).astype(np.uint16)
    image[500:700, 300:520] += field(6, shape=(200, 220)) - 200
    found = fields_of(image)
    assert found.radius_px == pytest.approx(estimate(image).radius_px, rel=0.1)
    assert 40 < found.count < 400
    image[:] = 200
    assert fields_of(image).is_blank


def write_images(folder):
    for number in range(3):
        tifffile.imwrite(
            folder / f"a{number}.tif", field(6, number), tile=(128, 128), metadata=None
        )
    margin = np.pad(field(6, 9), ((0, 0), (90, 0)))
    tifffile.imwrite(folder / "margin.tif", margin, tile=(128, 128), metadata=None)
    return folder


def test_a_run_reads_by_parts_what_is_large_and_counts_as_if_it_did_not(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    images = write_images(tmp_path / "images")
    census(images, tmp_path / "whole")
    monkeypatch.setattr(admission, "_WHOLE_BYTES", 0)
    planned = PlannedImage(1, str(images / "a0.tif"), Plane(), "")
    assert isinstance(Job(Settings(), 10**9, 10**9).load(planned), Divided)
    run = census(images, tmp_path / "parts")
    assert run.counts["nuclei"] > 1000
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")


@pytest.mark.parametrize("is_rewritten", [False, True])
def test_what_was_seen_of_the_only_image_serves_to_count_it_unless_it_was_written_again(
    tmp_path, monkeypatch, is_rewritten
):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, field(6), tile=(128, 128), metadata=None)
    monkeypatch.setattr(admission, "_WHOLE_BYTES", 0)
    monkeypatch.setattr("nucensus.detect.regions_in_parts.rules_of", lambda _: LARGE)
    planned, alone = PlannedImage(1, str(path), Plane(), ""), Job(Settings(), 10**9, 10**9)
    job = dataclasses.replace(alone, kept=Kept(10**9), is_of_one=True)
    pools = {"": pool([job.estimate(planned).estimate])}
    if is_rewritten:
        tifffile.imwrite(path, field(6, 1), tile=(128, 128), metadata=None)
        os.utime(path, ns=(0, 0))
    loaded = job.load(planned)
    with open_in_parts(str(path), Plane()) as image:
        assert (loaded.seen_in(image.parts) is None) == is_rewritten
    job, alone = (dataclasses.replace(each, pools=pools) for each in (job, alone))
    assert job.find(loaded).centres == alone.find(alone.load(planned)).centres
    assert job.load(planned).seen is None


def test_a_large_image_that_has_to_be_read_whole_and_is_too_large_is_refused(tmp_path, monkeypatch):
    images = write_images(tmp_path)
    monkeypatch.setattr(admission, "_WHOLE_BYTES", 0)
    refused = Job(Settings(), 100_000, 10**9)
    planned = PlannedImage(1, str(images / "margin.tif"), Plane(), "")
    reason = refused.find(refused.load(planned)).reason
    assert "it cannot be read part by part, because it may have a black or white margin" in reason
