import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from conftest import SHARED
from scenes import distances, draw_section, make_scene, matched
from scipy import ndimage

import nucensus
from nucensus.detect.automatic import detect_auto
from nucensus.detect.estimate_image import Estimate, Resolved, estimate, pool
from nucensus.detect.regions import find_regions
from nucensus.kernel import levels
from nucensus.score.agreement import evaluate, score_against_labels

BBBC039 = SHARED / "data" / "bbbc039"
needs_bbbc039 = pytest.mark.skipif(not BBBC039.exists(), reason="BBBC039 is not here")


@pytest.fixture(scope="module")
def scene():
    return make_scene(radius=12, count=60, seed=3)


@pytest.fixture(scope="module")
def fields():
    return {path.stem: tifffile.imread(path) for path in sorted((BBBC039 / "images").glob("*.tif"))}


@pytest.mark.parametrize(("radius", "count"), [(5, 150), (8, 90), (14, 50), (25, 18), (40, 8)])
def test_nuclei_of_any_size_are_found_and_their_size_is_known(radius, count):
    scene = make_scene(radius=radius, count=count, shape=(500, 600))
    found = detect_auto(scene.image.astype(np.uint16))
    assert len(found.points) == len(scene.centres) == matched(found.points, scene)
    assert estimate(scene.image).radius_px == pytest.approx(radius, rel=0.15)


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda im: np.clip(im / 4, 0, 255).astype(np.uint8), id="uint8"),
        pytest.param(lambda im: im.astype(">u2"), id="big-endian"),
        pytest.param(lambda im: (im + 32768).astype(np.uint16), id="pedestal"),
        pytest.param(lambda im: (im * 4).astype(np.uint16), id="gain 4"),
        pytest.param(lambda im: (im / 4).astype(np.uint16), id="gain 1/4"),
        pytest.param(lambda im: (im / 65535).astype(np.float32), id="float32"),
        pytest.param(lambda im: im / 4095, id="float64"),
        pytest.param(lambda im: im.astype(np.int32) - 500, id="int32 below 0"),
        pytest.param(lambda im: np.asfortranarray(im.astype(np.uint16)), id="Fortran order"),
        pytest.param(lambda im: im.astype(np.uint16)[::-1, ::-1], id="negative strides"),
    ],
)
def test_the_same_scene_gives_the_same_count_in_any_units(scene, spell):
    found = detect_auto(spell(scene.image))
    assert len(found.points) == len(scene.centres)


def test_twice_as_many_pixels_give_the_same_nuclei(scene):
    double = np.kron(scene.image, np.ones((2, 2)))
    half = scene.image.reshape(200, 2, 250, 2).mean(axis=(1, 3))
    for image in (double, half):
        assert len(detect_auto(image).points) == len(scene.centres)


@pytest.mark.parametrize(
    "look",
    [
        {"radius": 8, "count": 160},
        {"radius": 12, "count": 110, "gap": 0.95},
        {"radius": 12, "count": 60, "vignetting": 0.6, "background": 900},
        {"radius": 16, "count": 45, "noise": 60, "background": 600},
        {"radius": 20, "count": 26, "texture": 0.15},
    ],
    ids=["small", "crowded", "vignetting", "noisy", "textured"],
)
def test_other_scenes_give_the_same_count_in_any_units_and_resolution(look):
    scene = make_scene(**look, seed=21).image
    count = len(detect_auto(scene.astype(np.uint16)).points)
    spellings = {
        "uint8": (scene / 6).clip(0, 255).astype(np.uint8),
        "float": scene / 4095,
        "pedestal": (scene + 32768).astype(np.uint16),
        "gain 4": (scene * 4).astype(np.uint16),
        "gain 1/4": (scene / 4).astype(np.uint16),
        "double": np.kron(scene, np.ones((2, 2))),
        "half": scene.reshape(200, 2, 250, 2).mean(axis=(1, 3)),
    }
    for name, image in spellings.items():
        assert len(detect_auto(image).points) == pytest.approx(count, rel=0.01), name


@pytest.mark.parametrize("noise", [1, 40, 150])
def test_noise_is_neither_lost_in_nor_promoted(noise):
    scene = make_scene(radius=12, count=60, noise=noise, background=600, seed=4)
    assert matched(detect_auto(scene.image).points, scene) == len(scene.centres)
    assert len(detect_auto(scene.image).points) == len(scene.centres)


