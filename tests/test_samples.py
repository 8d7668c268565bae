"""Some pixels of an image tell how many are darkest, and how noisy one is."""

import numpy as np
import pytest

from nucensus.detect.levels import as_levels
from nucensus.kernel import count_least


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"])
def test_the_darkest_pixels_of_some_lines_are_counted_in_every_type(dtype):
    # Around 0, or the middle of what has no sign: in a type of the other kind the least is another.
    image = np.random.default_rng(0).integers(-20, 20, (130, 170)).astype(dtype)
    if image.dtype.kind == "u":
        image += image.dtype.type(1 << (8 * image.itemsize - 1))
    for pixels in (image, image[::2, 1::3], image[:1], image[:, :1]):
        seen = np.concatenate((pixels[::7].ravel(), pixels[:, ::5].ravel()))
        assert count_least(pixels, (7, 5)) == np.count_nonzero(seen == seen.min())


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 1), (np.uint16, 50), (np.float32, 0.1)])
def test_the_noise_of_a_pixel_is_measured_on_a_slope(dtype, scale):
    slope = np.add.outer(np.arange(200), np.arange(300)) / 5
    noise = np.random.default_rng(1).normal(0, 3, slope.shape)
    levels = as_levels((scale * (slope + noise + 30)).astype(dtype))
    assert levels.noise * levels.unit == pytest.approx(3 * scale, rel=0.1)
    assert levels.rounding == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_the_rounding_of_levels_is_noise_where_there_is_no_other(dtype):
    slope = np.add.outer(np.arange(200), np.arange(300)) // 30
    levels = as_levels((4 * slope).astype(dtype))
    assert levels.rounding * levels.unit == pytest.approx(4 / np.sqrt(12))
    assert levels.noise > levels.rounding


@pytest.mark.parametrize(("level_count", "is_rounded"), [(11, False), (12, True)])
def test_where_there_are_few_levels_they_are_the_picture(level_count, is_rounded):
    steps = np.arange(600).reshape(20, 30) * level_count // 600
    levels = as_levels(np.kron(steps, np.ones((10, 10))).astype(np.uint8))
    assert (levels.rounding > 0) == is_rounded


def test_an_image_of_one_level_tells_no_noise():
    assert as_levels(np.full((50, 60), 7, np.uint8)).noise == np.inf
