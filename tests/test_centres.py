from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scenes import make_scene, matched
from scipy.ndimage import gaussian_filter

from nucensus.detect.frame import within_frame
from nucensus.detect.laplacian import detect_log
from nucensus.detect.refine import offsets_of_summits, refine_centres, smoothed_at
from nucensus.values import MEASURED, Centres

COLUMNS = {
    "contrasts": ["contrast"],
    "subpixel": ["y_subpixel", "x_subpixel"],
    "confidences": ["confidence"],
}
KNOWN = [each for count in range(4) for each in combinations(COLUMNS, count)]


def draw_centres(known, count=5):
    """Draw nuclei of which so much is known beside their places."""
    rng = np.random.default_rng(count)
    facts = {name: rng.random((count, 2) if name == "subpixel" else count) for name in known}
    return Centres(rng.integers(0, 99, (count, 2)), np.full(count, np.nan), **facts)


@pytest.mark.parametrize("known", KNOWN)
def test_a_data_frame_has_a_column_for_all_that_is_known_and_no_other(known):
    centres = draw_centres(known)
    frame = centres.to_pandas()
    assert list(frame) == ["y", "x", "intensity", *(c for name in known for c in COLUMNS[name])]
    for name in known:
        values = np.atleast_2d(getattr(centres, name).T)
        np.testing.assert_array_equal(frame[COLUMNS[name]].T, values)


def test_nuclei_are_the_same_only_if_all_that_is_known_of_them_is():
    for one in KNOWN:
        assert draw_centres(one) == draw_centres(one)
        assert draw_centres(one) != draw_centres(one, count=6)
        assert draw_centres(one) != "nuclei"
        assert all(draw_centres(one) != draw_centres(other) for other in KNOWN if other != one)
    unmeasured, other = np.zeros(5, MEASURED), np.ones(5, MEASURED)
    for name in (name for name in MEASURED.names if MEASURED[name].kind == "f"):
        unmeasured[name] = np.nan
    centres = replace(draw_centres([]), measured=unmeasured)
    assert centres == replace(centres, measured=unmeasured.copy())
    assert centres != replace(centres, measured=other)


def test_neighbouring_fields_count_every_nucleus_once():
    rng = np.random.default_rng(0)
    radius, side, tiles = 6, 60, 3
    y, x = np.mgrid[: side * tiles, : side * tiles]
    total = []
    for centre in rng.uniform(radius, side * (tiles - 1), (300, 2)):
        disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        counted = 0
        for row in range(0, side * tiles, side):
            for column in range(0, side * tiles, side):
                seen = np.argwhere(disc[row : row + side, column : column + side])
                if len(seen):
                    point = np.rint(seen.mean(axis=0, keepdims=True)).astype(np.int64)
                    frame = within_frame(point, shape=(side, side), radius_px=radius)
                    counted += int(frame.sum())
        total.append(counted)
    # Whole pixels leave a nucleus that ends within one of the edge undecided.
    assert sum(total) == pytest.approx(len(total), rel=0.04)
    assert set(total) <= {0, 1, 2}


def test_the_frame_keeps_two_edges():
    points = np.array([[0, 50], [99, 50], [50, 0], [50, 99], [94, 94], [95, 94]])
    kept = within_frame(points, shape=(100, 100), radius_px=5)
    assert kept.tolist() == [True, False, True, False, True, False]
    assert within_frame(np.empty((0, 2), np.int64), shape=(5, 5), radius_px=1).shape == (0,)


def test_a_summit_between_pixels_is_found():
    y, x = np.mgrid[:60, :60]
    centres = np.array([[15.3, 20.8], [40.0, 41.45]])
    image = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 32) for a, b in centres)
    refined = refine_centres(image, np.rint(centres).astype(np.int64), sigma=2)
    np.testing.assert_allclose(refined, centres, atol=0.03)


