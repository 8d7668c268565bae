"""Measure how the kernel scales with threads, and save every sample as JSON.

python benchmarks/threads.py -o threads.json [--images 24] [--repeat 5]

Threads share images in memory. Each finds the maxima of one image a call, or of
all its images in one call, in which it never waits for the interpreter.
"""

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kernel import PUBLISHED, nuclei
from nucensus import kernel
from nucensus.machine import facts, usable_cores


def one_by_one(images):
    """Call the kernel once for each image."""
    for image in images:
        kernel.find_maxima_many([image], threshold_abs=300, **PUBLISHED)


def all_at_once(images):
    """Call the kernel once for all images."""
    kernel.find_maxima_many(images, threshold_abs=300, **PUBLISHED)


def seconds(work, images, threads):
    """Return how long `threads` threads take over the images."""
    shares = [images[first::threads] for first in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one_by_one, [images[:1]] * threads))
        start = time.perf_counter()
        list(pool.map(work, shares))
        return time.perf_counter() - start


def main():
    """Measure one thread to as many as there are cores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("threads.json"))
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    images = [nuclei(seed=seed) for seed in range(args.images)]
    counts = range(1, usable_cores() + 1)
    works = (one_by_one, all_at_once)
    samples = {work.__name__: {threads: [] for threads in counts} for work in works}
    for _ in range(args.repeat):
        for work in works:
            for threads in counts:
                samples[work.__name__][threads].append(seconds(work, images, threads))
    for name, by_threads in samples.items():
        for threads, taken in by_threads.items():
            speed = args.images / statistics.median(taken)
            print(f"{name:12} {threads} threads {speed:7.0f} images/s")
    written = {"schema": 1, "machine": facts(), "images": args.images, "seconds": samples}
    args.output.write_text(json.dumps(written, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
