"""The fast ways through the kernel are taken where they can be: a way that gives up is slower.

Ratios of processor time in one process, which other work on the machine does not change.
"""

import time

import numpy as np
import pytest

from nucensus import kernel

pytestmark = pytest.mark.skipif(
    time.get_clock_info("thread_time").resolution > 1e-5, reason="the clock is too coarse"
)
SHAPE, DEEP = (512, 512), (24, 160, 160)


def draw(shape, dtype):
    """Return bright domes on a noisy ground."""
    rng = np.random.default_rng(0)
    image = rng.normal(200, 20, shape)
    for _ in range(30):
        dome = np.float64(3000)
        for size in shape:
            dome = np.multiply.outer(
                dome, np.exp(-((np.arange(size) - rng.integers(size)) ** 2) / 72)
            )
        image += dome
    return (image / 16 if dtype == np.uint8 else image).astype(dtype)


def seconds(work):
    """Return the least processor time of several."""
    times = []
    for _ in range(5):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def share(find, images, **settings):
    """Return the time of the fastest way, in parts of that of the exact one."""
    fastest, exact = (
        seconds(lambda path=path: find(images, path=path, **settings))
        for path in ("fastest", "exact")
    )
    return fastest / exact


@pytest.mark.parametrize("level", kernel.levels())
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_few_pixels_are_smoothed_exactly(dtype, level):
    above = 1000 / 16 if dtype == np.uint8 else 1000
    assert share(kernel.find_maxima_many, [draw(SHAPE, dtype)], sigma=(4, 4), min_distance=6,
                 threshold_abs=above, exclude_border=6, level=level) < 0.5  # fmt: skip


@pytest.mark.parametrize("level", kernel.levels())
@pytest.mark.parametrize("threshold", [None, 150])
def test_the_noise_of_a_background_is_not_smoothed_exactly_either(threshold, level):
    assert share(kernel.find_maxima_many, [draw(SHAPE, np.uint16)], sigma=(4, 4), min_distance=6,
                 threshold_abs=threshold, exclude_border=6, level=level) < 0.8  # fmt: skip


@pytest.mark.parametrize("level", kernel.levels())
def test_of_volumes_few_voxels_are_smoothed_exactly(level):
    volume = draw(DEEP, np.uint16)
    assert share(kernel.find_maxima_in_volume, volume, sigma=(2, 4, 4), min_distance=4,
                 threshold_abs=1000, exclude_border=2, level=level) < 0.75  # fmt: skip
