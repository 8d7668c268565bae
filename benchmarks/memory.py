"""Show that memory stays flat from ten images to a hundred thousand.

    python benchmarks/memory.py [FOLDER] [--counts 10 1000 100000]

Makes tiny images (links to sixteen files, so that the disk stays small), runs
`nucensus detect` over them in a process of its own, and prints its peak memory
and speed. The peak is that of the process, as the system accounts it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile


def make_images(folder: Path, count: int) -> None:
    """Fill `folder` with `count` images of 64 x 64."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(min(16, count)):
        image = rng.integers(0, 2000, (64, 64)).astype(np.uint16)
        tifffile.imwrite(folder / f"s{index}.tif", image)
    for index in range(16, count):
        os.link(folder / f"s{index % 16}.tif", folder / f"s{index}.tif")


def peak_and_seconds(folder: Path, out: Path) -> tuple[int, float]:
    """Run the command and return its peak memory in bytes, and its seconds."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "nucensus", "detect", folder, "-o", out, "--quiet"]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the run failed with status {status}")
    return usage.ru_maxrss * 1024, time.perf_counter() - start


def main() -> None:
    """Measure each count and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--counts", nargs="+", type=int, default=[10, 1000, 10_000, 100_000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        for count in arguments.counts:
            folder = Path(scratch, f"images{count}")
            make_images(folder, count)
            peak, seconds = peak_and_seconds(folder, Path(scratch, f"run{count}"))
            print(f"{count:>7} images  {peak / 1e6:6.1f} MB  {count / seconds:8.0f} images/s")


if __name__ == "__main__":
    main()
