"""What was found in drawn images is still found, point for point and region for region."""

import numpy as np
import pytest
from expected_values import (
    MEASURES,
    OUTLINE_SIGMA_PX,
    OUTLINES,
    POINTS,
    PUBLISHED,
    REGIONS,
    outlines_of,
    points_of,
    read_rows,
    regions_of,
)

from nucensus import detect_nuclei
from nucensus.detect.regions import find_regions
from nucensus.kernel import levels


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
            image, radius_px=radius_px, level=level, outline_sigma_px=OUTLINE_SIGMA_PX
        )
    )
    _assert_same(outlines, read_rows(OUTLINES))


def _assert_same(found, expected):
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    numbers = np.array([row[2:] for row in found])
    np.testing.assert_allclose(numbers, np.array([row[2:] for row in expected]), rtol=2e-5)
