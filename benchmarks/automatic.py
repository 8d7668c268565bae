"""Measure the detector without parameters against the published one, by the size of the nuclei.

python benchmarks/automatic.py [-o automatic.json] [--radii 4,5,6] [--shares 0.04,0.25]

Fields of 1024 x 1280 pixels are drawn with nuclei of one radius that cover a share of the image.
The published detector gets the sigma, the spacing and the threshold that suit them; what the set
looks like is learned beforehand, as once for a plate. The two take turns on every image; only
ratios of one run mean something.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from kernel import machine_facts
from nucensus import detect_nuclei
from nucensus.detect.automatic import detect_auto
from nucensus.detect.estimate_image import estimate, pool
from nucensus.values.synthetic import make_field

RADII = (4, 5, 6, 7, 9, 11, 14, 20)
SHARES = (0.04, 0.25)
SHAPE = (1024, 1280)
THRESHOLD = 600


def draw(radius, share, seed):
    """Return a field in which nuclei of `radius` pixels cover `share`."""
    count = round(share * SHAPE[0] * SHAPE[1] / (np.pi * radius**2))
    tile = (SHAPE[0] // 4, SHAPE[1] // 4)  # placing thousands of nuclei at once takes minutes
    if count < 600:
        return make_field(seed, shape=SHAPE, nuclei=count, radius_px=radius).image
    tiles = [
        make_field(seed * 16 + i, shape=tile, nuclei=count // 16, radius_px=radius).image
        for i in range(16)
    ]
    return np.block([tiles[i : i + 4] for i in range(0, 16, 4)])


def competitors(radius, images):
    """Return name -> function of an image."""
    sigma, spacing = 0.6 * radius, max(1, round(0.6 * radius))
    resolved = pool([estimate(image) for image in images])
    return {
        "auto": lambda image: detect_auto(image, resolved).points,
        "published": lambda image: detect_nuclei(
            image, sigma=sigma, min_distance=spacing, threshold_abs=THRESHOLD
        ),
    }


def measure(images, runs, repeat):
    """Return the samples of every competitor in seconds, and how many nuclei it finds."""
    seconds = {name: [] for name in runs}
    found = {name: sum(len(run(image)) for image in images) for name, run in runs.items()}
    for _ in range(repeat):
        for image in images:
            for name, run in runs.items():
                start = time.perf_counter()
                run(image)
                seconds[name].append(time.perf_counter() - start)
    return seconds, found


def numbers(kind):
    """Return a parser of numbers with commas between them."""
    return lambda text: tuple(kind(part) for part in text.split(","))


def main():
    """Measure all sizes, print the ratios and save the samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--radii", type=numbers(float), default=RADII)
    parser.add_argument("--shares", type=numbers(float), default=SHARES)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=9)
    args = parser.parse_args()
    results = []
    print("radius  share    auto ms  published ms  ratio   found by both")
    for radius in args.radii:
        for share in args.shares:
            images = [draw(radius, share, seed) for seed in range(args.images)]
            runs = competitors(radius, images)
            seconds, found = measure(images, runs, args.repeat)
            auto, published = (1000 * np.median(seconds[name]) for name in runs)
            print(
                f"{radius:6g} {share:6g} {auto:10.2f} {published:13.2f} {auto / published:6.2f}   "
                f"{found['auto']} {found['published']}",
                flush=True,
            )
            case = {"radius_px": radius, "share": share, "images": len(images), "found": found}
            results.append({**case, "seconds": seconds})
    if args.output:
        written = {"schema": 1, "machine": machine_facts(), "cases": results}
        args.output.write_text(json.dumps(written, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
