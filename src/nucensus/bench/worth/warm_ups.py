"""Give ways that warm up alike one time for it: chance makes none of them worse."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from ...execute import strategy_named
from .findings import Passes, Timing


def with_common_warm_up(found: Sequence[tuple[Timing, Passes]]) -> list[Timing]:
    """Return the rows, where ways that warm up alike take the median of what that took.

    To import a module, and to call a function first, takes a process the same in each way; one that
    was slow at it by chance is no worse.
    """
    timed = [(row, passes) for row, passes in found if not row.failure]
    if not timed:
        return [row for row, _ in found]
    import_s = median(passes.import_s for _, passes in timed)
    alike = [row.warm_up_s - passes.import_s for row, passes in timed if _inherits(row)]
    return [
        row
        if row.failure
        else replace(
            row,
            warm_up_s=import_s
            + (median(alike) if _inherits(row) else row.warm_up_s - passes.import_s),
        )
        for row, passes in found
    ]


def _inherits(row: Timing) -> bool:
    """Tell whether the way works in its own process, or in copies of it."""
    strategy = strategy_named(row.ran)
    return strategy.in_process or strategy.needs_fork
