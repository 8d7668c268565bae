"""The unbiased counting frame: every nucleus is counted in one field, wherever the edges are."""

import numpy as np
import pytest
from scenes import make_scene

from nucensus.detect import estimate, find_nuclei, pool
from nucensus.values import Settings

NUMBERS = {"sigma": 4, "min_distance": 6, "threshold": 300}
LOG = {"sigma": (6, 15), "min_distance": 6, "threshold": 100}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="auto"),
        pytest.param(NUMBERS, id="numbers"),
        pytest.param({"detector": "maxima"}, id="maxima"),
        pytest.param({"detector": "log"}, id="log"),
        pytest.param({"detector": "log", **LOG}, id="log with numbers"),
    ],
)
def test_the_fields_that_a_large_field_is_cut_into_hold_as_many_nuclei(settings):
    whole = fields = kept = 0
    for seed in range(4):
        scene = make_scene(
            radius=14, count=350, shape=(1000, 1000), gap=1.05, contrast=800, seed=seed
        )
        image = scene.image.astype(np.uint16)
        known = pool([estimate(image)])
        whole += len(find_nuclei(image, Settings(**settings), known))
        for y in range(0, 1000, 200):
            for x in range(0, 1000, 200):
                field = image[y : y + 200, x : x + 200]
                fields += len(find_nuclei(field, Settings(border="count", **settings), known))
                kept += len(find_nuclei(field, Settings(border="keep", **settings), known))
    assert kept > 1.15 * whole
    assert fields == pytest.approx(whole, rel=0.01)


@pytest.mark.parametrize("sigma", [2.5, 4, 6])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_parts_hold_as_many_nuclei_whatever_sigma_and_threshold_are(sigma, share):
    scene = make_scene(radius=14, count=350, shape=(1000, 1000), gap=1.05, contrast=800, seed=1)
    image = scene.image.astype(np.uint16)
    numbers = {"sigma": sigma, "min_distance": 9, "threshold": 150 + share * 800}
    known = pool([estimate(image)])
    whole = len(find_nuclei(image, Settings(border="keep", **numbers)))
    fields = sum(
        len(find_nuclei(field, Settings(border="count", **numbers), known))
        for rows in np.split(image, 4)
        for field in np.split(rows, 4, axis=1)
    )
    assert fields == pytest.approx(whole, rel=0.02)
