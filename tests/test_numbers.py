"""The numbers of a detector, given and estimated; rings, frames and margins."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nucensus import Settings
from nucensus.detect import BLANK, find_nuclei, ring_radius
from nucensus.detect.frame import counting_box, within_box, within_frame
from nucensus.detect.laplacian import detect_log
from nucensus.detect.levels import as_levels
from nucensus.detect.padding import bounding_box, picture_mask, size_seen
from nucensus.detect.parameters import parameters, radius_for
from nucensus.errors import SettingsError
from nucensus.values import PixelSize

LOOK = dataclasses.replace(BLANK, radius_px=10.0, contrast=500.0, background=120.0, image_count=1)


def test_numbers_that_are_left_open_follow_the_nuclei_of_the_images():
    found = parameters(Settings("maxima"), LOOK)
    assert (found.sigma, found.min_distance, found.threshold) == (2.8, 4, 120 + 0.23 * 500)
    given = parameters(Settings("maxima", 3.5, "auto", 77), LOOK)
    assert (given.sigma, given.min_distance, given.threshold) == (3.5, 4, 77)
    tiny = dataclasses.replace(LOOK, radius_px=0.6)
    assert parameters(Settings("maxima"), tiny).min_distance == 1


@pytest.mark.parametrize(
    ("axial", "sigma", "min_distance"),
    [(1.0, 2.8, 4), (0.5, (1.4, 2.8, 2.8), 2), (2.0, (5.6, 2.8, 2.8), 4)],
)
def test_in_a_volume_nuclei_are_as_far_apart_as_along_the_axis_on_which_they_are_shorter(
    axial, sigma, min_distance
):
    found = parameters(Settings("maxima"), dataclasses.replace(LOOK, axial=axial))
    assert (found.sigma, found.min_distance, found.threshold) == (sigma, min_distance, 235)


@pytest.mark.parametrize(
    ("settings", "radius"),
    [
        (Settings("maxima", 2.8, 1, 9), 10), (Settings("maxima", 1, 12, 9), 12),
        (Settings("maxima", (2.8, 5.6), 1, 9), 15),
    ],
)  # fmt: skip
def test_numbers_are_for_nuclei_of_a_radius(settings, radius):
    assert radius_for(parameters(settings, None)) == pytest.approx(radius)


def test_a_ring_is_never_smaller_than_can_be_seen_and_wider_than_the_largest_nucleus():
    assert ring_radius(Settings(), [LOOK]) == pytest.approx(11.5)
    larger = dataclasses.replace(LOOK, radius_px=20.0)
    assert ring_radius(Settings(), [LOOK, larger]) == pytest.approx(23)
    assert ring_radius(Settings(), [dataclasses.replace(LOOK, radius_px=1.0)]) == 4
    assert ring_radius(Settings(), [BLANK]) == 12
    assert ring_radius(Settings("maxima", 0.5, 1, 9)) == 4


@pytest.mark.parametrize(
    ("given", "detector", "numbers", "border"),
    [
        ({}, "auto", ("auto", "auto", "auto"), "keep"),
        ({"sigma": 3}, "maxima", (3, 6, 1000), "drop"),
        ({"min_distance": 3}, "maxima", (4, 3, 1000), "drop"),
        ({"threshold": 300}, "maxima", (4, 6, 300), "drop"),
        ({"threshold": None}, "maxima", (4, 6, None), "drop"),
        ({"sigma_um": 1.5}, "maxima", (4, 6, 1000), "drop"),
        ({"threshold": 300, "border": "count"}, "maxima", (4, 6, 300), "count"),
        ({"detector": "maxima"}, "maxima", ("auto", "auto", "auto"), "keep"),
        ({"detector": "maxima", "sigma": 3}, "maxima", (3, "auto", "auto"), "keep"),
        ({"detector": "log", "sigma": (2, 5)}, "log", ((2, 5), "auto", "auto"), "keep"),
        ({"border": "drop"}, "auto", ("auto", "auto", "auto"), "drop"),
    ],
)
def test_a_number_alone_brings_the_published_detector_and_its_other_numbers(
    given, detector, numbers, border
):
    made = Settings(**given)
    assert made.detector == detector
    assert (made.sigma, made.min_distance, made.threshold) == numbers
    assert made.border == border


@pytest.mark.parametrize(
    ("settings", "are_numbers"),
    [
        (Settings(), False), (Settings(threshold=300), True), (Settings("maxima", 3), False),
        (Settings("maxima", 3, 5, 9), True), (Settings("maxima", 3, 5, None), True),
        (Settings(threshold=300, border="count"), False), (Settings("log", 3, 5, 9), True),
        (Settings("maxima", sigma_um=2, min_distance=5, threshold=9), True),
        (Settings("maxima", sigma_um=2, min_distance=5), False),
    ],
)  # fmt: skip
def test_settings_are_numbers_where_nothing_has_to_be_estimated(settings, are_numbers):
    assert settings.are_numbers == are_numbers


def test_a_sigma_in_micrometres_becomes_one_in_pixels_along_each_axis():
    settings = Settings(sigma_um=1.2, threshold=300)
    size = PixelSize(0.4, 0.6, 2.0)
    assert settings.in_pixels(size, 2).sigma == pytest.approx((3, 2))
    assert settings.in_pixels(size, 3).sigma == pytest.approx((0.6, 3, 2))
    assert settings.in_pixels(size, 2).sigma_um is None
    blobs = Settings("log", sigma_um=1.2)
    assert blobs.in_pixels(size, 2).sigma == pytest.approx(1.2 / 0.24**0.5)
    assert Settings(threshold=300).in_pixels(size, 2) == Settings(threshold=300)
    with pytest.raises(SettingsError, match="does not state the size of its pixels; give"):
        settings.in_pixels(PixelSize(0.4), 2)
    with pytest.raises(SettingsError, match="pixels and the distance of its planes"):
        settings.in_pixels(PixelSize(0.4, 0.6), 3)


def test_the_box_in_which_centres_count_ends_where_the_border_begins():
    assert counting_box((100, 120), "drop", 6) == (slice(6, 94), slice(6, 114))
    assert counting_box((100, 120), "drop", 5.01) == (slice(6, 94), slice(6, 114))
    assert counting_box((100, 120), "keep", 6) == (slice(0, 100), slice(0, 120))
    assert counting_box((10, 120), "drop", 6) == (slice(6, 6), slice(6, 114))
    points = np.array([[6, 6], [5, 50], [93, 113], [94, 50], [50, 114]])
    assert within_box(points, (slice(6, 94), slice(6, 114))).tolist() == [
        True, False, True, False, False
    ]  # fmt: skip


def test_a_nucleus_that_the_far_edges_cut_does_not_count():
    points = np.array([[94, 10], [95, 10], [10, 114], [10, 115], [0, 0]])
    counted = within_frame(points, shape=(100, 120), radius_px=5)
    assert counted.tolist() == [True, False, True, False, True]


def test_blobs_at_the_edge_stay_in_the_image_and_are_as_large_as_they_are():
    y, x = np.mgrid[:120, :160]
    image = sum(
        900.0 * ((y - v) ** 2 + (x - u) ** 2 < r**2)
        for v, u, r in ((1, 158, 12), (60, 80, 16), (118, 2, 12))
    )
    points, strengths, scales = detect_log(image, sigma_range=(4, 16), threshold=100)
    assert (points >= 0).all()
    assert (points < image.shape).all()
    middle = np.abs(points - (60, 80)).sum(axis=1).argmin()
    assert np.abs(points[middle] - (60, 80)).max() <= 1
    assert scales[middle] == pytest.approx(16 / np.sqrt(2), rel=0.15)
    assert (np.diff(strengths) <= 0).all()
    assert len(detect_log(image, sigma_range=(4, 16), threshold=1e6)[0]) == 0


def framed(top=0, left=0, bottom=0, right=0, *, level=0):
    image = np.random.default_rng(0).normal(200, 10, (300, 320)).clip(1, 999).astype(np.uint16)
    picture = np.zeros(image.shape, bool)
    picture[top : 300 - bottom, left : 320 - right] = True
    image[~picture] = level
    return image, picture


@pytest.mark.parametrize("sides", [(40, 0, 0, 0), (0, 40, 0, 0), (0, 0, 40, 0), (20, 30, 40, 50)])
@pytest.mark.parametrize("level", [0, 4095])
def test_a_margin_of_one_level_is_known_on_every_side(sides, level):
    image, picture = framed(*sides, level=level)
    np.testing.assert_array_equal(picture_mask(image), picture)
    rows, columns = bounding_box(picture)
    assert (rows.start, 300 - rows.stop) == (sides[0], sides[2])
    assert (columns.start, 320 - columns.stop) == (sides[1], sides[3])
    whole = (slice(0, 300), slice(0, 320))
    assert size_seen(image, whole) == picture.sum()
    assert as_levels(image).size_px == picture.sum()
    assert as_levels(image).image_shape == (300, 320)


@pytest.mark.parametrize(("width", "is_margin"), [(1, True), (4.5, True), (6, False), (12, False)])
def test_black_is_a_margin_where_the_picture_begins_within_five_pixels(width, is_margin):
    image = np.random.default_rng(0).normal(1000, 20, (400, 500))
    inside = np.maximum(0, np.indices(image.shape)[1] - 119)
    image *= np.minimum(1, inside / width)
    assert (picture_mask(image.round().astype(np.uint16)) is not None) == is_margin


def test_a_picture_without_a_margin_is_seen_whole():
    image, _ = framed()
    assert picture_mask(image) is None
    assert size_seen(image, (slice(0, 300), slice(0, 320))) == 300 * 320
    assert size_seen(image, (slice(6, 294), slice(6, 314))) == 288 * 308


def test_nothing_is_counted_in_an_image_of_one_level():
    for dtype in (np.uint8, np.uint16, np.float32):
        assert len(find_nuclei(np.full((90, 90), 7, dtype), Settings())) == 0


@pytest.mark.parametrize(("sigma", "height"), [(1, 120), (2, 250)])
def test_small_spots_everywhere_are_not_taken_for_noise(sigma, height):
    rng = np.random.default_rng(0)
    spots = gaussian_filter((rng.random((400, 600)) < 0.01).astype(float), sigma)
    image = 1000 + 2 * np.pi * sigma**2 * height * spots + rng.normal(0, 10, spots.shape)
    assert as_levels(image.round().astype(np.uint16)).noise == pytest.approx(10, rel=0.1)
