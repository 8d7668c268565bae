"""What the kernel knows of places near each other is what all pairs of them say."""

import numpy as np
import pytest

from nucensus.kernel import count_touching, find_highest_near
from nucensus.values.neighbours import pairs_within

REACH, SHARE = 30.0, 1.15


def all_pairs(y, x):
    """Return both places of each pair within the reach, and how far they are apart."""
    places = np.stack([y, x], axis=1)
    return pairs_within(places, places, REACH)


@pytest.fixture(params=["few", "crowd", "grid", "column", "row", "one", "none"])
def places(request):
    rng = np.random.default_rng(5)
    if request.param == "grid":  # many are exactly as far apart as the reach, and in line
        y, x = (each.ravel() * REACH / 3.0 for each in np.mgrid[:40, :35])
        return y, x
    count = {"few": 40, "one": 1, "none": 0}.get(request.param, 3000)
    y, x = rng.uniform(0, 900, (2, count))
    return (y * (request.param != "row"), x * (request.param != "column"))


def test_the_highest_near_a_place_is_that_of_all_pairs_and_of_itself(places):
    y, x = places
    heights = np.random.default_rng(6).uniform(1, 1000, len(y))
    here, beside, _ = all_pairs(y, x)
    highest = heights.copy()
    np.maximum.at(highest, here, heights[beside])
    assert find_highest_near(y, x, heights, REACH).tolist() == highest.tolist()


def test_places_touch_as_many_others_as_pairs_are_nearer_than_their_radii_say(places):
    y, x = places
    radii = np.random.default_rng(7).uniform(1, 12, len(y))
    first, second, apart = all_pairs(y, x)
    touch = (apart < SHARE * (radii[first] + radii[second])) & (first != second)
    expected = np.bincount(first[touch], minlength=len(y))
    assert count_touching(y, x, radii, reach=REACH, share=SHARE).tolist() == expected.tolist()


def test_places_need_not_lie_side_by_side_in_memory():
    y, x, heights = np.random.default_rng(8).uniform(0, 100, (40, 3)).T
    alike = find_highest_near(*(each.copy() for each in (y, x, heights)), REACH)
    assert find_highest_near(y, x, heights, REACH).tolist() == alike.tolist()
