"""The outlines of nuclei, in the image and as values."""

import numpy as np
import pytest
from scenes import make_scene
from skimage.measure import label, regionprops, regionprops_table

import nucensus
from nucensus.detect import find_nuclei, label_nuclei
from nucensus.detect.levels import Levels
from nucensus.detect.measure import measured_of
from nucensus.detect.region_pixels import shapes_within
from nucensus.detect.regions import find_regions
from nucensus.errors import SettingsError
from nucensus.kernel import levels
from nucensus.values import Centres, Outlines, Settings
from nucensus.values.polygons import polygons_of, signed_area


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


@pytest.mark.parametrize("noise", [20, 80, 120])
def test_outlines_do_not_follow_the_noise(noise):
    scene = make_scene(radius=16, count=16, shape=(400, 400), noise=noise, gap=1.4, seed=3)
    found = find_nuclei(scene.image.astype(np.uint16), outlines=True)
    assert len(found) == len(scene.centres) == 16
    assert found.measured["solidity"].mean() > 0.96


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


def test_a_nucleus_is_outlined_with_its_nucleoli():
    y, x = np.mgrid[:300, :300]
    centres = [(75, 75), (75, 225), (225, 75), (225, 225)]
    whole = np.any([np.hypot(y - a, x - b) < 30 for a, b in centres], axis=0)
    holes = np.any([np.hypot(y - a, x - b) < 10 for a, b in centres], axis=0)
    found = find_nuclei(np.where(whole & ~holes, 200, 10).astype(np.uint8), outlines=True)
    assert sorted(map(tuple, found.points)) == centres
    assert (found.outlines.labels() > 0).sum() == pytest.approx(whole.sum(), rel=0.02)


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
        assert len(set(first)) == 1


