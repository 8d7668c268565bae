"""Run files for the tests: what they state is chosen here, not detected."""

import json
import sqlite3

import numpy as np

from nucensus.store import Run, RunWriter
from nucensus.values import RUN_FILE, Centres, Failed, Found, ImageRef, Settings

HARD_NAMES = (
    "plain.tif",
    "comma, and 'quote'.tif",
    'double "quotes".tif',
    "new\nline and\rreturn.tif",
    "sub/folder/back\\slash.tif",
    "emoji \U0001f52c µm.tif",
    "not UTF-8 \udce9\udcff.tif",
    "=1+1.tif",
    "../up/./100%.tif",
)
"""Names that files may have and that formats may not expect."""


def some_centres(count, *, seed=0, shape=(100, 120)):
    """Return `count` nuclei at different pixels, brightest first."""
    rng = np.random.default_rng(seed)
    pixels = rng.choice(shape[0] * shape[1], count, replace=False)
    points = np.column_stack(np.unravel_index(pixels, shape)).astype(np.int64)
    return Centres(points, np.sort(rng.uniform(1000, 4000, count))[::-1])


def write_run(folder, images, *, settings=None, **facts):
    """Write a run file and return the run.

    `images` maps names to `Centres`, `Failed`, None (pending), or a pair of
    one of these and the columns to state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with RunWriter(folder) as writer:
        writer.record_facts(
            settings=(settings or Settings.published()).as_dict(),
            **{
                "version": "0.1.0",
                "strategy": {"name": "threads", "workers": 2, "reason": "asked for"},
                "machine": {"processor": "made up", "cores": {"machine": 2}},
                "started": 1.7e9,
                "seconds": 0.25,
                **facts,
            },
        )
        mtime_ns = 1_600_000_000_123_456_789
        writer.plan(ImageRef(name, f"/data/{name}", 240, mtime_ns) for name in images)
        for key, outcome in enumerate(images.values(), start=1):
            _record(writer, key, outcome[0] if isinstance(outcome, tuple) else outcome)
        writer.commit()
    _state(folder / RUN_FILE, images)
    return Run(folder)


def _record(writer, key, outcome):
    if isinstance(outcome, Centres):
        outcome = Found(outcome, (100, 120), "uint16", 0.5, 1.5)
    if outcome is not None:
        writer.record_all([(key, outcome, None)])


def _state(path, images):
    database = sqlite3.connect(path)
    for number, stated in enumerate(images.values(), start=1):
        columns = stated[1] if isinstance(stated, tuple) else {}
        for name, value in columns.items():
            plain = json.dumps(value) if isinstance(value, dict) else value
            database.execute(f"UPDATE journal SET {name} = ? WHERE key = ?", (plain, number))
    database.commit()
    database.close()


_SIZE = {"pixel_y_um": 0.65, "pixel_x_um": 0.4}


def hard_run(folder):
    """Write a run whose names are hard; one image has no nuclei and one failed."""
    images = {
        name: (some_centres(number, seed=number), _SIZE if number % 2 else {})
        for number, name in enumerate(HARD_NAMES)
    }
    images["broken.tif"] = Failed("read", 'the file is "cut off",\nsee above')
    return write_run(folder, images)


def plate_run(folder):
    """Write a run of a plate: two wells of two sites, one of a single failure, treatments."""

    def where(plate, well, site, **extra):
        return {
            "plate": plate, "well": well, "site": site, "pixel_y_um": 0.5, "pixel_x_um": 0.5,
            "extra": extra or None,
        }  # fmt: skip

    return write_run(
        folder,
        {
            "a.tif": (some_centres(30, seed=1), where("P1", "A10", "1", compound="DMSO")),
            "b.tif": (
                some_centres(20, seed=2),
                where("P1", "A02", "1", compound="drug, 1", dose=3),
            ),
            "c.tif": (
                some_centres(10, seed=3),
                where("P1", "A02", "2", compound="drug, 1", dose=4),
            ),
            "d.tif": (Failed("read", "empty"), where("P1", "B01", "1")),
        },
    )
