"""Nuclei that came apart, lobes of one nucleus, and specks: told from nuclei that touch."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_regions import RADIUS_PX, TYPICAL_PX, make_regions
from scenes import draw_nucleus, make_scene
from scipy.ndimage import gaussian_filter

from nucensus import find_nuclei
from nucensus.detect.fragments import are_divided, are_lobes, has_fragments, has_specks


def in_rows(size, rows, single, free):
    """Make rows of regions that touch, far from each other, and some that touch none."""
    x = np.concatenate([np.tile(np.arange(size) * 1.9 * RADIUS_PX, rows), np.zeros(single)])
    y = np.concatenate([np.repeat(100 * np.arange(rows), size), -100.0 * np.arange(1, single + 1)])
    return make_regions(y=y, x=x, free=np.full(len(y), free))


@pytest.mark.parametrize(
    ("small", "of", "area", "free", "cut", "has_some"),
    [
        (4, 40, 0.39, 0.89, 0, True),
        (4, 41, 0.39, 0.89, 0, False),  # less than a tenth
        (3, 20, 0.39, 0.89, 0, False),  # too few to tell
        (4, 40, 0.41, 0.89, 0, False),
        (4, 40, 0.39, 0.91, 0, False),  # nothing touches them
        (4, 40, 0.39, 0.89, 1, False),  # the edge of the image cuts a whole one
    ],
)
def test_fragments_are_small_regions_that_others_touch(small, of, area, free, cut, has_some):
    is_small = np.arange(of) < small
    regions = make_regions(
        area_px=np.where(is_small, area, 1) * TYPICAL_PX,
        free=np.where(is_small, free, 0.7),
        touches_edge=np.arange(of) < cut,
    )
    assert has_fragments(regions, RADIUS_PX) == has_some


@pytest.mark.parametrize(
    ("size", "rows", "single", "free", "have_lobes"),
    [
        (4, 5, 0, 0.8, True),
        (3, 7, 1, 0.8, True),
        (4, 5, 2, 0.8, False),
        (2, 10, 0, 0.8, False),
        (4, 4, 0, 0.8, False),
        (4, 5, 0, 0.95, False),  # they lie beside each other, and nothing joins them
    ],
)
def test_regions_that_all_lie_in_short_rows_are_lobes(size, rows, single, free, have_lobes):
    assert are_lobes(in_rows(size, rows, single, free), RADIUS_PX) == have_lobes


def test_a_sheet_of_nuclei_that_touch_is_not_one_of_lobes():
    y, x = 1.9 * RADIUS_PX * np.mgrid[:6, :6].reshape(2, -1)
    assert not are_lobes(make_regions(y=y, x=x, free=np.full(36, 0.7)), RADIUS_PX)


@pytest.mark.parametrize(
    ("apart", "area", "stretch", "of", "are_some"),
    [
        (1.3, 0.5, 1.06, 16, True),
        (1.3, 0.5, 1.06, 17, False),  # less than 12 %
        (1.41, 0.6, 1.06, 16, False),
        (1.38, 0.5, 1.06, 16, False),  # as close as their sizes allow
        (0.7, 0.14, 1.06, 16, False),  # too small to be half of a nucleus
        (1.3, 0.5, 1.04, 16, False),  # long nuclei side by side are as close, but are not bent
    ],
)
def test_halves_of_a_nucleus_are_bent_and_lie_closer_than_nuclei(
    apart, area, stretch, of, are_some
):
    is_half = np.arange(of) < 2
    regions = make_regions(
        y=np.where(is_half, apart * RADIUS_PX * np.arange(of), 100 * np.arange(of)),
        area_px=np.where(is_half, area, 1) * TYPICAL_PX,
        stretch=np.where(is_half, stretch, 1),
    )
    assert are_divided(regions, RADIUS_PX) == are_some


@pytest.mark.parametrize(
    ("areas", "cut", "has_some"),
    [
        ([0.24] * 4 + [1] * 20, 0, True),
        ([0.24] * 4 + [1] * 53, 0, True),
        ([0.24] * 4 + [1] * 54, 0, False),  # less than 7 %: any may be a small nucleus
        ([0.24] * 3 + [1] * 20, 0, False),
        ([0.24] * 4 + [1] * 20, 1, False),  # of one that is cut nobody knows how large it is
        ([0.24] * 6 + [0.3] + [1] * 20, 0, True),
        ([0.24] * 5 + [0.3] + [1] * 20, 0, False),  # some are in between: nuclei of many sizes
        ([0.24] * 11 + [1] * 10, 0, False),  # most are small: it is the nuclei that are
    ],
)
def test_specks_are_a_population_beside_the_nuclei(areas, cut, has_some):
    areas = np.array(areas)
    regions = make_regions(area_px=areas * TYPICAL_PX, touches_edge=np.arange(len(areas)) < cut)
    assert has_specks(regions, RADIUS_PX, 100) == has_some


@pytest.mark.parametrize(
    ("specks", "between", "height", "has_some"),
    [
        (3, 9, 101, True),
        (3, 9, 100, False),  # a piece of a nucleus is thinner than that, and so not as bright
        (2, 9, 101, False),
        (3, 40, 101, False),  # less than 7 %
    ],
)
def test_specks_brighter_than_nuclei_tell_whatever_else_is_small(specks, between, height, has_some):
    areas = np.array([0.24] * specks + [0.3] * between)
    regions = make_regions(area_px=areas * TYPICAL_PX, height=np.where(areas < 0.25, height, 100))
    assert has_specks(regions, RADIUS_PX, 100) == has_some


def draw_dust(scene, radius_px, count, seed, height=550):
    rng, image = np.random.default_rng(seed), scene.image.copy()
    while count:
        at = rng.uniform(10, np.array(image.shape) - 10)
        if np.hypot(*(scene.centres - at).T).min() > 25:
            draw_nucleus(image, at, radius_px, height, 0, rng)
            count -= 1
    return image


@pytest.mark.parametrize("seed", range(3))
def test_a_field_of_nuclei_and_dust_says_that_some_of_what_counts_may_be_debris(seed):
    scene = make_scene(radius=12, count=40, seed=seed)
    image = draw_dust(scene, 4.5, 9, seed)
    found = find_nuclei(image)
    assert (len(found), found.flag) == (len(scene.centres) + 9, "debris")
    assert find_nuclei(scene.image).flag is None


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_dying_cells_of_any_size_are_said_where_they_are_brighter_than_nuclei(seed):
    scene = make_scene(radius=12, count=40, seed=seed)
    dying = replace(scene, image=draw_dust(scene, 4.5, 5, seed, 1100))
    assert find_nuclei(draw_dust(dying, 7, 4, seed + 9, 1100)).flag == "debris"


def draw_rows(seed, lobes=4, radius_px=9):
    """Draw nuclei of some lobes in a bent row each, which hardly touch."""
    scene = make_scene(radius=36, count=24, shape=(700, 800), seed=seed, contrast=0)
    image, rng = scene.image.copy(), np.random.default_rng(seed)
    for centre in scene.centres:
        around = rng.uniform(0, 2 * np.pi) + np.arange(lobes) * 1.25
        for angle in around:
            at = centre + 1.5 * radius_px * np.array([np.sin(angle), np.cos(angle)])
            draw_nucleus(image, at, radius_px, 550, 0, rng)
    return image, len(scene.centres)


@pytest.mark.parametrize("seed", range(3))
def test_a_field_of_nuclei_that_have_lobes_says_that_its_count_is_one_of_fragments(seed):
    image, nuclei = draw_rows(seed)
    found = find_nuclei(image)
    assert found.flag == "fragments"
    assert len(found) > 2 * nuclei


def draw_holed(seed, radius_px=28, hole=0.38, light=0.15):
    """Draw nine nuclei of which each has two dark holes side by side, as wide as the nucleus."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:420, :420]
    image = np.zeros(y.shape)
    for middle in np.mgrid[70:420:140, 70:420:140].reshape(2, -1).T:
        down, across = middle + rng.uniform(-15, 15, 2)
        angle = rng.uniform(0, np.pi)
        along = ((y - down) * np.cos(angle) + (x - across) * np.sin(angle)) / radius_px
        aside = ((x - across) * np.cos(angle) - (y - down) * np.sin(angle)) / radius_px
        body = np.clip(1 - (along / 1.1) ** 2 - (1.1 * aside) ** 2, 0, None) ** 0.25
        for side in (-0.42, 0.42):
            body[np.hypot(along, aside - side) < hole] *= light
        image += body * rng.uniform(0.7, 1.3)
    return rng.poisson(gaussian_filter(image, 1.3) * 300 + 40).astype(np.uint16)


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_a_field_of_nuclei_that_holes_divide_says_that_its_count_is_one_of_fragments(seed):
    found = find_nuclei(draw_holed(seed))
    assert (len(found) > 9, found.flag) == (True, "fragments")
