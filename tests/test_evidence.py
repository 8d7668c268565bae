"""How likely regions are nuclei: numbers of made-up regions, which can be worked out by hand."""

import numpy as np
import pytest
from made_up_regions import RADIUS_PX, TYPICAL_PX, make_regions

from nucensus import Settings
from nucensus.detect.automatic import how_to_look
from nucensus.detect.estimate_image import crest_smoothing, least_union, likely_contrast
from nucensus.detect.evidence import among, are_outshone, features, least_confidence
from nucensus.detect.fields import even_fields
from nucensus.detect.laplacian import blob_parameters
from nucensus.detect.pooled import Resolved
from nucensus.detect.rules import VERSIONS
from nucensus.detect.search import Found, are_ellipses, contrast_of, is_full
from nucensus.values.parts import Area

# The area, its squares below and above, the stretch, it times the area, the free outline, how flat
# and how steep it falls, how full it is, whether at the edge, and that times what is small.
TYPICAL = [0, 0, 0, 0, 0, 1, 0, 0, 0.8, 0, 0]
E1 = np.exp(1)


@pytest.mark.parametrize(
    ("columns", "changed"),
    [
        ({}, {}),
        ({"area_px": TYPICAL_PX / E1}, {0: -1, 1: 1}),
        ({"area_px": TYPICAL_PX * E1**2}, {0: 2, 2: 4}),
        ({"area_px": TYPICAL_PX / E1**3, "touches_edge": 1}, {0: -3, 1: 9, 9: 1, 10: -3}),
        ({"area_px": TYPICAL_PX * E1, "touches_edge": 1}, {0: 1, 2: 1, 9: 1}),
        ({"stretch": 0.9}, {}),
        ({"stretch": np.exp(0.2), "area_px": TYPICAL_PX * E1}, {0: 1, 2: 1, 3: 0.2, 4: 0.2}),
        ({"stretch": 9, "area_px": TYPICAL_PX / E1**3}, {0: -3, 1: 9, 3: 0.5, 4: -1}),
        ({"free": 0.5, "fall": 0.4}, {5: 0.5, 6: 0.3}),
        ({"free": 3, "fall": 1.25}, {5: 1.2, 7: 0.3}),
        ({"free": -1, "fall": 4}, {5: 0}),
        ({"fall": 4}, {7: 1}),
        ({"mean_height": 55, "height": 110}, {8: 0.5}),
    ],
)
def test_what_is_known_of_a_region_by_itself(columns, changed):
    regions = make_regions(1, **{name: [value] for name, value in columns.items()})
    expected = np.array(TYPICAL, float)
    for place, value in changed.items():
        expected[place] = value
    np.testing.assert_allclose(features(regions, RADIUS_PX), [expected], atol=1e-12)


@pytest.mark.parametrize(
    ("height", "small", "dim", "bright"),
    [
        (100, 0, 0, 0),
        (100 / E1, -1, -1, 0),
        (100 * E1, -1, 0, 1),
        (0.01, 0, np.log(0.03), 0),
        (9000, -2, 0, np.log(8)),
    ],
)
def test_what_is_known_of_a_region_among_others_is_its_height_too(height, small, dim, bright):
    regions = make_regions(height=[height], mean_height=[height], area_px=[TYPICAL_PX * E1**small])
    known = features(regions, RADIUS_PX, 100.0)[0, 11:]
    np.testing.assert_allclose(known, [dim, dim**2, dim * small, bright, bright * small], atol=1e-9)


def test_the_fewer_regions_look_like_nuclei_the_less_likely_is_each():
    few, most = np.array([0.9, 0.5] + 38 * [0.02]), np.full(40, 0.9)
    # No more than ten times less likely; and a few count as if there were five of the usual.
    np.testing.assert_allclose(among(few, 0.8)[:2], [0.09 / 0.19, 0.05 / 0.55])
    np.testing.assert_allclose(among(few[:4], 0.8)[:3], [0.736488, 0.236958, 0.006298], rtol=1e-4)
    np.testing.assert_allclose(among(most, 0.8), most)


