"""Measure a function in this process: what a call takes, and what each way of running it does."""

import functools
import math
import multiprocessing
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from traceback import extract_tb
from typing import Any

import numpy as np

from ...batch import Measured, choose, choose_from
from ...batch.choose import Choice, in_chunks
from ...batch.named import NamedImage, apply, load
from ...batch.pilot import Pilot
from ...batch.results import Failure, Keeping
from ...batch.run_over import Steps, load_all, run_over
from ...errors import FunctionError, NucensusError
from ...execute import STRATEGIES, Strategy, check
from ...machine import start_methods
from ...values import Execution
from .digest import digest
from .findings import Passes, Profile
from .holding import forking_s, keeping_s
from .sending import pool_costs, sending
from .source import Source
from .timed import Call, Timed, warm_up_s
from .ways import Way

_PROFILE_S = 0.5
_TOGETHER_S = 0.4
_NO_CHANCE, _ALIKE = 1.5, 1.03
"""So many times the best way one takes that is not run again, and the first two passes may differ
that need no third. Larger: surer, and longer."""
_SHORT_S, _WATCHED_S = 0.005, 0.1
"""A call that takes less is measured again, unwatched, for so long and several times."""


def describe(error: BaseException) -> str:
    """Return what went wrong, in a line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, NucensusError) else f"{type(error).__name__}: {text}"


def _opened(
    images_file: str, loader: Source | None
) -> tuple[list[NamedImage], Callable[[NamedImage], NamedImage], bool]:
    """Return the images, how one is loaded, and whether they are in memory already."""
    with open(images_file, "rb") as file:
        images: list[NamedImage] = pickle.load(file)
    if loader is not None:
        return images, load_with(loader), False
    return images, load, isinstance(images[0].image, np.ndarray)


def load_with(loader: Source) -> Callable[[NamedImage], NamedImage]:
    """Return what loads an image by a function of the user."""
    return functools.partial(_load_with, loader.load())


def _load_with(loader: Callable[[Any], Any], image: NamedImage) -> NamedImage:
    return NamedImage(image.name, apply(loader, image))


def _same(image: NamedImage) -> NamedImage:
    return image


def profile(source: Source, images_file: str, loader: Source | None, workers: int) -> Profile:
    """Measure what one call takes in this process, and what it would take to send it to another."""
    start = time.perf_counter()
    function = source.load()
    import_s = time.perf_counter() - start
    images, load_one, in_memory = _opened(images_file, loader)
    load_step = Keeping(_same if in_memory else load_one)
    work = Keeping(functools.partial(apply, function))
    load_step(images[0])  # what reading imports is no part of any method
    pilot = Pilot(load_step, work, sends_images=False, enough_s=_PROFILE_S)
    results = list(pilot.run(iter(images)))
    usable = next((i for i, each in enumerate(results) if not isinstance(each, Failure)), None)
    if usable is None:
        error = results[0].error
        advice = (
            f"{_line_of(error, function)}; expected a function of one image, an array of height x "
            f"width, that works in a fresh process, where what your program sets later is not "
            f"there; call it there with one image"
        )
        said = describe(error) + advice * (not isinstance(error, NucensusError))
        raise FunctionError(f"{images[0].name!r} cannot be worked on: {said}")
    loaded = load_step(images[usable])
    sent, returned = sending(loaded.image), sending(results[usable])
    starts_s, message_s = pool_costs(workers)
    return Profile(
        _without_watching(pilot.measured, (load_step, work), images, workers),
        import_s, usable, *sent, *returned, _copying_s(loaded.image), starts_s,
        multiprocessing.get_start_method(allow_none=True) or start_methods()[0], message_s,
        workers, keep_s=0.0 if in_memory else keeping_s(load_step, images[usable:]),
        fork_s=forking_s(loaded.image),
    )  # fmt: skip


def _line_of(error: BaseException, function: Callable[..., Any]) -> str:
    """Return the line in the file of the function in which an error arose, where it is known."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    lines = [each.lineno for each in extract_tb(error.__traceback__) if each.filename == file]
    return f" (line {lines[-1]} of {os.path.basename(str(file))})" if lines else ""


def _copying_s(image: Any) -> float:
    start = time.perf_counter()
    np.array(image)
    return time.perf_counter() - start


def _without_watching(
    measured: Measured, steps: Steps, images: Sequence[NamedImage], workers: int
) -> Measured:
    """Return what short calls take where nobody watches them, in a list and in threads.

    To watch a call, and the lock, takes some 0.1 ms. Where a call takes a few of them, handing the
    lock over between threads takes as long as the work.
    """
    if measured.total_s > _SHORT_S:
        return measured
    shown = images[: math.ceil(_WATCHED_S / measured.total_s)]
    one, threads = (
        next(each for each in STRATEGIES.values() if each.in_process and each.parallel == parallel)
        for parallel in (False, True)
    )
    load_step, work = steps
    loaded = list(map(load_step, shown))

    def both(image: NamedImage) -> Any:
        return work(load_step(image))

    each_s = _seconds_each(one, both, shown, 1)
    apply_s = min(each_s, _seconds_each(one, work, loaded, 1))
    return replace(
        measured, load_s=each_s - apply_s, apply_s=apply_s,
        cpu_s=measured.cpu_s * each_s / measured.total_s,
        threaded_s=_seconds_each(threads, both, shown, max(2, workers)),
    )  # fmt: skip


def _seconds_each(
    strategy: Strategy, work: Callable[[Any], Any], items: Sequence[Any], workers: int
) -> float:
    """Return what an item takes, as the median of three passes."""
    samples = []
    for _ in range(3):
        start = time.perf_counter()
        deque(strategy.run(work, items, workers), maxlen=0)
        samples.append((time.perf_counter() - start) / len(items))
    return median(samples)


