"""The search for the radius of nuclei."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scenes import make_scene

from nucensus.detect.regions import as_levels
from nucensus.detect.rules import NEWEST, VERSIONS
from nucensus.detect.search import View

RADIUS = 8.0
OTHERS = {
    "another noise": lambda view: replace(view, levels=replace(view.levels, noise=0.5)),
    "another smoothing": lambda view: replace(view, smoothing=0.35),
    "other rules": lambda view: replace(view, rules=VERSIONS[1]),
    "the negative": View.negative,
}


@pytest.fixture(scope="module")
def levels():
    scene = make_scene(radius=RADIUS, count=60, shape=(200, 240), noise=25.0, texture=0.4, gap=0.8)
    return as_levels(scene.image.astype(np.uint16))


def view_of(levels):
    return View(levels, 0.2, VERSIONS[NEWEST])


def are_same(one, other):
    return all(
        np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(one)
    )


@pytest.mark.parametrize("change", OTHERS.values(), ids=list(OTHERS))
def test_another_view_of_an_image_finds_what_it_would_find_by_itself(levels, change):
    view = view_of(levels)
    plain = view.regions(RADIUS)
    found = change(view).regions(RADIUS)
    assert are_same(found, change(view_of(levels)).regions(RADIUS))
    assert not are_same(found, plain)


def test_a_size_that_is_asked_for_again_is_not_searched_again(levels):
    view = view_of(levels)
    coarse = view.regions(RADIUS, grid_radius_px=3.2)
    assert replace(view).regions(RADIUS, grid_radius_px=3.2) is coarse
    assert view.regions(RADIUS) is not coarse
    assert view.regions(1.5 * RADIUS, grid_radius_px=3.2) is not coarse
