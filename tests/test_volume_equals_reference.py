"""The kernel for volumes is a faster spelling of scikit-image, to the last bit."""

import numpy as np
import pytest
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


@given(volumes(), st.data())
@hypothesis_settings(deadline=None, max_examples=150)
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
    for level in kernel.levels():
        points, intensities = kernel.find_maxima_in_volume(volume, level=level, **options)
        np.testing.assert_array_equal(points, expected[0])
        np.testing.assert_array_equal(intensities, expected[1].astype(np.float64))


def test_a_volume_wider_than_a_strip_and_deeper_than_the_filter_is_the_same():
    rng = np.random.default_rng(0)
    volume = rng.gamma(2, 300, (40, 30, 1100)).astype(np.uint16)
    options = {"sigma": (2, 3, 3), "min_distance": 4, "exclude_border": 2, "threshold_abs": 600}
    expected = find_with_reference(volume, **options)
    found = kernel.find_maxima_in_volume(volume, **options)
    assert len(found[0]) > 100
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
@pytest.mark.parametrize("min_distance", [1, 4, 30])
def test_plateaus_that_fill_the_volume_are_the_same(dtype, min_distance):
    volume = np.zeros((20, 40, 60), dtype)
    volume[5:12, 10:30, 20:50] = 700
    volume[15, 35, 5] = 900
    options = {"sigma": (1, 1, 1), "min_distance": min_distance, "exclude_border": 0}
    for threshold in (-1, 100):
        expected = find_with_reference(volume, threshold_abs=threshold, **options)
        found = kernel.find_maxima_in_volume(volume, threshold_abs=threshold, **options)
        assert len(found[0]) > 0
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_a_volume_with_nan_is_refused_and_an_empty_one_has_no_maxima():
    options = {"sigma": (1, 1, 1), "min_distance": 2, "threshold_abs": 1, "exclude_border": 0}
    with pytest.raises(ValueError, match="hold a NaN"):
        kernel.find_maxima_in_volume(np.full((4, 5, 6), np.nan), **options)
    assert len(kernel.find_maxima_in_volume(np.zeros((0, 5, 6)), **options)[0]) == 0


@pytest.mark.parametrize("wrong", [np.zeros((3, 4)), np.zeros((3, 4, 5), complex)])
def test_what_is_no_volume_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="expected"):
        kernel.find_maxima_in_volume(
            wrong, sigma=(1, 1, 1), min_distance=2, threshold_abs=1, exclude_border=0
        )
