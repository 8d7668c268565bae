"""The outlines of nuclei, in the image and as values."""

import numpy as np
import pytest
from scenes import make_scene
from skimage.measure import label, regionprops

import nucensus
from nucensus.detect import find_nuclei, label_nuclei
from nucensus.detect.regions import find_regions
from nucensus.errors import SettingsError
from nucensus.kernel import levels
from nucensus.values import Centres, Outlines, Settings


def draw_discs(radius, *, across=4, noise=20, seed=0):
    """Return discs with soft edges, as a camera sees them, and where they are."""
    rng = np.random.default_rng(seed)
    pitch = int(4 * radius + 8)
    y, x = np.indices((across * pitch, across * pitch))
    image = 500 + rng.normal(0, noise, y.shape)
    middles = (np.indices((across, across)).reshape(2, -1).T + 0.5) * pitch
    centres = middles + rng.uniform(-0.5, 0.5, middles.shape)
    for cy, cx in centres:
        image += 3000 * np.clip(radius + 0.5 - np.hypot(y - cy, x - cx), 0, 1)
    return np.rint(image).astype(np.uint16), centres


@pytest.mark.parametrize("radius", [6, 7, 10, 14, 20, 28, 36])
def test_a_centre_is_where_the_disc_was_drawn_to_a_twentieth_of_a_pixel(radius):
    image, truth = draw_discs(radius)
    centres = find_nuclei(image, Settings(subpixel=True))
    nearest = np.abs(centres.subpixel[:, None] - truth).sum(axis=-1).argmin(axis=0)
    errors = centres.subpixel[nearest] - truth
    assert np.sqrt((errors**2).mean(axis=0)).max() < 0.02
    assert np.array_equal(
        centres.subpixel, find_nuclei(image, Settings(subpixel=True), outlines=True).subpixel
    )


@pytest.mark.parametrize("radius", [5, 6, 9, 14, 25, 40])
def test_outlines_have_the_area_that_was_drawn(radius):
    image, _ = draw_discs(radius)
    areas = find_nuclei(image, outlines=True).outlines.areas_px
    assert areas.mean() == pytest.approx(np.pi * radius**2, rel=0.02)
    assert areas.std() < 0.03 * areas.mean()


def test_the_label_at_a_centre_is_its_row_and_every_nucleus_is_one_body_without_holes():
    scene = make_scene(radius=11, count=60, shape=(400, 500), gap=0.85, seed=3)
    dark = scene.image.copy()
    for y, x in find_nuclei(scene.image).points[::5]:
        dark[y - 1 : y + 2, x + 2 : x + 5] = 150
    centres = find_nuclei(dark, outlines=True)
    labels = centres.outlines.labels()
    assert labels.dtype == np.int32
    assert labels.shape == dark.shape
    assert np.array_equal(labels[tuple(centres.points.T)], np.arange(1, len(centres) + 1))
    for each in regionprops(labels):
        assert label(each.image, connectivity=1).max() == 1
        assert each.euler_number == 1
    assert np.array_equal(labels, label_nuclei(dark))


def test_nuclei_that_touch_meet_in_the_valley():
    y, x = np.mgrid[:80, :140]
    image = 200.0 + 0 * x
    for column in (50, 80):
        image += 3000 * np.exp(-((y - 40) ** 2 + (x - column) ** 2) / (2 * 9.0**2))
    labels = label_nuclei(np.rint(image).astype(np.uint16))
    assert set(np.unique(labels[40, 45:86])) == {1, 2}
    assert labels[40, 64] != labels[40, 67]
    for row in range(30, 51):
        first = labels[row, :66][labels[row, :66] > 0]
        assert len(set(first)) <= 1


def test_a_saturated_pair_is_parted_where_it_is_narrow():
    y, x = np.mgrid[:200, :240]
    discs = [(50, 55), (50, 88), (150, 40), (150, 100), (60, 180), (150, 180)]
    image = np.any([(y - a) ** 2 + (x - b) ** 2 < 18**2 for a, b in discs], axis=0)
    labels = label_nuclei(np.where(image, 255, 10).astype(np.uint8))
    assert labels.max() == len(discs)
    borders = [np.flatnonzero(np.diff(row[65:80])) + 65 for row in labels[46:55]]
    assert all(len(each) and abs(each.mean() - 71) < 3 for each in borders)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("radius", [4, 9, 20])
