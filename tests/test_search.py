"""The search for the radius of nuclei."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_regions import MEASURE, make_regions
from scenes import make_scene

from nucensus.detect.estimate_image import is_clearly_more, is_light
from nucensus.detect.regions import as_levels
from nucensus.detect.rules import NEWEST, VERSIONS
from nucensus.detect.search import Found, View, looks_like_negative, search

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


@pytest.mark.parametrize("unit", [1.0, 0.3], ids=["whole levels", "levels of 0.3"])
def test_a_size_is_searched_once_for_all_bounds_above_its_noise(levels, unit):
    levels = replace(levels, unit=unit)
    bounds = [np.inf, *(levels.noise * np.geomspace(4, 0.02, 12))]
    for order in (bounds, bounds[::-1]):
        view = view_of(levels)
        views = [replace(view, levels=replace(levels, noise=each)) for each in order]
        found = [each.regions(RADIUS) for each in views]
        for each, regions in zip(views, found, strict=True):
            assert are_same(regions, replace(each, known={}).regions(RADIUS))
        seen = max(each.measure.noise for each in found)
        are_bounded = [each.measure.noise < seen for each in found]
        assert 3 < sum(are_bounded) < len(bounds) - 3  # so these are of use, and of none
        assert len({id(each) for each in found}) == 1 + sum(are_bounded)


class MadeUpView:
    """A view in which regions are found that are made up."""

    def __init__(self, find, *, shape=(600, 800), smoothing=0.2, pits=None):
        self.find, self.smoothing, self.pits = find, smoothing, pits
        self.levels = SimpleNamespace(pixels=np.zeros(shape))

    def regions(self, radius, **_):
        return self.find(radius)

    def negative(self):
        none = make_regions(1).where(np.zeros(1, bool))
        return MadeUpView(lambda _: none if self.pits is None else self.pits)


def some_of(count, of, **columns):
    """Return so many regions, of which some are ellipses; the others are clumps of two."""
    stretch = [1.0] * count + [1.11] * (of - count)
    return make_regions(stretch=stretch, **columns)


def radius_in(regions, *, measure=None, **view):
    regions = replace(regions, measure=replace(MEASURE, **{"noise": 0.1, **(measure or {})}))
    made_up = MadeUpView(lambda _: regions, **view)
    found = search(made_up, made_up, VERSIONS[NEWEST])
    return found and found.radius_px


@pytest.mark.parametrize(
    ("regions", "how", "is_found"),
    [
        (make_regions(30), {"measure": {"noise": 9.9}}, True),
        (make_regions(30), {"measure": {"noise": 10.0}}, False),
        (make_regions(30), {"measure": {"noise": 4.1, "edge_width_px": 29.9}}, True),
        (make_regions(30), {"measure": {"noise": 4.1, "edge_width_px": 30.1}}, False),
        (make_regions(30), {"measure": {"noise": 3.9, "edge_width_px": 30.1}}, True),
        (some_of(24, 30), {"measure": {"noise": 0.8}, "pits": some_of(24, 30)}, True),
        (some_of(24, 30), {"measure": {"noise": 0.9}, "pits": some_of(24, 30)}, False),
        (some_of(10, 13), {"smoothing": 0.35}, True),
        (some_of(9, 9), {"smoothing": 0.35}, False),
        (some_of(15, 20), {"smoothing": 0.35}, False),
        (some_of(15, 20), {"smoothing": 0.2}, True),
        (make_regions(30), {"smoothing": 0.35, "measure": {"edge_width_px": 31}}, False),
        (some_of(4, 26), {}, True),
        (some_of(4, 27), {}, False),
        (make_regions(5, touches_edge=[1] * 5), {"shape": (90, 300)}, True),
        (make_regions(4, touches_edge=[1] * 4), {"shape": (90, 300)}, False),
        (make_regions(5, touches_edge=[1] * 5), {"shape": (120, 300)}, False),
        (make_regions(30), {"shape": (180, 900), "measure": {"foreground": 0.61}}, True),
        (make_regions(30), {"shape": (180, 900), "measure": {"foreground": 0.63}}, False),
        (make_regions(30), {"measure": {"foreground": 0.63}}, True),
        (make_regions(30, stretch=[1.09] * 30, free=[1.2] * 30, fall=[0.1] * 30), {}, False),
    ],
)  # fmt: skip
def test_a_radius_is_believed_from_what_is_stated(regions, how, is_found):
    assert (radius_in(regions, **how) == 10) == is_found


@pytest.mark.parametrize(
    ("radius_px", "found"),
    [(2.0, None), (2.45, 2.45), (62.0, 62.0), (90.0, 90.0), (150.0, 93.0), (160.0, None)],
)
def test_radii_are_looked_for_from_two_and_a_half_to_ninety_pixels(radius_px, found):
    regions = make_regions(30, area_px=np.full(30, np.pi * radius_px**2))
    assert radius_in(regions, shape=(4000, 4000)) == pytest.approx(found)


@pytest.mark.parametrize(
    ("ellipses", "of_pits", "depth", "is_alike"),
    [
        (80, 80, 100, True),  # 0.8 * 0.8 / 0.76 = 0.84, and 1.12 times those of the pits
        (80, 75, 100, False),
        (80, 76, 100, True),
        (90, 100, 100, True),
        (90, 95, 100, False),
        (100, 100, 100, False),  # beyond a plain case it is 1.2 times as good
        (98, 100, 100, False),
        (80, 80, 90, False),
        (80, 80, 99, True),
        (80, 80, 500, True),  # deeper pits are no better
        (80, 0, 100, False),
    ],
)
def test_an_image_looks_like_its_negative_if_that_has_as_many_ellipses(
    ellipses, of_pits, depth, is_alike
):
    pits = some_of(of_pits, 100, height=[depth] * 100)
    view = MadeUpView(None, pits=pits)
    regions = some_of(ellipses, 100)
    assert looks_like_negative(view, 10.0, regions, VERSIONS[NEWEST]) == is_alike
    assert not looks_like_negative(MadeUpView(None), 10.0, regions, VERSIONS[NEWEST])


def of_two_sizes(*, wholes, parts, inside, clumps=0):
    """Return a view in which large regions are found at first, and then small ones."""
    large = make_regions(
        area_px=np.full(wholes + clumps, np.pi * 30**2), y=200.0 * np.arange(wholes + clumps),
        x=np.zeros(wholes + clumps), stretch=[1.0] * wholes + [1.2] * clumps,
    )  # fmt: skip
    at = 200.0 * (np.arange(parts) % wholes) + (5 if inside else 50)
    small = make_regions(area_px=np.full(parts, np.pi * 6**2), y=at, x=np.zeros(parts))
    measure = replace(MEASURE, noise=0.1)
    found = (replace(each, measure=measure) for each in (large, small))
    large, small = found
    return MadeUpView(lambda radius: large if radius > 13 else small)


@pytest.mark.parametrize(
    ("sizes", "radius_px"),
    [
        ({"wholes": 4, "parts": 400, "inside": False}, 6),
        ({"wholes": 4, "parts": 400, "inside": True}, 30),  # they are the texture of the large ones
        ({"wholes": 2, "parts": 400, "inside": True}, 6),
        ({"wholes": 4, "parts": 400, "inside": True, "clumps": 1}, 6),  # they show more, and better
        ({"wholes": 19, "parts": 76, "inside": True, "clumps": 2}, 30),
        ({"wholes": 4, "parts": 19, "inside": False}, 30),  # less speaks for them
        ({"wholes": 20, "parts": 4000, "inside": False}, 30),  # so many end the search
        ({"wholes": 19, "parts": 4000, "inside": False}, 6),
    ],
)
def test_of_two_sizes_that_is_taken_for_which_more_speaks(sizes, radius_px):
    view = of_two_sizes(**sizes)
    assert search(view, view, VERSIONS[NEWEST]).radius_px == pytest.approx(radius_px)


def by_assumed_radius(*found):
    """Return a view of the ellipses, and a clump, that are found from an assumed radius on.

    Each is that radius, and pairs of a radius and how many have it.
    """

    def find(assumed):
        sizes = next(sizes for least, *sizes in found if assumed >= least)
        area_px = np.concatenate([np.full(count, np.pi * size**2) for size, count in sizes])
        regions = make_regions(
            area_px=np.append(area_px, area_px[0]), y=200.0 * (np.arange(len(area_px) + 1) % 6),
            x=np.zeros(len(area_px) + 1), stretch=[1.0] * len(area_px) + [1.2],
        )  # fmt: skip
        return replace(regions, measure=replace(MEASURE, noise=0.1))

    return MadeUpView(find)


@pytest.mark.parametrize(
    ("sizes", "radius_px"),
    [
        ([(13, (30, 6)), (0, (8, 400))], 8),
        ([(13, (30, 6)), (5, (30, 6), (6, 100)), (0, (8, 400))], 30),  # larger ones, and debris
        ([(45, (36, 6)), (40, (47, 6)), (0, (29, 6))], 29),  # the largest do not agree
    ],
)
def test_a_radius_by_which_other_sizes_are_found_is_not_preferred(sizes, radius_px):
    view = by_assumed_radius(*sizes)
    assert search(view, view, VERSIONS[NEWEST]).radius_px == pytest.approx(radius_px)


def in_steps(*found):
    """Return a view in which regions are found from an assumed radius on, in wholes 200 px apart.

    Each is that radius, the radius of the regions, how many have it, how many are clumps, how far
    from the middle of the wholes they are, and how sharply they end.
    """

    def find(assumed):
        _, size, count, clumps, off, *fall = next(each for each in found if assumed >= each[0])
        regions = make_regions(
            area_px=np.full(count + clumps, np.pi * size**2),
            y=200.0 * (np.arange(count + clumps) % 6), x=np.full(count + clumps, off),
            stretch=[1.0] * count + [1.2] * clumps, fall=[*fall, 1.0][:1] * (count + clumps),
        )  # fmt: skip
        return replace(regions, measure=replace(MEASURE, noise=0.1))

    return MadeUpView(find)


AT_ONE_STEP = (20, 23, 6, 0, 0.0, 0.8)  # found for 27.6 pixels; the next that is tried is 18.4


@pytest.mark.parametrize(
    ("others", "radius_px"),
    [
        ([(13, 9, 2, 8, 0.0), (0, 9, 24, 9, 5.0, 0.7)], 23),  # the pieces of the wholes
        ([(13, 9, 2, 8, 0.0), (0, 9, 24, 9, 60.0, 0.7)], 9),  # beside them
        ([(13, 9, 2, 8, 0.0), (0, 9, 24, 7, 5.0, 0.7)], 9),  # in them, and nearly as well shown
        ([(13, 9, 2, 8, 0.0), (0, 9, 7, 3, 5.0, 0.7)], 9),  # one in each, as in cells that glow
        ([(13, 9, 2, 8, 0.0), (0, 9, 24, 9, 5.0)], 9),  # they look more like nuclei
        ([(0, 1, 2, 8, 0.0)], 23),  # nothing agrees
    ],
)
def test_nuclei_that_come_apart_before_their_radius_is_tried_are_found(others, radius_px):
    view = in_steps((35, 1, 1, 5, 0.0), AT_ONE_STEP, *others)
    assert search(view, view, VERSIONS[NEWEST]).radius_px == pytest.approx(radius_px)


@pytest.mark.parametrize(("count", "clumps"), [(2, 0), (20, 0), (6, 2)])
def test_wholes_between_two_steps_are_a_few_that_hardly_anything_speaks_against(count, clumps):
    wholes = (20, 23, count, clumps, 0.0)
    view = in_steps((35, 1, 1, 5, 0.0), wholes, (13, 9, 2, 8, 0.0), (0, 9, 48, 18, 5.0))
    assert search(view, view, VERSIONS[NEWEST]).radius_px == pytest.approx(9)


def test_wholes_have_the_best_support_that_any_assumed_radius_gives_them():
    wholes, better_shown = (45, 50, 8, 8, 0.0), (15, 50, 8, 1, 0.0)
    spots = (0, 9, 76, 32, 5.0)
    view = in_steps(wholes, better_shown, spots)
    assert search(view, view, VERSIONS[NEWEST]).radius_px == pytest.approx(50)
    view = in_steps(wholes, (15, 50, 8, 8, 0.0), spots)
    assert search(view, view, VERSIONS[NEWEST]).radius_px == pytest.approx(9)


@pytest.mark.parametrize(
    ("count", "score", "first", "is_more"),
    [
        (20, 1.31, 1.0, True),
        (20, 1.29, 1.0, False),
        (19, 9.0, 1.0, False),
        (20, 0.1, None, True),
        (19, 0.1, None, False),
        (None, 0.0, 1.0, False),
    ],
)
def test_the_search_with_a_bound_on_noise_is_taken_where_it_finds_a_crowd_and_more(
    count, score, first, is_more
):
    second = count and Found(10.0, make_regions(count), 0.9, score, True)
    other = first and Found(10.0, make_regions(30), 0.9, first, True)
    assert is_clearly_more(second, other) == is_more


@pytest.mark.parametrize(
    ("likely", "edge_px", "smoothing", "pits", "is_light_alone"),
    [
        ([0.51] * 30, 3, 0.2, None, False),
        ([0.49] * 30, 3, 0.2, None, True),
        ([0.81] * 30, 3, 0.35, None, False),
        ([0.79] * 30, 3, 0.35, None, True),
        ([0.9] * 15 + [0.05] * 15, 30.1, 0.2, None, True),  # on the average it is not believed
        ([0.9] * 15 + [0.05] * 15, 29.9, 0.2, None, False),
        ([0.9] * 16 + [0.2] * 14, 30.1, 0.2, None, False),
        ([0.79] * 30, 3, 0.2, 30, True),
        ([0.79] * 30, 3, 0.2, 20, False),
        ([0.81] * 30, 3, 0.2, 30, False),
    ],
)
def test_regions_that_hardly_look_like_nuclei_are_unevenness_of_the_light(
    likely, edge_px, smoothing, pits, is_light_alone
):
    pits = None if pits is None else some_of(pits, 30)
    view = MadeUpView(None, smoothing=smoothing, pits=pits)
    view.rules = VERSIONS[NEWEST]
    regions = replace(some_of(24, 30), measure=replace(MEASURE, edge_width_px=edge_px))
    assert is_light(view, 10.0, regions, np.array(likely)) == is_light_alone
