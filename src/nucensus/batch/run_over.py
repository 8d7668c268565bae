"""Run over many items: a pilot on the first, then the strategy that is chosen for the rest."""

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, TypeAlias

from ..errors import StrategyError
from ..execute import STRATEGIES, Strategy, inner_pools_capped
from ..machine import available_memory_bytes
from ..text.plurals import data_size
from .choose import Choice, seconds_each, trial_size
from .grouped import Grouped
from .pilot import Measured, Pilot

Steps: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""How an item is loaded, and what is then applied to it."""
_MANY = 1000
"""Items that a stream is taken to have left. Larger: workers are started for less."""


def run_over(
    items: Iterable[Any],
    count: int | None,
    steps_for: Callable[[Strategy | None], Steps],
    choice: Choice | None,
    choose_after: Callable[[Measured, int], Choice],
    *,
    on_choice: Callable[[Choice], None] | None = None,
    in_memory: bool = False,
) -> Generator[tuple[int, Any], None, None]:
    """Yield (index, outcome) of `count` items; without a choice, a pilot on the first makes it.

    Threads may then be tried on the next, before they are trusted with the rest. Without a count
    the items are a stream, of which a bounded number is under way.

    `steps_for` returns what to do with an item under a strategy, or in the pilot.
    """
    source, done = _Counted(items, count), 0
    if choice is None:
        load, apply = steps_for(None)
        pilot = Pilot(load, apply, sends_images=in_memory)
        for result in pilot.run(source):
            yield done, result
            done += 1
        choice = choose_after(pilot.measured, source.left())
        if size := trial_size(choice, source.left()):
            begun, ends = time.perf_counter(), list[float]()
            load, apply = steps_for(choice.strategy)
            steps = load, _noting_the_end(apply, ends)
            for index, outcome in _run_strategy(choice, steps, islice(source, size), in_memory):
                yield done + index, outcome
            done += size
            spent_s = pilot.measured.spent_s + time.perf_counter() - begun
            threaded_s = seconds_each(sorted(ends), choice.workers + choice.ahead)
            tried = replace(pilot.measured, threaded_s=threaded_s, spent_s=spent_s)
            choice = choose_after(tried, source.left())
    if on_choice is not None:
        on_choice(choice)
    for index, outcome in _run_strategy(choice, steps_for(choice.strategy), source, in_memory):
        yield done + index, outcome


def _noting_the_end(function: Callable[[Any], Any], ends: list[float]) -> Callable[[Any], Any]:
    """Return the function, which then notes in `ends` when each call of it ended."""

    def timed(item: Any) -> Any:
        result = function(item)
        ends.append(time.perf_counter())
        return result

    return timed


class _Counted:
    """The items, and about how many are left."""

    def __init__(self, items: Iterable[Any], count: int | None) -> None:
        self._items, self._left = iter(items), count

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._items)
        if self._left is not None:
            self._left -= 1
        return item

    def __length_hint__(self) -> int:
        return max(0, self._left or 0)

    def left(self) -> int:
        """Return how many are left; of a stream, many unless this is its end."""
        if self._left is not None:
            return max(0, self._left)
        ahead = list(islice(self._items, 1))
        self._items = chain(ahead, self._items)
        return _MANY * len(ahead)


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
    run: Callable[..., Iterator[tuple[int, Any]]] = functools.partial(strategy.run, work)
    todo: Iterable[Any] = items
    if isinstance(work, Grouped):
        run = functools.partial(work.run, strategy)
    elif strategy.loads_first and not in_memory:
        todo = load_all(load, list(items))
    elif not in_memory:
        run = functools.partial(strategy.run, functools.partial(_load_and_apply, load, work))
    shared = strategy.in_process and strategy.parallel
    with inner_pools_capped() if shared else contextlib.nullcontext():
        yield from run(todo, choice.workers + choice.ahead)


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
            f"{count} images of {data_size(size_bytes)} need {data_size(size_bytes * count)} of "
            f"memory at once, and {data_size(available)} are available; use a strategy that reads "
            f"each file when it is needed (threads, pool-disk, list-disk), or fewer images"
        )
