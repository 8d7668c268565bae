"""Compare what `nucensus.compare` predicts with what it measures, over a matrix of workloads.

    python benchmarks/worth.py [--counts 5 50 500] [--repeat 2] [--rounds 3] [--json FILE]
    python benchmarks/worth.py --article [--picture FILE]

The workloads are those of benchmarks/strategies.py, and three more: a function that warms up for a
second, one with BLAS threads of its own, and one that is bound by memory. Each is predicted twice
from what one call takes, without the times of the ways themselves: for all cores here, from calls
alone and side by side; and for two cores, from one core alone (affinity). A prediction is met
within 20 % in the first case, 25 % in the second.

Everything is measured in several rounds, and the least of each figure counts, of what is predicted
from as of what it is held against: what disturbs one round is no fault of the model.
"""

import argparse
import contextlib
import functools
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from strategies import FUNCTIONS, SHAPES, make_images

import nucensus
from nucensus.batch import Measured
from nucensus.bench.worth.findings import Profile, Timing
from nucensus.bench.worth.predict import Circumstances, predict
from nucensus.bench.worth.ways import Way
from nucensus.execute import strategy_named
from nucensus.machine import facts, usable_cores

WAYS = ("list-disk", "list-memory", "threads", "pool-disk", "pool-memory", "pool-fork")
ALL_CORES, FROM_ONE = 0.20, 0.25


@functools.cache
def load_model() -> int:
    """Take a second, once in each process."""
    end = time.perf_counter() + 1.0
    while time.perf_counter() < end:
        pass
    return 3


def warm_up(image: np.ndarray) -> float:
    """Warm up for a second, then take some milliseconds."""
    return float((image * load_model()).mean())


def nested_blas(image: np.ndarray) -> float:
    """Multiply matrices, in as many threads as BLAS takes."""
    square = image[:1024, :1024].astype(np.float32)
    return float((square @ square)[0, 0])


def memory_bound(image: np.ndarray) -> float:
    """Go over memory many times and calculate little."""
    copies = [image.astype(np.float64) for _ in range(4)]
    return float(sum(copies)[0, 0])


EXTRA = {each.__name__: each for each in (warm_up, nested_blas, memory_bound)}


def place_of(function: str) -> str:
    """Return where a function is written."""
    file = __file__ if function in EXTRA else Path(__file__).with_name("strategies.py")
    return f"{os.path.abspath(file)}:{function}"


