"""Flags of images that are odd in their set: each where it belongs, and not elsewhere."""

import functools
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from made_up_regions import MEASURE, RADIUS_PX, make_regions
from scipy.ndimage import gaussian_filter

from nucensus import Settings, census, find_nuclei
from nucensus.detect.automatic import detect_auto
from nucensus.detect.estimate_image import Estimate, Resolved, estimate, pool
from nucensus.detect.flags import flag_of
from nucensus.values.synthetic import make_field

SHAPE = (420, 540)


RADII_PX = (8, 11, 20)


@functools.cache
def make_set(radius_px, count=4):
    nuclei = round(9000 / radius_px**2) + 12
    return [
        make_field(seed, shape=SHAPE, nuclei=nuclei, radius_px=radius_px, touching=0.4).image
        for seed in range(count)
    ]


@functools.cache
def pooled_of(radius_px):
    return pool(list(map(estimate, make_set(radius_px))))


each_set = pytest.mark.parametrize("radius_px", RADII_PX)


def flags(radius_px, spoil):
    images = (
        np.clip(np.rint(spoil(each)), 0, 65535).astype(np.uint16) for each in make_set(radius_px)
    )
    return [detect_auto(image, pooled_of(radius_px)).flag for image in images]


def draw_line(points, *, width, shape=SHAPE):
    """Draw a line with soft edges through points, 0 to 1."""
    line, points = np.zeros(shape), np.array(points, float)
    for start, end in pairwise(points):
        steps = np.linspace(0, 1, 2000)[:, None]
        line[tuple(np.rint(start + steps * (end - start)).astype(int).T)] = 1
    soft = gaussian_filter(line, width / 2.355)
    return soft / soft.max()


STRAIGHT = [(40, 30), (380, 500)]
BENT = [(30, 40), (150, 200), (160, 330), (320, 500)]


@each_set
def test_fields_that_are_not_odd_have_no_flag(radius_px):
    assert flags(radius_px, lambda image: image) == [None] * 4


@each_set
@pytest.mark.parametrize("light", [1 / 2, 1 / 4, 1 / 8])
@pytest.mark.parametrize("noise", [0, 3, 12])
def test_a_field_with_less_light_is_not_out_of_focus(radius_px, light, noise):
    rng = np.random.default_rng(0)
    found = flags(radius_px, lambda im: rng.poisson(light * im) + rng.normal(0, noise, im.shape))
    assert not {"out-of-focus", "debris", "crowded"} & set(found)


