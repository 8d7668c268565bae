"""Time every strategy in a process of its own, and check that all give the same points."""

import json
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from .._dataclass import dataclass
from .._version import __version__
from ..errors import InputError, NucensusError
from ..execute import STRATEGIES, strategy_named
from ..machine import facts, usable_cores
from ..read import read
from ..values import ImageRef, Settings
from .memory import watch_memory

DETECTORS = ("scikit-image", "native")

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One strategy with one detector, timed.

    Attributes
    ----------
    detector, strategy : str
    samples_s : tuple of float
        Seconds of one loop over all images, one value per repeat. As
        published, reading is part of it for the strategies that read each file
        where it is worked on, and not for those over images in memory.
    load_s : float
        Seconds that reading all images into memory took before; 0 where
        reading is part of the loop.
    peak_memory_bytes : int
        The most memory that the process and its workers held together.
    nuclei : int
    """

    detector: str
    strategy: str
    samples_s: tuple[float, ...]
    load_s: float
    peak_memory_bytes: int
    nuclei: int

    @property
    def best_s(self) -> float:
        """The fastest loop, in seconds, without loading."""
        return min(self.samples_s)

    @property
    def total_s(self) -> float:
        """The fastest loop with loading, in seconds: what the user waits for."""
        return self.load_s + self.best_s

    @property
    def spread_s(self) -> float:
        """Standard deviation of the samples, in seconds; 0 for a single one."""
        return statistics.stdev(self.samples_s) if len(self.samples_s) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All measurements of one comparison, with what they were taken on."""

    measurements: tuple[Measurement, ...]
    images: int
    pixels: int
    skipped: tuple[tuple[str, str], ...]
    settings: Settings
    number: int
    repeat: int
    workers: int
    machine: dict[str, Any]
    libraries: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold."""
        return {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            **asdict(self),
            "measurements": [
                {**asdict(each), "best_s": each.best_s, "total_s": each.total_s}
                for each in self.measurements
            ],
        }


def compare(
    references: Sequence[ImageRef],
    *,
    strategies: Iterable[str] = tuple(STRATEGIES),
    detectors: Iterable[str] = DETECTORS,
    settings: Settings | None = None,
    number: int = 1,
    repeat: int = 3,
    workers: int | None = None,
    on_measured: Callable[[Measurement], None] | None = None,
) -> Comparison:
    """Time each strategy with each detector, in the way of `%timeit`.

    Parameters
    ----------
    references : sequence of ImageRef
        The images; those that cannot be read are skipped and listed.
    strategies, detectors : iterable of str
    settings : Settings, optional
    number, repeat : int
        Each of `repeat` samples is the mean of `number` loops over all images.
    workers : int, optional
        How many threads or processes; by default the cores this process may use.
    on_measured : callable, optional
        Called with each measurement as soon as it is there.

    Raises
    ------
    InputError
        None of the images can be read, or one is a plane of a file of several.
    NucensusError
        A strategy failed, or two of them gave different points.
    """
    names = [strategy_named(name).name for name in strategies]
    settings = settings or Settings.published()
    readable, skipped, pixels = _sort_out(references)
    workers = workers or usable_cores()
    job = {
        "paths": [each.path for each in readable],
        "settings": settings.as_dict(),
        "number": number,
        "repeat": repeat,
        "workers": workers,
    }
    measurements, expected = [], None
    for detector in detectors:
        for name in names:
            reply, peak = _in_fresh_process({**job, "detector": detector, "strategy": name})
            who = f"{name} with the {detector} detector"
            expected = _check_equal(expected, (who, reply["digests"]), readable)
            measurement = Measurement(
                detector, name, tuple(reply["samples_s"]), reply["load_s"], peak, reply["nuclei"]
            )
            measurements.append(measurement)
            if on_measured is not None:
                on_measured(measurement)
    return Comparison(
        tuple(measurements), len(readable), pixels, tuple(skipped), settings, number, repeat,
        workers, facts(), reply["libraries"],
    )  # fmt: skip


def _sort_out(
    references: Sequence[ImageRef],
) -> tuple[list[ImageRef], list[tuple[str, str]], int]:
    """Read every file once: this finds the bad ones, and warms the disk cache for all alike."""
    readable, skipped, pixels = [], [], 0
    for each in references:
        if str(each.plane):
            raise InputError(
                f"{each.name!r} is one plane ({each.plane}) of a file, and the methods that are "
                f"compared read whole files; expected files of one plane; save the planes as files"
            )
        if each.problem:
            skipped.append((each.name, each.problem))
            continue
        try:
            pixels += read(each.path).size
            readable.append(each)
        except NucensusError as error:
            skipped.append((each.name, str(error)))
    if not readable:
        raise InputError(
            f"none of the {len(references)} images can be read; the first: {skipped[0][1]}"
        )
    return readable, skipped, pixels


def _in_fresh_process(job: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return what the worker measured, and the peak memory of its process tree in bytes."""
    command = [sys.executable, "-m", "nucensus.bench.worker"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        done = threading.Event()
        peak = watch_memory(process.pid, done)
        try:
            output, errors = process.communicate(json.dumps(job).encode())
        finally:
            done.set()
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        raise NucensusError(
            f"the strategy {job['strategy']} with the {job['detector']} detector failed: "
            f"{''.join(last) or f'exit code {process.returncode}'}"
        )
    return json.loads(output.splitlines()[-1]), peak()


def _check_equal(
    expected: tuple[str, list[str]] | None,
    found: tuple[str, list[str]],
    images: Sequence[ImageRef],
) -> tuple[str, list[str]]:
    if expected is None:
        return found
    for image, one, other in zip(images, expected[1], found[1], strict=True):
        if one != other:
            raise NucensusError(
                f"{expected[0]} and {found[0]} give different points for {image.name!r}; "
                f"expected the same; please report this with the image"
            )
    return expected
