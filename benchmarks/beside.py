"""What a run takes beside its work: processor time of each part, in µs an image.

    python benchmarks/beside.py FOLDER [--images 10000 100000] [--nuclei 20] [--repeat 3]

A detector that another package registers finds the same nuclei in every image at once, so that
little is left of the work, which is to read a file of 8 kB and to look at its edges: it is measured
alone and taken off. All is done by one thread, and the least time of each part counts. FOLDER gets
small images, names of few files.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import growth

_DETECTOR = """
import numpy as np
from nucensus.detect.detector import Detector
from nucensus.values import Centres

PLACES = np.random.default_rng(0).choice(64 * 64, {nuclei}, replace=False)
FOUND = Centres(np.column_stack(np.divmod(PLACES, 64)), np.linspace(4000.5, 1000.25, {nuclei}))
DETECTOR = Detector(lambda *_: FOUND, summary="nothing", ring_px=lambda _: 12.0)
"""
_ABOUT = "Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n"
_ENTRY = "[nucensus.detectors]\nnothing = does_nothing:DETECTOR\n"


def register(folder, nuclei):
    """Write the detector that does nothing as a package that is installed in `folder`."""
    about = folder / "nothing-1.0.dist-info"
    about.mkdir()
    (folder / "does_nothing.py").write_text(_DETECTOR.format(nuclei=nuclei))
    (about / "METADATA").write_text(_ABOUT)
    (about / "entry_points.txt").write_text(_ENTRY)
    sys.path.insert(0, str(folder))


def least(function, repeat):
    """Return the least processor time of a function, and what it returned."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        value = function()
        times.append(time.process_time() - start)
    return min(times), value


def measure(small, repeat):
    """Yield the name and the seconds of each part, and of the whole."""
    from nucensus import Settings, census, find_nuclei
    from nucensus.discover import list_images
    from nucensus.export import write_sidecar, write_tables
    from nucensus.read import SUFFIXES, read
    from nucensus.store import RunWriter
    from nucensus.values import Selection

    settings = Settings("nothing", sigma=4, min_distance=6, threshold=1000)
    with tempfile.TemporaryDirectory(dir=small.parent) as folder:
        tables = Path(folder, "tables")
        tables.mkdir()

        def plan():
            with RunWriter(Path(folder, "planned"), overwrite=True) as writer:
                writer.plan(references)

        def count(images, out):
            return census(images, out, settings, strategy="list-disk", workers=1)

        outs = (Path(folder, f"run{number}") for number in range(repeat))
        count(next(small.rglob("*.tif")), Path(folder, "first"))  # imports what it needs
        whole, run = least(lambda: count(small, next(outs)), repeat)
        listing, references = least(
            lambda: list(list_images([small], SUFFIXES, Selection())), repeat
        )
        parts = {
            "find the files, understand their names": listing,
            "write them to the run file": least(plan, repeat)[0],
            "`nuclei.csv`, `images.csv`": least(lambda: write_tables(run, tables), repeat)[0],
            "`provenance.json`": least(lambda: write_sidecar(run, tables), repeat)[0],
        }
        work, _ = least(
            lambda: [len(find_nuclei(read(each.path), settings)) for each in references], repeat
        )
    beside = whole - work
    yield from parts.items()
    yield "the loop over images, records, commits", beside - sum(parts.values())
    yield "all", beside
    yield "beside the work, which takes", work


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000])
    parser.add_argument("--nuclei", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        register(Path(folder), arguments.nuclei)
        for images in arguments.images:
            small = arguments.folder / str(images) / "small"
            if not small.exists():
                growth.make_files(small, images, growth.small_image())
            for name, seconds in measure(small, arguments.repeat):
                print(f"{images:>9,} {name:<40} {1e6 * seconds / images:6.1f} us", flush=True)


if __name__ == "__main__":
    main()
