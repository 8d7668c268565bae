"""What is recorded of images together is what is recorded of each alone."""

import random
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from stated_runs import some_centres

from nucensus.store import RunWriter
from nucensus.store.packing import pack, pack_all
from nucensus.values import MEASURED, RUN_FILE, Centres, Failed, Found, ImageRef, Settings
from nucensus.values.pixel_size import PixelSize

NAMES = [f"{number}.tif" for number in range(24)]


def drawn_centres(rng):
    """Draw the nuclei of an image: of a plane or a volume, with or without what some have."""
    count = rng.choice((0, 0, 1, 7, 40))
    centres = some_centres(count, seed=rng.randrange(1000))
    numbers = np.random.default_rng(rng.randrange(1000))
    optional = {
        "contrasts": numbers.random(count), "confidences": numbers.random(count),
        "measured": np.zeros(count, MEASURED),
    }  # fmt: skip
    known = {name: values for name, values in optional.items() if rng.random() < 0.5}
    points = centres.points
    if rng.random() < 0.3:
        points = np.column_stack((np.arange(count), points))
    return Centres(points, centres.intensities, flag=rng.choice((None, "blank")), **known)


def drawn_outcome(rng):
    """Draw what may become of an image."""
    if rng.random() < 0.3:
        return Failed(rng.choice(("read", "detect", "worker")), "é", rng.choice((None, "c0ffee")))
    centres = drawn_centres(rng)
    shape = (9, 200, 200) if centres.points.shape[1] == 3 else (200, 200)
    size = rng.choice((PixelSize(), PixelSize(0.5, 0.5, 2.0, "odd"), PixelSize(y=1.0)))
    content, unmeasured = rng.choice((None, "c0ffee")), rng.choice(("", "why"))
    downsample = rng.choice(((1.0, 1.0), (2.0, 4.0)))
    return Found(centres, shape, "uint16", 1.23456, 2.0, content=content, pixel_size=size,
                 unmeasured=unmeasured, downsample=downsample)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_nuclei_packed_together_are_those_packed_alone(seed):
    rng = random.Random(seed)
    images = [drawn_centres(rng) for _ in range(12)]
    assert pack_all(images) == [pack(each) for each in images]
    assert pack_all(images[:1] * 3) == [pack(images[0])] * 3
    assert pack_all([]) == []


def rows_of(writer):
    """Return all that a run file holds of its images."""
    writer.commit()
    with closing(sqlite3.connect(writer.folder / RUN_FILE)) as database:
        return database.execute("SELECT * FROM journal ORDER BY key").fetchall()


def listed(folder):
    """Return a run whose images are listed."""
    writer = RunWriter(folder)
    writer.record_facts(settings=Settings.published().as_dict(), version="1")
    writer.plan([ImageRef(each, f"/in/{each}", 9, 9) for each in NAMES])
    return writer


@pytest.mark.parametrize("seed", range(12))
def test_of_earlier_outcomes_nothing_stays_however_many_are_recorded_together(tmp_path, seed):
    rng = random.Random(seed)
    keys = range(1, len(NAMES) + 1)
    rounds = [
        [(key, drawn_outcome(rng), rng.choice((None, "digest"))) for key in keys]
        for _ in range(3)
    ]  # fmt: skip
    stopped = rng.randrange(3)
    with listed(tmp_path / "last") as alone:
        for each in rounds[-1]:
            alone.record_all([each])
        expected = rows_of(alone)
    writer = listed(tmp_path / "all")
    for number, outcomes in enumerate(rounds):
        if number == stopped:  # another process carries the run on
            writer.__exit__(None, None, None)
            writer = RunWriter(tmp_path / "all")
        writer.redo(keys)
        while outcomes:
            together = rng.randrange(1, 9)
            writer.record_all(outcomes[:together])
            del outcomes[:together]
    with writer:
        assert rows_of(writer) == expected
