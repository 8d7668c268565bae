"""A run on a Dask cluster of two processes here, against the run in threads.

    python benchmarks/cluster.py PLATE [--repeat 5] [--json FILE]

Runs `nucensus detect PLATE`, a program that starts and ends the cluster and
does nothing, and `nucensus detect PLATE --scheduler local:2` in turn, whole
commands all. The ratio is that of the third without the second to the first.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nucensus import __version__
from nucensus.machine import facts

START = "from nucensus.execute import connected\nwith connected('local:2'): pass\n"


def seconds(*command: object) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plate", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    samples: dict[str, list[float]] = {"threads": [], "start": [], "dask": []}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "start.py")
        program.write_text(
            f"if __name__ == '__main__':\n    {START.replace(chr(10), chr(10) + '    ')}"
        )
        detect = ("-m", "nucensus", "detect", arguments.plate, "--overwrite", "--quiet", "-o")
        for _ in range(arguments.repeat):
            samples["threads"].append(
                seconds(*detect, Path(folder, "here"), "--strategy", "threads", "--workers", 2)
            )
            samples["start"].append(seconds(program))
            samples["dask"].append(
                seconds(*detect, Path(folder, "there"), "--scheduler", "local:2")
            )
    ratios = [
        (dask - start) / threads for threads, start, dask in zip(*samples.values(), strict=True)
    ]
    result = {
        "version": __version__, "machine": facts(), "samples_s": samples,
        "ratio": statistics.median(ratios), "ratios": ratios,
    }  # fmt: skip
    for name, values in samples.items():
        print(f"{name:<8}" + "".join(f"{value:8.2f}" for value in values))
    print(f"(dask - start) / threads: {result['ratio']:.2f}  of {[round(r, 2) for r in ratios]}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