@each_set
def test_a_field_with_an_eighth_of_the_light_whose_nuclei_cannot_be_told_is_not_out_of_focus(
    radius_px,
):
    few = [make_field(seed, shape=SHAPE, nuclei=4, radius_px=radius_px).image for seed in range(6)]
    assert {detect_auto(image // 8, pooled_of(radius_px)).flag for image in few} <= {
        "blank", "sparse", "disagrees"
    }  # fmt: skip


@each_set
@pytest.mark.parametrize("noise", [0, 6])
def test_a_field_blurred_by_six_pixels_is_out_of_focus(radius_px, noise):
    rng = np.random.default_rng(0)
    found = flags(
        radius_px,
        lambda image: gaussian_filter(image.astype(float), 6) + rng.normal(0, noise, image.shape),
    )
    assert found == ["out-of-focus"] * 4


@each_set
def test_a_field_blurred_by_a_tenth_of_a_radius_is_in_focus(radius_px):
    found = flags(radius_px, lambda image: gaussian_filter(image.astype(float), radius_px / 10))
    assert found == [None] * 4


@pytest.mark.parametrize("light", [1, 1 / 2])
def test_a_blurred_field_is_out_of_focus_at_any_light(light):
    found = flags(11, lambda image: gaussian_filter(light * image.astype(float), 6))
    assert found == ["out-of-focus"] * 4


@each_set
@pytest.mark.parametrize("points", [STRAIGHT, BENT], ids=["straight", "bent"])
@pytest.mark.parametrize("width", [4, 7])
@pytest.mark.parametrize("height", [5000, 12000])
def test_a_field_with_a_bright_fibre_has_debris(radius_px, points, width, height):
    fibre = height * draw_line(points, width=width)
    assert flags(radius_px, lambda image: image + fibre) == ["debris"] * 4


@pytest.mark.parametrize("points", [STRAIGHT, BENT], ids=["straight", "bent"])
@pytest.mark.parametrize("width", [4, 7])
def test_a_fibre_as_bright_as_the_nuclei_that_it_runs_over_is_debris(points, width):
    crowd = [
        make_field(seed, shape=SHAPE, nuclei=150, radius_px=11, touching=0.3).image
        for seed in range(4)
    ]
    pooled = pool(list(map(estimate, crowd)))
    fibre = pooled.contrast * draw_line(points, width=width)
    found = [detect_auto((image + fibre).astype(np.uint16), pooled).flag for image in crowd]
    assert found == ["debris"] * 4
    assert [detect_auto(image, pooled).flag for image in crowd] == [None] * 4


def test_a_field_with_a_saturated_fibre_has_debris():
    fibre = 20_000 * draw_line(BENT, width=6)
    assert flags(11, lambda image: np.minimum(image + fibre, 4095)) == ["debris"] * 4


def test_a_fibre_in_an_image_alone_is_debris():
    image = make_set(11)[0] + 6000 * draw_line(STRAIGHT, width=5)
    assert detect_auto(image).flag == "debris"


@each_set
def test_long_nuclei_and_rows_of_nuclei_are_no_debris(radius_px):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    image = np.full(SHAPE, 160.0)
    for row, stretch in ((80, 1.6), (200, 1.0), (320, 1.3)):
        for column in np.arange(2 * radius_px, SHAPE[1] - radius_px, 1.9 * radius_px * stretch):
            across = np.hypot((y - row) * stretch, (x - column) / stretch) / radius_px
            image = np.maximum(image, 160 + 2000 / (1 + np.exp(np.clip(8 * (across - 1), -50, 50))))
    rng = np.random.default_rng(0)
    assert detect_auto(rng.poisson(image).astype(np.uint16), pooled_of(radius_px)).flag != "debris"


def test_a_run_flags_the_fields_of_a_folder(tmp_path):
    spoiled = {
        "a": make_set(11)[0], "b": make_set(11)[1], "c": make_set(11)[2], "d": make_set(11)[3],
        "e_blurred": gaussian_filter(make_set(11)[0].astype(float), 6),
        "f_dim": make_set(11)[1] // 8,
        "g_fibre": make_set(11)[2] + 6000 * draw_line(BENT, width=6),
    }  # fmt: skip
    for name, image in spoiled.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", np.rint(image).astype(np.uint16))
    images = census(tmp_path).images
    assert images["flag"].tolist() == ["", "", "", "", "out-of-focus", "disagrees", "debris"]


def test_estimates_that_do_not_tell_the_blur_judge_no_focus():
    earlier = [
        {name: value for name, value in estimate(image).as_dict().items() if name != "blur"}
        for image in make_set(11)
    ]
    resolved = pool([Estimate.from_dict(each) for each in earlier])
    blurred = gaussian_filter(make_set(11)[0].astype(float), 6)
    assert detect_auto(blurred, resolved).flag is None


@pytest.mark.parametrize("seed", range(3))
def test_clouds_of_spots_are_not_counted_as_nuclei_without_a_word(seed):
    rng = np.random.default_rng(seed)
    middles, spread = rng.uniform(0, 400, (60, 2)), rng.uniform(4, 20, 60)
    spots = np.repeat(middles, 60, axis=0) + rng.normal(size=(3600, 2)) * spread.repeat(60)[:, None]
    light = np.zeros((400, 400))
    np.add.at(light, tuple(spots.astype(int).clip(0, 399).T), rng.lognormal(0, 0.5, 3600))
    image = rng.poisson(20 + 600 * gaussian_filter(light, 1.3)).astype(np.uint16)
    assert detect_auto(image).flag is not None


@pytest.mark.parametrize(("radius_px", "flag"), [(70, "unsure"), (20, None)])
def test_one_thing_that_fills_a_picture_of_its_own_may_be_a_spot_of_light(radius_px, flag):
    y, x = np.mgrid[:300, :300]
    spot = np.clip(1 - ((y - 160) ** 2 + (x - 140) ** 2) / radius_px**2, 0, 1)
    found = find_nuclei(np.random.default_rng(1).poisson(200 + 400 * spot))
    assert (len(found), found.flag) == (1, flag)


@pytest.mark.parametrize("seed", range(3))
def test_drops_in_an_empty_well_are_not_counted_as_nuclei_without_a_word(seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:400, :400]
    drops = sum(
        rng.uniform(0.4, 1) * (np.hypot(y - at[0], x - at[1]) < at[2])
        for at in rng.uniform((0, 0, 25), (400, 400, 60), (9, 3))
    )
    light = 300 + 1000 * gaussian_filter(drops, 20)
    assert find_nuclei(rng.poisson(light).astype(np.uint16)).flag is not None


def test_earlier_counts_know_no_image_to_doubt():
    small = make_field(1, shape=SHAPE, nuclei=300, radius_px=2.6).image
    assert find_nuclei(small, Settings("auto@1")).flag != "unsure"


USUAL = Resolved(
    radius_px=RADIUS_PX, contrast=100, noise=5, background=100, grain=8, edge_width_px=3,
    density=20 / 1e4, image_count=9, blank_count=0, blur=0.05,
)  # fmt: skip
IN_FOCUS, SOFT = (12.5 * 0.0601) ** -0.5, (12.5 * 0.0925) ** -0.5  # blur of 0.0501, and 0.0825
OWN = Estimate(RADIUS_PX, 20, 100, 5, 8, 100, 3, 0.2, 10_000, blur=0.083)


def flag_of_made_up(count=20, side=100, own=OWN, resolved=None, measure=None, **columns):
    columns = {"fall": IN_FOCUS, "ridges": 0.0, "likely": 0.95} | columns
    spread = {name: np.zeros(count) + np.array(value) for name, value in columns.items()}
    regions = make_regions(count, measure=replace(MEASURE, **(measure or {})), **spread)
    levels = SimpleNamespace(size_px=10_000, image_shape=(side, 2 * side))
    return flag_of(
        regions, levels, replace(USUAL, **(resolved or {})), lambda: own, disagrees=False
    )


def some(count, value, usual=0.0, of=20):
    return [value] * count + [usual] * (of - count)


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({}, None),
        ({"ridges": some(1, 6.5)}, "debris"),
        ({"ridges": some(20, 6.4)}, None),
        ({"plateau": some(1, 255, -np.inf), "second": some(1, 255)}, "saturated"),
        ({"plateau": some(1, 255, -np.inf, of=21), "count": 21}, None),
        ({"plateau": some(4, 255, -np.inf), "second": some(1, 256)}, None),
        ({"fall": SOFT}, "out-of-focus"),
        ({"fall": (12.5 * 0.0920) ** -0.5}, None),
        ({"fall": SOFT, "resolved": {"blur": 0.0}}, None),
        ({"fall": SOFT, "height": some(3, 61, 60)}, "out-of-focus"),
        ({"fall": SOFT, "height": some(2, 61, 60)}, None),
        ({"fall": some(3, IN_FOCUS, SOFT), "height": some(3, 61, 60)}, None),
        ({"fall": SOFT, "count": 10, "own": replace(OWN, blur=0.0)}, "out-of-focus"),
        ({"fall": SOFT, "count": 9, "own": replace(OWN, blur=0.0825)}, "out-of-focus"),
        ({"fall": SOFT, "count": 9, "own": replace(OWN, blur=0.0823)}, None),
        ({"fall": SOFT, "count": 9, "own": replace(OWN, count=3)}, "out-of-focus"),
        ({"fall": SOFT, "count": 9, "own": replace(OWN, count=2)}, None),
        ({"likely": some(8, 0.801, 1.0)}, None),
        ({"likely": some(8, 0.799, 1.0)}, "unsure"),  # 8 % are expected to be none
        ({"likely": some(2, 0.1, 1.0)}, "unsure"),
        ({"resolved": {"radius_px": 2.99}}, "unsure"),
        ({"resolved": {"radius_px": 3.0}}, None),
        ({"resolved": {"radius_px": 50.1, "blur": 0.09}}, "unsure"),
        ({"resolved": {"radius_px": 49.9, "blur": 0.09}}, None),
        ({"count": 1, "side": 79, "resolved": {"image_count": 1, "density": 1e-4}}, "unsure"),
        ({"count": 1, "side": 80, "resolved": {"image_count": 1, "density": 1e-4}}, None),
        ({"count": 1, "side": 79, "resolved": {"image_count": 2, "density": 1e-4}}, None),
        ({"count": 2, "side": 79, "resolved": {"image_count": 1, "density": 2e-4}}, None),
        ({"measure": {"foreground": 0.46}}, "crowded"),
        ({"measure": {"foreground": 0.45}}, None),
        ({"count": 1, "resolved": {"density": 11e-4}}, "sparse"),
        ({"count": 1, "resolved": {"density": 10e-4}}, None),
        ({"count": 1, "resolved": {"density": 9e-4}}, None),
        ({"count": 2, "resolved": {"density": 20.1e-4}}, "sparse"),
    ],
)  # fmt: skip
def test_what_makes_a_field_odd_begins_where_it_is_stated_to(changed, flag):
    assert flag_of_made_up(**changed) == flag