@pytest.mark.parametrize(
    ("likely", "least"),
    [
        ([1.0] * 19 + [0.0], 0.05),  # clean
        ([1.0] * 9 + [0.0], 0.1),  # a fifth of the way to mixed
        ([1.0] * 8 + [0.0] * 2, 0.3),
        ([1.0] * 5 + [0.0] * 5, 0.5),
        ([0.9] * 5 + [0.0] * 5, 0.5 * 0.9**10),
        ([0.5] * 10, 0.05),
        ([0.0] * 3, 0.05),
    ],
)
def test_the_fewer_regions_look_like_nuclei_the_surer_each_has_to_be(likely, least):
    assert least_confidence(np.array(likely)) == pytest.approx(least)


def test_regions_from_a_quarter_of_a_nucleus_tell_the_contrast():
    areas = np.array([0.249, 0.251, 1, 1, 0.1]) * TYPICAL_PX
    regions = make_regions(area_px=areas, height=[1, 20, 50, 90, 1000])
    assert is_full(regions, RADIUS_PX).tolist() == [False, True, True, True, False]
    assert contrast_of(regions, RADIUS_PX) == 50
    assert contrast_of(regions, 3 * RADIUS_PX) == 0
    likely = np.array([1, 0.1, 0.9, 0.8, 1])
    assert likely_contrast(regions, RADIUS_PX, likely) == 50
    assert likely_contrast(regions, RADIUS_PX, likely / 2) == 0  # the sum of squares is below 0.5
    assert likely_contrast(regions, RADIUS_PX, likely * 0.6) == 50


def test_ellipses_are_those_that_are_not_stretched_nor_cut_off():
    regions = make_regions(stretch=[1.09, 1.11, 1.09], touches_edge=[0, 0, 1])
    assert are_ellipses(regions).tolist() == [True, False, False]
    assert are_ellipses(regions, cut_off=True).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("falls", "blur"),
    [
        ([], 0),
        ([0.0, 0.0], 0),
        ([0.5, 0.5, 2.0], 1 / (12.5 * 0.25) - 0.01),
        ([2.0, 0.4, 0.2, 0.6], 1 / (12.5 * 0.25) - 0.01),
    ],
)
def test_the_blur_of_outlines_is_that_of_the_median_fall(falls, blur):
    regions = make_regions(len(falls) + 1, fall=[*falls, 9.0])
    chosen = np.arange(len(falls) + 1) < len(falls)
    assert regions.blur(chosen) == pytest.approx(blur)


@pytest.mark.parametrize(
    ("texture", "smoothing", "union"),
    [
        (1.3, 0.25, 0.8),
        (1.375, 0.25, 0.15),
        (1.39, 0.25, -0.5),
        (1.4, 0.25, -0.5),
        (1.475, 0.35, -0.5),
        (1.6, 0.45, -0.5),
    ],
)
def test_textured_nuclei_are_smoothed_more_and_divided_less(texture, smoothing, union):
    assert crest_smoothing(texture) == pytest.approx(smoothing)
    assert least_union(texture) == pytest.approx(union)


def make_found(regions, *, support=0.9, agrees=True):
    return Found(RADIUS_PX, regions, support, 1.0, agrees)


@pytest.mark.parametrize(
    ("count", "support", "agrees", "is_plain"),
    [
        (20, 0.76, True, True),
        (19, 0.9, True, False),
        (20, 0.75, True, False),
        (40, 0.9, False, False),
    ],
)
def test_twenty_nuclei_that_agree_and_are_three_quarters_of_the_area_are_a_plain_case(
    count, support, agrees, is_plain
):
    found = make_found(make_regions(count), support=support, agrees=agrees)
    assert found.is_plain == is_plain


@pytest.mark.parametrize(
    ("wholes", "inside", "outside", "holds"),
    [(3, 5, 7, True), (3, 4, 6, False), (2, 10, 0, False), (4, 10, 0, True), (3, 0, 10, False)],
)
def test_nuclei_hold_smaller_ones_if_more_than_two_fifths_lie_in_them(
    wholes, inside, outside, holds
):
    whole = make_regions(y=100.0 * np.arange(wholes), x=np.zeros(wholes))
    y = [100.0] * inside + [50.0] * outside
    x = [9.9] * inside + [0.0] * outside
    small = make_regions(y=y, x=x, area_px=np.full(len(y), 30.0))
    assert make_found(whole).holds(make_found(small)) == holds
    aside = make_regions(y=y, x=[10.1] * len(y), area_px=np.full(len(y), 30.0))
    assert not make_found(whole).holds(make_found(aside))


