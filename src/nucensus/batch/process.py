"""Apply any function of one image to many images."""

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from typing import Any, Literal, TypeAlias, TypeVar, Unpack

from numpy.typing import NDArray

from ..detect import detect_nuclei
from ..errors import StrategyError, WorkerDiedError
from ..execute import (
    STRATEGIES,
    Codec,
    Lost,
    Strategy,
    inner_pools_capped,
    name_image,
    refuse_unguarded,
)
from ..machine import available_memory_bytes
from ..text.progress import ProgressLine
from ..values import Execution, ProcessOptions, Selection, refuse_unknown, take_value
from .choose import Choice, choose_from, in_chunks, trial_size
from .decide import choose_strategy
from .named import Image, NamedImage, apply, load, name_images
from .pilot import Measured, Pilot
from .results import Failure, Keeping, Results
from .warm_up import WarmedUp

Result = TypeVar("Result")
Steps: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""How an item is loaded, and what is then applied to it."""


def process_images(
    images: Image | Iterable[Image],
    function: Callable[[NDArray[Any]], Result] = detect_nuclei,  # type: ignore[assignment]
    *,
    execution: Execution | None = None,
    selection: Selection | None = None,
    timeout: float | None = None,
    on_error: Literal["raise", "return"] = "raise",
    progress: bool | Callable[[int, int], None] = False,
    chunk_size: int | None = None,
    warm_up: Callable[[], Any] | None = None,
    **options: Unpack[ProcessOptions],
) -> Results[Result]:
    """Apply `function` to every image and return the results in order.

    Parameters
    ----------
    images : path, or iterable of path or of ndarray
        Folders, globs, tables with a column of paths (CSV, Parquet) and files,
        as `census` takes them; or arrays already in memory. A generator is read
        to its end first.
    function : callable
        Any function of one image, an array of shape (height, width).
    execution : Execution, optional
        How the images are worked on. Of its limits, the time and the memory
        count here.
    selection : Selection, optional
        Which of the images count, and which plane of their files.
    timeout : float, optional
        The longest that `function` may take for an image, in seconds. Only a
        process can be ended: it is for `isolated` and for a cluster, and `auto`
        is `isolated` then.
    on_error : {"raise", "return"}
        What becomes of an image that cannot be read, that `function` raises an
        error for, or that its worker does not survive under `isolated`. "raise"
        ends the work. With "return" the error stands in the place of the
        result, and the others are done.
    progress : bool or callable
        Whether a line says how many are done; or what is called with how many
        are done and how many there are.
    chunk_size : int, optional
        How many images a process of a pool gets at a time; by default a quarter
        of its share.
    warm_up : callable, optional
        Called without parameters, once in each process, before its first image:
        to load weights, or to compile.
    **options
        The fields of `Execution` and `Selection` one by one, in place of them:
        `strategy`, `workers`, `scheduler`, `limits`; `plane`, `pattern`,
        `manifest`, `shard`.

    Returns
    -------
    Results
        A list of what `function` returned for each image, in the order of
        `images`. Its `choice` is the strategy that ran, and `explain()` says
        why.

    Raises
    ------
    InputError
        A folder, glob or table names no image, or leaves a choice of plane.
    StrategyError
        The strategy cannot run this function, or these images, on this machine,
        what `function` returned cannot be sent between processes, or a worker
        died or took longer than `timeout`.
    ClusterError
        The cluster cannot be reached, was lost, or has other versions.
    ReadError
        An image cannot be read.
    FunctionError
        `function` raised an error in another process that pickle cannot
        rebuild; its text and traceback are there. Any other error that
        `function` raises comes through as it is, `SystemExit` too. A note of
        each error names the image.

    Examples
    --------
    >>> import numpy as np
    >>> process_images([np.ones((4, 5)), np.zeros((6, 7))], np.size, strategy="list-memory")
    [20, 42]
    """
    refuse_unguarded()
    left: dict[str, Any] = {**options}
    execution = take_value(Execution, execution, left)
    selection = take_value(Selection, selection, left)
    refuse_unknown(left, "process_images")
    _check_options(on_error, chunk_size)
    if timeout is not None:
        execution = replace(execution, limits=replace(execution.limits, timeout_s=timeout))
    named, in_memory = name_images(images, selection, is_local=execution.scheduler is None)
    keeps = on_error == "return"
    steps = _steps(function, warm_up, in_memory=in_memory, keeps=keeps)
    codec = None if in_memory else Codec(path_of=attrgetter("image"))
    shown = ProgressLine() if progress is True else progress
    results: list[Any] = [None] * len(named)
    chosen: list[Choice] = []
    with contextlib.ExitStack() as open_:
        choice = open_.enter_context(choose_strategy(execution, codec=codec, function=function))
        outcomes = run_over(
            named, len(named), lambda _: steps, in_chunks(choice, chunk_size, is_asked_for=True),
            lambda measured, remaining: in_chunks(choose_from(
                measured, remaining, workers=execution.workers, function=function,
                in_memory=in_memory, memory_bytes=execution.limits.max_memory_bytes,
            ), chunk_size),
            on_choice=chosen.append, in_memory=in_memory,
        )  # fmt: skip
        working = open_.enter_context(contextlib.closing(outcomes))
        for done, (index, outcome) in enumerate(working, 1):
            results[index] = _result(named[index].name, outcome, keeps=keeps)
            if shown:
                shown(done, len(named))
    return Results(results, chosen[0])


def _check_options(on_error: str, chunk_size: int | None) -> None:
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'return'")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size is {chunk_size}; expected 1 or more")


def _steps(
    function: Callable[[Any], Any],
    warm_up: Callable[[], Any] | None,
    *,
    in_memory: bool,
    keeps: bool,
) -> Steps:
    work = WarmedUp(function, warm_up) if warm_up else function
    steps: Steps = (_identity if in_memory else load, functools.partial(apply, work))
    return (Keeping(steps[0]), Keeping(steps[1])) if keeps else steps


def _identity(image: NamedImage) -> NamedImage:
    return image


def _result(name: str, outcome: Any, *, keeps: bool) -> Any:
    """Return what stands in the list for an image, or raise why there is nothing."""
    if isinstance(outcome, Failure):
        return outcome.error
    if not isinstance(outcome, Lost):
        return outcome
    error = WorkerDiedError(f"{name!r} cannot be worked on: {outcome.reason}")
    name_image(error, name)
    if keeps:
        return error
    raise error


def run_over(
    items: Iterable[Any],
    count: int,
    steps_for: Callable[[Strategy | None], Steps],
    choice: Choice | None,
    choose_after: Callable[[Measured, int], Choice],
    *,
    on_choice: Callable[[Choice], None] | None = None,
    in_memory: bool = False,
) -> Generator[tuple[int, Any], None, None]:
    """Yield (index, outcome) of `count` items; without a choice, a pilot on the first makes it.

    Threads may then be tried on the next, before they are trusted with the rest.

    `steps_for` returns what to do with an item under a strategy, or in the pilot.
    """
    source, done = _Counted(items, count), 0
    if choice is None:
        load, apply = steps_for(None)
        pilot = Pilot(load, apply, sends_images=in_memory)
        for result in pilot.run(source):
            yield done, result
            done += 1
        choice = choose_after(pilot.measured, count - done)
        if size := trial_size(choice, count - done):
            begun, arrivals = time.perf_counter(), []
            steps = steps_for(choice.strategy)
            for index, outcome in _run_strategy(choice, steps, islice(source, size), in_memory):
                arrivals.append(time.perf_counter())
                yield done + index, outcome
            done += size
            # The first has waited for the threads to start.
            threaded_s = (arrivals[-1] - arrivals[0]) / size if arrivals else 0.0
            spent_s = pilot.measured.spent_s + time.perf_counter() - begun
            tried = replace(pilot.measured, threaded_s=threaded_s, spent_s=spent_s)
            choice = choose_after(tried, count - done)
    if on_choice is not None:
        on_choice(choice)
    for index, outcome in _run_strategy(choice, steps_for(choice.strategy), source, in_memory):
        yield done + index, outcome


class _Counted:
    """The items, and about how many are left."""

    def __init__(self, items: Iterable[Any], count: int) -> None:
        self._items, self._left = iter(items), count

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._items)
        self._left -= 1
        return item

    def __length_hint__(self) -> int:
        return max(0, self._left)


def _run_strategy(
    choice: Choice, steps: Steps, items: Iterator[Any], in_memory: bool
) -> Iterator[tuple[int, Any]]:
    """Load the items first, or where they are worked on, as the strategy wants it."""
    strategy = choice.strategy
    if in_memory and not strategy.takes_arrays:
        twin = next(
            each.name
            for each in STRATEGIES.values()
            if each.takes_arrays and each.parallel == strategy.parallel
        )
        raise StrategyError(
            f"the strategy {strategy.name} reads files, and arrays were given; expected paths; "
            f"use {twin} for arrays"
        )
    load, work = steps
    todo: Iterable[Any] = items
    if strategy.loads_first and not in_memory:
        todo = load_all(load, list(items))
    elif not in_memory:
        work = functools.partial(_load_and_apply, load, work)
    shared = strategy.in_process and strategy.parallel
    with inner_pools_capped() if shared else contextlib.nullcontext():
        yield from strategy.run(work, todo, choice.workers + choice.ahead)


def _load_and_apply(load: Callable[[Any], Any], function: Callable[[Any], Any], item: Any) -> Any:
    return function(load(item))


def load_all(load: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Load every item, or say how much memory that would take if it is too much."""
    loaded: list[Any] = []
    is_first = True  # of those that can be read
    for item in items:
        loaded.append(load(item))
        if is_first and getattr(loaded[-1], "nbytes", False):
            _check_memory(loaded[-1], len(items))
            is_first = False
    return loaded


def _check_memory(first: Any, count: int) -> None:
    size_bytes = getattr(first, "nbytes", 0)
    available = available_memory_bytes()
    if available is not None and size_bytes * count > available:
        raise StrategyError(
            f"{count} images of {_gigabytes(size_bytes)} need {_gigabytes(size_bytes * count)} of "
            f"memory at once, and {_gigabytes(available)} are available; use a strategy that reads "
            f"each file when it is needed (threads, pool-disk, list-disk), or fewer images"
        )


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.3g} GB"