@pytest.mark.parametrize(("contrast", "is_blank"), [(14, False), (12, True)])
def test_dim_nuclei_are_believed_from_about_ten_times_the_noise(contrast, is_blank):
    dim = make_scene(radius=16, count=30, contrast=contrast, noise=20, seed=11)
    found = estimate(dim.image)
    assert found.is_blank == is_blank
    assert is_blank or 10 < found.signal_to_noise < 12.5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("vignetting", [0, 0.6])
def test_a_field_of_noise_is_blank(seed, vignetting):
    scene = make_scene(radius=12, count=0, vignetting=vignetting, background=900, seed=seed)
    found = detect_auto(scene.image.astype(np.uint16))
    assert len(found.points) == 0
    assert found.flag == "blank"


def test_the_noise_of_few_photons_is_blank():
    image = np.random.default_rng(0).poisson(2, (400, 500)).astype(np.uint8)
    assert len(detect_auto(image).points) == 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("sigma", "shape"),
    [(1.5, (64, 64)), (2, (64, 64)), (1.5, (128, 128)), (1.5, (300, 400)), (3, (300, 400))],
)
def test_noise_that_pixels_nearby_have_in_common_is_blank(sigma, shape, seed):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    image = np.rint(1000 + 60 * noise / noise.std()).astype(np.uint16)
    assert len(detect_auto(image).points) == 0


def test_a_blank_field_lit_from_one_side_is_blank():
    y, x = np.mgrid[-1:1:520j, -1:1:696j]
    light = 2000 * np.exp(-((y - 0.6) ** 2 + (x + 0.5) ** 2) / 1.5)
    assert len(detect_auto(np.random.default_rng(0).poisson(light).astype(np.uint16)).points) == 0


def _lamps(rng, y, x):
    spots = rng.uniform(-1, 1, (3, 2))
    return 0.4 + sum(np.exp(-((y - a) ** 2 + (x - b) ** 2)) for a, b in spots)


LIGHTS = {
    "slope": lambda rng, y, x: 1.1 + y * rng.uniform(-1, 1) + 0.1 * x,
    "step": lambda rng, y, x: 1 / (1 + np.exp((x - rng.uniform(-0.4, 0.4)) / (0.1 + 0 * y))),
    "vignette": lambda rng, y, x: 1 - 0.4 * (y**2 + (x - rng.uniform(-0.4, 0.4)) ** 2),
    "stray light": _lamps,
}


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("photons", [30, 3000])
@pytest.mark.parametrize("grain", [0, 1.2])
def test_light_without_nuclei_is_blank_with_much_and_little_noise(light, photons, grain):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[-1:1:260j, -1:1:340j]
        level = photons * LIGHTS[light](rng, y, x)
        noise = rng.poisson(level) - level
        image = level + (ndimage.gaussian_filter(noise, grain) if grain else noise)
        found = detect_auto(np.rint(image.clip(0)).astype(np.uint16))
        assert (len(found), found.flag) == (0, "blank")


