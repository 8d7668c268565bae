"""Time every export of a large synthetic run against plain writing of the same rows.

    uv run --group exports python benchmarks/export.py FOLDER [--nuclei 10000000]

Each measurement is a fresh process: seconds and peak memory. The base of the
text formats is Python's csv.writer over tuples that are ready in memory, that of
Parquet is pyarrow writing a table that is ready in memory; neither reads
anything. Files are left in FOLDER.
"""

import argparse
import csv
import multiprocessing
import resource
import sqlite3
import time
from pathlib import Path

import numpy as np

from nucensus import Run, Settings, export_run
from nucensus.store import RunWriter
from nucensus.values import Centres, Found, ImageRef

NUCLEI_PER_IMAGE = 130
HEIGHT, WIDTH = 1024, 1280
PLAIN = {"plain csv": "csv", "plain parquet": "parquet"}
FORMATS = ("csv", "parquet", "geojson", "napari", "imagej", "labels", "anndata", "wells", "xlsx")


def make_run(folder, nuclei):
    """Write a run file of so many nuclei, on plates of 384 wells with 9 sites."""
    rng = np.random.default_rng(0)
    count = -(-nuclei // NUCLEI_PER_IMAGE)
    names = [f"P{n // 3456}/well{n // 9 % 384:03d}_s{n % 9 + 1}_w1.tif" for n in range(count)]
    changed_ns = 1_600_000_000_000_000_000
    with RunWriter(folder) as writer:
        writer.record_facts(settings=Settings().as_dict(), version="0.1.0", seconds=1.0)
        writer.plan(ImageRef(name, f"/data/{name}", 2621440, changed_ns) for name in names)
        for key in range(1, count + 1):
            pixels = rng.choice(HEIGHT * WIDTH, NUCLEI_PER_IMAGE, replace=False, shuffle=False)
            points = np.column_stack(np.unravel_index(pixels, (HEIGHT, WIDTH)))
            centres = Centres(points, np.sort(rng.uniform(1000, 4000, NUCLEI_PER_IMAGE))[::-1])
            found = Found(centres, (HEIGHT, WIDTH), "uint16", 1.0, 1.0)
            writer.record_all([(key, found, None)])
        writer.commit()
    with sqlite3.connect(folder / "run.sqlite") as database:
        database.execute(
            "UPDATE journal SET plate = substr(name, 1, instr(name, '/') - 1), "
            "well = substr(name, instr(name, '/') + 1, 7)"
        )


def clocks():
    """Return the time on the wall and of the processor, in seconds."""
    return time.perf_counter(), time.process_time()


def write_plainly(run, kind, folder):
    """Return the seconds that writing the rows takes when they are ready in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds = np.zeros(2)
    if kind == "csv":
        with open(folder / "nuclei.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for name, nuclei in run.nuclei_by_image():
                rows = [(name, *record) for record in nuclei.tolist()]
                start = np.array(clocks())
                writer.writerows(rows)
                seconds += np.array(clocks()) - start
        return seconds
    import pyarrow
    import pyarrow.parquet

    names, nuclei = zip(*run.nuclei_by_image(), strict=True)
    image = np.repeat(np.arange(len(names), dtype=np.int32), [len(each) for each in nuclei])
    joined = np.concatenate(nuclei)
    columns = {name: joined[name].copy() for name in ("y", "x", "intensity")}
    dictionary = pyarrow.DictionaryArray.from_arrays(image, list(names))
    table = pyarrow.table({"image": dictionary, **columns})
    images = run.images
    rows = pyarrow.table({name: images[name] for name in images.dtype.names})
    start = np.array(clocks())
    pyarrow.parquet.write_table(table, folder / "nuclei.parquet")
    pyarrow.parquet.write_table(rows, folder / "images.parquet")
    return np.array(clocks()) - start


def measure(folder, name, results):
    """Send seconds and peak megabytes of one export."""
    import pyarrow

    pyarrow.array([""])  # imports pandas where there is one, which takes its time
    run = Run(folder)
    out = folder / name.replace(" ", "-")
    if name in PLAIN:
        seconds = write_plainly(run, PLAIN[name], out)
    else:
        start = np.array(clocks())
        export_run(run, name, out)
        seconds = np.array(clocks()) - start
    results.put((*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nuclei", type=int, default=10_000_000)
    parser.add_argument("--formats", nargs="+", default=[*PLAIN, *FORMATS])
    arguments = parser.parse_args()
    if not (arguments.folder / "run.sqlite").exists():
        make_run(arguments.folder, arguments.nuclei)
    context = multiprocessing.get_context("spawn")
    for name in arguments.formats:
        results = context.Queue()
        process = context.Process(target=measure, args=(arguments.folder, name, results))
        process.start()
        seconds, cpu_seconds, megabytes = results.get()
        process.join()
        print(
            f"{name:<14} {seconds:8.2f} s {cpu_seconds:8.2f} s CPU {megabytes:8.0f} MB", flush=True
        )


if __name__ == "__main__":
    main()
