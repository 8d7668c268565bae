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
