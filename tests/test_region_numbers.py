"""The numbers with which the kernel finds regions follow the radius of a nucleus."""

from dataclasses import replace

import numpy as np
import pytest

from nucensus.detect.region_numbers import grid_radius, region_numbers
from nucensus.detect.rules import NEWEST, VERSIONS


def numbers(radius_px, *, rules=VERSIONS[NEWEST], **how):
    usual = {"smoothing": 0.25, "crest_smoothing": 0.5, "least_threshold": 7.0}
    return region_numbers(radius_px=radius_px, rules=rules, **usual | how)


@pytest.mark.parametrize(
    ("radius_px", "step", "radius", "tile", "reach", "smooth", "crest", "ridge"),
    [
        (2, 1, 2, 12, 1, 0.5, 1, 0.6),
        (6, 1, 6, 36, 4, 1.5, 3, 1.2),
        (6.4, 2, 3.2, 19, 2, 0.8, 1.6, 0.64),
        (16, 4, 4, 24, 3, 1, 2, 0.8),
        (0.6, 1, 0.6, 4, 1, 0.4, 0.5, 0.6),
    ],
)
def test_lengths_on_the_grid_are_in_radii_of_a_nucleus(
    radius_px, step, radius, tile, reach, smooth, crest, ridge
):
    found = numbers(radius_px)
    assert (found["step"], found["tile"], found["reach"]) == (step, tile, reach)
    assert found["radius"] == pytest.approx(radius)
    assert found["smooth_sigma"] == pytest.approx(smooth)
    assert found["crest_sigma"] == pytest.approx(crest)
    assert found["ridge_sigma"] == pytest.approx(ridge)


@pytest.mark.parametrize(("radius_px", "least"), [(4, 0.5), (3.9, 0.4)])
def test_small_nuclei_are_smoothed_less_than_half_a_pixel(radius_px, least):
    found = numbers(radius_px, smoothing=0.01, crest_smoothing=0.01)
    assert (found["smooth_sigma"], found["crest_sigma"]) == (least, 0.5)


def test_on_a_coarser_grid_a_nucleus_has_fewer_pixels():
    assert [numbers(16, grid_radius_px=px)["step"] for px in (3, 4, 5)] == [5, 4, 3]
    assert [grid_radius(px) for px in (3, 6.4, 11.9, 12)] == [3, 3.2, 5.95, 4]


@pytest.mark.parametrize("version", VERSIONS)
def test_pieces_are_put_together_by_weights_where_the_version_has_some(version):
    rules = VERSIONS[version]
    for each in (rules, replace(rules, union=())):
        found = numbers(8, rules=each)
        assert found["is_learned"] == bool(each.union)
        assert len(found["union_weights"]) == 20
        assert found["most_hole"] == each.most_hole
        assert found["most_whole"] == each.most_whole
    assert (VERSIONS[1].most_whole, VERSIONS[2].most_whole) == (0.15, 0.2)


def test_numbers_that_do_not_depend_on_the_nuclei_stay_as_counts_were_learned_with():
    lengths = {"step", "tile", "reach", "radius", "smooth_sigma", "crest_sigma", "ridge_sigma"}
    rules = VERSIONS[2]
    found = {name: each for name, each in numbers(8, rules=rules).items() if name not in lengths}
    assert found.pop("union_weights") is rules.union
    assert found == {
        "least_threshold": 7, "noise_factor": 10, "most_stretch": 0.08, "most_dip": 0.25,
        "crest_share": 0.5, "least_size": 0.75, "least_area": 0.05, "least_fall": 0.4,
        "most_whole": 0.2, "most_hole": 0.25, "hole_dip": 0.5, "is_learned": True,
        "least_union": 0.8, "least_noise": 0, "most_noise": np.inf, "looks_inside": True,
    }  # fmt: skip
