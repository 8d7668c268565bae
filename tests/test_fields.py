"""What a large image is like is told by fields of it: which are looked at, and how they count."""

import dataclasses

import numpy as np
import pytest

from nucensus.detect.fields import (
    Heights,
    estimate_fields,
    estimate_levels,
    sums_of_level,
    sums_of_squares,
)
from nucensus.detect.levels import as_levels
from nucensus.detect.pooled import Estimate
from nucensus.detect.rules import NEWEST, VERSIONS
from nucensus.values.parts import Area
from nucensus.values.synthetic import make_field

SIDE, COUNT = 32, 64
FIRST = [0, 1, 2, 4, 6, 9, 12, 16, 20, 25, 30, 36, 42, 49, 56]
"""The places of those that are looked at first, among 64 in the order of what rises in them."""
STAND_FOR = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]


def looked_at(count_of):
    """Return the places of the fields that are looked at, in order, and the estimate of all.

    The fields lie below each other; in what is the first in order rises most.
    """
    heights, places = Heights((SIDE * COUNT, SIDE)), []
    order = np.random.default_rng(0).permutation(COUNT)
    heights.sums[::2, 1] = COUNT - order

    def look(fields):
        for area in fields:
            place = int(order[area.top // SIDE])
            places.append(place)
            yield Estimate(8.0, count_of(place), 100, 1, 1, 1, 1, place / 100, area.size)

    return places, estimate_fields(look, heights, side=SIDE)


def test_fields_are_looked_at_the_closer_the_more_rises_and_each_counts_for_those_up_to_the_next():
    places, found = looked_at(lambda place: 10 + place)
    assert places == FIRST
    counts = np.repeat(10 + np.array(FIRST), STAND_FOR)
    assert (found.count, found.size_px) == (counts.sum(), SIDE * SIDE * COUNT)
    assert found.foreground == pytest.approx(np.mean(np.repeat(FIRST, STAND_FOR)) / 100)


@pytest.mark.parametrize(
    ("counts", "more", "count"),
    [
        ({0: 20}, 0, 20),
        ({0: 19}, 16, 19),  # they are few: the next that rise most are looked at, once
        ({0: 19, 3: 1, 63: 9}, 16, 20),
        ({}, 49, 0),  # before it is blank, all of it is
        ({63: 1}, 49, 1),
        ({24: 1}, 16, 1),
        ({26: 1}, 32, 1),
    ],
)
def test_where_few_nuclei_show_more_is_looked_at_and_all_before_an_image_is_blank(
    counts, more, count
):
    places, found = looked_at(lambda place: counts.get(place, 0))
    others = [place for place in range(COUNT) if place not in FIRST]
    assert places == FIRST + others[:more]
    assert found.count == count


def test_squares_are_as_bright_as_every_fourth_pixel_of_them_along_both_axes():
    y, x = np.mgrid[:50, :70]
    pixels = np.where((y % 4 == 0) & (x % 4 == 0), 100 * (y // 16) + x // 16, 9000)
    assert sums_of_squares(pixels).tolist() == [
        [16 * (100 * row + column) for column in range(4)] for row in range(3)
    ]
    assert sums_of_level((50, 70), 7.5).tolist() == [[120.0] * 4] * 3
    heights = Heights((100, 140))
    heights.add(Area(32, 82, 16, 86), pixels)
    assert heights.sums.shape == (6, 8)
    assert heights.sums[2:5, 1:5].tolist() == sums_of_squares(pixels).tolist()
    assert heights.sums.sum() == sums_of_squares(pixels).sum()
    assert heights.rise(Area(32, 80, 16, 80)) == 16 * (203 - 101.5)
    assert heights.rise(Area(33, 40, 17, 20)) == 0  # of one square
    assert heights.rise(Area(0, 32, 0, 140)) == 0


def test_a_large_image_in_memory_is_told_in_its_own_grey_levels():
    image = make_field(0, shape=(300, 400), nuclei=40, radius_px=8).image
    rules = dataclasses.replace(VERSIONS[NEWEST], large_px=1000)
    known = estimate_levels(as_levels(image), rules)
    other = estimate_levels(as_levels(3.0 * image - 700), rules)
    assert known.background > 10
    assert other.background == pytest.approx(3 * known.background - 700, rel=0.02)
    for name in ("contrast", "noise", "grain"):
        assert getattr(other, name) == pytest.approx(3 * getattr(known, name), rel=0.02)
    assert (other.count, other.radius_px) == pytest.approx((known.count, known.radius_px), rel=0.02)
