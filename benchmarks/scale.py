"""How far one command scales: costs measured here, and a simulation of ten million images.

    python benchmarks/scale.py measure SCALE.json
    python benchmarks/scale.py show SCALE.json [--svg FILE]

`measure` takes the time of the parts alone: an image on a worker, an entry of
the listing, a task and an image on the client and the scheduler of a real Dask
cluster of processes here, a record and a commit of the run file, a row of the
tables. `show` measures nothing: it puts these into a simulation, prints its
tables and draws its chart.

The simulation follows every task through a closed network of queues: client,
scheduler, worker, storage and back. Client, scheduler and storage serve one
task after the other; there is a server for each worker thread, and so many
tasks are under way as the client allows.
"""

import argparse
import heapq
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from nucensus import Settings, __version__, census
from nucensus.batch.packed import pack, unpack
from nucensus.batch.plan import expand
from nucensus.discover import list_images
from nucensus.execute import Codec, on_cluster, task_size
from nucensus.export import write_csv
from nucensus.machine import facts
from nucensus.read import SUFFIXES
from nucensus.store import RunWriter
from nucensus.values import Centres, Found
from nucensus.values.synthetic import make_field

IMAGES = 10_000_000
WORKERS = (1, 16, 256)
TASK_S, LEAST, MOST, AHEAD = 2.5, 16, 256, 3
NUCLEI = 400
STORAGE = {"file server, 1.25 GB/s": 1.25e9, "object store, 25 GB/s": 25e9}
"""Assumed, not measured: a link of 10 Gbit/s, and what many nodes together draw from a bucket."""


@dataclass(frozen=True)
class Costs:
    """What each part takes, in seconds, and what an image weighs."""

    image_s: float
    image_bytes: int
    listing_entry_s: float
    client_task_s: float
    client_image_s: float
    scheduler_task_s: float
    scheduler_image_s: float
    record_s: float
    commit_s: float
    table_row_s: float


def measure() -> Costs:
    """Measure every part here."""
    with tempfile.TemporaryDirectory() as folder:
        image_s, image_bytes = _measure_image(Path(folder, "images"))
        client, scheduler = _measure_tasks()
        record_s, commit_s, table_row_s = _measure_run_file(Path(folder, "run"))
        listing_s = _measure_listing(Path(folder, "listing"))
    return Costs(image_s, image_bytes, listing_s, *client, *scheduler, record_s, commit_s,
                 table_row_s)  # fmt: skip


def _measure_image(folder: Path) -> tuple[float, int]:
    """Return the seconds and bytes of an image on one worker, with the default settings."""
    folder.mkdir()
    for index in range(40):
        field = make_field(index % 8, shape=(1024, 1280), nuclei=NUCLEI)
        tifffile.imwrite(folder / f"s{index}.tif", field.image)
    shifts = []
    for _ in range(3):
        run = census(folder, strategy="list-disk")
        rows = run.images
        shifts.append(float(np.median(rows["read_ms"] + rows["detect_ms"])) / 1e3)
    return float(np.median(shifts)), (folder / "s0.tif").stat().st_size


def found(key: int) -> Found:
    """Return what is found in an image: so many nuclei."""
    points = np.full((NUCLEI, 2), key % 1000)
    return Found(Centres(points, points[:, 0] / 3), (1024, 1280), "uint16", 1.0, 2.0)


