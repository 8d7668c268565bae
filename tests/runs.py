"""Runs for the tests of what shows them, made without counting thousands of images."""

import sqlite3

import numpy as np
import tifffile

from nucensus import Run, Settings
from nucensus.detect import find_nuclei
from nucensus.store import RunWriter
from nucensus.values import Failed, Found, ImageRef
from nucensus.values.synthetic import make_field

SETTINGS = Settings(threshold=600, border="keep")


def write_fields(folder, *, count=4, shape=(300, 400), nuclei=24):
    """Write `count` synthetic images and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"field_{number:02d}.tif" for number in range(count)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, make_field(number, shape=shape, nuclei=nuclei).image)
    return paths


def write_run(folder, images, *, rows=8, columns=12, sites=2, settings=SETTINGS):
    """Write a run of a plate whose fields are `images` in turn.

    H12 has no image, C03 failed, D04 half failed, B02 is empty of nuclei and
    G07 stands out.
    """
    found = [_found(path, settings) for path in images]
    wells = [
        (f"{chr(65 + row)}{column + 1:02d}", site + 1)
        for row in range(rows)
        for column in range(columns)
        for site in range(sites)
        if (row, column) != (rows - 1, columns - 1)
    ]
    with RunWriter(folder) as writer:
        _fill(writer, images, found, wells, settings)
    place_on_plate(folder, wells)
    return Run(folder)


def _fill(writer, images, found, wells, settings):
    writer.record_facts(
        version="0.1.0",
        settings=settings.as_dict(),
        strategy={"name": "threads", "workers": 2, "reason": "2 workers share the work"},
        machine={"processor": "a processor"},
        started=1_790_000_000.0,
        seconds=12.5,
        starts=[{"started": 1_790_000_000.0, "seconds": 12.5, "images": len(wells)}],
    )
    names = [f"plate1_{well}_s{site}.tif" for well, site in wells]
    paths = [str(images[i % len(images)]) for i in range(len(names))]
    writer.plan(ImageRef(name, path) for name, path in zip(names, paths, strict=True))
    rng = np.random.default_rng(0)
    for index, ((well, site), (image_id, *_)) in enumerate(
        zip(wells, list(writer.pending()), strict=True)
    ):
        outcome = _vary(found[index % len(found)], rng.uniform(0.8, 1))
        if well == "B02":
            outcome = _vary(outcome, 0)
        if well == "G07":
            outcome = _vary(outcome, 0.15)
        if well == "C03" or (well == "D04" and site == 1):
            outcome = Failed("read", "the file is empty (0 bytes); copy it again from its source")
        writer.record_all([(image_id, outcome, None)])
    writer.commit()


def place_on_plate(folder, wells):
    """Write plate, well, site and flag into a run file."""
    database = sqlite3.connect(folder / "run.sqlite")
    rows = [
        ("plate1", well, site, {"B02": "blank", "E05": "saturated"}.get(well), image_id)
        for image_id, (well, site) in enumerate(wells, 1)
    ]
    database.executemany("UPDATE journal SET plate=?, well=?, site=?, flag=? WHERE key=?", rows)
    database.commit()
    database.close()


def _found(path, settings):
    image = tifffile.imread(path)
    return Found(find_nuclei(image, settings), image.shape, str(image.dtype), 1.0, 2.0)


def _vary(found, part):
    """Return `found` with that part of its nuclei."""
    count = round(part * len(found.centres))
    centres = type(found.centres)(found.centres.points[:count], found.centres.intensities[:count])
    return Found(centres, found.shape, found.dtype, found.read_ms, found.detect_ms)
