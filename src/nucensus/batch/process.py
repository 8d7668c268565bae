"""Apply any function of one image to many images."""

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..detect import detect_nuclei
from ..errors import InputError, StrategyError
from ..execute import check
from ..machine import available_memory_bytes
from ..read import read
from .choose import Choice, choose

Image: TypeAlias = str | os.PathLike[str] | NDArray[Any]
Result = TypeVar("Result")


def process_images(
    images: Iterable[Image],
    function: Callable[[NDArray[Any]], Result] = detect_nuclei,  # type: ignore[assignment]
    *,
    strategy: str = "auto",
    workers: int | None = None,
) -> list[Result]:
    """Apply `function` to every image and return the results in order.

    Parameters
    ----------
    images : iterable of path or of ndarray
        Files, or arrays already in memory; not both.
    function : callable
        Any function of one image, an array of shape (height, width).
    strategy : str
        One of `list-disk`, `list-memory`, `pool-disk`, `pool-memory`,
        `pool-fork`, `threads`, or `auto`: threads for `detect_nuclei`, which
        releases the interpreter lock; otherwise a pool of processes; a list
        where there is one worker or one image only.
    workers : int, optional
        How many threads or processes; by default the cores this process may use.

    Returns
    -------
    list
        What `function` returned for each image, in the order of `images`.

    Raises
    ------
    StrategyError
        The strategy cannot run this function, or these images, on this machine.
    ReadError
        An image cannot be read. Any error that `function` raises comes through
        as it is.

    Examples
    --------
    >>> import numpy as np
    >>> process_images([np.ones((4, 5)), np.zeros((4, 5))], np.sum, strategy="list-memory")
    [20.0, 0.0]
    """
    listed = list(images)
    in_memory = _are_arrays(listed)
    choice = choose(strategy, workers, len(listed), function=function, in_memory=in_memory)
    check(choice.strategy, function)
    results: list[Any] = [None] * len(listed)
    for index, result in run_strategy(choice, read, function, listed, in_memory):
        results[index] = result
    return results


def _are_arrays(images: Sequence[Any]) -> bool:
    arrays = [isinstance(image, np.ndarray) for image in images]
    if any(arrays) and not all(arrays):
        raise InputError(
            "both paths and arrays were given; expected one kind; read the files first"
        )
    return bool(arrays) and arrays[0]


def run_strategy(
    choice: Choice,
    load: Callable[[Any], Any],
    function: Callable[[Any], Any],
    items: Sequence[Any],
    in_memory: bool = False,
) -> Iterator[tuple[int, Any]]:
    """Load the items first, or where they are worked on, as the strategy wants it."""
    strategy = choice.strategy
    if in_memory and strategy.name.endswith("-disk"):
        raise StrategyError(
            f"the strategy {strategy.name} reads files, and arrays were given; expected paths; "
            f"use {strategy.name.replace('-disk', '-memory')} for arrays"
        )
    if not strategy.loads_first or in_memory:
        work = function if in_memory else functools.partial(_load_and_apply, load, function)
        return strategy.run(work, items, choice.workers)
    return strategy.run(function, load_all(load, items), choice.workers)


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