def measure(
    paths: list[str], function: str, repeat: int, rounds: int
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return predicted and measured seconds by way: for all cores, and for two from one."""
    options = {"repeat": repeat, "progress": False, "chunk_sizes": ()}
    place, has_two = place_of(function), hasattr(os, "sched_setaffinity") and usable_cores() == 2
    here, alone = [], []
    for _ in range(rounds):
        here.append(nucensus.compare(paths, place, strategies=WAYS, **options))
        if has_two:
            with pinned():
                alone.append(nucensus.compare(paths, place, strategies=WAYS[:1], **options))
    pairs = {"all cores": _pairs(least_of(here, function), here, usable_cores())}
    if alone:
        pairs["two from one"] = _pairs(least_of(alone, function), here, 2)
    return pairs


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Let this process and those that it starts have one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def least_of(found: list[nucensus.Comparison], function: str) -> Profile:
    """Return the least of each time that was measured of a function."""
    profiles = [each.profiles[function] for each in found]
    return _least(profiles, sizes=("images", "size_bytes", "workers", "usable"))


def _least(values: list[Any], sizes: tuple[str, ...]) -> Any:
    first = values[0]
    if is_dataclass(first):
        return replace(first, **{
            each.name: _least([getattr(value, each.name) for value in values], sizes)
            for each in fields(first) if each.name not in sizes
        })  # fmt: skip
    if isinstance(first, dict):
        keys = set.intersection(*map(set, values))
        return {key: min(value[key] for value in values) for key in sorted(keys)}
    return min(filter(None, values), default=first)  # 0 is what was not measured


def _pairs(
    known: Profile, found: list[nucensus.Comparison], cores: int
) -> dict[str, tuple[float, float]]:
    run = Circumstances(found[0].images, cores)
    taken = {}
    for each in (timing for comparison in found for timing in comparison.timed):
        least_s = each.load_s + each.warm_up_s + min(each.samples_s)
        name = each.way.strategy
        taken[name] = min(least_s, taken.get(name, least_s))
    return {
        name: (predict(known, strategy_named(name), run).seconds, seconds)
        for name, seconds in taken.items()
    }


def article(picture: Path | None) -> None:
    """Predict the published table of 8 cores from one core's figures; with a path, draw it."""
    published = {"list-disk": 18.0, "list-memory": 17.7, "pool-disk": 5.54, "pool-memory": 6.23,
                 "pool-fork": 5.31}  # fmt: skip
    images = 240
    one = Profile(
        Measured(9, load_s=0.6 / images, apply_s=26.0 / images, cpu_s=26.6 / images, locked=0.1,
                 size_bytes=2_621_440),
        0.0, 0, 2_621_600, 0.0046, 8000, 0.0002, 0.0005, {"fork": 0.1, "spawn": 0.5}, "fork",
    )  # fmt: skip
    faster = 17.7 / 26.0
    scaled = replace(
        one, measured=replace(one.measured, apply_s=17.7 / images, cpu_s=18.0 / images,
                              load_s=faster * one.measured.load_s),
    )  # fmt: skip
    crowded = replace(scaled, crowded={1: 1.0, 8: 5.31 * 8 / 17.7})
    print(f"{'':<14}{'published':>10}{'one core':>24}{'its own core':>24}{'and contention':>16}")
    for name, seconds in published.items():
        cells = [
            predict(known, strategy_named(name), Circumstances(images, 8))
            for known in (one, scaled, crowded)
        ]
        texts = [f"{each.seconds:.2f} ({each.low:.2f} to {each.high:.2f})" for each in cells[:2]]
        print(f"{name:<14}{seconds:>10.2f}{texts[0]:>24}{texts[1]:>24}{cells[2].seconds:>16.2f}")
    if picture is not None:
        rows = [Timing("find", Way(name), name, (total_s,)) for name, total_s in published.items()]
        found = nucensus.Comparison(
            tuple(rows), {"find": crowded}, {"find": ""}, images, 8, {}, {}, in_memory=False
        )
        found.chart().savefig(picture, metadata={"Date": None}, format="svg")


def parse() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", nargs="+", type=int, default=[5, 50, 500])
    parser.add_argument("--sizes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--compressions", nargs="+", default=["raw", "lzw"])
    parser.add_argument("--functions", nargs="+", choices=[*FUNCTIONS, *EXTRA],
                        default=[*FUNCTIONS, *EXTRA])  # fmt: skip
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--article", action="store_true")
    parser.add_argument("--picture", type=Path, help="with --article: an SVG to draw")
    return parser.parse_args()


def print_ratios(label: str, kind: str, found: dict[str, tuple[float, float]]) -> None:
    """Print the row of a workload, or of another way to predict it."""
    ratios = [f"{found[w][0] / found[w][1]:12.2f}" if w in found else " " * 12 for w in WAYS]
    print(f"{label if kind == 'all cores' else f'  {kind}':<34}" + "".join(ratios), flush=True)


def measure_matrix(arguments: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    """Measure each workload and print its row; save after each, so that nothing is lost."""
    cells: list[dict[str, Any]] = []
    matrix = itertools.product(
        arguments.sizes, arguments.compressions, arguments.counts, arguments.functions
    )
    for number, cell in enumerate(matrix):
        size, compression, count, function = cell
        if function not in FUNCTIONS and (size, compression) != ("large", "raw"):
            continue
        paths = make_images(Path(scratch, str(number)), size, compression, count)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        pairs = measure(paths, function, arguments.repeat, arguments.rounds)
        cells.append({"cell": cell, "load": load, "pairs": pairs})
        for kind, found in pairs.items():
            print_ratios(f"{size} {compression} {count} {function}", kind, found)
        if arguments.json:
            arguments.json.write_text(json.dumps({"machine": facts(), "cells": cells}, indent=1))
    return cells


def main() -> None:
    """Print the ratio of predicted to measured seconds of each workload and way."""
    arguments = parse()
    if arguments.article:
        article(arguments.picture)
        return
    print(f"{'predicted / measured':<34}" + "".join(f"{name:>12}" for name in WAYS))
    with tempfile.TemporaryDirectory() as scratch:
        cells = measure_matrix(arguments, Path(scratch))
    for kind, limit in (("all cores", ALL_CORES), ("two from one", FROM_ONE)):
        ratios = [a / b for each in cells for a, b in each["pairs"].get(kind, {}).values()]
        met = sum(abs(ratio - 1) <= limit for ratio in ratios)
        print(f"{kind}: {met} of {len(ratios)} within {100 * limit:.0f} %")


if __name__ == "__main__":
    main()
