"""What is measured of nuclei that are found as regions."""

import numpy as np
import pytest
from scenes import draw_section, make_scene

from nucensus.detect.region_numbers import grid_radius
from nucensus.detect.regions import COLUMNS, Levels, as_levels, find_regions
from nucensus.kernel import levels

BACKGROUND, HEIGHT = 200.0, 1000.0


def discs(*centres, radius=12.0, shape=(240, 300), height=HEIGHT):
    """Draw flat discs with an edge of about a pixel."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, BACKGROUND)
    for v, u in centres:
        image += height / (1 + np.exp(2 * (np.hypot(y - v, x - u) - radius)))
    return image


GRID = [(y, x) for y in (40, 110, 180) for x in (50, 130, 210)]


@pytest.mark.parametrize("radius", [4.0, 8.0, 12.0, 20.0, 24.0, 28.0, 32.0])
def test_a_disc_has_its_own_centre_size_and_height(radius):
    found = find_regions(discs(*GRID, radius=radius), radius_px=radius)
    assert len(found) == len(GRID)
    order = np.lexsort((found.x.round(), (found.y / 10).round()))
    of_grid = max(0.5, radius / 20)
    np.testing.assert_allclose(np.stack([found.y, found.x], 1)[order], GRID, atol=of_grid)
    np.testing.assert_allclose(found.area_px, np.pi * radius**2, rtol=0.12)
    np.testing.assert_allclose(found.height, HEIGHT, rtol=0.12)
    assert (found.mean_height <= found.height).all()
    np.testing.assert_allclose(found.intensity, BACKGROUND + HEIGHT, rtol=0.12)
    np.testing.assert_allclose(found.stretch, 1, atol=0.1)
    assert not found.touches_edge.any()


def test_what_is_measured_of_an_image_is_in_grey_levels_and_pixels():
    image = discs(*GRID, radius=12)
    image += np.random.default_rng(0).normal(0, 8, image.shape)
    measure = find_regions(image, radius_px=12).measure
    assert measure.background == pytest.approx(BACKGROUND, abs=10)
    assert measure.foreground == pytest.approx(len(GRID) * np.pi * 144 / image.size, rel=0.1)
    assert measure.upper == pytest.approx(HEIGHT, rel=0.25)
    assert 0 < measure.noise < 8  # smoothed
    assert measure.threshold < HEIGHT / 2
    assert 0.5 < measure.edge_width_px < 8


def test_all_that_is_measured_follows_the_units_of_the_image():
    image = discs(*GRID).round()
    one, other = find_regions(image, radius_px=12), find_regions(4 * image + 1000, radius_px=12)
    for name in ("height", "mean_height"):
        np.testing.assert_allclose(getattr(other, name), 4 * getattr(one, name), rtol=1e-4)
    for name in ("intensity", "second"):
        np.testing.assert_allclose(getattr(other, name), 4 * getattr(one, name) + 1000, rtol=1e-4)
    for name in ("y", "x", "area_px", "stretch"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-4)
    assert other.measure.noise == pytest.approx(4 * one.measure.noise, rel=1e-3, abs=1e-6)
    assert other.measure.background == pytest.approx(4 * one.measure.background + 1000, rel=1e-4)


def test_regions_on_the_edge_say_so():
    found = find_regions(discs((3, 60), (120, 150), (120, 297)), radius_px=12)
    order = np.argsort(found.x)
    assert found.touches_edge[order].tolist() == [True, False, True]


def test_a_clump_is_more_stretched_than_an_ellipse():
    y, x = np.mgrid[:240, :300]
    ellipse = ((y - 120) / 12) ** 2 + ((x - 150) / 18) ** 2 < 1
    found = find_regions(BACKGROUND + HEIGHT * ellipse, radius_px=14)
    assert len(found) == 1
    assert found.stretch[0] == pytest.approx(1, abs=0.1)


def test_no_region_is_lower_than_the_least_threshold():
    low, high = discs((60, 80), height=300.0), discs((170, 200), height=1000.0) - BACKGROUND
    for least, count in ((100, 2), (600, 1), (2000, 0)):
        found = find_regions(low + high, radius_px=12, least_threshold=least)
        assert len(found) == count
        assert (found.height >= least).all()


@pytest.mark.parametrize("radius", [8, 18])
def test_regions_are_found_however_many_there_are_and_however_large_they_are_assumed(radius):
    crowd = [(y, x) for y in range(12, 480, 24) for x in range(12, 504, 24)]
    image = np.full((480, 504), BACKGROUND)
    for y, x in crowd:
        image[y - 12 : y + 12, x - 12 : x + 12] = discs((12, 12), radius=8.0, shape=(24, 24))
    found = find_regions(image, radius_px=radius)
    np.testing.assert_allclose(np.stack([found.y, found.x], 1), crowd, atol=1)


def test_those_that_are_kept_keep_all_that_is_known_of_them():
    found = find_regions(discs(*GRID), radius_px=12)
    kept = found.where(found.x > 100)
    assert len(kept) == 6
    assert kept.measure is found.measure
    assert set(kept.y.tolist()) <= set(found.y.tolist())
    assert kept.touches_edge.dtype == bool


@pytest.mark.parametrize("level", levels())
def test_a_nucleus_is_the_same_wherever_in_a_wide_image_it_lies(level):
    x = 20 + 40 * np.arange(36)
    image = np.tile(discs((30, 20), radius=5, shape=(60, 40)), 36)
    regions = find_regions(image, radius_px=5, level=level)
    assert regions.x == pytest.approx(x, abs=0.1)
    assert np.ptp(regions.area_px) == 0


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("radius", [5, 12, 28])
def test_hot_pixels_are_left_out_wherever_in_a_row_they_lie(radius, dtype, level):
    for width in (64, 65, 66, 67, 97, 129, 130, 131, 194):
        cold = (discs((130, 30), radius=radius, shape=(160, width)) / 6).astype(dtype)
        hot = cold.copy()
        hot[4 * np.arange(width) % 100, np.arange(width)] = 250
        expected, found = (
            find_regions(Levels(each), radius_px=radius, level=level) for each in (cold, hot)
        )
        assert len(expected) == 1
        assert found.measure == expected.measure
        assert all(
            np.array_equal(getattr(found, name), getattr(expected, name)) for name in COLUMNS
        )


@pytest.mark.parametrize("shape", [(0, 10), (10, 0)])
def test_an_image_without_pixels_has_no_regions(shape):
    found = find_regions(np.empty(shape, np.uint16), radius_px=10)
    assert (len(found), found.measure.foreground) == (0, 0)
    assert found.touches_edge.dtype == bool


@pytest.mark.parametrize(
    ("radius_px", "expected"), [(2, 2), (6, 6), (6.4, 3.2), (11.9, 5.95), (12, 4), (40, 4)]
)
def test_nuclei_have_a_radius_of_four_or_more_on_the_grid_if_the_image_gives_it(
    radius_px, expected
):
    assert grid_radius(radius_px) == pytest.approx(expected)


def test_levels_are_found_once_for_several_radii():
    scene = make_scene(radius=12, count=20, shape=(240, 300))
    levels = as_levels(scene.image)
    for radius in (6, 12):
        one, other = (find_regions(each, radius_px=radius) for each in (levels, scene.image))
        np.testing.assert_array_equal(one.y, other.y)


def test_a_crowd_is_not_taken_for_noise_of_more_than_three_times_what_neighbours_differ_by():
    image = draw_section(3, cover=0.9).image
    levels = as_levels(image)
    white = levels.noise * levels.unit / (2 * np.sqrt(np.pi) * 0.5)  # sigma is half a pixel
    assert find_regions(image, radius_px=5).measure.noise == pytest.approx(3 * white)
    assert find_regions(image, radius_px=5, most_noise=7.0).measure.noise == pytest.approx(7)


def test_all_but_the_pixels_inside_are_known_of_regions_into_which_none_looks():
    image = np.minimum(make_scene(radius=9.0, count=40, noise=25.0).image, 450).astype(np.uint16)
    seen = find_regions(image, radius_px=9)
    unseen = find_regions(image, radius_px=9, looks_inside=False)
    assert unseen.measure == seen.measure
    for name in set(COLUMNS) - {"second", "plateau"}:
        np.testing.assert_array_equal(getattr(unseen, name), getattr(seen, name))
    assert (seen.plateau == 450).any()
    assert (unseen.plateau == -np.inf).all()
