"""Run work over many items: the strategies.

Every strategy has one signature, `run(work, items, workers)`, yields
`(index, outcome)` with each index once and in any order, and knows nothing of
images. A new strategy is one function in a module of this room and one line in `_TABLE`.
"""

import functools
import pickle
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._lazy import names_of
from ..errors import StrategyError
from ..machine import can_fork
from .by_value import dumps
from .in_process import run_list, run_threads
from .strategy import Lost, Outcomes, Strategy, Work, in_order
from .worker import (
    default_context,
    inner_pools_capped,
    refuse_daemon,
    refuse_unguarded,
    start_worker,
)

if TYPE_CHECKING:
    from .cluster import Codec, on_cluster
    from .connect import connected
    from .payload import Payload, name_image, pack_error
else:
    __getattr__ = names_of(__name__, {
        "cluster": "Codec on_cluster", "connect": "connected",
        "payload": "Payload name_image pack_error",
    })  # fmt: skip

__all__ = [
    "OTHERS",
    "PUBLISHED",
    "STRATEGIES",
    "Codec",
    "Lost",
    "Outcomes",
    "Payload",
    "Strategy",
    "Work",
    "check",
    "connected",
    "default_context",
    "in_order",
    "inner_pools_capped",
    "isolated",
    "name_image",
    "on_cluster",
    "pack_error",
    "refuse_unguarded",
    "start_worker",
    "strategy_named",
]  # fmt: skip


def _run_of(module: str, name: str) -> Callable[..., Outcomes]:
    """Return the function of a strategy, whose module is imported when it runs."""

    def run(*args: Any, **options: Any) -> Outcomes:
        found: Outcomes = getattr(import_module(f".{module}", __package__), name)(*args, **options)
        return found

    return run


def strategy_named(name: str) -> Strategy:
    """Return the strategy called `name`, one of those that people also use too."""
    every = {**STRATEGIES, **OTHERS}
    try:
        return every[name]
    except KeyError:
        raise StrategyError(
            f"there is no strategy {name!r}; expected one of {', '.join(every)}, or auto"
        ) from None


def check(strategy: Strategy, function: Work) -> None:
    """Raise `StrategyError` if `strategy` cannot run `function` on this machine."""
    if strategy.needs_fork and not can_fork():
        raise StrategyError(
            f"the strategy {strategy.name} forks processes, and this system cannot; "
            f"expected Linux or macOS; use {_named(lambda each: not each.needs_fork)} instead"
        )
    if not strategy.in_process:
        refuse_daemon(strategy.name)
    if not strategy.pickles_work:
        return
    try:
        dumps(function, is_for_workers=True)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StrategyError(
            f"the strategy {strategy.name} sends the function to worker processes, and this one "
            f"cannot be pickled ({error}); expected a function defined with def at the top of a "
            f"module; define it there, or use {_named(lambda each: not each.pickles_work)}"
        ) from error


def _named(suits: Callable[[Strategy], bool]) -> str:
    """Return the names of the strategies that suit, ours first, as a message lists them."""
    suitable = sorted(filter(suits, STRATEGIES.values()), key=lambda each: each.is_published)
    *names, last = [each.name for each in suitable]
    return f"{', '.join(names)} or {last}" if names else last


def isolated(timeout_s: float | None = None, memory_bytes: int | None = None) -> Strategy:
    """Return the strategy that survives its workers.

    A worker that takes longer than `timeout_s` for an item is killed; one that
    takes more than `memory_bytes` gets a `MemoryError`.
    """
    return Strategy(
        "isolated",
        "processes of which one may die, each given one image at a time",
        functools.partial(
            _run_of("isolated", "run_isolated"), timeout_s=timeout_s, memory_bytes=memory_bytes
        ),
        pickles_work=True,
        shares_memory=False,
        in_process=False,
        isolates_crashes=True,
        costs="the slowest to start; only where you ask for it (`--isolate`, `timeout=`)",
    )


_TABLE = (
    Strategy(
        "list-disk",
        "a list comprehension, each file read when its turn comes",
        run_list,
        takes_arrays=False,
        parallel=False,
        is_published=True,
        costs="one core works",
    ),
    Strategy(
        "list-memory",
        "a list comprehension over images already in memory",
        run_list,
        loads_first=True,
        parallel=False,
        is_published=True,
        costs="one core works; all images in memory",
    ),
    Strategy(
        "pool-disk",
        "`multiprocessing.Pool.map` over paths",
        _run_of("pools", "run_pool"),
        takes_arrays=False,
        pickles_work=True,
        shares_memory=False,
        in_process=False,
        takes_start_method=True,
        takes_chunks=True,
        is_published=True,
        costs="processes to start; each reads its own files",
    ),
    Strategy(
        "pool-memory",
        "`multiprocessing.Pool.map` over arrays",
        _run_of("pools", "run_pool"),
        loads_first=True,
        pickles_work=True,
        shares_memory=False,
        in_process=False,
        takes_start_method=True,
        takes_chunks=True,
        is_published=True,
        costs="every array is pickled, sent through a pipe and unpickled",
    ),
    Strategy(
        "pool-fork",
        "`multiprocessing.Pool.map` over indices",
        _run_of("pools", "run_pool_fork"),
        loads_first=True,
        in_process=False,
        needs_fork=True,
        takes_chunks=True,
        is_published=True,
        costs="the images must be in memory before the fork; Unix only",
    ),
    Strategy(
        "threads",
        "threads that read and work",
        run_threads,
        costs="only for functions that release the interpreter lock",
    ),
    isolated(),
)

STRATEGIES = {strategy.name: strategy for strategy in _TABLE}
"""The strategies by name: the five published ones, then ours."""

OTHERS = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "shared-memory",
            "multiprocessing.Pool, arrays copied once into shared memory",
            _run_of("others", "run_shared_memory"),
            loads_first=True,
            pickles_work=True,
            in_process=False,
            takes_start_method=True,
            takes_chunks=True,
        ),
        Strategy(
            "executor",
            "concurrent.futures.ProcessPoolExecutor",
            _run_of("others", "run_executor"),
            pickles_work=True,
            shares_memory=False,
            in_process=False,
            takes_start_method=True,
            takes_chunks=True,
        ),
        Strategy(
            "joblib",
            "joblib.Parallel, processes of loky",
            _run_of("others", "run_joblib"),
            pickles_work=True,
            shares_memory=False,
            in_process=False,
            takes_chunks=True,
        ),
        Strategy(
            "interpreters",
            "concurrent.futures.InterpreterPoolExecutor",
            _run_of("others", "run_interpreters"),
            pickles_work=True,
            shares_memory=False,
            takes_chunks=True,
        ),
    )
}
"""Ways that people also use: for comparison and where they are asked for, never taken by auto."""

PUBLISHED = tuple(name for name, strategy in STRATEGIES.items() if strategy.is_published)
