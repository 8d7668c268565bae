"""The detector `log`: blobs over scales."""

import numpy as np
import pytest
from scenes import make_scene, matched

from nucensus.detect import find_nuclei
from nucensus.model import Settings

LOG = Settings("log")


@pytest.mark.parametrize(("radius", "count"), [(6, 150), (12, 60), (30, 14)])
def test_blobs_of_any_size_are_found_without_numbers(radius, count):
    scene = make_scene(radius=radius, count=count, shape=(500, 600), seed=5)
    found = find_nuclei(scene.image.astype(np.uint16), LOG)
    assert len(found) == matched(found.points, scene) == len(scene.centres)


def test_what_is_not_a_number_does_not_count():
    scene = make_scene(radius=12, count=60, seed=3)
    image = scene.image.copy()
    image[5, 9] = np.nan
    image[7, 7] = -np.inf
    assert len(find_nuclei(image, LOG)) == len(scene.centres)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings("log", sigma=5, min_distance=4, threshold=100), "planes only; choose a plane"),
        (Settings("maxima", sigma=1, min_distance=4, threshold=9, border="count"),
         "counted on two of four edges"),
    ],
)  # fmt: skip
def test_what_is_for_planes_is_refused_for_a_volume(settings, expected):
    volume = np.random.default_rng(0).integers(0, 1000, (5, 40, 50)).astype(np.uint16)
    with pytest.raises(ValueError, match=expected):
        find_nuclei(volume, settings)
