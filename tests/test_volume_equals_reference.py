"""The kernel for volumes is a faster spelling of scikit-image, to the last bit."""

import itertools

import numpy as np
import pytest
from conftest import ONE_IN
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from images import DTYPES, find_with_reference

from nucensus import kernel

SIGMAS = st.sampled_from([0, 0.2, 0.7, 1, 2.3, 4])


@st.composite
def volumes(draw):
    shape = draw(st.tuples(*[st.integers(1, 14)] * 2, st.integers(1, 40)))
    dtype = draw(st.sampled_from(tuple(DTYPES)))
    content = draw(st.sampled_from(["noise", "few levels", "constant"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top = {"noise": 3000, "few levels": 3, "constant": 1}[content]
    return rng.integers(0, top, shape).astype(dtype)


def assert_found_everywhere(volume, options, expected):
    """Every instruction set level and every way through the kernel gives the same."""
    for level, path in itertools.product(kernel.levels(), ("exact", "sieve")):
        found = kernel.find_maxima_in_volume(volume, level=level, path=path, **options)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1].astype(np.float64))


@given(volumes(), st.data())
@hypothesis_settings(deadline=None, max_examples=max(1, 150 // ONE_IN))
def test_volumes_have_the_maxima_that_scikit_image_finds(volume, data):
    layout = data.draw(st.sampled_from(["C", "reversed", "Fortran", "every second"]))
    volume = {
        "C": volume,
        "reversed": volume[::-1, :, ::-1],
        "Fortran": np.asfortranarray(volume),
        "every second": np.repeat(volume, 2, axis=1)[:, ::2],
    }[layout]
    sigma = data.draw(st.tuples(SIGMAS, SIGMAS, SIGMAS))
    options = {
        "sigma": sigma,
        "min_distance": data.draw(st.sampled_from([0, 1, 2, 3, 6, 20])),
        "exclude_border": data.draw(st.sampled_from([0, 0, 1, 3])),
        "threshold_abs": data.draw(st.sampled_from([None, 0, 1, 700])),
    }
    expected = find_with_reference(volume, **options)
    assert_found_everywhere(volume, options, expected)


@pytest.mark.parametrize("shape", [(9, 27, 6), (24, 17, 31), (12, 39, 29)])
@pytest.mark.parametrize("min_distance", [1, 3])
def test_every_maximum_of_noise_is_found_wherever_in_the_volume_it_lies(shape, min_distance):
    volume = np.random.default_rng(0).integers(0, 60_000, shape).astype(np.uint16)
    for sigma in ((0.7, 0.7, 0.7), (0.5, 1.2, 1.8)):
        options = {"sigma": sigma, "min_distance": min_distance, "threshold_abs": 20_000.0,
                   "exclude_border": 0}  # fmt: skip
        assert_found_everywhere(volume, options, find_with_reference(volume, **options))


@pytest.mark.parametrize("far", range(3))
def test_a_filter_that_reaches_far_along_one_axis_alone_finds_the_same(far):
    rng = np.random.default_rng(far)
    volume = rng.poisson(100, (9, 70, 180)).astype(np.uint16)
    volume[tuple(rng.integers(0, volume.shape, (60, 3)).T)] = 60_000
    sigma = tuple(9.0 if axis == far else 0.8 for axis in range(3))
    options = {"sigma": sigma, "min_distance": 3, "threshold_abs": 250.0, "exclude_border": 0}
    expected = find_with_reference(volume, **options)
    assert len(expected[0]) > 20
    assert_found_everywhere(volume, options, expected)


def blobs(shape, *, count, background, height, noise, seed=0):
    """Return round spots on noise, float64."""
    rng = np.random.default_rng(seed)
    volume = rng.normal(background, noise, shape)
    grid = np.mgrid[tuple(slice(-8, 9) for _ in shape)]
    spot = np.exp(-(grid**2).sum(axis=0) / 18)
    for _ in range(count):
        corner = [int(rng.integers(0, size - 16)) for size in shape]
        inside = tuple(slice(start, start + 17) for start in corner)
        volume[inside] += spot * height * rng.uniform(0.3, 1)
    return volume


@pytest.mark.parametrize("threshold", [None, 160, 400])
@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i2", "i4", "f2", "f4", "f8"])
def test_volumes_larger_than_a_block_and_deeper_than_the_filter_are_the_same(dtype, threshold):
    signed = np.dtype(dtype).kind != "u"
    background, height = (50, 200) if dtype == "u1" else (-300 if signed else 150, 3000)
    volume = blobs((30, 70, 150), count=40, background=background, height=height, noise=8)
    volume = np.rint(volume).astype(dtype)
    options = {"sigma": (2, 3, 3), "min_distance": 4, "exclude_border": 2}
    options["threshold_abs"] = threshold and threshold / (4 if dtype == "u1" else 1)
    expected = find_with_reference(volume, **options)
    assert len(expected[0]) > 10
    assert_found_everywhere(volume, options, expected)


def test_a_saturated_volume_with_flat_tops_and_hot_voxels_is_the_same():
    volume = blobs((24, 90, 140), count=60, background=200, height=9000, noise=30)
    volume = np.clip(volume, 0, 3000).astype(np.uint16)
    volume[::7, ::31, ::29] = 65535
    volume[12:, 40:60, 70:110] = 3000
    options = {"sigma": (1.5, 2, 2), "min_distance": 3, "exclude_border": 0, "threshold_abs": 300}
    assert_found_everywhere(volume, options, find_with_reference(volume, **options))


def test_a_volume_does_not_see_what_the_volume_before_it_left_in_memory():
    options = {"sigma": (1, 1, 1), "min_distance": 2, "exclude_border": 0, "threshold_abs": 20}
    bright = blobs((20, 60, 60), count=40, background=50000, height=9000, noise=30)
    volume = np.zeros((16, 60, 50), np.uint16)
    volume[0, 5::10, 0] = 900
    volume[-1, ::10, -1] = 900
    expected = find_with_reference(volume, **options)
    assert len(expected[0]) == 12
    kernel.find_maxima_in_volume(bright.astype(np.uint16), path="sieve", **options)
    assert_found_everywhere(volume, options, expected)


def test_equal_maxima_come_in_the_order_of_planes_rows_and_columns():
    volume = np.zeros((40, 60, 60), np.uint16)
    volume[8:36:9, 6:60:12, 6:60:12] = 900
    volume[::2] += 1
    options = {"sigma": (1, 1, 1), "min_distance": 2, "exclude_border": 0, "threshold_abs": 20}
    expected = find_with_reference(volume, **options)
    assert len(set(expected[1])) < len(expected[1]) / 4
    assert_found_everywhere(volume, options, expected)


@pytest.mark.parametrize("scale", [1e-42, 1e-31, 1e-10, 1e28, 1e34])
def test_volumes_of_very_small_and_very_large_numbers_are_the_same(scale):
    volume = blobs((20, 40, 50), count=20, background=10, height=3000, noise=3) * scale
    options = {"sigma": (1, 2, 2), "min_distance": 3, "exclude_border": 0}
    for dtype in (np.float32, np.float64):
        for threshold in (None, 300 * scale):
            asked = {**options, "threshold_abs": threshold}
            expected = find_with_reference(volume.astype(dtype), **asked)
            assert_found_everywhere(volume.astype(dtype), asked, expected)


@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
@pytest.mark.parametrize("min_distance", [1, 4, 30])
def test_plateaus_that_fill_the_volume_are_the_same(dtype, min_distance):
    volume = np.zeros((20, 40, 60), dtype)
    volume[5:12, 10:30, 20:50] = 700
    volume[15, 35, 5] = 900
    options = {"sigma": (1, 1, 1), "min_distance": min_distance, "exclude_border": 0}
    for threshold in (-1, 100):
        asked = {**options, "threshold_abs": threshold}
        expected = find_with_reference(volume, **asked)
        assert len(expected[0]) > 0
        assert_found_everywhere(volume, asked, expected)


def test_a_volume_with_nan_is_refused_and_an_empty_one_has_no_maxima():
    options = {"sigma": (1, 1, 1), "min_distance": 2, "threshold_abs": 1, "exclude_border": 0}
    for path in ("exact", "sieve"):
        with pytest.raises(ValueError, match="hold a NaN"):
            kernel.find_maxima_in_volume(np.full((4, 5, 6), np.nan), path=path, **options)
    assert len(kernel.find_maxima_in_volume(np.zeros((0, 5, 6)), **options)[0]) == 0


@pytest.mark.parametrize("wrong", [np.zeros((3, 4)), np.zeros((3, 4, 5), complex)])
def test_what_is_no_volume_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="expected"):
        kernel.find_maxima_in_volume(
            wrong, sigma=(1, 1, 1), min_distance=2, threshold_abs=1, exclude_border=0
        )
