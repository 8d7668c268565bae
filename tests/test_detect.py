"""The public detector: its published defaults, its dimensions, what it refuses."""

import numpy as np
import pytest
from skimage.feature import peak_local_max
from skimage.filters import gaussian

import nucensus
from nucensus.errors import SettingsError
from nucensus.values import Settings


def published(image, sigma=4, min_distance=6, threshold_abs=1000, **options):
    smooth = gaussian(image, sigma=sigma, preserve_range=True)
    return peak_local_max(smooth, min_distance=min_distance, threshold_abs=threshold_abs, **options)


def test_the_defaults_are_the_published_ones(fields):
    for field in fields:
        expected = published(field.image)
        assert len(expected) > 0
        found = nucensus.detect_nuclei(field.image)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)


def test_parameters_may_be_given_by_position_as_in_the_tutorial(fields):
    image = fields[0].image
    np.testing.assert_array_equal(
        nucensus.detect_nuclei(image, 2, 3, 500), published(image, 2, 3, 500)
    )


@pytest.mark.parametrize("border", [True, False, 0, 1, 20])
def test_the_border_is_excluded_as_scikit_image_does_it(fields, border):
    image = fields[1].image
    np.testing.assert_array_equal(
        nucensus.detect_nuclei(image, threshold_abs=300, exclude_border=border),
        published(image, threshold_abs=300, exclude_border=border),
    )


@pytest.mark.parametrize("shape", [(300,), (9, 40, 50), (2, 3, 20, 20)])
def test_other_dimensions_go_through_the_reference(shape):
    image = np.random.default_rng(3).gamma(2, 300, shape)
    found = nucensus.detect_nuclei(image, 2, 2, 10)
    assert found.shape[1] == len(shape)
    np.testing.assert_array_equal(found, published(image, 2, 2, 10))


def test_a_list_of_lists_is_an_image_too():
    assert nucensus.detect_nuclei([[0.0] * 20] * 20).shape == (0, 2)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.zeros((5, 5), complex), {}, TypeError, "dtype complex128; expected bool, integers"),
        (np.float64(3), {}, ValueError, "single number; expected an array"),
        (np.zeros((5, 5)), {"sigma": -1}, ValueError, "sigma is -1; expected finite"),
        (np.zeros((5, 5)), {"sigma": (1, 2, 3)}, ValueError, "3 values; expected 1 or 2"),
        (np.zeros((5, 5)), {"min_distance": -1}, ValueError, "min_distance is -1"),
        (np.zeros((5, 5)), {"min_distance": 1.5}, ValueError, "expected a whole number"),
        (np.zeros((5, 5)), {"exclude_border": -2}, ValueError, "exclude_border is -2"),
    ],
)
def test_what_has_no_meaning_is_refused(image, options, error, message):
    with pytest.raises(error, match=message):
        nucensus.detect_nuclei(image, **options)


@pytest.mark.parametrize(
    "wrong",
    [{"sigma": -1}, {"sigma": float("nan")}, {"min_distance": -1}, {"min_distance": 2.5},
     {"threshold": float("nan")}, {"border": "throw away"}],
)  # fmt: skip
def test_settings_without_a_meaning_are_refused(wrong):
    with pytest.raises(SettingsError, match="expected"):
        Settings(**wrong)


@pytest.mark.parametrize("settings", [Settings(), Settings(sigma=(1, 2.5), threshold=None)])
def test_settings_survive_their_way_through_plain_values(settings):
    assert Settings.from_dict(settings.as_dict()) == settings
