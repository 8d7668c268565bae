"""A ridge is as long as the line that was drawn, and only where that is thin."""

import numpy as np
import pytest

from nucensus.detect.flags import ridge_lengths
from nucensus.kernel import measure_ridges

RADIUS, GROUND, HEIGHT = 10.0, 200.0, 800.0
HOW = {"radius": RADIUS, "background": GROUND, "across": 0.9, "thin": 0.35, "ridge": 0.6,
       "bridge": 3.0, "enough": 99.0}  # fmt: skip
MIDDLE = (150, 160)
Y, X = np.mgrid[:300, :320]


def draw(*, degrees=0.0, before=80.0, after=80.0, half_width=2.0, bend=0.0, dtype=np.uint16):
    """Draw a line through the middle, so many pixels long on either side, turned clockwise.

    With `bend` it turns by so many degrees more, once it is beyond the middle.
    """
    image, dy, dx = np.zeros(Y.shape, bool), Y - MIDDLE[0], X - MIDDLE[1]
    for angle, length, way in ((degrees, before, -1), (degrees + bend, after, 1)):
        angle = np.radians(angle)
        along = way * (dx * np.cos(angle) + dy * np.sin(angle))
        across = dx * np.sin(angle) - dy * np.cos(angle)
        image |= (np.abs(across) <= half_width) & (along >= -1) & (along <= length)
    return (GROUND + HEIGHT * image).astype(dtype)


def length(image, *places, **how):
    places = np.array(places or [(*MIDDLE, HEIGHT)], float)
    return measure_ridges(image, places, **{**HOW, **how}).max()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("degrees", range(0, 180, 20))
