"""Padding changes nothing: black margins, frames, and what is not a number."""

import itertools

import numpy as np
import pytest
from scenes import distances, make_scene
from scipy import ndimage

from nucensus import Settings, find_nuclei
from nucensus.detect.automatic import detect_auto
from nucensus.detect.estimate_image import estimate, pool
from nucensus.detect.padding import fill_padding, is_wide, picture_mask

SHAPE = (420, 520)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]

SEEN = {
    "a strip of five columns": X >= 5,
    "a single row": Y >= 1,
    "a corner": (Y > 150) | (X > 200),
    "steps of stitched fields": (X > 20 + 25 * (Y // 105)) & (Y > 10 * (X // 130)),
    "a turned field": np.abs(Y - 210 + 0.3 * (X - 260)) + 0.3 * np.abs(X - 260) < 200,
    "a round field of view": np.hypot(Y - 210, X - 260) < 205,
    "a blanked part": (abs(Y - 300) > 60) | (abs(X - 300) > 70),
}


@pytest.fixture(scope="module")
def scene():
    return make_scene(radius=11, count=90, shape=SHAPE, vignetting=0.3, seed=5)


@pytest.mark.parametrize("fill", [0, np.nan], ids=["black", "NaN"])
@pytest.mark.parametrize("name", SEEN)
def test_nuclei_beside_a_margin_are_counted_as_if_it_were_not_there(scene, name, fill):
    picture = SEEN[name]
    image = np.where(picture, scene.image + 50, fill)
    points = detect_auto(image if np.isnan(fill) else image.astype(np.uint16)).points
    depth = ndimage.distance_transform_edt(picture)
    is_whole = depth[tuple(np.rint(scene.centres).astype(int).T)] > 1.3 * scene.radius
    distance = distances(points, scene.centres)
    assert np.mean(distance.min(axis=0)[is_whole] < scene.radius / 2) > 0.97
    assert np.mean(distance.min(axis=1) < scene.radius) > 0.97
    assert len(points) <= len(scene.centres)
    assert picture[tuple(points.T)].all()


@pytest.mark.parametrize("kind", ["black", "white", "NaN"])
def test_a_frame_around_the_image_moves_the_points_and_nothing_else(scene, kind):
    image = (scene.image + 50).astype(np.uint16)
    level = {"black": 0, "white": 65535, "NaN": np.nan}[kind]
    framed = np.pad(image.astype(float), ((30, 7), (1, 60)), constant_values=level)
    framed = framed if kind == "NaN" else framed.astype(np.uint16)
    found, plain = detect_auto(framed), detect_auto(image.astype(framed.dtype))
    np.testing.assert_array_equal(found.points, plain.points + np.array([30, 1]))
    np.testing.assert_allclose(found.intensities, plain.intensities)


@pytest.mark.parametrize("angle", [3, 20, 45])
def test_a_turned_image_with_black_corners_has_the_nuclei_it_had(scene, angle):
    image = (scene.image + 50).astype(np.uint16)
    turned = ndimage.rotate(image, angle, order=1)
    assert len(detect_auto(turned).points) == pytest.approx(len(scene.centres), rel=0.03)


def test_a_blank_image_with_black_corners_stays_blank():
    image = np.random.default_rng(1).normal(500 + X / 10 + Y / 7, 12)
    turned = ndimage.rotate(image.astype(np.uint16), 20, order=1)
    assert len(detect_auto(turned).points) <= 1


def test_only_what_was_seen_counts_as_the_size_of_an_image(scene):
    image = np.where(SEEN["a corner"], scene.image + 50, 0)
    assert estimate(image).size_px == pytest.approx(SEEN["a corner"].sum(), rel=0.01)


def test_a_wide_margin_does_not_make_a_field_of_a_set_sparse(scene):
    image = (scene.image + 50).astype(np.uint16)
    framed = np.pad(image, 800)
    assert detect_auto(framed, pool([estimate(image)])).flag is None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda im: im, id="as it is"),
        pytest.param(lambda im: np.where(im > 250, im, 0), id="nuclei cut out"),
        pytest.param(lambda im: im > 250, id="binary"),
        pytest.param(lambda im: np.clip(im - 150, 0, None), id="background cut off in its noise"),
        pytest.param(
            lambda im: np.clip(ndimage.gaussian_filter(im, 3) - 145, 0, None).astype(np.uint8),
            id="background cut off after smoothing",
        ),
        pytest.param(lambda im: np.minimum(im, 400), id="saturated"),
    ],
)
def test_what_is_only_dark_or_bright_is_no_margin(scene, spoil):
    assert picture_mask(spoil(scene.image)) is None


def test_images_of_any_size_are_looked_at():
    for shape in [(1, 1), (1, 30), (3, 4), (9, 9), (12, 2)]:
        for level in (0, 7):
            assert picture_mask(np.full(shape, level, np.uint8)) is None


def test_what_was_not_seen_becomes_the_mirror_image_of_what_was():
    pixels = np.array([[9, 1, 2, 3, 9, 9, 9, 9, 9]], np.uint16)
    mirrored = fill_padding(pixels, pixels < 9)
    assert mirrored.tolist() == [[1, 1, 2, 3, 3, 2, 1, 1, 2]]
    assert pixels[0, 0] == 9


