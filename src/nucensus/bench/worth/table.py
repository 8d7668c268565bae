"""The table of a comparison, as texts."""

import re

from .compared import Compared
from .findings import Timing

HEADER = (
    "way", "load s", "warm-up s", "work s", "total s", "least to most s", "cores busy", "lock held",
    "sent an image", "peak MB",
)  # fmt: skip
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def rows(comparison: Compared, function: str) -> list[tuple[str, ...]]:
    """Return the rows of a function that could be timed, fit for `HEADER`."""
    return [
        _row(each) for each in comparison.timings if each.function == function and not each.failure
    ]


def not_run(comparison: Compared) -> list[tuple[str, str]]:
    """Return the ways that cannot be taken here, and why: those with one reason together."""
    several = len(comparison.profiles) > 1
    alike: dict[str, list[Timing]] = {}
    for each in comparison.timings:
        if each.failure:
            alike.setdefault(_kind_of(each), []).append(each)
    found = []
    for first, *others in alike.values():
        names = [f"{e.name} of {e.function}" if several else e.name for e in (first, *others)]
        found.append((names[0], first.failure))
        if others:
            found.append((", ".join(names[1:]), f"as {names[0]}"))
    return found


def _kind_of(each: Timing) -> str:
    """Return why a way cannot be taken, without its name and without addresses in memory."""
    return _ADDRESS.sub("", each.failure.replace(f"the strategy {each.way.strategy} ", ""))


def _row(each: Timing) -> tuple[str, ...]:
    low, high = each.interval_s
    sent = f"{_bytes(each.sent_bytes)}, {1e3 * each.sent_s:.2g} ms" if each.sent_bytes else ""
    return (
        each.name + (" (other results)" if each.differs else ""),
        f"{each.load_s:.3f}" if each.load_s else "",
        f"{each.warm_up_s:.3f}",
        f"{each.work_s:.3f}",
        f"{each.total_s:.3f}",
        f"{low:.3f} to {high:.3f}" if len(each.samples_s) > 1 else "one pass",
        f"{each.busy_cores:.1f}",
        "" if each.locked is None else f"{100 * each.locked:.0f} %",
        sent,
        f"{each.peak_memory_bytes / 1e6:.0f}" if each.peak_memory_bytes else "unknown",
    )


def _bytes(count: int) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f} {unit}"
    return f"{count} B"


def table_text(comparison: Compared) -> str:
    """Return the whole table as lines of text."""
    lines = []
    for function in comparison.profiles:
        listed = [HEADER, *rows(comparison, function)]
        widths = [max(len(row[i]) for row in listed) for i in range(len(HEADER))]
        lines += [function] if len(comparison.profiles) > 1 else []
        for row in listed:
            first, *others = (
                cell.ljust(width) if index == 0 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join([first, *others]).rstrip())
    lines += [f"Not run: {name}: {reason}" for name, reason in not_run(comparison)]
    return "\n".join(lines)