def crowding(
    source: Source, images_file: str, loader: Source | None, usable: int, workers: int
) -> dict[int, float]:
    """Return what a call takes in 1, 2 and all processes at a time, on images in memory."""
    function = source.load()
    images, load_one, in_memory = _opened(images_file, loader)
    loaded = images[usable] if in_memory else load_one(images[usable])
    function(loaded.image)
    strategy = next(each for each in STRATEGIES.values() if each.needs_fork)
    check(strategy, function)
    found = {}
    for count in sorted({1, 2, workers} & set(range(1, workers + 1))):
        task = functools.partial(_call_often, function)
        items = [np.array(loaded.image) for _ in range(count)]
        samples = [each for _, each in strategy.run(task, items, count)]
        found[count] = median(each for own in samples for each in own)
    return found


def _call_often(function: Callable[[Any], Any], image: Any) -> list[float]:
    samples: list[float] = []
    end = time.perf_counter() + _TOGETHER_S
    while len(samples) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        function(image)
        samples.append(time.perf_counter() - start)
    return samples


def time_way(
    source: Source,
    images_file: str,
    loader: Source | None,
    *,
    way: Way,
    workers: int,
    repeat: int,
    seconds: float,
    usable: int,
    typical_s: float,
    best_s: float,
) -> Passes:
    """Time a way to run: one call in one worker first, then all images, several times.

    `best_s` is what another way takes: far behind it, one pass is enough.
    """
    if way.start_method:
        multiprocessing.set_start_method(way.start_method, force=True)
    start = time.perf_counter()
    function = Timed(source.load())
    import_s = time.perf_counter() - start
    images, load_one, in_memory = _opened(images_file, loader)
    load_step, work = Keeping(load_one), Keeping(functools.partial(apply, function))
    choice = in_chunks(
        choose(Execution(way.strategy, workers), function=function), way.chunk_size or None
    )
    if not in_memory:
        load_step(images[usable])  # what reading imports is no part of any method
    load_s = 0.0
    if choice is not None and choice.strategy.loads_first and not in_memory:
        start = time.perf_counter()
        images, in_memory = load_all(load_step, images), True
        load_s = time.perf_counter() - start
    run = functools.partial(_run, work, _same if in_memory else load_step, in_memory, workers)
    if choice is not None and not choice.strategy.in_process:
        _try_one(run, choice, images[usable])
    most_s = _NO_CHANCE * best_s - import_s - load_s
    is_enough = functools.partial(_is_enough, repeat=repeat, seconds=seconds, most_s=most_s)
    return _passes(run, choice, images, is_enough, typical_s, import_s, load_s)


def _is_enough(samples: Sequence[float], *, repeat: int, seconds: float, most_s: float) -> bool:
    """Tell whether so many passes say what a way takes; of one far behind the best, the first."""
    if len(samples) < min(2, repeat):
        return bool(samples) and samples[0] > min(2 * seconds, most_s)
    is_alike = max(samples) < _ALIKE * min(samples)
    return is_alike or sum(samples) >= seconds or len(samples) >= repeat


def _run(
    work: Callable[[Any], Any],
    load_step: Callable[[Any], Any],
    in_memory: bool,
    workers: int,
    choice: Choice | None,
    images: Sequence[Any],
) -> tuple[list[Any], str]:
    """Return the calls of all images, and which strategy ran."""

    def choose_after(measured: Measured, remaining: int) -> Choice:
        return choose_from(measured, remaining, workers=workers, function=work, in_memory=in_memory)

    chosen: list[Choice] = []
    outcomes = dict(
        run_over(
            images, len(images), lambda _: (load_step, work), choice, choose_after,
            on_choice=chosen.append, in_memory=in_memory,
        )
    )  # fmt: skip
    return [outcomes[index] for index in range(len(images))], chosen[0].strategy.name


def _try_one(run: Callable[..., Any], choice: Choice, image: Any) -> None:
    """Raise what goes wrong with one call in one worker, which went well in this process."""
    (outcome,), _ = run(replace(choice, workers=1), [image])
    if isinstance(outcome, Failure):
        raise FunctionError(f"{describe(outcome.error)} (one call in one worker process)")


def _passes(
    run: Callable[..., Any],
    choice: Choice | None,
    images: Sequence[Any],
    is_enough: Callable[[Sequence[float]], bool],
    typical_s: float,
    import_s: float,
    load_s: float,
) -> Passes:
    samples: list[float] = []
    warm_ups: list[float] = []
    busy: list[float] = []
    first: tuple[list[Any], str] | None = None
    while not is_enough(samples):
        start, cpu = time.perf_counter(), time.process_time()
        outcomes, name = run(choice, images)
        wall, own_s = time.perf_counter() - start, time.process_time() - cpu
        calls = [each for each in outcomes if isinstance(each, Call)]
        warm_ups.append(warm_up_s(calls, typical_s))
        samples.append(max(wall - warm_ups[-1], 1e-6))
        busy.append(_busy_s(calls, own_s) / wall)
        first = first or (outcomes, name)
    assert first is not None
    outcomes, name = first
    results = [each.result if isinstance(each, Call) else each for each in outcomes]
    return Passes(
        tuple(samples), tuple(warm_ups), import_s, load_s, median(busy), name,
        tuple(digest(getattr(each, "error", each)) for each in results),
        tuple(describe(each.error) if isinstance(each, Failure) else "" for each in results),
    )  # fmt: skip


def _busy_s(calls: Sequence[Call], own_s: float) -> float:
    """Return the seconds of all cores: of this process, and of the calls in others."""
    return own_s + sum(each.cpu_s for each in calls if each.process != os.getpid())


JOBS: dict[str, Callable[..., Any]] = {"profile": profile, "crowding": crowding, "way": time_way}