def test_a_thin_line_is_as_long_as_it_was_drawn_whichever_way_it_goes(degrees, dtype):
    image = (draw(degrees=degrees) // 4).astype(dtype)
    found = length(image, (*MIDDLE, HEIGHT / 4), background=GROUND / 4)
    assert found == pytest.approx(160 / RADIUS, abs=1)


def test_both_ends_count_and_each_by_itself():
    assert length(draw(before=40, after=120)) == pytest.approx(16, abs=1)
    assert length(draw(before=120, after=40)) == pytest.approx(16, abs=1)
    assert length(draw(before=0, after=120)) == 0  # it is no ridge where it begins


def test_a_ridge_may_turn_by_forty_degrees_at_a_step_and_no_more():
    before_the_bend = (MIDDLE[0], MIDDLE[1] - 40, HEIGHT)
    for bend in (20, 40, -20, -40):
        assert length(draw(bend=bend), before_the_bend) == pytest.approx(16, abs=1.5)
    assert length(draw(bend=90), before_the_bend) < 10


@pytest.mark.parametrize(("half_width", "is_thin"), [(2, True), (8, True), (10, False)])
def test_what_is_as_wide_as_a_nucleus_is_no_ridge(half_width, is_thin):
    assert (length(draw(half_width=half_width)) > 0) == is_thin


def test_what_is_long_enough_is_not_followed_on():
    assert length(draw(), enough=4.0) == 8  # so much to either side


def test_a_ridge_ends_where_it_is_much_lower_or_leaves_the_image():
    dim = draw().astype(float)
    dim[:, MIDDLE[1] + 40 :] = GROUND + 0.5 * (dim[:, MIDDLE[1] + 40 :] - GROUND)
    assert length(dim.astype(np.uint16)) == pytest.approx(8 + 4, abs=1)
    dim[:, MIDDLE[1] + 40 :] = GROUND + 1.4 * (dim[:, MIDDLE[1] + 40 :] - GROUND)
    assert length(dim.astype(np.uint16)) == pytest.approx(16, abs=1)
    assert length(draw(before=900, after=900)) == pytest.approx(320 / RADIUS, abs=1)


def over_nuclei(*columns, height=HEIGHT):
    """Draw a line that runs over round nuclei in these columns."""
    image = draw().astype(float)
    for column in columns:
        within = np.hypot(Y - MIDDLE[0], X - MIDDLE[1] - column) <= RADIUS
        image += height * within
    return image.astype(np.uint16)


def test_a_ridge_goes_on_behind_a_nucleus_which_is_no_part_of_its_length():
    image = over_nuclei(40)
    assert length(image, bridge=0.0) == pytest.approx(8 + 3, abs=1)
    assert length(image) == pytest.approx(16 - 2, abs=1)
    assert length(over_nuclei(-50, 40)) == pytest.approx(16 - 4, abs=1.5)


@pytest.mark.parametrize(("degrees", "bend"), [(7, 0), (33, 10), (50, 0), (50, 10)])
def test_a_ridge_goes_on_behind_a_nucleus_though_it_runs_between_the_directions(degrees, bend):
    nucleus = np.hypot(Y - MIDDLE[0], X - MIDDLE[1]) <= 1.2 * RADIUS
    image = draw(degrees=degrees, bend=bend) + np.uint16(HEIGHT) * nucleus
    way = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    assert length(image, (*(MIDDLE - 40 * way), HEIGHT)) == pytest.approx(16 - 2.4, abs=1)


def test_a_ridge_ends_behind_a_nucleus_where_nothing_goes_on_and_at_what_is_too_wide():
    image = over_nuclei(40)
    image[:, MIDDLE[1] + 52 :] = GROUND
    assert length(image) == pytest.approx(8 + 3, abs=1)
    assert length(over_nuclei(*range(40, 80, 4))) == pytest.approx(8 + 3, abs=1)


def test_of_several_places_the_longest_ridge_counts_and_places_in_the_dark_count_not():
    image = draw(before=50, after=50)
    beside, dark = (20, 30, HEIGHT), (*MIDDLE, 0.0)
    assert length(image, beside, (*MIDDLE, HEIGHT)) == pytest.approx(10, abs=1)
    assert length(image, beside) == length(image, dark) == 0


def test_a_part_that_holds_a_ridge_tells_its_length_as_the_whole_image_does():
    image, places = draw(degrees=40), np.array([(*MIDDLE, HEIGHT), (60.0, 60.0, HEIGHT)])
    part = np.ascontiguousarray(image[20:290, 30:310])
    lengths = measure_ridges(image, places, **HOW)
    assert lengths[0] > 10
    np.testing.assert_array_equal(
        measure_ridges(part, places, shape=image.shape, origin=(20, 30), **HOW), lengths
    )
    cut = np.ascontiguousarray(image[:, 140:])
    assert measure_ridges(cut, places, shape=image.shape, origin=(0, 140), **HOW)[0] == -1


def fibre(*, width=2.0, light=None, nucleus=0):
    """Return how far the ridge of the flags goes on a soft line, 40 to 150 pixels along a row."""
    y, x = np.mgrid[:160, :400]
    along = ((x > 40) & (x < 150)) * (1.0 if light is None else np.where(x < 80, 1.0, light))
    image = 100 + 900 * np.exp(-0.5 * ((y - 80) / width) ** 2) * along
    image = np.where((x >= 80) & (x < 80 + nucleus) & (abs(y - 80) < 14), 1000, image)
    return ridge_lengths(image.astype(np.uint16), np.array([[80.0, 60, 900]]), 100.0, RADIUS)[0]


@pytest.mark.parametrize(
    ("line", "is_long"),
    [
        ({"width": 6.1}, True), ({"width": 6.4}, False),  # it falls to 0.35 at 0.9 radii beside it
        ({"light": 0.62}, True), ({"light": 0.57}, False),  # 0.6 of it is ahead
        ({"nucleus": 24}, True), ({"nucleus": 28}, False),  # it runs over a nucleus of 3 radii
    ],
)  # fmt: skip
def test_the_ridges_of_flags_are_as_thin_and_as_whole_as_is_stated(line, is_long):
    assert (fibre(**line) > 6.5) == is_long
