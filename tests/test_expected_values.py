"""What was found in drawn images is still found, point for point and region for region."""

import numpy as np
import pytest
from expected_values import (
    ESTIMATES,
    MEASURES,
    NUCLEI,
    OUTLINE_SIGMA_PX,
    OUTLINES,
    PAIRS,
    POINTS,
    PUBLISHED,
    REGIONS,
    RULES,
    SET,
    draw_images,
    estimates_of,
    nuclei_of,
    outlines_of,
    pairs_of,
    points_of,
    read_rows,
    regions_of,
)

from nucensus import Settings, detect_nuclei, find_nuclei
from nucensus.detect import estimate, pool
from nucensus.detect.regions import find_regions
from nucensus.kernel import find_pairs, levels


def test_the_published_detector_finds_the_points_that_scikit_image_found():
    found = points_of(
        lambda image, threshold: detect_nuclei(image, threshold_abs=threshold, **PUBLISHED)
    )
    assert found == read_rows(POINTS)


@pytest.mark.parametrize("level", levels())
def test_regions_and_what_is_measured_on_the_way_are_what_they_were(level):
    regions, measures = regions_of(
        lambda image, radius_px: find_regions(image, radius_px=radius_px, level=level)
    )
    _assert_same(measures, read_rows(MEASURES))
    _assert_same(regions, read_rows(REGIONS))


@pytest.mark.parametrize("level", levels())
def test_outlines_and_what_is_within_them_are_what_they_were(level):
    outlines = outlines_of(
        lambda image, radius_px: find_regions(
            image,
            radius_px=radius_px,
            level=level,
            shapes="outlines",
            outline_sigma_px=OUTLINE_SIGMA_PX,
        )
    )
    _assert_same(outlines, read_rows(OUTLINES))


def test_what_is_known_of_pieces_that_touch_is_what_it_was():
    found = pairs_of(lambda image: find_pairs(image, **RULES))
    _assert_same(found, read_rows(PAIRS), atol=2e-5)


def test_what_images_are_estimated_to_look_like_is_what_it_was():
    _assert_same(estimates_of(estimate), read_rows(ESTIMATES))


def test_every_detector_finds_the_nuclei_that_it_found_alone_and_in_a_set():
    found = nuclei_of(
        lambda image, detector, known: find_nuclei(image, Settings(detector, subpixel=True), known),
        pool([estimate(draw_images()[name]) for name in SET]),
    )
    _assert_same(found, read_rows(NUCLEI), atol=2e-5)


def _assert_same(found, expected, atol=0.0):
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    numbers = np.array([row[2:] for row in found])
    np.testing.assert_allclose(
        numbers, np.array([row[2:] for row in expected]), rtol=2e-5, atol=atol
    )