@pytest.mark.parametrize("diameter", [16, 20, 24, 28, 32, 40])
def test_nuclei_without_an_outline_are_found(diameter):
    middles = np.arange(30, 380, 3 * diameter // 2)
    image = np.zeros((400, 400))
    image[np.ix_(middles, middles)] = 1
    image = ndimage.gaussian_filter(image, diameter / 4)
    image = np.random.default_rng(1).normal(100 + 800 * image / image.max(), 8)
    assert len(detect_auto(image.astype(np.uint16)).points) == len(middles) ** 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("side", [100, 256])
def test_a_crowd_of_nuclei_ten_pixels_across_is_not_noise(side, seed):
    scene = make_scene(
        radius=5, count=side**2 // 75, shape=(side, side), gap=0.95, noise=30, seed=seed
    )
    found = detect_auto(scene.image.astype(np.uint16))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


def test_nuclei_are_found_in_uneven_light():
    scene = make_scene(radius=12, count=60, vignetting=0.6, background=900, seed=5)
    assert matched(detect_auto(scene.image.astype(np.uint16)).points, scene) == len(scene.centres)


def _uneven(shape):
    """Return a background that rises by more than a nucleus, under a lamp off the middle."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return 300 + 300 * (1 + 0.7 * x + 0.3 * y), 1 - 0.28 * ((y - 0.2) ** 2 + (x + 0.2) ** 2)


@pytest.mark.parametrize("seed", range(6))
def test_few_nuclei_on_a_background_that_rises_under_uneven_light_are_found_alone(seed):
    scene = make_scene(radius=12, count=20, shape=(600, 700), noise=0, background=0, seed=seed)
    background, light = _uneven(scene.image.shape)
    image = np.random.default_rng(seed).normal((scene.image + background) * light, 8)
    found = detect_auto(image.astype(np.uint16))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


@pytest.mark.parametrize("seed", range(3))
def test_small_nuclei_without_an_outline_are_found_under_noise(seed):
    rng = np.random.default_rng(seed)
    places = np.stack(np.mgrid[12:230:16, 12:280:16], axis=-1).reshape(-1, 2)
    centres = places + rng.integers(-3, 4, places.shape)
    image = np.zeros((240, 290))
    image[tuple(centres.T)] = 1
    image = ndimage.gaussian_filter(image, 2.5)
    noisy = rng.normal(500 + 100 * image / image.max(), 20)
    points = detect_auto(noisy.astype(np.uint16)).points
    assert len(points) == pytest.approx(len(centres), rel=0.03)
    assert np.mean(distances(points, centres).min(axis=0) < 3) > 0.97


def test_one_array_is_counted_in_python_without_parameters(scene):
    found = nucensus.find_nuclei(scene.image)
    assert matched(found.points, scene) == len(scene.centres) == len(found)
    assert len(nucensus.find_nuclei(scene.image.tolist())) == len(found)


def test_any_strategy_counts_arrays_without_parameters(scene):
    found, blank = nucensus.process_images(
        [scene.image, np.zeros((50, 60))], nucensus.find_nuclei, strategy="pool-memory", workers=2
    )
    assert (len(found), found.flag) == (len(scene.centres), None)
    assert (len(blank), blank.flag) == (0, "blank")


def test_touching_nuclei_stay_two_centres():
    scene = make_scene(radius=12, count=110, gap=0.95, seed=6)
    found = detect_auto(scene.image.astype(np.uint16))
    assert abs(len(found.points) - len(scene.centres)) <= 2


@pytest.mark.parametrize("radius", [14, 40])
def test_a_textured_nucleus_is_one_centre(radius):
    count = {14: 50, 40: 8}[radius]
    scene = make_scene(radius=radius, count=count, texture=0.15, shape=(500, 600), seed=7)
    found = len(detect_auto(scene.image.astype(np.uint16)).points)
    assert found == pytest.approx(len(scene.centres), abs=1)


def test_a_crowd_without_a_free_spot_is_not_taken_for_noise():
    scene = make_scene(radius=20, count=80, gap=0.98, seed=13)
    found = detect_auto(scene.image.astype(np.uint16))
    assert len(found.points) == pytest.approx(len(scene.centres), rel=0.05)


def test_small_nuclei_of_a_dense_section_are_counted_dim_ones_too():
    scene = draw_section(0, radius=7, cover=0.7, shape=(300, 330))
    points = detect_auto(scene.image).points
    assert matched(points, scene) > 0.97 * len(scene.centres)
    assert len(points) < 1.1 * len(scene.centres)  # of some only an edge is in the image


def test_saturated_nuclei_count_once_and_are_flagged(scene):
    found = detect_auto(np.minimum(scene.image, 300).astype(np.uint16))
    assert len(found.points) == len(scene.centres)
    assert found.flag == "saturated"


def test_only_nuclei_that_are_flat_at_the_greatest_level_are_saturated(scene):
    coarse = (scene.image / 40).astype(np.uint8)
    assert detect_auto(coarse).flag is None
    specks = make_scene(radius=12, count=6, seed=15).image / 4
    specks[::40, ::40] = specks[1::40, ::40] = 255
    assert detect_auto(np.clip(specks, 0, 255).astype(np.uint8)).flag is None
    clipped = make_scene(radius=12, count=6, contrast=2000, seed=15).image / 4
    assert detect_auto(np.clip(clipped, 0, 255).astype(np.uint8)).flag == "saturated"


def test_hot_pixels_and_dust_do_not_count(scene):
    image = scene.image.astype(np.uint16)
    rng = np.random.default_rng(8)
    for y, x in rng.integers((0, 0), np.array(image.shape) - 2, (200, 2)):
        image[y, x] = 60_000
        image[y, x + rng.integers(2)] = 50_000
    found = detect_auto(image)
    assert len(found.points) == len(scene.centres)


def _disc(shape, centre, radius):
    y, x = np.indices(shape)
    return np.hypot(y - centre[0], x - centre[1]) < radius


def test_light_out_of_focus_between_nuclei_does_not_count():
    scene = make_scene(radius=12, count=40, seed=31)
    haze = sum(
        _disc(scene.image.shape, centre, 14) * 400.0
        for centre in np.random.default_rng(31).uniform(0, scene.image.shape, (12, 2))
    )
    image = scene.image + ndimage.gaussian_filter(haze, 24)
    found = detect_auto(image.astype(np.uint16))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


def test_the_glow_of_the_cell_around_a_nucleus_does_not_count():
    scene = make_scene(radius=12, count=14, shape=(500, 600), gap=3, seed=32)
    glow = np.zeros(scene.image.shape)
    for centre in scene.centres:
        glow[_disc(glow.shape, centre, 34)] = 100
    image = scene.image + ndimage.gaussian_filter(glow, 8)
    found = detect_auto(image.astype(np.uint16))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


@pytest.mark.parametrize("seed", [32, 36, 38])
def test_cells_that_glow_the_brighter_the_brighter_their_nucleus_do_not_count(seed):
    scene = make_scene(
        radius=12, count=16, shape=(400, 500), gap=2.4, noise=0, background=0, seed=seed
    )
    rng = np.random.default_rng(seed)
    grain = ndimage.gaussian_filter(rng.normal(size=scene.image.shape), 4)
    glow = np.zeros(grain.shape)
    for centre in scene.centres:
        height = 0.55 * ndimage.mean(scene.image, _disc(grain.shape, centre, 3))
        cell = _disc(grain.shape, centre + rng.normal(0, 6, 2), 26)
        glow = np.maximum(glow, cell * height * rng.uniform(0.6, 1.2))
    image = scene.image + ndimage.gaussian_filter(glow * (1 + 0.3 * grain / grain.std()), 2)
    found = detect_auto((image + rng.normal(100, 10, image.shape)).clip(0).astype(np.uint16))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


def test_dust_brighter_than_nuclei_does_not_count():
    scene = make_scene(radius=20, count=24, seed=33)
    image = scene.image.copy()
    for centre in np.random.default_rng(33).uniform(0, image.shape, (30, 2)):
        image[_disc(image.shape, centre, 2.5)] += 3000
    found = detect_auto(ndimage.gaussian_filter(image, 1.2).astype(np.uint16))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


@pytest.mark.parametrize("radius", [6, 12, 24])
def test_a_large_dim_nucleus_among_small_bright_ones_is_one(radius):
    scene = make_scene(radius=radius, count=40, shape=(40 * radius, 50 * radius), gap=1.3, seed=34)
    large = make_scene(
        radius=3 * radius,
        count=1,
        shape=(10 * radius, 10 * radius),
        contrast=130,
        noise=0,
        background=0,
        texture=0.1,
        seed=35,
    )
    image = np.pad(scene.image, ((0, 10 * radius), (0, 0)), mode="reflect")
    image[-10 * radius :] = np.random.default_rng(34).normal(150, 10, (10 * radius, 50 * radius))
    image[-10 * radius :, : 10 * radius] += large.image
    found = detect_auto(image.clip(0).astype(np.uint16)).points
    assert (found[:, 0] > 40 * radius).sum() == 1


@needs_bbbc039
def test_a_crop_of_a_crowded_field_has_the_nuclei_that_the_field_has_there(fields):
    field = next(image for name, image in fields.items() if "_E05_s2_" in name)
    whole = detect_auto(field).points
    for left in (60, 100):
        found = detect_auto(field[:, left:]).points
        assert len(found) == pytest.approx(np.count_nonzero(whole[:, 1] >= left), rel=0.05)


@pytest.mark.parametrize("count", [(2, 3), (3, 3), (4, 5)])
@pytest.mark.parametrize("radius", [10, 25])
def test_a_small_crop_full_of_nuclei_is_not_blank(count, radius):
    rows, columns = count
    y, x = np.indices((2 * radius * rows, 2 * radius * columns))
    off = np.hypot(y % (2 * radius) - radius + 0.5, x % (2 * radius) - radius + 0.5) / radius
    image = 100 + 400 * np.sqrt(np.clip(1.05 - off**2, 0.02, None))
    image = np.random.default_rng(36).normal(ndimage.gaussian_filter(image, 1), 6)
    assert len(detect_auto(image.astype(np.uint16)).points) == rows * columns


def test_the_blocks_that_jpeg_leaves_of_a_background_do_not_count():
    scene = make_scene(radius=10, count=30, shape=(352, 352), contrast=60, noise=0, seed=38)
    blocks = np.random.default_rng(38).random((44, 44)) < 0.2
    image = np.rint(scene.image) + 2 * np.kron(blocks, np.ones((8, 8)))
    found = detect_auto(image.astype(np.uint8))
    assert matched(found.points, scene) == len(scene.centres) == len(found.points)


@pytest.mark.parametrize("seed", range(3))
def test_nuclei_eight_pixels_across_are_found(seed):
    scene = make_scene(radius=3.6, count=120, shape=(260, 300), seed=40 + seed)
    found = detect_auto(scene.image.astype(np.uint16))
    assert abs(len(found.points) - len(scene.centres)) <= 1


@pytest.mark.parametrize("seed", range(44, 47))
def test_a_background_that_rises_by_more_than_a_nucleus_does_not_count(seed):
    scene = make_scene(radius=10, count=21, shape=(256, 256), seed=seed)
    image = scene.image + np.linspace(0, 900, 256)[:, None]
    found = detect_auto(image.astype(np.uint16))
    assert matched(found.points, scene) >= len(scene.centres) - 1
    assert len(found.points) <= len(scene.centres) + 2


def test_a_crowd_of_saturated_nuclei_is_not_blank():
    scene = make_scene(radius=12, count=80, shape=(230, 280), gap=0.97, seed=45)
    found = detect_auto(np.minimum(scene.image, 300).astype(np.uint16))
    assert len(found.points) == pytest.approx(len(scene.centres), rel=0.06)


def test_what_is_not_a_number_does_not_count(scene):
    image = scene.image.copy()
    image[100:102, 50:53] = np.nan
    image[7, 7] = np.inf
    assert abs(len(detect_auto(image).points) - len(scene.centres)) <= 1


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (1, 300), (300, 1), (2, 2), (7, 9)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, bool])
def test_tiny_images_have_an_answer(shape, dtype):
    image = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    found = detect_auto(image)
    inside = (found.points >= 0) & (found.points < np.maximum(shape, 1))
    assert inside.all()
    assert len(detect_auto(np.ones(shape, dtype)).points) == 0


def test_other_than_planes_of_numbers_are_refused():
    with pytest.raises(ValueError, match="two axes"):
        detect_auto(np.zeros((3, 4, 5)))
    with pytest.raises(TypeError, match="grey levels"):
        detect_auto(np.zeros((3, 4), complex))


def test_the_brightest_come_first_and_twice_is_the_same(scene):
    first, second = detect_auto(scene.image), detect_auto(scene.image)
    assert (np.diff(first.intensities) <= 0).all()
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.intensities, second.intensities)


def test_intensities_are_grey_levels_of_the_image(scene):
    levels = detect_auto(scene.image.astype(np.uint16))
    shifted = detect_auto(scene.image - 1000)
    np.testing.assert_allclose(shifted.intensities + 1000, levels.intensities, atol=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("radius", [3.5, 12, 47])
def test_every_instruction_set_finds_the_same_regions(dtype, radius):
    image = (make_scene(radius=12, count=70, shape=(331, 417), gap=0.9, seed=14).image / 3).astype(
        dtype
    )
    plain, *others = (find_regions(image, radius_px=radius, level=level) for level in levels())
    for other in others:
        for field in dataclasses.fields(plain):
            one, another = getattr(plain, field.name), getattr(other, field.name)
            assert np.array_equal(one, another), field.name


@pytest.mark.parametrize("seed", range(5))
def test_images_of_any_shape_give_the_same_at_every_instruction_set(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        shape = np.exp(rng.uniform(0, np.log(200), 2)).round().astype(int)
        y, x = np.indices(shape) / rng.uniform(3, 30)
        image = 99 * (np.sin(y) * np.sin(x) > rng.uniform(-1, 1)) + rng.normal(50, 3, shape)
        image = image.astype(rng.choice([np.uint8, np.uint16, np.float32]))
        look = {"radius_px": np.exp(rng.uniform(0, 4)), "smoothing": rng.uniform(0.1, 0.4)}
        plain, *others = (find_regions(image, **look, level=level) for level in levels())
        for other in others:
            assert np.array_equal(plain.y, other.y)
            assert np.array_equal(plain.intensity, other.intensity)
            assert plain.measure == other.measure


def test_more_nuclei_than_would_fit_if_they_were_typical_are_all_found():
    y, x = np.mgrid[:400, :500]
    image = 100 + 900 * ((y % 16 - 8) ** 2 + (x % 16 - 8) ** 2 < 25)
    image = np.random.default_rng(0).normal(image, 5).astype(np.uint16)
    regions = find_regions(image, radius_px=12, grid_radius_px=12)
    assert len(regions) == 25 * 31 > image.size / (np.pi * 12**2)


@pytest.mark.parametrize("radius", [4, 9])
def test_nuclei_are_found_up_to_every_edge(radius):
    image = np.full((203, 317), 100.0)
    y, x = np.mgrid[:203, :317]
    edges = [(0, 0), (0, 150), (0, 316), (100, 0), (100, 316), (202, 0), (202, 150), (202, 316)]
    for row, column in [*edges, (60, 90), (140, 220), (60, 220), (140, 90)]:
        image += 800 / (1 + np.exp((np.hypot(y - row, x - column) - radius) / 0.6))
    image = np.random.default_rng(0).normal(image, 5).astype(np.uint16)
    regions = find_regions(image, radius_px=radius)
    assert len(regions) == 12
    assert regions.touches_edge.sum() == 8


def test_the_instruction_set_of_the_environment_is_used_and_an_unknown_one_refused(monkeypatch):
    program = (
        "import numpy; from nucensus.detect.regions import find_regions; "
        "find_regions(numpy.ones((9, 9)), radius_px=3)"
    )
    for simd, code in (("baseline" if "baseline" in levels() else levels()[0], 0), ("mmx", 1)):
        monkeypatch.setenv("NUCENSUS_SIMD", simd)
        ended = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        assert ended.returncode == code
    assert "the instruction set level is 'mmx'" in ended.stderr


def test_the_order_of_the_pool_does_not_matter():
    seeds = range(6)
    estimates = [estimate(make_scene(radius=12, count=9 * seed, seed=seed).image) for seed in seeds]
    assert pool(estimates) == pool(estimates[::-1]) == pool(estimates[3:] + estimates[:3])
    assert pool(estimates).blank_count == 1
    with pytest.raises(ValueError, match="no estimates"):
        pool([])


def test_estimates_go_through_json(scene):
    one = estimate(scene.image)
    assert Estimate.from_dict(json.loads(json.dumps(one.as_dict()))) == one
    resolved = pool([one])
    assert Resolved.from_dict(json.loads(json.dumps(resolved.as_dict()))) == resolved


def test_a_field_that_is_odd_in_its_set_says_so(scene):
    resolved = pool([estimate(scene.image)])
    blank = make_scene(radius=12, count=0, seed=9).image
    # Haze: structure of the right size, but far dimmer than the set's nuclei, in the noise.
    haze = make_scene(radius=12, count=60, contrast=12, seed=10).image
    dim = make_scene(radius=12, count=60, contrast=40, noise=1, seed=11)
    few = make_scene(radius=12, count=3, seed=12)
    assert detect_auto(blank, resolved).flag == "blank"
    assert len(detect_auto(haze, resolved).points) == 0
    found = detect_auto(dim.image, resolved)
    assert found.flag == "disagrees"
    assert len(found.points) == len(dim.centres)
    assert detect_auto(few.image, resolved).flag == "sparse"
    assert detect_auto(scene.image, resolved).flag is None


@pytest.mark.parametrize(("count", "flag"), [(180, None), (224, "crowded")])
def test_a_field_of_which_nearly_half_is_nuclei_says_so(scene, count, flag):
    resolved = pool([estimate(scene.image)])
    crowd = make_scene(radius=12, count=count, gap=1.0, noise=5, seed=4)
    found = detect_auto(crowd.image, resolved)
    assert len(found.points) == len(crowd.centres) == count
    assert found.flag == flag


@pytest.mark.parametrize(
    ("look", "is_counted"),
    [
        ({"radius": 12, "count": 5, "noise": 1}, True),
        ({"radius": 12, "count": 4, "noise": 1}, False),
        ({"radius": 9, "count": 25, "noise": 1}, True),
        ({"radius": 16, "count": 25, "noise": 1}, True),
        ({"radius": 7, "count": 25, "noise": 1}, False),
        ({"radius": 20, "count": 25, "noise": 1}, False),
        ({"radius": 12, "count": 25, "noise": 30}, False),
    ],
)
def test_a_dim_field_is_counted_by_its_own_contrast_if_it_clearly_shows_nuclei_of_the_set(
    scene, look, is_counted
):
    resolved = pool([estimate(scene.image)])
    dim = make_scene(contrast=40, seed=11, **look)
    found = detect_auto(dim.image, resolved)
    expected = (len(dim.centres), "disagrees") if is_counted else (0, "blank")
    assert (len(found.points), found.flag) == expected


def test_a_field_with_a_tenth_of_the_nuclei_of_the_set_is_not_odd(scene):
    resolved = pool([estimate(scene.image)])
    expected = resolved.density * scene.image.size
    for count, flag in ((4, "sparse"), (round(expected / 10), None)):
        few = make_scene(radius=12, count=count, seed=12)
        assert detect_auto(few.image, resolved).flag == flag
    corner = scene.image[:150, :200]  # where fewer than ten are expected, none is odd
    assert resolved.density * corner.size < 10
    assert detect_auto(corner, resolved).flag is None


def _blurred(image, times):
    for _ in range(times):
        image = (np.roll(image, 1, 0) + image + np.roll(image, -1, 0)) / 3
        image = (np.roll(image, 1, 1) + image + np.roll(image, -1, 1)) / 3
    return image


def test_a_field_out_of_focus_says_so(scene):
    resolved = pool([estimate(scene.image)])
    assert detect_auto(_blurred(scene.image, 60), resolved).flag == "out-of-focus"


@needs_bbbc039
def test_bbbc039_is_counted_without_parameters(fields):
    names = list(fields)
    sample = [names[i] for i in np.linspace(0, len(names) - 1, 32).round().astype(int)]
    resolved = pool([estimate(fields[name]) for name in sample])
    found = {name: detect_auto(image, resolved) for name, image in fields.items()}
    labels = {name: tifffile.imread(BBBC039 / "truth" / f"{name}.tif") for name in names}
    evaluation = evaluate(
        {name: score_against_labels(name, found[name].points, labels[name]) for name in names}
    )
    assert evaluation.f1.value >= 0.957
    assert evaluation.count_error.value <= 4.5
    blank = [one for name, one in found.items() if "_L01_s2" in name or "_F13_s7" in name]
    assert [one.flag for one in blank] == ["blank", "blank"]


@needs_bbbc039
@pytest.mark.parametrize("well", ["_L01_s2", "_F13_s7"])
def test_a_blank_field_of_bbbc039_is_blank_on_its_own(fields, well):
    image = next(image for name, image in fields.items() if well in name)
    assert len(detect_auto(image).points) <= 1


@needs_bbbc039
def test_bbbc039_is_the_same_in_any_units(fields):
    some = list(fields.values())[::4]
    resolved = pool([estimate(image) for image in some])
    spellings = {
        "uint16": lambda im: im,
        "uint8": lambda im: (im // 16).astype(np.uint8),
        "float": lambda im: im / 4095,
        "pedestal": lambda im: im + np.uint16(32768),
        "gain 4": lambda im: im * np.uint16(4),
        "gain 1/4": lambda im: im // np.uint16(4),
        "half": lambda im: im.reshape(260, 2, 348, 2).mean(axis=(1, 3)),
        "double": lambda im: np.kron(im, np.ones((2, 2), np.uint16)),
    }
    counts = {}
    for name, spell in spellings.items():
        images = [spell(image) for image in some]
        resolved = pool([estimate(image) for image in images])
        counts[name] = sum(len(detect_auto(image, resolved).points) for image in images)
    for name, count in counts.items():
        assert count == pytest.approx(counts["uint16"], rel=0.01), name
