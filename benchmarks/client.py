"""The client of a cluster alone: images that cost nothing, through submit, gather and commit.

    python benchmarks/client.py [--images 1000000] [--nuclei 0] [--workers 2] [--json FILE]

Plans a run of so many images that do not exist, and works through it on a Dask
cluster. Its scheduler and workers are other processes, and its job reads no
file and answers at once, with so many nuclei for each image. What is left is
what the client does: it takes the images from the run file, sends tasks,
gathers and unpacks, and commits. Memory (without what is mapped from files) and
speed are sampled at every tenth of the run. Beside the images of a second stand those of a second
of the client's own processor time, which other programs at work here change little.
"""

import argparse
import importlib
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from distributed import Client
from distributed.deploy.subprocess import SubprocessCluster

from nucensus import Settings, __version__
from nucensus.batch import retry
from nucensus.batch.job import Job
from nucensus.batch.refuse import facts_of
from nucensus.machine import facts
from nucensus.store import RunWriter
from nucensus.values import Centres, Found, ImageRef, Selection


class NoWork(Job):
    """A job that reads nothing."""

    nuclei = 0

    def load(self, item):
        """Return the image as it is named."""
        return item

    def find(self, item):
        """Return so many nuclei."""
        points = np.full((self.nuclei, 2), item.key % 1000)
        return Found(Centres(points, points[:, 0] / 3), (1024, 1280), "uint16", 1.0, 2.0)


def references(count: int) -> Iterator[ImageRef]:
    """Yield images as a plate names them."""
    for index in range(count):
        name = f"plate{index // 3456:04d}/A{index % 24:02d}_s{index % 3456}_{index}.tif"
        yield ImageRef(name, f"/screen/{name}", 2_621_440, 1_790_000_000_000_000_000)


def memory_bytes() -> int:
    """Return what this process holds in memory, without what is mapped from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def measure(images: int, nuclei: int, workers: int, folder: Path) -> dict[str, object]:
    """Return what planning and the run took, and the samples of memory and speed."""
    NoWork.nuclei = nuclei
    importlib.import_module("nucensus.batch.run_loop").Job = NoWork
    start = time.perf_counter()
    with RunWriter(folder) as writer:
        writer.record_facts(
            settings=Settings.published().as_dict(), selection=facts_of(Selection()),
            version=__version__, listing={"images": images, "digest": ""},
        )  # fmt: skip
        writer.plan(references(images))
    plan_s = time.perf_counter() - start
    samples: list[tuple[int, float, int, float]] = []
    done = 0

    def count(_: object) -> None:
        nonlocal done
        done += 1
        if done % max(1, images // 10) == 0 or done == 1:
            samples.append((done, time.perf_counter(), memory_bytes(), time.process_time()))

    start = time.perf_counter()
    with (
        SubprocessCluster(n_workers=workers, worker_kwargs={"nthreads": 1}) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        retry(folder, scheduler=client, on_outcome=count).close()
    first, last = samples[0], samples[-1]
    return {
        "images": images, "nuclei": nuclei, "plan_s": plan_s,
        "images_per_s": (last[0] - first[0]) / (last[1] - first[1]),
        "images_per_cpu_s": (last[0] - first[0]) / (last[3] - first[3]),
        "tables_s": time.perf_counter() - last[1],
        "memory_bytes": {str(at): size for at, _, size, _ in samples},
        "speed_by_tenth": [
            (b[0] - a[0]) / (b[1] - a[1]) for a, b in itertools.pairwise(samples)
        ],
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--nuclei", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(arguments.images, arguments.nuclei, arguments.workers, Path(folder))
    print(json.dumps(result, indent=1))
    if arguments.json:
        document = {"version": __version__, "machine": facts(), **result}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
