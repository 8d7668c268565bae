"""Apply any function of one image to many images."""

import contextlib
import functools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from ..detect import detect_nuclei
from ..errors import InputError, StrategyError, WorkerDiedError
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
from ..read import read
from ..remote import absolute
from ..values import Execution, ExecutionOptions, refuse_unknown, take_value
from .choose import Choice, choose_from, trial_size
from .decide import choose_strategy
from .pilot import Measured, Pilot

Image: TypeAlias = str | os.PathLike[str] | NDArray[Any]
Result = TypeVar("Result")
Steps: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""How an item is loaded, and what is then applied to it."""


def process_images(
    images: Iterable[Image],
    function: Callable[[NDArray[Any]], Result] = detect_nuclei,  # type: ignore[assignment]
    *,
    execution: Execution | None = None,
    timeout: float | None = None,
    **options: Unpack[ExecutionOptions],
) -> list[Result]:
    """Apply `function` to every image and return the results in order.

    Parameters
    ----------
    images : iterable of path or of ndarray
        Files, or arrays already in memory; not both.
    function : callable
        Any function of one image, an array of shape (height, width).
    execution : Execution, optional
        How the images are worked on. Of its limits, the time and the memory
        count here.
    timeout : float, optional
        The longest that `function` may take for an image, in seconds. Only a
        process can be ended: it is for `isolated` and for a cluster, and `auto`
        is `isolated` then.
    **options
        The fields of `Execution` one by one, in place of it: `strategy`,
        `workers`, `scheduler`, `limits`.

    Returns
    -------
    list
        What `function` returned for each image, in the order of `images`.

    Raises
    ------
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
    >>> process_images([np.ones((4, 5)), np.zeros((4, 5))], np.sum, strategy="list-memory")
    [20.0, 0.0]
    """
    refuse_unguarded()
    left: dict[str, Any] = {**options}
    execution = take_value(Execution, execution, left)
    refuse_unknown(left, "process_images")
    if timeout is not None:
        execution = replace(execution, limits=replace(execution.limits, timeout_s=timeout))
    listed = list(images)
    in_memory = _are_arrays(listed)
    is_local = execution.scheduler is None
    named = [_named(index, image, is_local) for index, image in enumerate(listed)]
    results: list[Any] = [None] * len(named)
    steps: Steps = (_identity if in_memory else _load, functools.partial(_apply, function))
    codec = None if in_memory else Codec(path_of=attrgetter("image"))
    with contextlib.ExitStack() as open_:
        choice = open_.enter_context(choose_strategy(execution, codec=codec, function=function))
        outcomes = run_over(
            named, len(named), lambda _: steps, choice,
            lambda measured, remaining: choose_from(
                measured, remaining, workers=execution.workers, function=function,
                in_memory=in_memory, memory_bytes=execution.limits.max_memory_bytes,
            ),
            in_memory=in_memory,
        )  # fmt: skip
        for index, result in open_.enter_context(contextlib.closing(outcomes)):
            if isinstance(result, Lost):
                raise _died(named[index].name, result)
            results[index] = result
    return results


@dataclass(frozen=True, slots=True)
class _Named:
    """An image, as its path or its pixels, and what errors call it."""

    name: str
    image: Any

    @property
    def nbytes(self) -> int:
        """The size of its pixels in memory."""
        return getattr(self.image, "nbytes", 0)


def _named(index: int, image: Image, is_local: bool) -> _Named:
    if isinstance(image, np.ndarray):
        return _Named(f"image {index}", image)
    path = os.fspath(image)
    return _Named(path, path if is_local else absolute(path))


def _identity(image: _Named) -> _Named:
    return image


def _load(image: _Named) -> _Named:
    return _Named(image.name, _naming(image, read))


def _apply(function: Callable[[Any], Any], image: _Named) -> Any:
    return _naming(image, function)


def _naming(image: _Named, step: Callable[[Any], Any]) -> Any:
    """Do a step, and let whatever goes wrong say with which image it did."""
    try:
        return step(image.image)
    except StopIteration as error:  # it would end the loop over the images, and say nothing
        stopped = RuntimeError("the function raised StopIteration")
        name_image(stopped, image.name)
        raise stopped from error
    except BaseException as error:
        name_image(error, image.name)
        raise


def _died(name: str, lost: Lost) -> WorkerDiedError:
    error = WorkerDiedError(f"{name!r} cannot be worked on: {lost.reason}")
    name_image(error, name)
    return error


def _are_arrays(images: Sequence[Any]) -> bool:
    arrays = [isinstance(image, np.ndarray) for image in images]
    if any(arrays) and not all(arrays):
        raise InputError(
            "both paths and arrays were given; expected one kind; read the files first"
        )
    return bool(arrays) and arrays[0]


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
            arrivals = []  # the first has waited for the threads to start
            steps = steps_for(choice.strategy)
            for index, outcome in _run_strategy(choice, steps, islice(source, size), in_memory):
                arrivals.append(time.perf_counter())
                yield done + index, outcome
            done += size
            threaded_s = (arrivals[-1] - arrivals[0]) / size if arrivals else 0.0
            choice = choose_after(replace(pilot.measured, threaded_s=threaded_s), count - done)
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
    for item in items:
        loaded.append(load(item))
        if len(loaded) == 1:
            _check_memory(loaded[0], len(items))
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