def test_a_pixel_is_mirrored_at_the_nearer_edge_of_its_row_or_column():
    pixels = np.arange(36, dtype=np.float32).reshape(6, 6)
    picture = np.ones((6, 6), bool)
    picture[3:, 2:] = False
    mirrored = fill_padding(pixels, picture)
    assert mirrored[3, 4] == pixels[2, 4]  # one below the edge
    assert mirrored[5, 2] == pixels[5, 1]  # one to the right of the edge
    np.testing.assert_array_equal(mirrored[picture], pixels[picture])


def mirrored(pixels, known):
    """Return the pixels with each unknown one mirrored at the nearest edge, as long as one is."""
    pixels, known = pixels.copy(), known.copy()
    ways = ((0, -1), (-1, 0), (0, 1), (1, 0))  # of edges as near, the first of these
    while True:
        sources = {}
        for at in map(tuple, np.argwhere(~known)):
            for away, way in itertools.product(range(1, max(pixels.shape)), range(4)):
                step = np.array(ways[way])
                edge, source = at + away * step, tuple(at + (2 * away - 1) * step)
                if min(*edge, *source) < 0 or (np.maximum(edge, source) >= known.shape).any():
                    continue
                between = [known[tuple(at + k * step)] for k in range(1, away)]
                if known[tuple(edge)] and known[source] and not any(between):
                    sources[at] = source
                    break
        if not sources:
            return pixels, known
        for at, source in sources.items():
            pixels[at] = pixels[source]
        for at in sources:
            known[at] = True


@pytest.mark.parametrize("seed", range(12))
def test_every_pixel_that_was_not_seen_is_mirrored_at_its_nearest_edge(seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 65536, rng.integers(1, 13, 2)).astype(np.uint16)
    seen = rng.random(pixels.shape) < 0.3
    seen[0, 0] = True
    expected, known = mirrored(pixels, seen)
    filled = fill_padding(pixels, seen)
    np.testing.assert_array_equal(filled[known], expected[known])
    assert (filled[~known] == np.uint16(np.median(pixels[seen]))).all()


def test_where_nothing_is_mirrored_the_median_stands():
    pixels, picture = np.full((4, 4), 5, np.uint8), np.zeros((4, 4), bool)
    picture[0, 0] = True
    assert (fill_padding(pixels, picture) == 5).all()


@pytest.mark.parametrize("border", ["keep", "drop"])
@pytest.mark.parametrize("detector", ["maxima", "log"])
@pytest.mark.parametrize("name", [each for each in SEEN if each != "a blanked part"])
def test_the_area_is_that_of_the_picture_where_the_detector_leaves_the_margin_in(
    scene, name, detector, border
):
    pixels = np.where(SEEN[name], scene.image + 50, 0).astype(np.uint16)
    settings = Settings(detector, 4, 6, 100, border=border)
    inside = np.zeros(SHAPE, bool)
    reach = 0 if border == "keep" else 6
    inside[reach : SHAPE[0] - reach, reach : SHAPE[1] - reach] = True
    area = find_nuclei(pixels, settings).area_px
    assert area == pytest.approx((SEEN[name] & inside).sum(), rel=0.02)


def ground(shape=(416, 800)):
    return np.random.default_rng(0).normal(200, 10, shape)


@pytest.mark.parametrize(("width", "is_margin"), [(96, True), (88, False)])
def test_a_strip_no_wider_than_a_nucleus_is_not_a_picture_with_a_margin(width, is_margin):
    image = ground()
    image[:, width:] = 0
    assert (picture_mask(image) is not None) == is_margin


@pytest.mark.parametrize(("width", "is_margin"), [(64, True), (72, False)])
def test_a_tenth_of_a_picture_may_be_as_small_as_nuclei(width, is_margin):
    image = ground()
    image[:, 576:640] = image[:, 640 + width :] = 0
    assert (picture_mask(image) is not None) == is_margin


@pytest.mark.parametrize(("softness_px", "is_margin"), [(5, True), (6, False)])
def test_a_margin_ends_within_five_pixels(softness_px, is_margin):
    rise = 300 * np.clip(np.arange(300) - 99, 0, softness_px) / softness_px
    image = np.tile(rise, (320, 1))
    image[0, -1] = 299  # no edge of one level
    assert (picture_mask(image) is not None) == is_margin


@pytest.mark.parametrize(("rows", "is_margin"), [(200, True), (180, False)])
def test_a_margin_ends_sharply_in_three_of_five_rows(rows, is_margin):
    sharp, soft = (np.clip(np.arange(300) - 99, 0, width) * (300 // width) for width in (1, 30))
    image = np.where(np.arange(320)[:, None] < rows, sharp, soft)
    image[0, -1] = 299  # no edge of one level
    assert (picture_mask(image) is not None) == is_margin


@pytest.mark.parametrize("band", [1, 5, 40, 1000])
@pytest.mark.parametrize(("lines", "expected"), [(0, True), (8, True), (9, False)])
def test_whether_a_picture_is_wide_does_not_depend_on_how_many_rows_are_looked_at_together(
    monkeypatch, band, lines, expected
):
    monkeypatch.setattr("nucensus.detect.padding._BAND_ROWS", band)
    sample = np.zeros((150, 70), bool)
    sample[7:67, 11:51] = True
    sample[70 : 70 + 3 * lines : 3, :30] = True  # no square fits in: of nine 270 of 2670 pixels
    assert is_wide(sample) == expected