@pytest.mark.parametrize(
    ("apart_px", "heights", "outshone"),
    [
        (24.9, (100, 201), [True, False]),  # two and a half radii
        (25.1, (100, 201), [False, False]),
        (24.9, (100, 199), [False, False]),
        (20, (100, 250, 600), [True, True, False]),
    ],
)
def test_a_region_is_outshone_by_one_beside_it_that_is_twice_as_high(apart_px, heights, outshone):
    regions = make_regions(
        y=apart_px * np.arange(len(heights)), x=[7.0] * len(heights), height=heights
    )
    assert are_outshone(regions, RADIUS_PX).tolist() == outshone


def resolved_of(cover=0.1, **more):
    """Return the estimates of a set of which so much of the images is nuclei."""
    known = {
        "radius_px": RADIUS_PX, "contrast": 100, "noise": 5, "background": 100, "grain": 8,
        "edge_width_px": 3, "density": cover / TYPICAL_PX, "image_count": 9, "blank_count": 0,
        "texture": 1.3,
    }  # fmt: skip
    return Resolved(**known | more)


GRAIN = 100 * 2 * np.pi**0.5 * 5
"""Of a contrast of 100 and a radius of 5 pixels of the grid: times the sigma that is wanted."""


@pytest.mark.parametrize(
    ("resolved", "version", "smoothing"),
    [
        (resolved_of(grain=8), 2, 25 * 8 / GRAIN),
        (resolved_of(grain=1), 2, 0.1),
        (resolved_of(grain=100), 2, 0.35),
        (resolved_of(0.4, grain=8), 2, 25 * 8 / GRAIN),
        (resolved_of(0.475, grain=8), 2, 17.5 * 8 / GRAIN),
        (resolved_of(0.55, grain=16), 2, 10 * 16 / GRAIN),
        (resolved_of(0.9, grain=1), 2, 0.05),
        (resolved_of(0.9, grain=8), 1, 25 * 8 / GRAIN),
    ],
)
def test_noise_is_smoothed_as_much_as_it_asks_for_and_in_crowds_less(resolved, version, smoothing):
    how = how_to_look(resolved, 100.0, VERSIONS[version])
    assert how["smoothing"] == pytest.approx(smoothing)
    assert (how["radius_px"], how["least_threshold"]) == (RADIUS_PX, 15)
    assert (how["crest_smoothing"], how["least_union"]) == (crest_smoothing(1.3), least_union(1.3))


@pytest.mark.parametrize(
    ("chosen", "scales", "least"),
    [
        ({}, (6 / 2**0.5, 15 / 2**0.5), 25),
        ({"sigma": (2, 5)}, (2, 5), 25),
        ({"sigma": 3}, (3, 3), 25),
        ({"threshold": 40}, (6 / 2**0.5, 15 / 2**0.5), 40),
        ({"threshold": None}, (6 / 2**0.5, 15 / 2**0.5), 0),
    ],
)
def test_blobs_are_looked_for_from_six_tenths_of_the_radius_to_three_halves(chosen, scales, least):
    settings = Settings(**{"detector": "log", "sigma": "auto", "threshold": "auto"} | chosen)
    assert blob_parameters(settings, resolved_of()) == (pytest.approx(scales), least)


def test_at_most_sixteen_fields_lie_evenly_in_an_image():
    assert even_fields((1000, 1600)) == [Area(0, 1000, 0, 800), Area(0, 1000, 800, 1600)]
    assert len(even_fields((2048, 3072))) == 6
    fields = even_fields((10_240, 10_240))
    places = [10 * (field.top // 1024) + field.left // 1024 for field in fields]
    assert places == [3, 9, 15, 21, 28, 34, 40, 46, 53, 59, 65, 71, 78, 84, 90, 96]
    assert {field.shape for field in fields} == {(1024, 1024)}
