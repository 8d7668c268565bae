"""One large image: how long reading it takes, and finding its nuclei, part by part and whole.

    python benchmarks/large.py FOLDER [--side 30000] [--repeat 3] [--kinds raw zstd czi sparse]
                               [--pairs 5]

Draws a large image in FOLDER (uint16; raw in strips; zstd, LZW or deflate in tiles of 512; a CZI
mosaic of uncompressed tiles of 2000 that overlap by 200, by the writer of the tests; or an OME-Zarr
of 50,000 pixels a side of which 16 chunks are written), and takes the time of the wall and the
processor, and the peak of the memory, of a process that reads it part by part, and of others that
find the nuclei by the published detector, or by the one without parameters, in parts or whole.
With `--pairs` it only compares reading with the published detector, in pairs in one process.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

import numpy as np
import tifffile

from nucensus import Settings, find_nuclei
from nucensus.detect import estimate, find_nuclei_in_parts, pool
from nucensus.detect.walk import walk
from nucensus.machine import usable_cores
from nucensus.read import open_in_parts, read
from nucensus.values import Plane
from nucensus.values.synthetic import make_field

SETTINGS = Settings("maxima", sigma=4, min_distance=6, threshold=600)
BAND, SPARSE_SIDE, CHUNK, WRITTEN = 1000, 50_000, 1024, 16
MOSAIC_TILE, OVERLAP = 2000, 200
CODECS = {"zstd": "zstd", "lzw": "lzw", "deflate": "adobe_deflate"}
TESTS = Path(__file__).parents[1] / "tests"


def draw(kind, folder, side):
    """Write an image of that kind, unless it is there; return where it is."""
    name = {"sparse": "sparse.zarr", "czi": f"mosaic-{side}.czi"}.get(kind, f"{kind}-{side}.tif")
    path = folder / name
    if path.exists():
        return path
    if kind == "sparse":
        return _draw_sparse(path)
    field = make_field(1, shape=(BAND, BAND), nuclei=150, radius_px=9).image
    band = np.tile(field, (1, side // BAND))
    image = np.lib.format.open_memmap(folder / "whole.npy", "w+", np.uint16, (side, side))
    for number in range(side // BAND):
        image[number * BAND : (number + 1) * BAND] = np.roll(band, 37 * number, axis=1)
    if kind == "czi":
        _write_mosaic(path, image)
    else:
        options = {"tile": (512, 512), "compression": CODECS[kind]} if kind in CODECS else {}
        tifffile.imwrite(path, image, bigtiff=True, metadata=None, **options)
    (folder / "whole.npy").unlink()
    return path


def _write_mosaic(path, image):
    sys.path.insert(0, str(TESTS))
    from formats import write_czi

    corners = range(0, len(image) - OVERLAP, MOSAIC_TILE - OVERLAP)
    places = [(y, x) for y in corners for x in corners]
    write_czi(path, (
        ({"M": number, "Y": y, "X": x, "C": 0}, image[y : y + MOSAIC_TILE, x : x + MOSAIC_TILE])
        for number, (y, x) in enumerate(places)
    ))  # fmt: skip


def _draw_sparse(path):
    import zarr

    axes = [{"name": axis, "type": "space"} for axis in "yx"]
    scale = {"type": "scale", "scale": [1, 1]}
    levels = [{"path": "0", "coordinateTransformations": [scale]}]
    group = zarr.open_group(
        path,
        mode="w",
        zarr_format=2,
        attributes={"multiscales": [{"axes": axes, "datasets": levels}]},
    )
    array = group.create_array(
        "0", shape=(SPARSE_SIDE,) * 2, chunks=(CHUNK,) * 2, dtype="u2", fill_value=0
    )
    field = make_field(1, shape=(CHUNK, CHUNK), nuclei=150, radius_px=9).image
    for row, column in np.random.default_rng(0).integers(0, SPARSE_SIDE // CHUNK, (WRITTEN, 2)):
        top, left = row * CHUNK, column * CHUNK
        array[top : top + CHUNK, left : left + CHUNK] = field
    return path


def read_parts(path):
    """Read all parts; return how many pixels there are."""
    with open_in_parts(path, Plane()) as image:
        sizes = walk(
            image.parts, lambda piece: piece.own.size, reach=(0, 0), threads=usable_cores()
        )
        return sum(sizes)


def find_parts(path):
    """Return how many nuclei there are, part by part."""
    with open_in_parts(path, Plane()) as image:
        return len(find_nuclei_in_parts(image.parts, SETTINGS, threads=usable_cores()))


def find_whole(path):
    """Return how many nuclei there are in the undivided image."""
    return len(find_nuclei(read(path), SETTINGS))


def find_parts_without_parameters(path):
    """Return the same of the detector without parameters."""
    with open_in_parts(path, Plane()) as image:
        return len(find_nuclei_in_parts(image.parts, Settings(), threads=usable_cores()))


def find_parts_of_a_set(path):
    """Return the same where it is known what the nuclei look like, as in a run."""
    looks = pool([estimate(make_field(1, shape=(BAND, BAND), nuclei=150, radius_px=9).image)])
    with open_in_parts(path, Plane()) as image:
        return len(find_nuclei_in_parts(image.parts, Settings(), looks, threads=usable_cores()))


def find_whole_without_parameters(path):
    """Return how many it finds in the undivided image."""
    return len(find_nuclei(read(path)))


WAYS = {
    "read in parts": read_parts,
    "maxima in parts": find_parts,
    "maxima whole": find_whole,
    "auto in parts": find_parts_without_parameters,
    "auto of a set": find_parts_of_a_set,
    "auto whole": find_whole_without_parameters,
}


def measure(way, path, results):
    """Send what it takes, in this process."""
    start, cpu = time.perf_counter(), time.process_time()
    found = WAYS[way](path)
    seconds = time.perf_counter() - start, time.process_time() - cpu
    results.put((found, *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def compare(path, pairs):
    """Print how many times as long as reading it takes to find: of pairs the least of each."""
    taken = []
    for _ in range(pairs):
        times = []
        for way in read_parts, find_parts:
            wall, cpu = time.perf_counter(), time.process_time()
            way(path)
            times += time.process_time() - cpu, time.perf_counter() - wall
        taken.append(times)
    cpu, wall, finding_cpu, finding_wall = (min(each) for each in zip(*taken, strict=True))
    print(
        f"{path.stem}: {finding_cpu:.2f} s for {cpu:.2f} s of reading, {finding_cpu / cpu:.2f}; "
        f"by the clock {finding_wall:.2f} s for {wall:.2f} s, {finding_wall / wall:.2f}"
    )


def main():
    """Measure and print a table; of each way the shortest time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=30_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=["raw", "zstd", "czi", "sparse"])
    parser.add_argument("--ways", nargs="*", choices=list(WAYS))
    parser.add_argument("--pairs", type=int, default=0)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for kind in arguments.kinds:
        drawing = context.Process(target=draw, args=(kind, arguments.folder, arguments.side))
        drawing.start()  # whose memory is not that of what is measured
        drawing.join()
        path = draw(kind, arguments.folder, arguments.side)
        if arguments.pairs:
            compare(path, arguments.pairs)
            continue
        ways = [way for way in WAYS if kind != "sparse" or "whole" not in way]  # which takes 5 GB
        for way in ways:
            if arguments.ways and way not in arguments.ways:
                continue
            taken = []
            for _ in range(arguments.repeat):
                results = context.Queue()
                process = context.Process(target=measure, args=(way, path, results))
                process.start()
                taken.append(results.get())
                process.join()
            found, wall, cpu, megabytes = (min(each) for each in zip(*taken, strict=True))
            print(
                f"{kind:<7} {way:<16} {found:>13,} {wall:7.2f} s {cpu:7.2f} s CPU "
                f"{megabytes:6.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
