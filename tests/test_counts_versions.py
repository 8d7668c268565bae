"""A version of the counts stays as it is; only a new one counts otherwise."""

import csv
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from expected_values import draw_images
from scenes import (
    draw_lobed,
    draw_nucleoli,
    draw_nucleus,
    draw_section,
    draw_spotted,
    draw_stained,
    make_scene,
    matched,
)

from nucensus import Settings, census, find_nuclei
from nucensus.detect import automatic, detector_names, estimate, pool, weights
from nucensus.detect.estimate_image import likely_contrast
from nucensus.detect.evidence import among, beside_others, by_itself, least_confidence
from nucensus.detect.regions import find_regions
from nucensus.detect.rules import NEWEST, VERSIONS

COUNTS = Path(__file__).parent / "expected" / "counts.csv"
"""Counts of drawn images; `python tests/test_counts_versions.py` adds those of a new version."""


def counts_of(version):
    settings = Settings(f"auto@{version}")
    return {name: str(len(find_nuclei(image, settings))) for name, image in draw_images().items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_goes_on_counting_what_it_counted(version):
    with COUNTS.open(newline="") as file:
        expected = {row["image"]: row[f"auto@{version}"] for row in csv.DictReader(file)}
    assert counts_of(version) == expected


def test_what_was_learned_weighs_in_a_version_as_it_did():
    learned = (weights.BY_ITSELF, weights.BESIDE_OTHERS, (weights.COMMON,), weights.UNION)
    sums = [np.dot(each, np.sqrt(np.arange(1, len(each) + 1))) for each in learned]
    known = {2: (-122.8752, -55.8249, 0.8898, 47.0541)}  # of others the counts are a new version
    assert sums == pytest.approx(known[NEWEST], abs=1e-4)


def test_auto_is_the_newest_version_and_the_only_one_to_choose_by_looking():
    image = draw_section(seed=2).image
    newest = find_nuclei(image, Settings(f"auto@{NEWEST}"))
    assert np.array_equal(find_nuclei(image).points, newest.points)
    assert len(find_nuclei(image, Settings("auto@1"))) != len(newest)
    assert not any("@" in name for name in detector_names())


def test_a_section_full_of_nuclei_that_touch_is_not_counted_by_its_grain():
    for seed in range(3):
        section = draw_section(seed=seed)
        assert len(find_nuclei(section.image)) == pytest.approx(len(section.centres), rel=0.1)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_section_of_which_a_few_nuclei_stand_out_is_learned_from_all_of_them(seed):
    section, rng = draw_section(seed=seed), np.random.default_rng(seed)
    light, (y, x) = section.image - section.image.min(), np.indices(section.image.shape)
    for at in section.centres[rng.choice(len(section.centres), 6)]:
        light[np.hypot(y - at[0], x - at[1]) < 6] *= 2.5
    image = rng.poisson(light * 120 / light.max())
    assert estimate(image).radius_px == pytest.approx(section.radius, rel=0.1)
    points = find_nuclei(image).points
    assert matched(points, section) > 0.97 * len(section.centres)
    assert len(points) < 1.15 * len(section.centres)  # of some only an edge is in the image


def test_the_spots_of_few_large_nuclei_do_not_count():
    spotted = draw_spotted(seed=1)
    assert len(find_nuclei(spotted.image)) == len(spotted.centres)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("depth", [0.5, 0.8])
@pytest.mark.parametrize("radius", [10, 18, 30])
def test_dark_nucleoli_do_not_divide_a_nucleus(radius, depth, dtype):
    scene = draw_nucleoli(seed=radius, radius=radius, depth=depth, dtype=dtype)
    found = find_nuclei(scene.image)
    assert len(found) == pytest.approx(len(scene.centres), abs=2)
    assert matched(found.points, scene) >= len(scene.centres) - 1


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_nucleoli_do_not_divide_the_nuclei_of_a_small_field_either(seed):
    scene = draw_nucleoli(seed=seed, radius=20, depth=0.8, dtype=np.uint8, count=12)
    assert len(find_nuclei(scene.image)) == len(scene.centres)


@pytest.mark.parametrize("share", [0.1, 0.15, 0.25, 0.35])
def test_stain_in_the_body_of_cells_does_not_count(share):
    for seed in range(3):
        scene = draw_stained(seed, share=share)
        found = find_nuclei(scene.image)
        assert len(found) == len(scene.centres)
        assert matched(found.points, scene) >= len(scene.centres) - 1
        assert found.confidences.min() > 0.5


@pytest.mark.parametrize(
    ("share", "radius", "seed"), [(0.3, 14, 8), (0.35, 10, 1), (0.4, 10, 2), (0.45, 14, 9)]
)
def test_a_piece_of_a_cell_that_a_nucleus_beside_it_outshines_does_not_count(share, radius, seed):
    scene = draw_stained(seed, share=share, radius=radius)
    assert len(find_nuclei(scene.image)) == len(scene.centres)


@pytest.mark.parametrize(("away", "contrast"), [(28, 1000), (60, 400)])
def test_what_a_nucleus_beside_it_outshines_does_not_tell_the_contrast(away, contrast):
    y, x = np.indices((480, 480))
    image = np.zeros(y.shape)
    for at in product((80, 240, 400), repeat=2):
        image[(y - at[0]) ** 2 + (x - at[1]) ** 2 < 12**2] = 1000
        for down, across in ((away, 0), (0, away), (0, -away)):
            image[(y - at[0] - down) ** 2 + (x - at[1] - across) ** 2 < 9**2] = 400
    regions = find_regions(image, radius_px=12)
    assert len(regions) == 36
    found = likely_contrast(regions, 12, np.ones(len(regions)))
    assert found == pytest.approx(contrast, rel=0.1)


@pytest.mark.parametrize("seed", [1, 3, 5, 8])
def test_fragments_between_nuclei_do_not_count(seed):
    scene, rng = make_scene(radius=20, count=16, seed=seed, gap=1.4), np.random.default_rng(seed)
    image = scene.image.copy()
    for near in rng.uniform(0, scene.image.shape, (8, 2)):
        for _ in range(4):
            at = np.clip(near + rng.normal(0, 14, 2), 10, 390)
            draw_nucleus(image, at, 5.6, 250, 0, rng)
    assert (
        len(find_nuclei(image)) == len(scene.centres) < len(find_nuclei(image, Settings("auto@1")))
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_lobes_of_nuclei_that_came_apart_count_in_a_set_of_whole_ones_and_the_field_says_so(
    seed,
):
    scene, whole = draw_lobed(seed), make_scene(radius=16, count=40, shape=(640, 700), seed=seed)
    resolved = pool([estimate(whole.image)])
    assert len(find_nuclei(whole.image, resolved=resolved)) == len(whole.centres)
    found = find_nuclei(scene.image, resolved=resolved)
    assert found.flag == "fragments"
    assert 0.9 * len(scene.centres) < len(found) <= len(scene.centres)
    assert matched(found.points, scene) > 0.9 * len(scene.centres)


def mixed_set():
    return [
        make_scene(radius=radius, count=20, shape=(300, 320), seed=seed, gap=1.05)
        for seed, radius in enumerate([6, 6, 6, 6, 20, 20])
    ]


def test_images_of_a_set_with_nuclei_of_several_sizes_are_counted_each_by_itself():
    scenes = mixed_set()
    learned = pool([estimate(scene.image) for scene in scenes])
    assert learned.size_count == 2
    for scene in scenes:
        found = find_nuclei(scene.image, resolved=learned).points
        assert np.array_equal(found, find_nuclei(scene.image).points)
        assert len(found) == pytest.approx(len(scene.centres), abs=1)


def test_the_first_version_still_counts_them_by_what_the_set_shows():
    scenes, first = mixed_set(), Settings("auto@1")
    learned = pool([estimate(scene.image) for scene in scenes])
    alone = [find_nuclei(scene.image, first).points.tolist() for scene in scenes]
    assert [find_nuclei(s.image, first, learned).points.tolist() for s in scenes] != alone


def test_one_odd_image_or_a_field_of_few_nuclei_makes_no_second_size():
    small = [estimate(scene.image) for scene in mixed_set()[:4]]
    large = estimate(mixed_set()[4].image)
    assert pool([*small, large]).size_count == 1
    assert pool([*small, *[replace(large, count=4)] * 3]).size_count == 1


def test_images_of_a_set_that_are_unlike_in_brightness_are_counted_each_by_itself():
    scenes = [
        make_scene(radius=10, count=20, shape=(300, 320), seed=seed, gap=1.05).image * light
        for seed, light in enumerate([1, 1, 1, 0.05, 0.05, 0.05])
    ]
    learned = pool([estimate(scene) for scene in scenes])
    assert learned.is_mixed
    assert learned.size_count == 1
    assert [len(find_nuclei(scene, resolved=learned)) for scene in scenes] == [20] * 6
    assert not pool([estimate(scene) for scene in scenes[:4]]).is_mixed  # one odd image


def estimates_of_few(radii, contrasts):
    one = estimate(make_scene(radius=10, count=4, shape=(200, 220), gap=1.4).image)
    return [
        replace(one, radius_px=radius, contrast=contrast, count=2 + number % 3)
        for number, (radius, contrast) in enumerate(zip(radii, contrasts, strict=True))
    ]


def test_images_of_few_nuclei_each_are_a_mixed_set_where_most_are_of_another_size():
    radii = np.geomspace(6, 40, 8)
    assert pool(estimates_of_few(radii, [400] * 8)).is_mixed
    assert pool(estimates_of_few([10] * 8, 10 * radii**2)).is_mixed


def test_images_of_debris_do_not_make_a_set_of_few_nuclei_mixed():
    radii = [3, 3, 3, *np.linspace(18, 22, 6)]
    contrasts = [3000, 3000, 3000, *np.linspace(300, 500, 6)]
    assert not pool(estimates_of_few(radii, contrasts)).is_mixed


def test_a_run_says_that_sizes_are_mixed(tmp_path):
    for number, scene in enumerate(mixed_set()):
        tifffile.imwrite(tmp_path / f"{number}.tif", scene.image.astype(np.uint16))
    notes = []
    run = census(tmp_path, on_learned=lambda learned: notes.extend(learned.notes()))
    assert any("have 2 sizes, clearly apart" in note for note in notes)
    alone = [len(find_nuclei(tifffile.imread(path))) for path in sorted(tmp_path.glob("*.tif"))]
    assert run.images["count"].tolist() == alone


def test_evidence_is_a_number_from_0_to_1_for_every_region():
    regions = find_regions(draw_images()["hazy"], radius_px=8)
    for likely in (by_itself(regions, 8), beside_others(regions, 8, 1500)):
        assert likely.shape == (len(regions),)
        assert 0 <= likely.min() < 0.5 < np.median(likely) <= 1


def test_the_fewer_regions_of_an_image_look_like_nuclei_the_less_likely_each_is():
    few, many = (among(np.array([0.3] + 30 * [other]))[0] for other in (0.2, 1.0))
    assert few < 0.1 < many == 0.3


def test_the_more_regions_are_something_else_the_surer_a_nucleus_has_to_be():
    nuclei, stain = np.full(20, 0.99), np.full(10, 0.2)
    assert least_confidence(nuclei) == least_confidence(np.append(nuclei, stain[:1])) == 0.05
    assert least_confidence(np.append(nuclei, stain)) > 0.3
    assert least_confidence(np.append(nuclei[:10], stain)) > 0.4
    assert least_confidence(np.full(20, 0.6)) == 0.05  # unlike all that were learned from


def test_an_image_is_looked_at_once_even_if_it_is_blank(monkeypatch):
    monkeypatch.setattr(automatic, "estimate_levels", lambda *_: pytest.fail("looked at again"))
    assert find_nuclei(np.full((60, 60), 7, np.uint8)).flag == "blank"


def test_only_versions_that_say_how_likely_nuclei_are_say_so_of_none():
    blank = np.full((60, 60), 7, np.uint8)
    assert find_nuclei(blank).confidences.tolist() == []
    assert find_nuclei(blank, Settings("auto@1")).confidences is None


def test_a_set_that_seemed_blank_is_looked_at_again_image_by_image():
    image, blank = draw_images()["sparse"], np.full((60, 60), 7, np.uint8)
    learned = pool([estimate(blank)])
    assert len(find_nuclei(image, resolved=learned)) == len(find_nuclei(image))


def _write():
    columns = {f"auto@{version}": counts_of(version) for version in VERSIONS}
    with COUNTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", *columns])
        writer.writerows(
            [name, *(each[name] for each in columns.values())] for name in draw_images()
        )


if __name__ == "__main__":
    _write()
