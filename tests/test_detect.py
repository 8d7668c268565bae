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


MASKED = np.ma.masked_greater(np.full((5, 5), 9.0), 8)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.zeros((5, 5), complex), {}, TypeError, "dtype complex128; expected bool, integers"),
        (np.float64(3), {}, ValueError, "single number; expected an array"),
        (np.zeros((5, 5)), {"sigma": -1}, ValueError, "sigma is -1; expected finite"),
        (np.zeros((5, 5)), {"sigma": (1, 2, 3)}, ValueError, "3 values; expected 1 or 2"),
        (np.zeros((5, 5)), {"min_distance": -1}, ValueError, "min_distance is -1"),
        (np.zeros((5, 5)), {"min_distance": 1.5}, ValueError, "expected a whole number"),
        (np.zeros((5, 5)), {"min_distance": "6"}, ValueError, "min_distance is '6'; expected a w"),
        (np.zeros((5, 5)), {"exclude_border": -2}, ValueError, "exclude_border is -2"),
        (np.zeros((5, 5)), {"sigma": "4"}, TypeError, "sigma is '4'; expected a number of pixels"),
        (np.zeros((5, 5)), {"sigma": None}, TypeError, "sigma is None; expected a number"),
        (np.zeros((5, 5)), {"threshold_abs": np.nan}, ValueError, "threshold_abs is nan; expected"),
        (np.zeros((5, 5)), {"threshold_abs": "300"}, ValueError, "threshold_abs is '300'"),
        (MASKED, {}, TypeError, "masked array.* would be counted, too; .* image.filled"),
    ],
)
def test_what_has_no_meaning_is_refused(image, options, error, message):
    with pytest.raises(error, match=message):
        nucensus.detect_nuclei(image, **options)


def test_a_masked_array_that_hides_nothing_is_an_image(fields):
    image = fields[0].image
    found = nucensus.detect_nuclei(np.ma.masked_greater(image, image.max()))
    np.testing.assert_array_equal(found, nucensus.detect_nuclei(image))


@pytest.mark.parametrize("image", [np.zeros(9), np.float64(3)])
def test_what_has_no_height_and_width_is_no_image(image):
    with pytest.raises(SettingsError, match=r"ax[ie]s, and two are expected, the height"):
        nucensus.find_nuclei(image)


@pytest.mark.parametrize(
    "limits", [{"timeout_s": -1}, {"max_memory_bytes": "4GB"}, {"max_pixels": 0}]
)
def test_limits_without_a_meaning_are_refused(limits):
    ((name, value),) = limits.items()
    with pytest.raises(SettingsError, match=f"{name} is {value!r}; expected a number"):
        nucensus.Limits(**limits)


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
