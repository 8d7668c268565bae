"""Synthetic fields: the same seed gives the same field, and the truth is true."""

import csv

import numpy as np
import pytest

import nucensus
from nucensus.bench.demo import SETTINGS, agreement
from nucensus.errors import InputError
from nucensus.values.synthetic import make_field, write_plate


def test_the_same_seed_gives_the_same_field():
    one, other, another = make_field(3), make_field(3), make_field(4)
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.centres, other.centres)
    assert not np.array_equal(one.image, another.image)


def test_a_field_looks_like_one_of_a_12_bit_camera():
    field = make_field(1)
    assert field.image.shape == (1024, 1280)
    assert field.image.dtype == np.uint16
    assert field.image.max() <= 4095
    assert len(field.centres) == 120


@pytest.mark.parametrize("background", [100, 400])
def test_the_noise_of_a_field_is_that_of_its_photons_and_of_a_camera_of_four_grey_levels(
    background,
):
    one, other = (
        make_field(seed, shape=(500, 500), nuclei=0, background=background).image.astype(float)
        for seed in (1, 2)
    )
    middle = slice(200, 300), slice(200, 300)
    noise = np.var(one[middle] - np.median(one[middle]))
    assert noise == pytest.approx(np.median(one[middle]) + 16, rel=0.05)
    assert np.corrcoef(one[middle].ravel(), other[middle].ravel())[0, 1] < 0.1


def test_nuclei_are_bright_where_the_truth_says():
    field = make_field(2)
    rows, columns = np.rint(field.centres).astype(int).T
    assert np.all(field.image[rows, columns] > 600)


def test_a_blank_field_has_no_nuclei_and_no_truth():
    field = make_field(5, nuclei=0)
    assert field.centres.shape == (0, 2)
    assert field.image.max() < 400


def test_a_plate_has_its_truth_a_blank_field_and_a_damaged_file(tmp_path):
    paths = write_plate(tmp_path, fields=6)
    assert len(paths) == 7
    with open(tmp_path / "truth.csv", newline="") as file:
        named = {row["image"] for row in csv.DictReader(file)}
    assert named == {path.name for path in paths[:5]}
    run = nucensus.census(tmp_path, settings=SETTINGS)
    assert run.failures["image"].tolist() == [paths[-1].name]
    found = agreement(run, tmp_path / "truth.csv")
    assert found.hits > 0.97 * found.known
    assert found.found - found.hits < 0.02 * found.known


def test_more_nuclei_than_there_is_room_for_are_refused():
    with pytest.raises(InputError, match="120 nuclei of radius 11 px do not fit into 120 x 160"):
        make_field(1, shape=(120, 160), nuclei=120)


def test_nuclei_keep_their_distance_but_for_those_that_touch():
    apart = make_field(1, touching=0.0, nuclei=60).centres
    distances = np.hypot(*(apart[:, None] - apart).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)
    assert distances.min() >= 2.4 * 11
    touching = make_field(1, touching=0.5, nuclei=60).centres
    near = np.hypot(*(touching[:, None] - touching).transpose(2, 0, 1))
    np.fill_diagonal(near, np.inf)
    assert 1.7 * 11 <= near.min() <= 1.95 * 11


def test_nuclei_lie_anywhere_in_the_image_and_nowhere_else():
    centres = np.concatenate([make_field(seed).centres for seed in range(8)])
    assert (centres >= 0).all()
    assert (centres <= (1023, 1279)).all()
    low, high = centres.min(axis=0), centres.max(axis=0)
    assert (low < 20).all()
    assert (high > (1003, 1259)).all()


def test_the_light_is_bright_near_the_middle_and_three_quarters_in_the_corners():
    image = np.mean([make_field(seed, nuclei=0, background=1000.0).image for seed in range(8)], 0)
    middle = image[482:542, 610:670].mean()
    assert middle == pytest.approx(1000, rel=0.03)
    for corner in (image[:40, :40], image[:40, -40:], image[-40:, :40], image[-40:, -40:]):
        assert corner.mean() / middle == pytest.approx(0.77, abs=0.08)


def test_a_nucleus_is_a_dome_of_the_given_radius_and_brightness():
    fields = [make_field(seed, shape=(90, 90), nuclei=1, radius_px=15.0, brightness=2000.0,
                         background=100.0) for seed in range(60)]  # fmt: skip
    inside = [(each.image - 100.0, each.centres[0]) for each in fields
              if (np.abs(each.centres[0] - 45) < 25).all()]  # fmt: skip
    assert len(inside) > 10
    areas, heights = [], []
    for image, (y, x) in inside:
        middle = image[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean()
        heights.append(middle)
        areas.append((image > 0.45 * middle).sum())
    assert np.sqrt(np.mean(areas) / np.pi) == pytest.approx(15, rel=0.06)
    assert np.mean(heights) == pytest.approx(0.95 * 2000, rel=0.08)
    assert 0.6 * 2000 < min(heights) < max(heights) < 1.25 * 2000


def test_sites_and_wells_of_a_plate_follow_each_other(tmp_path):
    names = [path.name for path in write_plate(tmp_path, fields=9, corrupt=False)]
    assert names[0] == "demo_A01_s1_w1.tif"
    assert names[3:5] == ["demo_A01_s4_w1.tif", "demo_A02_s1_w1.tif"]
    assert names[8] == "demo_A03_s1_w1.tif"
    with open(tmp_path / "truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * 120
    first = make_field(0).centres[0]
    assert (float(rows[0]["y"]), float(rows[0]["x"])) == pytest.approx(tuple(first), abs=0.006)


def test_a_plate_cannot_be_drawn_where_a_file_is(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(InputError, match=r"the folder .*b' cannot be made: Not a directory"):
        write_plate(tmp_path / "a" / "b", fields=1)
