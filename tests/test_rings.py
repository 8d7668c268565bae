"""Rings around nuclei have one radius for a detector, wherever they are drawn."""

from dataclasses import replace

import numpy as np
import pytest
from runs import write_fields

import nucensus
from nucensus import Settings
from nucensus.detect import BLANK, ring_radius
from nucensus.tune import Session
from nucensus.values import ImageRef

LOG_PX = 7 * np.sqrt(2)
"""Of the mean of the scales 4 and 10, which is a disc of that radius."""

RADII = [
    (Settings(), 12),
    (Settings.published(), 12),
    (Settings("maxima", 1, 6, 300), 4),
    (Settings("maxima", (2, 5), 6, 300), 15),
    (Settings("log", (4, 10), 6, 100), LOG_PX),
    (Settings("log", 5, 6, 100), 5 * np.sqrt(2)),
]


@pytest.mark.parametrize(("settings", "radius_px"), RADII)
def test_a_ring_fits_the_nuclei_that_the_numbers_are_for(settings, radius_px):
    assert ring_radius(settings) == pytest.approx(radius_px)
    assert ring_radius(settings, [BLANK]) == pytest.approx(radius_px)


@pytest.mark.parametrize("settings", [Settings(), Settings("maxima"), Settings("log")])
def test_a_ring_lies_outside_the_largest_nuclei_that_were_learned(settings):
    learned = [replace(BLANK, radius_px=radius_px) for radius_px in (20, 8)]
    assert ring_radius(settings, learned) == pytest.approx(23)
    assert ring_radius(settings, [replace(BLANK, radius_px=2)]) == 4


@pytest.mark.parametrize("settings", [
    Settings(), Settings.published(), Settings("log", (4, 10), 6, 100), Settings(border="count"),
])  # fmt: skip
def test_a_run_and_the_tuner_ring_nuclei_alike(tmp_path, settings):
    paths = write_fields(tmp_path / "fields", count=2)
    references = [ImageRef(path.name, str(path)) for path in paths]
    session = Session([str(tmp_path / "fields")], references, settings)
    with nucensus.census(tmp_path / "fields", settings=settings) as run:
        assert run.ring_radius_px == session.ring_radius(0, settings)
        if settings.sigma == (4, 10):
            assert run.ring_radius_px == pytest.approx(LOG_PX)


def test_the_tuner_begins_with_the_rings_of_its_settings():
    session = Session(["fields"], [], Settings("log", (4, 10), 6, 100))
    assert session.start("log")["ring_px"] == pytest.approx(LOG_PX)


def test_a_merged_run_has_the_rings_of_its_shards(tmp_path):
    write_fields(tmp_path / "fields", count=3)
    shards = [tmp_path / str(index) for index in (1, 2)]
    for index, shard in enumerate(shards, 1):
        nucensus.census(tmp_path / "fields", shard, shard=nucensus.Shard(index, 2)).close()
    with nucensus.Run(shards[0]) as shard, nucensus.merge_runs(shards, tmp_path / "run") as run:
        assert run.ring_radius_px == shard.ring_radius_px != 12
