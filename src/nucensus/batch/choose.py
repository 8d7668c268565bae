"""Choose the strategy for a run, and say why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..detect import detect_nuclei
from ..errors import StrategyError
from ..execute import STRATEGIES, Strategy, check, strategy_named
from ..machine import can_fork, usable_cores


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy that a run uses, how many workers, and why."""

    strategy: Strategy
    workers: int
    reason: str


def choose(
    strategy: str,
    workers: int | None,
    image_count: int,
    *,
    function: Callable[..., Any] = detect_nuclei,
    in_memory: bool = False,
) -> Choice:
    """Choose how to run `function` over `image_count` images, and say why."""
    if workers is not None and workers < 1:
        raise StrategyError(f"workers is {workers}; expected 1 or more")
    count = workers or usable_cores()
    if strategy != "auto":
        return Choice(strategy_named(strategy), count, "asked for")
    name, reason = _automatic(count, image_count, function, in_memory)
    return Choice(STRATEGIES[name], count, reason)


def _automatic(
    workers: int, image_count: int, function: Callable[..., Any], in_memory: bool
) -> tuple[str, str]:
    where = "memory" if in_memory else "disk"
    if workers == 1 or image_count <= 1:
        return f"list-{where}", f"{workers} worker, {image_count} images: nothing to share out"
    if function is detect_nuclei:
        return "threads", f"{workers} workers, and the kernel releases the interpreter lock"
    if in_memory and can_fork():
        return "pool-fork", f"{workers} workers, and forked processes share the arrays"
    try:
        check(STRATEGIES[f"pool-{where}"], function)
    except StrategyError:
        return "threads", "the function cannot be sent to other processes"
    return f"pool-{where}", f"{workers} workers, one process each"
