"""Compare what `auto` takes with what each strategy takes, over a matrix of workloads.

    python benchmarks/strategies.py [--counts 5 50 500] [--repeat 2] [--json FILE]

Each cell runs every strategy in a fresh process on the same files, the repeats
interleaved, and keeps the best time of each. A cell is met if auto takes at
most 1.15 times the best strategy, plus 0.1 s.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from nucensus import detect_nuclei, process_images

STRATEGIES = ("list-disk", "threads", "pool-disk", "pool-memory", "pool-fork", "auto")
SHAPES = {"tiny": (128, 128), "large": (1024, 1280)}


def find(image: np.ndarray) -> int:
    """Release the interpreter lock: the detector."""
    return len(detect_nuclei(image, threshold_abs=600))


def smooth_often(image: np.ndarray) -> int:
    """Release the interpreter lock, slowly: the detector, ten times."""
    return sum(find(image) for _ in range(10))


def hold(image: np.ndarray) -> int:
    """Hold the interpreter lock for about a millisecond."""
    return sum(range(int(image[0, 0] > 0) + 40_000))


def hold_long(image: np.ndarray) -> int:
    """Hold the interpreter lock for about 40 milliseconds."""
    return sum(range(int(image[0, 0] > 0) + 1_600_000))


FUNCTIONS = {each.__name__: each for each in (find, smooth_often, hold, hold_long)}


def make_images(folder: Path, size: str, compression: str, count: int) -> list[str]:
    """Write the images of a cell."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = [rng.poisson(300, SHAPES[size]).astype(np.uint16) for _ in range(4)]
    paths = [folder / f"s{index}.tif" for index in range(count)]
    for index, path in enumerate(paths):
        tifffile.imwrite(
            path, images[index % 4], compression=None if compression == "raw" else "lzw"
        )
    return list(map(str, paths))


def time_one(paths: list[str], function: str, strategy: str) -> float:
    """Return the seconds that one strategy takes in a fresh process."""
    job = json.dumps([paths, function, strategy])
    done = subprocess.run([sys.executable, __file__, "--worker"], input=job, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return float(done.stdout)


def work() -> None:
    """Time the job on stdin."""
    paths, function, strategy = json.load(sys.stdin)
    start = time.perf_counter()
    process_images(paths, FUNCTIONS[function], strategy=strategy)
    print(time.perf_counter() - start)


def main() -> None:
    """Print the matrix."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--counts", nargs="+", type=int, default=[5, 50, 500])
    parser.add_argument("--sizes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=list(FUNCTIONS))
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.worker:
        work()
        return
    cells, met = [], 0
    matrix = itertools.product(
        arguments.sizes, ("raw", "lzw"), arguments.counts, arguments.functions
    )
    print(f"{'cell':<30}" + "".join(f"{name:>12}" for name in STRATEGIES) + "  auto / best")
    with tempfile.TemporaryDirectory() as scratch:
        for number, cell in enumerate(matrix):
            size, compression, count, function = cell
            paths = make_images(Path(scratch, str(number)), size, compression, count)
            samples: dict[str, list[float]] = {name: [] for name in STRATEGIES}
            for _ in range(arguments.repeat):
                for name in STRATEGIES:
                    samples[name].append(time_one(paths, function, name))
            best = {name: min(each) for name, each in samples.items()}
            least = min(seconds for name, seconds in best.items() if name != "auto")
            is_met = best["auto"] <= 1.15 * least + 0.1
            met += is_met
            cells.append({"cell": cell, "samples_s": samples, "met": is_met})
            label = f"{size} {compression} {count} {function}"
            print(
                f"{label:<30}" + "".join(f"{best[name]:12.3f}" for name in STRATEGIES)
                + f"  {best['auto'] / least:.2f}{'' if is_met else '  MISSED'}", flush=True,
            )  # fmt: skip
    print(f"{met} of {len(cells)} cells met")
    if arguments.json:
        arguments.json.write_text(json.dumps(cells, indent=1))


if __name__ == "__main__":
    main()