def _measure_tasks() -> tuple[tuple[float, float], tuple[float, float]]:
    """Fit seconds per task and per image, on the client and on the scheduler."""
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    rows = []
    with (
        SubprocessCluster(n_workers=1, worker_kwargs={"nthreads": 1}) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(1)
        strategy = on_cluster(client, codec=Codec(pack, unpack))
        list(strategy.run(found, range(2000), 1))
        for size, tasks in ((1, 600), (16, 400), (64, 150), (256, 60)) * 2:
            task_size.LEAST = task_size.MOST = size
            before = time.process_time(), client.run_on_scheduler(time.process_time)
            list(strategy.run(found, iter(range(size * tasks)), 1))
            after = time.process_time(), client.run_on_scheduler(time.process_time)
            rows.append((tasks, tasks * size, after[0] - before[0], after[1] - before[1]))
    table = np.array(rows)
    weights = 1 / table[:, 2:]
    fits = []
    for column in range(2):  # relative errors, so that small runs count as much as large ones
        design = table[:, :2] * weights[:, [column]]
        fits.append(np.linalg.lstsq(design, np.ones(len(table)), rcond=None)[0])
    client_fit, scheduler_fit = fits
    return tuple(map(float, client_fit)), tuple(map(float, np.maximum(scheduler_fit, 0)))  # type: ignore[return-value]


def _measure_run_file(folder: Path) -> tuple[float, float, float]:
    """Return the seconds of a record, of a commit and of a row of the tables."""
    from client import references

    count, records, commits = 20_000, [], []
    with RunWriter(folder) as writer:
        writer.record_facts(settings=Settings.published().as_dict())
        writer.plan(references(count))
        keys = [each.key for each in writer.pending()]
        for start in range(0, count, 1000):
            outcomes = [(key, found(key)) for key in keys[start : start + 1000]]
            began = time.perf_counter()
            writer.record_all((key, outcome, None) for key, outcome in outcomes)
            recorded = time.perf_counter()
            writer.commit()
            records.append((recorded - began) / 1000)
            commits.append(time.perf_counter() - recorded)
        began = time.perf_counter()
        write_csv(writer.view(), folder)
        table_s = (time.perf_counter() - began) / count
    return float(np.median(records)), float(np.median(commits)), table_s


def _measure_listing(folder: Path) -> float:
    """Return the seconds of an entry: found in a folder, understood, written to the run file."""
    folder.mkdir()
    Path(folder, "plate_A01_s0.tif").touch()
    for index in range(1, 20_000):
        os.link(folder / "plate_A01_s0.tif", folder / f"plate_A01_s{index}.tif")
    began = time.perf_counter()
    with RunWriter(folder / "run") as writer:
        writer.plan(expand(list_images([folder], SUFFIXES)))
    return (time.perf_counter() - began) / 20_000


@dataclass(frozen=True)
class Outcome:
    """What a simulated run did."""

    workers: int
    storage: str
    task_images: int
    run_s: float
    images_per_s: float
    busy: dict[str, float]


class _Queues:
    """Client, scheduler and storage, which serve one task after the other, and worker threads.

    Parameters
    ----------
    service : dict of str to float
        Seconds that a task takes at each of them.
    workers : int
        How many threads there are.
    """

    def __init__(self, service: dict[str, float], workers: int) -> None:
        self._service, self._threads = service, [0.0] * workers
        self._free = dict.fromkeys(service, 0.0)
        self.busy = dict.fromkeys(service, 0.0)

    def serve(self, station: str, at: float) -> float:
        """Return when the station is done with a task that comes at that time."""
        self._free[station] = max(at, self._free[station]) + self._service[station]
        self.busy[station] += self._service[station]
        return self._free[station]

    def work(self, at: float) -> float:
        """Return when a worker is done with a task that comes at that time."""
        begins = max(at, heapq.heappop(self._threads))
        read = self.serve("storage", begins)  # its files are read while others are worked on
        ends = max(begins + self._service["workers"], read)
        self.busy["workers"] += self._service["workers"]
        heapq.heappush(self._threads, ends)
        return ends

    def follow(self, tasks: int, under_way: int) -> float:
        """Follow the tasks, so many of which are under way; return when the last is done."""
        started = min(under_way, tasks)
        events = [(0.0, number, "client") for number in range(started)]
        now = 0.0
        while events:  # in the order of time, so that every queue is first come, first served
            now, number, station = heapq.heappop(events)
            if station == "client":  # the results of one task are taken in, and another is sent
                heapq.heappush(events, (self.serve("client", now), number, "scheduler"))
            elif station == "scheduler":
                heapq.heappush(events, (self.serve("scheduler", now), number, "worker"))
            elif station == "worker":
                heapq.heappush(events, (self.work(now), number, "done"))
            elif started < tasks:
                heapq.heappush(events, (now, started, "client"))
                started += 1
        return now


def simulate(costs: Costs, workers: int, storage: str, images: int = IMAGES) -> Outcome:
    """Follow every task of a run of so many images through the queues."""
    size = int(min(MOST, max(LEAST, TASK_S / costs.image_s)))
    commit_s = costs.commit_s * size / 1000
    service = {
        "client": costs.client_task_s + size * (costs.client_image_s + costs.record_s) + commit_s,
        "scheduler": costs.scheduler_task_s + size * costs.scheduler_image_s,
        "storage": size * costs.image_bytes / STORAGE[storage],
        "workers": size * costs.image_s,
    }
    queues = _Queues(service, workers)
    run_s = queues.follow(-(-images // size), AHEAD * workers)
    busy = {name: seconds / run_s for name, seconds in queues.busy.items()}
    busy["workers"] /= workers
    busy["run file"] = busy["client"] * (size * costs.record_s + commit_s) / service["client"]
    return Outcome(workers, storage, size, run_s, images / run_s, busy)


def limits(costs: Costs) -> dict[str, float]:
    """Return how many images a second each part can carry, were it alone."""
    client_s = costs.client_task_s / MOST + costs.client_image_s
    run_file_s = costs.record_s + costs.commit_s / 1000
    return {
        **{name: rate / costs.image_bytes for name, rate in STORAGE.items()},
        "client with the run file": 1 / (client_s + run_file_s),
        "run file alone": 1 / run_file_s,
        "scheduler": 1 / (costs.scheduler_task_s / MOST + costs.scheduler_image_s),
    }


def show(costs: Costs, svg: Path | None) -> None:
    """Print the tables in Markdown and draw the chart."""
    print("| part | seconds |\n|---|---|")
    for name, value in asdict(costs).items():
        print(f"| {name} | {value:.3g} |")
    print("\n| part | images/s | saturated by workers |\n|---|---|---|")
    for name, rate in limits(costs).items():
        print(f"| {name} | {rate:,.0f} | {rate * costs.image_s:,.0f} |")
    before_s, after_s = IMAGES * costs.listing_entry_s, IMAGES * costs.table_row_s
    print(
        "\n| workers | storage | images/s | listing | run | tables | workers busy | storage busy "
        "| client busy | of it run file | scheduler busy |\n" + "|---" * 11 + "|"
    )
    for storage in STORAGE:
        for workers in WORKERS:
            each = simulate(costs, workers, storage)
            shares = (each.busy[n] for n in ("workers", "storage", "client", "run file",
                                             "scheduler"))  # fmt: skip
            times = (_hours(seconds) for seconds in (before_s, each.run_s, after_s))
            print(
                f"| {workers} | {storage} | {each.images_per_s:,.0f} | " + " | ".join(times)
                + " | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |"
            )  # fmt: skip
    if svg is not None:
        draw(costs, svg)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 3600 else f"{seconds / 60:.0f} min"


def draw(costs: Costs, svg: Path) -> None:
    """Draw images per second over the number of workers."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "nucensus"  # the same file each time
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    counts = [2**power for power in range(11)]
    for storage, colour in zip(STORAGE, ("#b45309", "#0f766e"), strict=True):
        rates = [simulate(costs, each, storage, 400_000).images_per_s for each in counts]
        axes.plot(counts, rates, "o-", color=colour, label=f"simulated, {storage}", markersize=4)
    ends = {
        "client with the run file": "#1d4ed8", "run file alone": "#6d28d9", "scheduler": "#4b5563",
    }  # fmt: skip
    for name, colour in ends.items():
        rate = limits(costs)[name]
        axes.axhline(rate, color=colour, linestyle="--", linewidth=1)
        axes.annotate(
            f"{name}: {rate:,.0f}/s", (1, rate), textcoords="offset points", color=colour,
            xytext=(2, -10 if name.startswith("client") else 3), fontsize=8,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, list(map(str, counts)))
    axes.set_xlabel("worker threads")
    axes.set_ylabel("images per second")
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    figure.savefig(svg, metadata={"Date": None})


def main() -> None:
    """Measure or show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("measure", "show"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "measure":
        document: dict[str, Any] = {
            "version": __version__, "machine": facts(), "nuclei": NUCLEI,
            "costs": asdict(measure()),
        }  # fmt: skip
        arguments.file.write_text(json.dumps(document, indent=1) + "\n")
    else:
        show(Costs(**json.loads(arguments.file.read_text())["costs"]), arguments.svg)


if __name__ == "__main__":
    main()