def test_every_instruction_set_finds_the_same_outlines(dtype, radius):
    scene = make_scene(radius=radius, count=40, shape=(331, 417), gap=0.9, seed=14)
    image = (scene.image / 3).astype(dtype)
    plain, *others = (
        find_regions(image, radius_px=radius, level=level, outline_sigma_px=1.0)
        for level in levels()
    )
    for other in others:
        assert plain.outlines == other.outlines
        assert np.array_equal(plain.refined, other.refined)


@pytest.mark.parametrize("spell", [lambda it: it.astype(np.int32) - 4000, lambda it: it / 65535])
def test_outlines_are_the_same_in_any_units(spell):
    scene = make_scene(radius=12, count=40, shape=(300, 300), gap=0.95, seed=2)
    assert (label_nuclei(scene.image) > 0).sum() == pytest.approx(
        (label_nuclei(spell(scene.image)) > 0).sum(), rel=1e-3
    )


def test_outlines_lie_in_the_image_though_a_margin_is_cut_off():
    scene = make_scene(radius=12, count=40, shape=(300, 300), gap=1.2, seed=5)
    framed = np.zeros((420, 380), np.uint16)
    framed[70:370, 30:330] = scene.image + 500
    labels = label_nuclei(framed)
    assert labels.shape == framed.shape
    assert labels[70:370, 30:330].max() == labels.max() > 30
    assert not labels[framed == 0].any()


def test_images_of_any_shape_have_outlines():
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (1, 40), (40, 1), (3, 90), (41, 67)]:
        image = rng.integers(0, 4000, shape).astype(np.uint16)
        centres = find_nuclei(image, outlines=True)
        assert centres.outlines.labels().shape == shape
        assert len(centres.outlines) == len(centres)


def test_what_the_border_leaves_out_has_no_outline():
    image = make_scene(radius=11, count=50, shape=(300, 300), gap=1.0, seed=4).image[25:-25, 25:-25]
    for border in ("drop", "count"):
        centres = find_nuclei(image, Settings(border=border), outlines=True)
        assert centres.outlines.labels().max() == len(centres) < len(find_nuclei(image))


def test_a_blank_image_has_no_outlines_and_says_where():
    image = np.random.default_rng(1).normal(100, 5, (60, 90)).astype(np.float32)
    centres = find_nuclei(image, outlines=True)
    assert not len(centres)
    assert np.array_equal(centres.outlines.labels(), np.zeros((60, 90)))


@pytest.mark.parametrize("detector", ["maxima", "log"])
def test_detectors_of_points_say_that_they_have_no_outlines(detector):
    with pytest.raises(SettingsError, match=f"{detector} finds .* leave the outlines out"):
        find_nuclei(np.zeros((50, 50)), Settings(detector=detector, threshold=0.1), outlines=True)
    assert find_nuclei(np.zeros((50, 50), np.uint16), Settings.published()).outlines is None


def test_outlines_of_any_label_image_give_it_back():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (30, 41))
    outlines = Outlines.from_labels(labels, 6)
    assert np.array_equal(outlines.labels(), labels)
    assert outlines.areas_px.tolist() == [(labels == k).sum() for k in range(1, 7)]
    turned = outlines.take(np.array([3, 0, 5])).labels()
    assert np.array_equal(turned, np.select([labels == 4, labels == 1], [1, 2]))
    moved = outlines.within((2, 3), (40, 50)).labels()
    assert np.array_equal(moved[2:32, 3:44], labels)
    assert moved.sum() == labels.sum()


def test_what_find_nuclei_returns_behaves_like_its_points():
    scene = make_scene(radius=12, count=20, shape=(200, 200), gap=1.1, seed=1)
    centres = nucensus.find_nuclei(scene.image, outlines=True)
    points = centres.points
    assert np.array_equal(np.asarray(centres), points)
    assert np.asarray(centres, np.float32).dtype == np.float32
    assert np.array_equal(list(centres), points)
    assert np.array_equal(centres[3], points[3])
    assert np.array_equal(centres[:5], points[:5])
    assert (centres == points).all()
    assert centres == nucensus.find_nuclei(scene.image, outlines=True)
    assert centres != nucensus.find_nuclei(scene.image[::-1], outlines=True)
    assert centres != Centres(points[:-1], centres.intensities[:-1])
    frame = centres.to_pandas()
    assert np.array_equal(frame[["y", "x"]], points)
    assert list(frame) == ["y", "x", "intensity", "area_px"]
