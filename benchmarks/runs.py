"""Whole runs, process start to last file, against the published program.

    uv run python benchmarks/runs.py -o OUT.json [--n 240] [--repeat 5] [--threshold 300]

Builds a plate with ../shared/tools/make_plate.py, raw and LZW-compressed, then
runs `nucensus detect` and `article.py pool-fork` in turn, so that a change of
the machine's speed meets both alike. The ratio is taken pair by pair. Peak
memory is the proportional set size of the whole process tree. Last comes the
user time of a command for one small image: starting, and what little there is.

All programs find their bytecode compiled, as an installer leaves it, whether or
not this environment has it: a run before the measured ones compiles it into a
folder that is thrown away. `--as-it-is` leaves that to the environment.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tifffile

from nucensus import __version__
from nucensus.bench.memory import watch_memory
from nucensus.machine import facts

TOOLS = Path(__file__).resolve().parents[2] / "shared" / "tools"


def compile_into(folder: Path) -> None:
    """Let every program from here on compile what it imports into `folder`, and find it there."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def run(command: list[str]) -> tuple[float, int]:
    """Return the seconds and the peak memory in bytes of a command."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        done = threading.Event()
        peak = watch_memory(process.pid, done)
        code = process.wait()
        seconds = time.perf_counter() - start
        done.set()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with exit code {code}")
    return seconds, peak()


def compare(plate: Path, threshold: float, repeat: int) -> dict[str, object]:
    """Run both programs in turn and return their samples and ratios."""
    out = plate.with_name(f"{plate.name}-run")
    ours = [sys.executable, "-m", "nucensus", "detect", str(plate), "-o", str(out), "--quiet"]
    ours += ["--threshold", str(threshold), "--overwrite"]
    theirs = [sys.executable, str(TOOLS / "article.py"), "pool-fork", str(plate)]
    theirs += ["--threshold", str(threshold)]
    for program in (ours, theirs):  # they compile their bytecode, and bring the images into memory
        run(program)
    pairs = [(run(ours), run(theirs)) for _ in range(repeat)]
    shutil.rmtree(out)
    return {
        "nucensus_s": [a[0] for a, _ in pairs],
        "published_s": [b[0] for _, b in pairs],
        "times_faster": statistics.median(b[0] / a[0] for a, b in pairs),
        "nucensus_peak_bytes": [a[1] for a, _ in pairs],
        "published_peak_bytes": [b[1] for _, b in pairs],
        "times_less_memory": statistics.median(b[1] / a[1] for a, b in pairs),
    }


def time_one_image(folder: Path, threshold: float, repeat: int) -> list[float]:
    """Return the user seconds of commands that count one image of 128 x 128, once warmed up."""
    image = folder / "small.tif"
    tifffile.imwrite(image, np.random.default_rng(0).integers(0, 4000, (128, 128), np.uint16))
    command = [sys.executable, "-m", "nucensus", "detect", str(image), "-o", str(folder / "one")]
    command += ["--threshold", str(threshold), "--overwrite", "--quiet"]
    user_s = []
    for _ in range(repeat + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        run(command)
        user_s.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    return user_s[1:]


def main() -> None:
    """Measure raw and LZW-compressed plates and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("runs.json"))
    parser.add_argument("--n", type=int, default=240)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=300)
    parser.add_argument("--as-it-is", action="store_true", help="compile no bytecode")
    args = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        if not args.as_it_is:
            compile_into(Path(folder, "bytecode"))
        for compression in ("none", "lzw"):
            plate = Path(folder, compression)
            make = [sys.executable, str(TOOLS / "make_plate.py"), str(plate), "--n", str(args.n)]
            run([*make, "--compression", compression])
            results[compression] = compare(plate, args.threshold, args.repeat)
            print(compression, json.dumps(results[compression], indent=1))
        user_s = time_one_image(Path(folder), args.threshold, args.repeat)
        print("one image, user s", user_s)
    bytecode = "as the environment has it" if args.as_it_is else "compiled"
    print("bytecode:", bytecode)
    document = {
        "version": __version__, "machine": facts(), "images": args.n, "bytecode": bytecode,
        "results": results, "one_image_user_s": user_s,
    }  # fmt: skip
    args.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