def test_plateaus_and_edges_stay_where_they_are():
    image = np.zeros((30, 30))
    image[0, 5] = 9
    points = np.array([[0, 5], [20, 20]])
    np.testing.assert_array_equal(refine_centres(image, points, sigma=1)[1], [20, 20])
    assert refine_centres(image, points, sigma=1)[0, 0] == 0
    assert refine_centres(image, np.empty((0, 2), np.int64), sigma=1).shape == (0, 2)


@pytest.mark.parametrize("radius", [6, 20])
def test_the_laplacian_finds_blobs_and_their_size(radius):
    scene = make_scene(radius=radius, count=20, shape=(300, 400), gap=1.6, seed=1)
    points, contrasts, sigmas = detect_log(
        scene.image, sigma_range=(radius / 2.5, radius * 1.2), threshold=100
    )
    assert len(points) == len(scene.centres) == matched(points, scene)
    assert np.median(sigmas) * np.sqrt(2) == pytest.approx(radius, rel=0.3)
    assert (np.diff(contrasts) <= 0).all()


@pytest.mark.parametrize("times", [2, 3, 5])
def test_the_laplacian_finds_the_same_blobs_in_more_pixels(times):
    y, x = np.mgrid[:131, :157]
    image = np.random.default_rng(0).normal(32768, 3, y.shape)
    for centre in ((30, 40), (33, 62), (90, 20), (100, 125), (5, 100)):
        image[np.hypot(y - centre[0], x - centre[1]) < 8] += 90
    one, contrasts, _ = detect_log(image, sigma_range=(4, 9), threshold=40)
    finer = np.kron(image, np.ones((times, times)))
    many, same, _ = detect_log(finer, sigma_range=(4 * times, 9 * times), threshold=40)
    assert len(one) == 5
    for point, contrast in zip(one * times + (times - 1) / 2, contrasts, strict=True):
        nearest = np.hypot(*(many - point).T).argmin()
        assert np.abs(many[nearest] - point).max() <= times
        assert same[nearest] == pytest.approx(contrast, rel=0.03)


def test_the_laplacian_refuses_scales_without_meaning():
    with pytest.raises(ValueError, match="sigma_range"):
        detect_log(np.zeros((9, 9)), sigma_range=(4, 2), threshold=1)
    assert len(detect_log(np.zeros((0, 9)), sigma_range=(1, 2), threshold=1)[0]) == 0


def test_a_summit_lies_where_a_parabola_through_three_pixels_has_it():
    image = np.zeros((7, 9))
    image[3, 3:6], image[2:5, 4] = [3, 5, 4], [1, 5, 4.5]
    image[3, 8] = 2.0
    points = np.array([[3, 4], [3, 8], [0, 0]])
    expected = [[3.5 / 9, 1 / 6], [0, 0], [0, 0]]
    np.testing.assert_allclose(offsets_of_summits(image, points, sigma=0), expected)
    image[3, 3:6] = [4, 5, 6.1]  # its summit is another pixel
    assert offsets_of_summits(image, points[:1], sigma=0)[0, 1] == 0


@pytest.mark.parametrize("sigma", [0.6, 1.3, 3.0])
def test_the_value_around_a_point_is_that_of_the_smoothed_image(sigma):
    image = np.random.default_rng(4).uniform(0, 1000, (40, 50))
    points = np.array([[0, 0], [39, 49], [20, 1], [13, 30]])
    expected = gaussian_filter(image, sigma, mode="reflect")[tuple(points.T)]
    np.testing.assert_allclose(smoothed_at(image, points, sigma), expected, rtol=1e-12)


def test_a_prompt_shows_how_many_nuclei_there_are_and_not_their_numbers():
    points = np.arange(400).reshape(200, 2)
    centres = Centres(points, np.ones(200), flag="crowded")
    assert repr(centres) == "<Centres: 200 nuclei, crowded; points, intensities>"
    one = Centres(points[:1], np.ones(1), contrasts=np.ones(1))
    assert repr(one) == "<Centres: 1 nucleus; points, intensities, contrasts>"