def test_a_saturated_pair_is_parted_where_it_is_narrow():
    y, x = np.mgrid[:200, :240]
    discs = [(50, 55), (50, 88), (150, 40), (150, 100), (60, 180), (150, 180)]
    image = np.any([(y - a) ** 2 + (x - b) ** 2 < 18**2 for a, b in discs], axis=0)
    labels = label_nuclei(np.where(image, 255, 10).astype(np.uint8))
    assert labels.max() == len(discs)
    borders = [np.flatnonzero(np.diff(row[65:80])) + 65 for row in labels[46:55]]
    assert all(len(each) and abs(each.mean() - 71) < 3 for each in borders)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("radius", "width", "sigma"), [
    (4, 417, 1.0), (9, 417, 0.7), (20, 417, 3.3), (4, 7, 1.0),
])  # fmt: skip
def test_every_instruction_set_finds_the_same_outlines(dtype, radius, width, sigma):
    scene = make_scene(radius=radius, count=40, shape=(331, 417), gap=0.9, seed=14)
    image = np.ascontiguousarray(scene.image[:, :width] / 3, dtype)
    plain, *others = (
        find_regions(image, radius_px=radius, level=level, outline_sigma_px=sigma)
        for level in levels()
    )
    assert len(plain)
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
    assert list(frame)[:4] == ["y", "x", "intensity", "area_px"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_what_is_measured_equals_scikit_image_on_the_label_image(dtype):
    scene = make_scene(radius=11, count=70, shape=(300, 330), gap=0.8, texture=0.2, seed=6)
    image = np.rint(scene.image[12:, 9:] / (3 if dtype == np.uint8 else 1)).astype(dtype)
    centres = find_nuclei(image, outlines=True)
    measured = centres.measured
    expected = regionprops_table(
        centres.outlines.labels(), image,
        properties=("area", "intensity_mean", "intensity_std", "axis_major_length",
                    "axis_minor_length", "orientation", "solidity", "bbox"),
    )  # fmt: skip
    assert np.array_equal(measured["area_px"], expected["area"])
    for ours, theirs in [("std", "intensity_std"), ("major_px", "axis_major_length"),
                         ("minor_px", "axis_minor_length"), ("solidity", "solidity")]:  # fmt: skip
        np.testing.assert_allclose(measured[ours], expected[theirs], rtol=1e-5, err_msg=ours)
    turned = measured["orientation"] - expected["orientation"]
    np.testing.assert_allclose(np.sin(turned), 0, atol=1e-6)
    backgrounds = expected["intensity_mean"] - measured["mean"]
    assert np.ptp(backgrounds) < 0.05 * np.ptp(image)
    np.testing.assert_allclose(measured["integrated"], measured["mean"] * measured["area_px"])
    ends = (expected["bbox-2"] == image.shape[0]) | (expected["bbox-3"] == image.shape[1])
    cut = ends | (expected["bbox-0"] == 0) | (expected["bbox-1"] == 0)
    assert np.array_equal(measured["touches_edge"], cut)
    assert 0 < cut.sum() < len(cut)


@pytest.mark.parametrize("seed", range(4))
def test_forms_of_any_outline_are_measured_as_scikit_image_does(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros((90, 120), np.int32)
    for number in range(1, 9):
        y, x = rng.integers(0, 60, 2)
        labels[y : y + rng.integers(1, 30), x : x + rng.integers(1, 60)] *= rng.random() > 0.5
        blob = rng.random((rng.integers(1, 25), rng.integers(1, 25))) < 0.8
        labels[y : y + blob.shape[0], x : x + blob.shape[1]][blob] = number
    labels = label(labels > 0, connectivity=1)
    image = rng.integers(0, 65536, labels.shape).astype(np.uint16)
    outlines = Outlines.from_labels(labels, labels.max())
    backgrounds = np.full(len(outlines), 100.0)
    measured = measured_of(shapes_within(Levels(image), outlines, backgrounds), 1.0)
    for ours, theirs in zip(measured, regionprops(labels, image), strict=True):
        assert ours["area_px"] / ours["solidity"] == pytest.approx(theirs.area_convex)
        assert ours["mean"] + 100 == pytest.approx(theirs.intensity_mean)
        assert ours["std"] == pytest.approx(theirs.intensity_std, abs=1e-4, rel=1e-6)
        assert ours["major_px"] == pytest.approx(theirs.axis_major_length, abs=1e-5)


@pytest.mark.parametrize("across", [1, 2, 3, 4, 6, 9, 12])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_slanted_nuclei_in_the_smallest_images_are_measured_as_scikit_image_does(dtype, across):
    for down in (1, 2, 3, 4, 6, 9, 12):
        y, x = np.mgrid[: down + 1, : across + 1]
        labels = (y * across + x * down <= down * across).astype(np.int32)
        image = np.where(
            (y + x) % 2, 255, np.iinfo(np.uint8 if dtype == np.uint8 else np.uint16).max
        )
        image = image.astype(dtype)
        for turned in (np.array, np.flipud, np.fliplr):
            own, pixels = (np.ascontiguousarray(turned(each)) for each in (labels, image))
            outlines = Outlines.from_labels(own, 1)
            (ours,) = measured_of(shapes_within(Levels(pixels), outlines, np.zeros(1)), 1.0)
            (theirs,) = regionprops(own, pixels.astype(float))
            assert round(ours["area_px"] / ours["solidity"], 3) == theirs.area_convex
            assert ours["mean"] == pytest.approx(theirs.intensity_mean)
            assert ours["std"] == pytest.approx(theirs.intensity_std, rel=1e-6, abs=1e-3)


def test_light_and_axes_are_those_that_were_drawn():
    y, x = np.mgrid[:400, :400]
    image = np.full(y.shape, 300.0)
    angles = np.linspace(-1.4, 1.4, 16)
    middles = np.stack(np.meshgrid(*[50 + 100 * np.arange(4)] * 2), axis=-1).reshape(-1, 2)
    for (cy, cx), angle in zip(middles, angles, strict=True):
        along = (y - cy) * np.cos(angle) + (x - cx) * np.sin(angle)
        across = (x - cx) * np.cos(angle) - (y - cy) * np.sin(angle)
        image += 2000 * (np.hypot(along / 24, across / 14) < 1)
    centres = find_nuclei(np.rint(image).astype(np.uint16), outlines=True)
    order = np.abs(centres.points[:, None] - middles).sum(axis=-1).argmin(axis=0)
    measured = centres.measured[order]
    np.testing.assert_allclose(measured["major_px"], 48, rtol=0.02)
    np.testing.assert_allclose(measured["minor_px"], 28, rtol=0.02)
    np.testing.assert_allclose(measured["orientation"], angles, atol=0.02)
    np.testing.assert_allclose(measured["integrated"], 2000 * np.pi * 24 * 14, rtol=0.02)


@pytest.mark.parametrize("seed", range(30))
def test_outlines_come_back_from_their_bytes(seed):
    rng = np.random.default_rng(seed)
    shape, most = rng.integers(1, 400, 2), rng.integers(1, 9)
    labels = rng.integers(0, most + 1, shape) * (rng.random(shape) < rng.random() ** 2)
    outlines = Outlines.from_labels(labels, most + 2)
    assert Outlines.from_bytes(outlines.to_bytes(), outlines.shape, most + 2) == outlines


def test_a_nucleus_thirty_pixels_across_takes_less_than_a_hundred_bytes():
    outlines = find_nuclei(draw_discs(15)[0], outlines=True).outlines
    assert len(outlines.to_bytes()) / len(outlines) < 75


def test_bytes_that_are_no_outlines_are_refused():
    outlines = find_nuclei(draw_discs(9)[0], outlines=True).outlines
    packed, rng = outlines.to_bytes(), np.random.default_rng(0)
    for part in (b"", packed[:-1], packed + b"\0", packed[1:], b"\xff" * 40):
        with pytest.raises(ValueError, match=r"outlines|number"):
            Outlines.from_bytes(part, outlines.shape, len(outlines))
    with pytest.raises(ValueError, match="beside the image"):
        Outlines.from_bytes(packed, (50, 50), len(outlines))
    for place in rng.integers(0, len(packed), 300):
        damaged = bytearray(packed)
        damaged[place] ^= rng.integers(1, 256)
        try:
            labels = Outlines.from_bytes(bytes(damaged), outlines.shape, len(outlines)).labels()
        except ValueError:
            continue
        assert labels.shape == outlines.shape


def test_a_nucleus_touches_the_edge_with_a_single_pixel():
    labels = np.zeros((9, 11), np.int32)
    for nucleus, pixel in enumerate([(0, 5), (8, 5), (4, 0), (4, 10), (1, 9), (7, 1)], start=1):
        labels[pixel] = nucleus
    labels[3:6, 4:7] = 7
    outlines = Outlines.from_labels(labels, 8)
    assert outlines.touch_edge.tolist() == [True] * 4 + [False] * 4
    assert outlines.areas_px.tolist() == [1] * 6 + [9, 0]
    np.testing.assert_array_equal(outlines.labels(4, 6), labels[4:6])


@pytest.mark.parametrize(
    ("drawn", "corners", "areas"),
    [
        (["##", "##", "##"], [4], [6]),
        (["#.", "#.", "##"], [6], [4]),
        (["###", "#.#", "###"], [4, 4], [9, -1]),
        (["#.", ".#"], [4, 4], [1, 1]),
        (["#.#", "###"], [8], [5]),
        (["#"], [4], [1]),
    ],
)
def test_a_polygon_has_a_corner_only_where_the_outline_turns(drawn, corners, areas):
    labels = np.array([[pixel == "#" for pixel in row] for row in drawn], np.int32)
    (rings,) = polygons_of(Outlines.from_labels(labels, 1))
    assert sorted(map(len, rings)) == corners
    assert sorted(map(signed_area, rings), reverse=True) == areas
