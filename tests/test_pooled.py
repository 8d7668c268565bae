"""Estimates of images are pooled: how much each counts, and when a set is mixed or settled."""

import dataclasses

import pytest

from nucensus.detect.pooled import BLANK, Estimate, Resolved, is_settled, pool


def shown(*, radius_px=10.0, count=50, contrast=100.0):
    return Estimate(
        radius_px=radius_px, count=count, contrast=contrast, noise=5.0, grain=5.0,
        background=100.0, edge_width_px=2.0, foreground=0.2, size_px=10**6,
    )  # fmt: skip


def of_contrasts(*contrasts):
    return [shown(contrast=each) for each in contrasts]


@pytest.mark.parametrize(("counts", "radius_px"), [((49, 50), 11), ((50, 500), 10)])
def test_an_image_weighs_as_much_as_its_nuclei_up_to_50(counts, radius_px):
    few, many = (shown(radius_px=10 + n, count=count) for n, count in enumerate(counts))
    assert pool([few, many]).radius_px == radius_px


@pytest.mark.parametrize(
    ("small", "large", "count", "sizes"),
    [(4, 2, 5, 2), (4, 1, 5, 1), (4, 2, 4, 1), (30, 2, 5, 2), (31, 2, 5, 1)],
)
def test_two_images_and_one_of_sixteen_that_show_five_nuclei_are_a_size(small, large, count, sizes):
    larger = shown(radius_px=17, count=count)
    assert pool([shown()] * small + [larger] * large).size_count == sizes


@pytest.mark.parametrize(("radius_px", "sizes"), [(16.2, 1), (16.3, 2)])
def test_sizes_are_apart_by_seven_tenths_of_an_octave(radius_px, sizes):
    assert pool([shown()] * 3 + [shown(radius_px=radius_px)] * 3).size_count == sizes


@pytest.mark.parametrize(
    ("contrasts", "ratio"),
    [
        ([1, 10, 1000], 1),
        ([1, 10, 10, 1000], 1),
        ([1] * 2 + [10] * 9 + [1000] * 2, 1000),
        ([1] * 2 + [10] * 10 + [1000] * 2, 1),
        ([1] * 2 + [10] * 9 + [1000] * 3, 100),
    ],
)
def test_a_seventh_of_the_images_is_left_out_at_either_end(contrasts, ratio):
    assert pool(of_contrasts(*contrasts)).brightness_ratio == ratio


@pytest.mark.parametrize(
    ("ends", "is_mixed"),
    [
        ({"radius_px": 16.0}, False), ({"radius_px": 16.1}, True),
        ({"contrast": 500.0}, False), ({"contrast": 501.0}, True),
    ],
)  # fmt: skip
def test_a_set_is_mixed_from_1_6_times_the_radius_and_5_times_the_contrast(ends, is_mixed):
    assert pool([shown()] * 2 + [shown(**ends)] * 2).is_mixed == is_mixed


@pytest.mark.parametrize(
    ("radii", "is_mixed"),
    [
        ([15.5, 19.9, 24.8, 25.1, 29.6, 32.9], True),
        ([15.5, 19.9, 24.8, 25.0, 25.1, 25.2, 29.6, 32.9], True),
        ([19.9, 19.9, 24.8, 25.1, 29.6, 29.6], False),  # none is 1.6 times as large as another
        ([10.0, 24.8, 24.8, 25.1, 25.1, 50.0], False),  # one is odd at either end
        ([15.5] + [19.9] * 6 + [29.6] * 6 + [32.9], False),
    ],
)
def test_a_few_images_vary_as_much_as_many_of_which_less_is_left_out(radii, is_mixed):
    assert pool([shown(radius_px=each) for each in radii]).is_mixed == is_mixed


@pytest.mark.parametrize(("alike", "settled"), [(31, True), (30, False)])
def test_one_odd_image_of_32_leaves_a_sample_settled(alike, settled):
    assert is_settled([shown()] * alike + [shown(radius_px=20)]) == settled


@pytest.mark.parametrize(
    ("half", "settled"),
    [
        ({"radius_px": 11.0}, True), ({"radius_px": 11.1}, False),
        ({"contrast": 150.0}, True), ({"contrast": 151.0}, False),
    ],
)  # fmt: skip
def test_a_sample_is_settled_where_its_medians_stand_still(half, settled):
    assert is_settled([shown()] * 2 + [shown(**half)] * 2) == settled


@pytest.mark.parametrize(("telling", "ratio"), [(3, 100), (4, 1)])
def test_where_most_images_show_few_nuclei_the_middle_of_them_tells_the_spread(telling, ratio):
    contrasts = [10.0] * 4 + [1, 1, 100, 100]
    counts = [50] * telling + [3] * (8 - telling)
    images = [shown(contrast=each, count=n) for each, n in zip(contrasts, counts, strict=True)]
    assert pool(images).brightness_ratio == ratio
    few = [shown(contrast=each, count=1) for each in contrasts]
    assert pool([*few, *few]).brightness_ratio == 1


def test_of_each_value_the_median_is_pooled_and_of_nuclei_and_pixels_the_sum():
    def image(count, size_px, *values):
        radius, contrast, noise, grain, background, edge, texture, blur, axial = values
        return Estimate(radius, count, contrast, noise, grain, background, edge, 0.3, size_px,
                        texture, blur, axial)  # fmt: skip

    pooled = pool([
        image(10, 1000, 8.0, 300.0, 3.0, 30.0, 90.0, 2.0, 1.2, 0.01, 0.5),
        image(12, 2000, 9.0, 400.0, 4.0, 40.0, 80.0, 3.0, 1.4, 0.03, 0.7),
        image(14, 3000, 10.0, 200.0, 5.0, 50.0, 70.0, 4.0, 1.3, 0.02, 0.6),
        image(0, 9000, *[0.0] * 9),
    ])  # fmt: skip
    assert pooled == Resolved(
        radius_px=9.0, contrast=300.0, noise=4.0, background=80.0, grain=40.0, edge_width_px=3.0,
        density=36 / 6000, image_count=4, blank_count=1, texture=1.3, size_count=1, blur=0.02,
        axial=0.6, radius_ratio=1.0, brightness_ratio=1.0,
    )  # fmt: skip
    assert pool([image(0, 9, *[0.0] * 9)]) == dataclasses.replace(
        BLANK, image_count=1, blank_count=1
    )
    assert Resolved.from_dict(pooled.as_dict()) == pooled
    known = pooled.as_estimate(count=7, foreground=0.2, size_px=99, axial=0.4)
    assert known == Estimate(9.0, 7, 300.0, 4.0, 40.0, 80.0, 3.0, 0.2, 99, 1.3, 0.02, 0.4)
    assert (known.signal_to_noise, known.is_blank) == (75, False)
