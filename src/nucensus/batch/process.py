"""Apply any function of one image to many images."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from operator import attrgetter
from typing import Any, Literal, TypeVar, Unpack

from numpy.typing import NDArray

from ..detect import detect_nuclei
from ..errors import WorkerDiedError
from ..execute import (
    Codec,
    Lost,
    name_image,
    refuse_unguarded,
)
from ..text.progress import ProgressLine
from ..values import Execution, ProcessOptions, Selection, refuse_unknown, take_value
from .choose import Choice, choose_from, in_chunks
from .decide import choose_strategy
from .named import Image, NamedImage, apply, load, open_images
from .results import Failure, Keeping, Results
from .run_over import Steps, run_over
from .warm_up import WarmedUp

Result = TypeVar("Result")


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
        as `census` takes them; or arrays already in memory. A generator of
        paths is read to its end first. One of arrays is read as they are
        worked on: a few are in memory at a time, but with pool-fork and
        shared-memory, which need all of them.
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
        are done and how many there are: of a generator of arrays 0, until all
        are done.
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
    execution, selection = _taken(execution, selection, timeout, {**options})
    _check_options(function, on_error, chunk_size)
    named, count, in_memory = open_images(images, selection, is_local=execution.scheduler is None)
    keeps = on_error == "return"
    steps = _steps(function, warm_up, in_memory=in_memory, keeps=keeps)
    codec = None if in_memory else functools.partial(Codec, path_of=attrgetter("image"))
    chosen: list[Choice] = []
    with contextlib.ExitStack() as open_:
        choice = open_.enter_context(choose_strategy(execution, codec=codec, function=function))
        outcomes = run_over(
            named, count, lambda _: steps, in_chunks(choice, chunk_size, is_asked_for=True),
            lambda measured, remaining: in_chunks(choose_from(
                measured, remaining, workers=execution.workers, function=function,
                in_memory=in_memory, memory_bytes=execution.limits.max_memory_bytes,
                is_stream=count is None,
            ), chunk_size),
            on_choice=chosen.append, in_memory=in_memory,
        )  # fmt: skip
        working = open_.enter_context(contextlib.closing(outcomes))
        names = [each.name for each in named] if isinstance(named, list) else ()
        results = _in_order(working, names, keeps=keeps, progress=progress)
    return Results(results, chosen[0])


def _taken(
    execution: Execution | None, selection: Selection | None, timeout_s: float | None,
    options: dict[str, Any],
) -> tuple[Execution, Selection]:  # fmt: skip
    """Return the values that were given, or those of their own fields."""
    execution = take_value(Execution, execution, options)
    selection = take_value(Selection, selection, options)
    refuse_unknown(options, "process_images")
    if timeout_s is not None:
        execution = replace(execution, limits=replace(execution.limits, timeout_s=timeout_s))
    return execution, selection


def _in_order(
    outcomes: Iterable[tuple[int, Any]], names: Sequence[str], *, keeps: bool,
    progress: bool | Callable[[int, int], None],
) -> list[Any]:  # fmt: skip
    """Return what came of each image, in the order of the images; a stream's have no names."""
    shown = ProgressLine() if progress is True else progress
    results: dict[int, Any] = {}
    for done, (index, outcome) in enumerate(outcomes, 1):
        name = names[index] if names else f"image {index}"
        results[index] = _result(name, outcome, keeps=keeps)
        if shown:
            shown(done, len(names))
    if shown and not names:
        shown(len(results), len(results))
    return [results[index] for index in range(len(results))]


def _check_options(function: Any, on_error: str, chunk_size: int | None) -> None:
    if not callable(function):
        raise TypeError(
            f"the function is {function!r}; expected one that is called with an image, such as "
            f"nucensus.find_nuclei, without quotes"
        )
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'return'")
    if chunk_size is not None and not (isinstance(chunk_size, Integral) and chunk_size > 0):
        raise ValueError(f"chunk_size is {chunk_size!r}; expected a whole number, 1 or more")


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
