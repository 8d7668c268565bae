"""The kernel and the reference give the same points and intensities, to the last bit."""

import platform
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import ONE_IN
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from images import (
    CONTENTS,
    DTYPES,
    LAYOUTS,
    find_with_reference,
    images,
    make_image,
    settings,
    smooth,
)

from nucensus import kernel

ON_ARM = platform.machine().lower() in ("aarch64", "arm64")
LEVELS = ["neon"] if ON_ARM else ["baseline", "avx2", "avx512"]
FIELDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "bbbc039" / "images"
PUBLISHED = {"sigma": (4, 4), "min_distance": 6, "threshold_abs": 1000, "exclude_border": 6}


@pytest.fixture(params=LEVELS)
def level(request):
    if request.param not in kernel.levels():
        pytest.skip(f"this machine does not run {request.param}")
    return request.param


def find(image, *, level, path="sieve", **kwargs):
    return kernel.find_maxima_many([image], level=level, path=path, **kwargs)[0]


def assert_equal(found, expected):
    points, intensities = found
    assert points.dtype == np.int64
    assert intensities.dtype == np.float64
    np.testing.assert_array_equal(points, expected[0])
    np.testing.assert_array_equal(intensities, expected[1])


def assert_all_ways_equal(image, **kwargs):
    expected = find_with_reference(image, **kwargs)
    for level in kernel.levels():
        for path in ("exact", "sieve", "single"):
            assert_equal(find(image, level=level, path=path, **kwargs), expected)


def many(count):
    return hypothesis_settings(
        max_examples=max(1, count // ONE_IN),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def thresholds(draw, smoothed):
    """Draw no threshold, one in the range of the smoothed values, or exactly one of them."""
    kind = draw(st.sampled_from(["none", "between", "one of them", "NumPy scalar", "far"]))
    if kind == "none":
        return None
    if kind == "far":
        return draw(st.sampled_from([-1e300, 1e300, 0, -np.inf, np.inf]))
    value = smoothed.flat[draw(st.integers(0, smoothed.size - 1))]
    if kind == "NumPy scalar":
        return np.float64(value) * 0.99999999
    return float(value) * (0.9 if kind == "between" else 1)


@many(2400)
@given(images(), settings(), st.data())
def test_every_image_gives_the_same_points_and_intensities(image, settings, data):
    assume(image.size > 0)
    smoothed = smooth(image, settings["sigma"])
    threshold = data.draw(thresholds(smoothed))
    if settings["min_distance"] > 0 and image.size > 1 and np.isnan(smoothed).any():
        with pytest.raises(ValueError, match="NaN"):
            kernel.find_maxima(image, threshold_abs=threshold, **settings)
        return
    assert_all_ways_equal(image, threshold_abs=threshold, **settings)


@pytest.mark.parametrize("min_distance", [3, 6, 8, 12])
@pytest.mark.parametrize("percentile", [10, 50, 80])
def test_every_maximum_of_light_that_varies_is_found_wherever_it_lies(percentile, min_distance):
    light = smooth(np.random.default_rng(0).random((300, 500)), 3)
    image = (6000 * (light - light.min()) / np.ptp(light)).astype(np.uint16)
    options = {"sigma": (4, 4), "min_distance": min_distance, "exclude_border": 0,
               "threshold_abs": float(np.percentile(image, percentile))}  # fmt: skip
    assert_all_ways_equal(image, **options)


@many(300)
@given(images(max_size=3), settings(), st.sampled_from([0.0, 1.0, -1.0]))
def test_tiny_and_empty_images_give_the_same(image, settings, threshold):
    assume(not np.isnan(smooth(image, settings["sigma"])).any())
    assert_all_ways_equal(image, threshold_abs=threshold, **settings)


@many(300)
@given(
    images(dtypes=("f2", "f4", "f8", ">f4")),
    settings(),
    st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, 10.0]),
)
def test_nan_and_infinity_give_the_same_or_a_clear_error(image, settings, odd, seed, threshold):
    assume(image.size > 1)
    image = image.copy()
    rng = np.random.default_rng(seed)
    image.flat[rng.integers(0, image.size, len(odd))] = odd
    if settings["min_distance"] > 0 and np.isnan(smooth(image, settings["sigma"])).any():
        with pytest.raises(ValueError, match="hold a NaN"):
            kernel.find_maxima(image, threshold_abs=threshold, **settings)
    else:
        assert_all_ways_equal(image, threshold_abs=threshold, **settings)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("content", CONTENTS)
