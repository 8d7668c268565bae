"""Compare every way to run a function over many images, each in a fresh process."""

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from multiprocessing import get_start_method
from pathlib import Path
from statistics import median
from typing import Any, NoReturn, Unpack

import numpy as np

from ...batch.named import Image, NamedImage, load, name_images
from ...errors import FunctionError, InputError, NucensusError
from ...execute import Strategy, refuse_unguarded
from ...machine import facts, usable_cores
from ...text.progress import ProgressLine
from ...values import Selection, SelectionOptions, take_only
from ..memory import watch_memory
from .comparison import Comparison
from .findings import Passes, Profile, Timing
from .predict import chunk_size
from .rehearsal import Rehearsal, travels_by_name
from .source import Function, Source, source_of
from .trial import load_with
from .warm_ups import with_common_warm_up
from .ways import AUTO, EVERY, Way, swept_sizes, ways_of

_PROFILE_LIMIT_S = 900.0
_LEAST_LIMIT_S = 60.0
_NOTHING = Passes((), (), 0.0, 0.0, 0.0, "", (), ())


def compare(
    images: Image | Iterable[Image],
    *functions: Function,
    strategies: Iterable[str] = EVERY,
    start_methods: Iterable[str] = (),
    chunk_sizes: Iterable[int] | None = None,
    load: Function | None = None,
    limit: int | None = None,
    workers: int | None = None,
    repeat: int = 5,
    seconds: float = 1.5,
    progress: bool | Callable[[int, int], None] = True,
    on_timing: Callable[[Timing], None] | None = None,
    selection: Selection | None = None,
    **options: Unpack[SelectionOptions],
) -> Comparison:
    """Time every way to run a function over many images here, and predict it for other machines.

    Parameters
    ----------
    images : path, or iterable of path or of ndarray
        As in `process_images`. A generator is read to its end, or to `limit`:
        each way works on the same images.
    *functions : callable or str
        One function of an image, of shape (height, width), or several to
        compare: as they are, or as FILE.py:name or package.module:name.
        Functions of a notebook are fine.
    strategies : iterable of str
        Which ways to time: strategies of `process_images`, and `auto`.
    start_methods : iterable of str
        Ways to start processes ("fork", "forkserver", "spawn") with which the
        pools are timed too.
    chunk_sizes : iterable of int, optional
        How many images a process gets at a time, with which the pools are timed
        too. By default the fastest of the published pools is: with one image,
        and with all that a worker gets.
    load : callable or str, optional
        What makes an array of a path, in place of the readers of nucensus.
    limit : int, optional
        Only the first so many images.
    workers : int, optional
        How many threads or processes; by default the cores this process may use.
    repeat : int
        How many passes over the images each way makes at most,
    seconds : float
        and after how many seconds it begins no further one. Two are made, and no
        more if they are alike; one, if it takes twice as long, or half as long
        again as the best way so far.
    progress : bool or callable
        Whether a line says how far it is; or what is called with how many ways
        are done and how many there are.
    on_timing : callable, optional
        Called with the `Timing` of each way as soon as it is there.
    selection, **options
        Which images count, as in `process_images`.

    Returns
    -------
    Comparison
        It shows itself in a notebook. `best`, `recommendation`, `to_frame()`,
        `chart()` and `code()` say what follows from it.

    Raises
    ------
    InputError
        There is no such function, or no image; arrays were given with `load`.
    FunctionError
        The function fails for the first images.

    Examples
    --------
    >>> from nucensus import compare
    >>> compare("plate/", "mine.py:count").recommendation        # doctest: +SKIP
    'On 2 cores, for 24 images: threads, 0.8 s, 1.9 times as fast as a plain list (1.5 s). ...'
    """
    refuse_unguarded()
    selection = take_only(Selection, selection, options, "compare")
    sources = _sources_of(images, functions)
    named, in_memory = _named(images, selection, limit, load)
    workers = workers or usable_cores()
    ways = ways_of(strategies, tuple(start_methods), tuple(chunk_sizes or ()))
    swept = swept_sizes(len(named), workers) if chunk_sizes is None else ()
    shown = ProgressLine("way") if progress is True else progress
    machine = facts() | {"load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}
    timings: list[Timing] = []
    with tempfile.TemporaryDirectory() as scratch:
        bench = _Bench(named, Path(scratch), None if load is None else source_of(load), workers)
        profiles = {each.name: bench.profile(each) for each in sources}  # before minutes of one
        for source, function in zip(sources, functions, strict=True):
            known = profiles[source.name]
            bench.rehearse(function, known)
            time_one = partial(bench.time_way, source, known, repeat=repeat, seconds=seconds)
            told = partial(_tell, on_timing, shown, len(timings))
            found = _time_ways(time_one, ways, swept, told)
            timings += with_common_warm_up(_with_differences(named, found))
    return Comparison(
        tuple(timings), profiles, {each.name: each.place for each in sources}, len(named),
        workers, machine, bench.errors, in_memory,
    )  # fmt: skip


def _named(
    images: Image | Iterable[Image], selection: Selection, limit: int | None, load: Function | None
) -> tuple[list[NamedImage], bool]:
    """Return the first so many images, and whether they are in memory."""
    if isinstance(images, Iterator):
        images = list(islice(images, limit))
    named, in_memory = name_images(images, selection, is_local=True)
    _check_images(named[:limit], in_memory, load)
    return named[:limit], in_memory


def _time_ways(
    time_one: Callable[..., tuple[Timing, Passes | None]],
    ways: Sequence[Way],
    swept: Sequence[int],
    told: Callable[[Timing, int, int], None],
) -> list[tuple[Timing, Passes | None]]:
    """Time one way after the other; `told` is how many are done, and how many they are to be."""
    found: list[tuple[Timing, Passes | None]] = []
    todo = list(ways)
    while len(found) < len(todo):
        found.append(time_one(todo[len(found)], best_s=_best_s(found)))
        if len(found) == len(ways):
            todo += _swept([each for each, _ in found], swept)
        told(found[-1][0], len(found), len(todo))
    return found


def _tell(
    on_timing: Callable[[Timing], None] | None, shown: bool | Callable[[int, int], None],
    before: int, timing: Timing, done: int, count: int,
) -> None:  # fmt: skip
    """Say that one way more is timed, after those of functions before."""
    if on_timing is not None:
        on_timing(timing)
    if callable(shown):
        shown(before + done, before + count)


def _best_s(found: Sequence[tuple[Timing, Passes | None]]) -> float:
    """Return what the fastest way took so far."""
    return min((each.total_s for each, passes in found if passes), default=math.inf)


def _swept(found: Sequence[Timing], sizes: Iterable[int]) -> list[Way]:
    """Return the fastest of the published pools, in chunks of these sizes."""
    pools = [
        each for each in found
        if not (each.failure or each.way.chunk_size)
        and (strategy := each.way.described) and strategy.is_published and strategy.takes_chunks
    ]  # fmt: skip
    if not pools:
        return []
    fastest = min(pools, key=lambda each: each.total_s)
    return [replace(fastest.way, chunk_size=size) for size in sizes]


def _check_images(named: Sequence[NamedImage], in_memory: bool, load: Function | None) -> None:
    if not named:
        raise InputError("no images were given; expected one or more; check the list")
    if in_memory and load is not None:
        raise InputError(
            "arrays were given, and a function that loads them; expected paths for that; leave one "
            "of them out"
        )


def _sources_of(images: Any, functions: Sequence[Function]) -> list[Source]:
    """Return the functions under names of their own."""
    if not functions or callable(images):
        raise TypeError(
            "compare() takes the images and then one function or more, as in compare(images, count)"
        )
    sources = [source_of(each) for each in functions]
    names = [each.name for each in sources]
    return [
        replace(each, name=f"{each.name} ({index + 1})") if names.count(each.name) > 1 else each
        for index, each in enumerate(sources)
    ]


def _with_differences(
    images: Sequence[NamedImage], found: Sequence[tuple[Timing, Passes | None]]
) -> list[tuple[Timing, Passes]]:
    """Return the rows with the images for which they gave another result than the first."""
    expected = next((passes.digests for _, passes in found if passes), ())
    rows = []
    for timing, passes in found:
        digests = passes.digests if passes else expected
        pairs = zip(images, expected, digests, strict=False)
        differs = tuple(image.name for image, one, other in pairs if one != other)
        rows.append((replace(timing, differs=differs), passes or _NOTHING))
    return rows


class _Bench:
    """The images, and the fresh processes that work on them."""

    def __init__(
        self, images: Sequence[NamedImage], folder: Path, loader: Source | None, workers: int
    ) -> None:
        self._images, self._loader, self._workers = images, loader, workers
        self._file = folder / "images"
        self._file.write_bytes(pickle.dumps(list(images), 5))
        self._rehearsal: Rehearsal | None = None
        self.errors: dict[str, str] = {}

    def profile(self, source: Source) -> Profile:
        """Return what one call takes, alone and beside others."""
        reply, _ = self._ask("profile", source, _PROFILE_LIMIT_S, workers=self._workers)
        if "found" not in reply:
            _raise(source, reply)
        profile: Profile = reply["found"]
        if self._workers > 1:
            limit_s = _LEAST_LIMIT_S + 10 * profile.warm_up_s
            reply, _ = self._ask(
                "crowding", source, limit_s, usable=profile.usable, workers=self._workers
            )
            profile = replace(profile, crowded=reply.get("found", {}))
        return profile

    def rehearse(self, function: Function, known: Profile) -> None:
        """Be ready to tell why this program cannot take a way that a fresh process can."""
        self._rehearsal = None
        if not travels_by_name(function):
            return
        image = self._images[known.usable]
        load_one = load if self._loader is None else load_with(self._loader)
        loaded = image if isinstance(image.image, np.ndarray) else load_one(image)
        self._rehearsal = Rehearsal(function, loaded)

    def time_way(
        self, source: Source, known: Profile, way: Way, *, repeat: int, seconds: float,
        best_s: float,
    ) -> tuple[Timing, Passes | None]:  # fmt: skip
        """Return the row of a way, and what its process found if it did."""
        strategy = way.described
        row = Timing(source.name, way)
        in_memory = isinstance(self._images[0].image, np.ndarray)
        if strategy is not None and in_memory and not strategy.takes_arrays:
            return replace(row, failure="it reads files, and arrays were given"), None
        if self._rehearsal is not None and (reason := self._rehearsal.refusal(way)):
            return replace(row, failure=reason), None
        usual_s = len(self._images) * known.measured.total_s
        reply, peak = self._ask(
            "way", source, _LEAST_LIMIT_S + 10 * (known.warm_up_s + usual_s) + 3 * seconds,
            way=way, workers=self._workers, repeat=repeat, usable=known.usable, seconds=seconds,
            typical_s=known.measured.apply_s, best_s=best_s,
        )  # fmt: skip
        if "found" not in reply:
            return replace(row, failure=reply["failure"]), None
        passes: Passes = reply["found"]
        named = zip(self._images, passes.errors, strict=True)
        self.errors |= {image.name: error for image, error in named if error}
        return _timing(row, passes, known, peak, self._workers), passes

    def _ask(
        self, kind: str, source: Source, limit_s: float, **job: Any
    ) -> tuple[dict[str, Any], int]:
        """Return what a fresh process found, or why it found nothing, and its peak memory."""
        job |= {"source": source, "images_file": str(self._file), "loader": self._loader}
        here = {"sys_path": list(sys.path), "start_method": get_start_method(allow_none=True)}
        question = pickle.dumps((kind, {**job, **here}))
        with subprocess.Popen(
            [sys.executable, "-m", "nucensus.bench.worth.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:  # fmt: skip
            done = threading.Event()
            peak = watch_memory(process.pid, done)
            try:
                answer, said = process.communicate(question, timeout=limit_s)
            except subprocess.TimeoutExpired:
                return {"failure": f"it was not done after {limit_s:.0f} s, and was ended"}, 0
            finally:
                done.set()
                _end(process)
        try:
            reply = pickle.loads(answer)
        except (EOFError, pickle.UnpicklingError):
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            code = process.returncode
            how = f"ended with code {code}"
            if code < 0:
                how = f"crashed or was killed ({signal.Signals(-code).name})"
            ended = f"its process {how}: {''.join(last)}".rstrip(": ")
            return {"failure": ended}, 0
        return reply, peak()


def _raise(source: Source, reply: dict[str, Any]) -> NoReturn:
    """Raise why nothing could be measured: what nucensus says itself, or what went wrong."""
    failed = FunctionError(
        f"the function {source.name} cannot be timed ({reply['failure']}); expected one that works "
        f"in a fresh process; try it on one image first"
    )
    if "error" not in reply:
        raise failed
    try:
        reply["error"].open()
    except NucensusError:
        raise
    except Exception as error:
        raise failed from error
    raise failed


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _timing(row: Timing, passes: Passes, known: Profile, peak: int, workers: int) -> Timing:
    """Return the row with what was found, and with what follows from the strategy that ran."""
    way = row.way if row.way.strategy != AUTO else Way(passes.ran)
    strategy = way.described
    assert strategy is not None
    warm_ups = passes.warm_ups_s
    sent_bytes, sent_s = _sent(strategy, known)
    chunk = way.chunk_size or chunk_size(strategy, len(passes.digests), workers)
    message_s = 0.0 if strategy.in_process else known.message_s / chunk
    return replace(
        row,
        ran=passes.ran,
        samples_s=passes.samples_s,
        load_s=passes.load_s,
        warm_up_s=passes.import_s + (warm_ups[0] if strategy.in_process else median(warm_ups)),
        busy_cores=passes.busy_cores,
        locked=known.measured.locked if strategy.in_process else None,
        sent_bytes=sent_bytes,
        sent_s=sent_s + message_s,
        peak_memory_bytes=peak,
    )


def _sent(strategy: Strategy, known: Profile) -> tuple[int, float]:
    """Return the bytes that go through pipes for an image, and the seconds that takes."""
    if strategy.in_process:
        return 0, 0.0
    if strategy.shares_memory or not strategy.loads_first:
        return known.result_bytes, known.result_s
    return known.image_bytes + known.result_bytes, known.image_s + known.result_s