def test_images_of_many_blocks_give_the_same(dtype, content, level):
    image = make_image(shape=(150, 203), dtype=dtype, content=content, layout="C", seed=7)
    assume_defined = smooth(image, (4, 4))
    if np.isnan(assume_defined).any():
        pytest.skip("the smoothed image holds a NaN")
    for threshold in (None, float(np.percentile(assume_defined, 60))):
        for min_distance in (1, 6):
            kwargs = {**PUBLISHED, "threshold_abs": threshold, "min_distance": min_distance}
            expected = find_with_reference(image, **kwargs)
            assert_equal(find(image, level=level, **kwargs), expected)
            assert_equal(find(image, level=level, path="single", **kwargs), expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", ">i2", "f4", "f8"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_image_of_many_blocks_gives_the_same_in_every_layout(layout, dtype, level):
    image = make_image(shape=(131, 203), dtype=dtype, content="blobs", layout=layout, seed=9)
    kwargs = {**PUBLISHED, "sigma": (1, 2), "threshold_abs": 60, "exclude_border": 0}
    for turned in (image, image.T, image[::-1].T):
        assert_equal(find(turned, level=level, **kwargs), find_with_reference(turned, **kwargs))


@pytest.mark.parametrize("sigma", [(30, 30), (0, 9), (9, 0), (100, 2)])
def test_wide_and_uneven_smoothing_gives_the_same(sigma, level):
    image = make_image(shape=(211, 180), dtype="u2", content="blobs", layout="C", seed=3)
    kwargs = {**PUBLISHED, "sigma": sigma, "threshold_abs": None}
    for path in ("sieve", "single"):
        found = find(image, level=level, path=path, **kwargs)
        assert_equal(found, find_with_reference(image, **kwargs))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4"])
@pytest.mark.parametrize("sigma", [1, 4, 18])
def test_the_noise_of_a_background_gives_the_same(sigma, dtype, level):
    rng = np.random.default_rng(sigma)
    noise = rng.normal(60, 9, (170, 301))
    noise[40:52, 200:212] += 150
    image = noise.clip(0, 255).astype(dtype)
    for threshold in (None, 58, 61):
        kwargs = {**PUBLISHED, "sigma": (sigma, sigma), "threshold_abs": threshold}
        expected = find_with_reference(image, **kwargs)
        for path in ("fastest", "single"):
            assert_equal(find(image, level=level, path=path, **kwargs), expected)


ODD_ONES = [("u2", 4096), ("u2", 20000), ("u2", 65535), ("f4", 4200), ("f4", 1e5), ("f4", -3e4),
            ("f4", 3e38), ("f4", np.inf)]  # fmt: skip


@pytest.mark.parametrize(("dtype", "odd"), ODD_ONES)
def test_one_odd_pixel_between_the_rows_that_are_sampled_gives_the_same(dtype, odd, level):
    image = make_image(shape=(90, 130), dtype=dtype, content="blobs", layout="C", seed=5)
    image[37, 60] = odd
    kwargs = {**PUBLISHED, "threshold_abs": 100}
    assert_equal(find(image, level=level, **kwargs), find_with_reference(image, **kwargs))


def test_one_pixel_that_is_no_number_is_refused_wherever_it_lies(level):
    image = make_image(shape=(90, 130), dtype="f4", content="blobs", layout="C", seed=5)
    for y in (0, 1, 37, 89):
        spoilt = image.copy()
        spoilt[y, 60] = np.nan
        with pytest.raises(ValueError, match="hold a NaN"):
            find(spoilt, level=level, **{**PUBLISHED, "threshold_abs": 100})


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize("sigma", [1, 4, 18])
def test_an_image_that_is_its_own_mirror_image_gives_the_same(sigma, dtype, level):
    rng = np.random.default_rng(sigma)
    corner = rng.normal(30000, 90, (70, 93)).astype(dtype)
    upper = np.hstack((corner, corner[:, ::-1]))
    image = np.vstack((upper, upper[::-1]))
    for threshold in (None, 30000):
        kwargs = {**PUBLISHED, "sigma": (sigma, sigma), "threshold_abs": threshold}
        expected = find_with_reference(image, **kwargs)
        for path in ("sieve", "single"):
            assert_equal(find(image, level=level, path=path, **kwargs), expected)


@pytest.mark.parametrize("value", [0, 7, 4095])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i4"])
def test_a_constant_image_has_no_maximum(dtype, value, level):
    image = np.full((70, 90), value).astype(dtype)
    for threshold in (None, -1):
        points, _ = find(image, level=level, **{**PUBLISHED, "threshold_abs": threshold})
        assert len(points) == 0


def test_a_large_plateau_of_exact_ties_gives_the_same(level):
    image = np.zeros((200, 300), np.uint16)
    image[50:150, 40:260] = 4095
    kwargs = {**PUBLISHED, "threshold_abs": 4000, "exclude_border": 0}
    found = find(image, level=level, **kwargs)
    assert len(found[0]) > 50
    assert_equal(found, find_with_reference(image, **kwargs))


@pytest.mark.parametrize("width", range(1, 70, 4))
def test_every_width_gives_the_same(width, level):
    image = make_image(shape=(40, width), dtype="u2", content="blobs", layout="C", seed=width)
    kwargs = {**PUBLISHED, "sigma": (2, 2), "threshold_abs": 100, "exclude_border": 0}
    assert_equal(find(image, level=level, **kwargs), find_with_reference(image, **kwargs))


@pytest.mark.parametrize("min_distance", [1, 6])
@pytest.mark.parametrize("height", [1, 3, 6, *range(31, 50, 3)])
def test_every_height_gives_the_same(height, min_distance, level):
    image = crowd(height, distance=11)[:height]
    kwargs = {"sigma": (2, 2), "min_distance": min_distance, "exclude_border": 0}
    expected = find_with_reference(image, threshold_abs=150, **kwargs)
    found = kernel.find_maxima_many([image], level=level, path="sieve", threshold_abs=150, **kwargs)
    assert_equal(found[0], expected)


def test_many_images_in_one_call_give_what_each_gives_alone(level):
    stack = [
        make_image(shape=(50 + i, 90), dtype="u2", content=content, layout="C", seed=i)
        for i, content in enumerate(CONTENTS)
    ]
    kwargs = {**PUBLISHED, "threshold_abs": 100}
    together = kernel.find_maxima_many(stack, level=level, **kwargs)
    for found, image in zip(together, stack, strict=True):
        assert_equal(found, find_with_reference(image, **kwargs))


@pytest.mark.skipif(not FIELDS.is_dir(), reason="the BBBC039 fields are not beside the repository")
@pytest.mark.parametrize("threshold", [300, 1000])
def test_all_bbbc039_fields_give_the_same(threshold):
    paths = sorted(FIELDS.glob("*.tif"))
    assert len(paths) == 97
    for path in paths:
        image = tifffile.imread(path)
        kwargs = {**PUBLISHED, "threshold_abs": threshold}
        expected = find_with_reference(image, **kwargs)
        for level in kernel.levels():
            assert_equal(find(image, level=level, path="fastest", **kwargs), expected)


def crowd(seed, *, distance):
    """Return nuclei of many brightnesses that touch one another, with little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((150, 260))
    image = np.full(y.shape, 100.0)
    for cy in range(0, 150, distance):
        for cx in range(0, 260, distance):
            ry, rx = rng.integers(-3, 4, 2)
            squared = (y - cy - ry) ** 2 + (x - cx - rx) ** 2
            image += rng.uniform(50, 900) * np.exp(-squared / rng.uniform(8, 40))
    return (image + rng.normal(0, 4, y.shape)).astype(np.uint16)


@pytest.mark.parametrize("min_distance", [1, 2, 4, 6, 9])
@pytest.mark.parametrize("sigma", [2, 4])
def test_a_higher_neighbour_that_was_left_out_still_counts(sigma, min_distance, level):
    for seed in range(2):
        image = crowd(seed, distance=9 + 2 * seed)
        kwargs = {"sigma": (sigma, sigma), "min_distance": min_distance, "exclude_border": 0}
        expected = find_with_reference(image, threshold_abs=150, **kwargs)
        assert_equal(find(image, level=level, threshold_abs=150, **kwargs), expected)


@pytest.mark.parametrize("dtype", [">u2", "i2", ">i2"])
@pytest.mark.parametrize("lowest", [0, -300])
def test_shorts_of_either_order_and_sign_give_the_same(dtype, lowest, level):
    image = crowd(1, distance=11).astype(np.int32) + (lowest if dtype[-2] == "i" else 0)
    kwargs = {**PUBLISHED, "threshold_abs": 150}
    expected = find_with_reference(image.astype(dtype), **kwargs)
    assert_equal(find(image.astype(dtype), level=level, **kwargs), expected)


@pytest.mark.parametrize("min_distance", range(1, 8))
def test_spots_in_the_dark_hide_none_that_is_further_away_than_the_window(min_distance):
    rng = np.random.default_rng(0)
    image = rng.integers(90, 110, (400, 300)).astype(np.uint16)
    spots = rng.random(image.shape) < 0.002
    image[spots] = rng.integers(2000, 4000, spots.sum())
    options = {"sigma": (3, 0.5), "min_distance": min_distance, "threshold_abs": 150,
               "exclude_border": 0}  # fmt: skip
    expected, _ = kernel.find_maxima_many([image], path="exact", **options)[0]
    assert len(expected) > 100
    for level in kernel.levels():
        found, _ = kernel.find_maxima_many([image], level=level, path="sieve", **options)[0]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("sigma", [(1, 1), (2, 2), (3, 0.5)])
def test_bright_spots_far_apart_are_all_found_wherever_in_a_wide_image_they_lie(sigma):
    rng = np.random.default_rng(0)
    image = rng.integers(90, 110, (120, 3000)).astype(np.uint16)
    spots = rng.random(image.shape) < 0.0005
    image[spots] = rng.integers(20_000, 30_000, spots.sum())
    options = {"sigma": sigma, "min_distance": 2, "threshold_abs": 300, "exclude_border": 0}
    expected, _ = kernel.find_maxima_many([image], path="exact", **options)[0]
    assert len(expected) > 150
    for level in kernel.levels():
        found, _ = kernel.find_maxima_many([image], level=level, path="sieve", **options)[0]
        np.testing.assert_array_equal(found, expected)
