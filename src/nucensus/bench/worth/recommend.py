"""Say in a few sentences which way to take, on how many cores and which system, and why."""

import functools
from dataclasses import replace
from itertools import groupby

from ...execute import STRATEGIES, Strategy, strategy_named
from ...machine import can_fork, has_interpreter_lock
from ...text.plurals import pluralize, short_time
from .compared import Compared
from .findings import Profile
from .predict import CORES, Circumstances, predict, worth_from

_GAIN = 0.9
_MUCH_LOCK = 0.5
_MUCH_LOAD = 0.5
_MUCH_CROWDED = 0.75
_COUNTS = (2, 5, 10, 20, 40, 80, 150, 300, 600, 1000, 2000, 5000, 10_000)
_RAW_BYTES_PER_S = 4e9


def recommend(comparison: Compared) -> list[str]:
    """Return the sentences: what was measured, why, other numbers of cores, other systems."""
    sentences = [_compared(comparison)] if len(comparison.profiles) > 1 else []
    function = comparison.best.function
    known = comparison.profiles[function]
    sentences += [_measured(comparison, function), _reason(comparison, known)]
    sentences += _chunks(comparison, function)
    sentences += _by_cores(comparison, function)
    sentences += _elsewhere(comparison, known)
    sentences += _changes(comparison, known)
    return [*sentences, *_warnings(comparison)]


def _compared(comparison: Compared) -> str:
    """Compare the functions, each in its fastest way."""
    fastest = {
        name: min((e for e in comparison.timed if e.function == name), key=lambda e: e.total_s)
        for name in comparison.profiles
        if any(e.function == name for e in comparison.timed)
    }
    first, *others = sorted(fastest.values(), key=lambda each: each.total_s)
    if not others:
        return f"Only {first.function} works here."
    other = others[0]
    if first.overlaps(other):
        return f"{first.function} and {other.function} cannot be told apart here."
    times = other.total_s / first.total_s
    return f"{first.function} is {times:.1f} times as fast as {other.function}."


def _measured(comparison: Compared, function: str) -> str:
    rows = [each for each in comparison.timed if each.function == function]
    fastest = min(rows, key=lambda each: each.total_s)
    lists = [each for each in rows if (s := each.way.described) and not s.parallel]
    cores, images = pluralize(comparison.workers, "core"), pluralize(comparison.images, "image")
    winners = [each for each in comparison.winners if each.function == function] or [fastest]
    ran = {each.way.strategy for each in winners if not each.way.chunk_size}
    # Auto is one of them, and chunks of another size may make no difference.
    winners = [
        e for e in winners if e.ran not in ran or (e.way.described and not e.way.chunk_size)
    ]  # fmt: skip
    names = _listed([each.name for each in winners])
    start = f"On {cores}, for {images}"
    if not lists:
        return f"{start}: {names}, {short_time(fastest.total_s)}."
    plain = min(lists, key=lambda each: each.total_s)
    times = plain.total_s / fastest.total_s
    if plain in winners:
        rest = "" if len(winners) == 1 else f" {names} cannot be told apart here."
        return f"{start}, a plain list is enough ({plain.name}, {short_time(plain.total_s)}).{rest}"
    gain = f"{times:.1f} times as fast as a plain list ({short_time(plain.total_s)})"
    if len(winners) == 1:
        return f"{start}: {names}, {short_time(fastest.total_s)}, {gain}."
    return f"{start}: {names} cannot be told apart here; they are up to {gain}."


def _reason(comparison: Compared, known: Profile) -> str:
    """Say why, by what the best way does."""
    each, best = known.measured, comparison.best
    strategy = best.way.described or strategy_named(best.ran)
    held = f"{100 * each.locked:.0f} % of the time"
    if not strategy.parallel:
        return f"Why: {_why_no_workers(comparison, known)}."
    if strategy.in_process:
        lock = f"the function holds the interpreter lock only {held}"
        if not has_interpreter_lock():
            lock = "this Python has no interpreter lock"
        return f"Why: {lock}, so threads work side by side and nothing is sent."
    turns = f"the function holds the interpreter lock {held}, so threads would take turns; "
    if strategy.shares_memory:
        how = "the processes see the images in memory that they share"
    elif strategy.loads_first:
        how = f"sending an image to a process takes {short_time(known.image_s)}, less than it saves"
    else:
        how = "each process reads its own files, so no image is sent"
    return f"Why: {turns if each.locked > _MUCH_LOCK else ''}{how}."


def _why_no_workers(comparison: Compared, known: Profile) -> str:
    """Say why workers gain nothing here."""
    if comparison.workers == 1:
        return "there is one worker"
    is_busy = _is_busy(comparison)
    if is_busy:
        known = replace(known, crowded={})  # other programs crowd calls, too
    if is_busy and STRATEGIES[_predicted_best(comparison, known)].parallel:
        return "other programs kept the cores busy, so further workers found none free"
    one, together = known.crowded.get(1), known.crowded.get(comparison.workers)
    if one and together and together > _MUCH_CROWDED * comparison.workers * one:
        return (
            f"{comparison.workers} calls side by side take {together / one:.1f} times as long as "
            f"one alone, as where all wait for memory"
        )
    return f"a call takes {short_time(known.measured.apply_s)}, so workers cost more than they save"


def _is_busy(comparison: Compared) -> bool:
    """Tell whether other programs were at work as it began."""
    load = comparison.machine.get("load")
    return load is not None and load > _MUCH_LOAD * comparison.workers


def _chunks(comparison: Compared, function: str) -> list[str]:
    """Say whether the size of chunks matters to the fastest pool."""
    rows = [each for each in comparison.timed if each.function == function]
    chunked = {each.way.strategy for each in rows if each.way.chunk_size}
    plain = [each for each in rows if each.way.name in chunked]
    if not plain:
        return []
    pool = min(plain, key=lambda each: each.total_s)
    sizes = [e for e in rows if e.way.chunk_size and e.way.strategy == pool.way.strategy]
    if all(each.overlaps(pool) for each in sizes):
        return [f"The size of its chunks makes no difference to {pool.name} here."]
    times = [f"{short_time(each.total_s)} in chunks of {each.way.chunk_size}" for each in sizes]
    return [f"{pool.name} takes {_listed([f'{short_time(pool.total_s)} by itself', *times])}."]


def _by_cores(comparison: Compared, function: str) -> list[str]:
    """Say where another way becomes the best one, as far as that is predicted."""
    curves = comparison.predictions(function)
    if not curves:
        return []
    serial = [c[1].seconds for name, c in curves.items() if not STRATEGIES[name].parallel]
    picks = [
        (cores, _pick({
            name: curve[cores].seconds for name, curve in curves.items()
            if cores > 1 or not serial or not STRATEGIES[name].parallel  # one core has no gain
        }))
        for cores in CORES
    ]  # fmt: skip
    parts = []
    for name, group in groupby(picks, key=lambda each: each[1]):
        counts = [cores for cores, _ in group]
        best, times = curves[name][counts[-1]], ""
        if serial and STRATEGIES[name].parallel:
            gain, least, most = (min(serial) / each for each in (best.seconds, best.high, best.low))
            times = (
                f" ({gain:.1f} times as fast as a list on {counts[-1]}: {least:.1f} to {most:.1f})"
            )
        parts.append(f"{_span(counts)} {name}{times}")
    return [f"Predicted for this system: {'; '.join(parts)}."]


def _span(counts: list[int]) -> str:
    """Name the numbers of cores, as people do."""
    if counts == list(CORES):
        return "on any number of cores"
    if len(counts) == 1:
        return f"on {pluralize(counts[0], 'core')}"
    if counts[-1] == CORES[-1]:
        return f"from {pluralize(counts[0], 'core')} on"
    return f"on {counts[0]} to {counts[-1]} cores"


def _pick(seconds: dict[str, float]) -> str:
    """Return the fastest; a less simple one must gain a tenth."""
    order = sorted(seconds, key=lambda name: _simplicity(STRATEGIES[name]))
    best = order[0]
    for name in order[1:]:
        if seconds[name] < _GAIN * seconds[best]:
            best = name
    return best


def _simplicity(strategy: Strategy) -> tuple[bool, ...]:
    return (
        strategy.parallel, not strategy.in_process, strategy.loads_first,
        not strategy.shares_memory,
    )  # fmt: skip


def _elsewhere(comparison: Compared, known: Profile) -> list[str]:
    """Say what to take where processes are started anew: on macOS and Windows."""
    strategies = [
        each for each in STRATEGIES.values()
        if not (each.needs_fork or each.isolates_crashes)
        and (each.takes_arrays or not comparison.in_memory)
    ]  # fmt: skip
    run = Circumstances(comparison.images, 8, "spawn", comparison.in_memory)
    name = _pick({each.name: predict(known, each, run).seconds for each in strategies})
    best = STRATEGIES[name]
    start = "On macOS and Windows, where processes start anew (spawn),"
    if not best.parallel or best.in_process:
        return [f"{start} with 8 cores: {name}."]
    serial = min(
        (each for each in strategies if not each.parallel), key=lambda each: each.loads_first
    )
    count = worth_from(known, best, serial, run, _COUNTS)
    return [f"{start} with 8 cores: {name}, worth it from {count} images on."] if count else []


def _predicted_best(comparison: Compared, known: Profile, *, times_images: int = 1) -> str:
    """Return the way that is predicted to be the best here, with nothing else at work."""
    images = times_images * comparison.images
    run = Circumstances(images, comparison.workers, "", comparison.in_memory)
    return _pick({
        each.name: predict(known, each, run).seconds for each in STRATEGIES.values()
        if not each.isolates_crashes and (each.takes_arrays or not comparison.in_memory)
        and (can_fork() or not each.needs_fork)
    })  # fmt: skip


def _changes(comparison: Compared, known: Profile) -> list[str]:
    """Say what would change the recommendation for the cores here."""
    pick = functools.partial(_predicted_best, comparison)
    now = {pick(known), comparison.best.ran}
    cases: list[tuple[str, str]] = [
        ("a function ten times faster", pick(_scaled(known, calls=0.1))),
        ("a function ten times slower", pick(_scaled(known, calls=10.0))),
        ("images of four times the area", pick(_scaled(known, calls=4.0, images=4.0))),
        ("files that are not compressed", pick(_uncompressed(known))),
        ("ten times as many images", pick(known, times_images=10)),
        ("a warm function", pick(_scaled(known, warm_up=0.0))),
    ]
    said: dict[str, list[str]] = {}
    for what, name in cases:
        if name not in now:
            said.setdefault(name, []).append(what)
    lists = {each.name for each in STRATEGIES.values() if not each.parallel}
    if not said and any((name in lists) != (comparison.best.ran in lists) for _, name in cases):
        return []  # what was predicted for now is not what was measured
    if not said:
        return [
            "A function ten times faster or slower, larger images, uncompressed files or ten times "
            "as many images would not change that."
        ]
    changes = [f"with {_listed(whats, 'or')} it would be {name}" for name, whats in said.items()]
    return [f"What would change that: {'; '.join(changes)}."]


def _scaled(
    known: Profile, *, calls: float = 1.0, images: float = 1.0, warm_up: float = 1.0
) -> Profile:
    each = known.measured
    beyond_s = max(0.0, each.cpu_s - each.total_s)
    apply_s, load_s = calls * each.apply_s, images * each.load_s
    measured = replace(
        each, apply_s=apply_s, load_s=load_s, cpu_s=apply_s + load_s + calls * beyond_s,
        warm_up_s=warm_up * each.warm_up_s,
    )  # fmt: skip
    return replace(
        known, measured=measured, image_s=images * known.image_s, copy_s=images * known.copy_s,
        keep_s=images * known.keep_s, fork_s=images * known.fork_s,
        import_s=warm_up * known.import_s,
    )  # fmt: skip


def _uncompressed(known: Profile) -> Profile:
    each = known.measured
    load_s = min(each.load_s, each.size_bytes / _RAW_BYTES_PER_S)
    return replace(known, measured=replace(each, load_s=load_s))


def _warnings(comparison: Compared) -> list[str]:
    """Say what makes the comparison less than it seems."""
    said = []
    differing = [each for each in comparison.timings if each.differs]
    if differing:
        said.append(
            f"{_listed([each.name for each in differing])} gave other results than the first way, "
            f"for {differing[0].differs[0]!r} for example, and cannot be recommended: a function "
            f"that draws random numbers, changes its image or remembers earlier calls does that."
        )
    if comparison.errors:
        name, error = next(iter(comparison.errors.items()))
        said.append(
            f"The function failed for {len(comparison.errors)} of "
            f"{pluralize(comparison.images, 'image')}; the first: {name!r}: {error}."
        )
    several = len(comparison.profiles) > 1
    for name, known in comparison.profiles.items():
        of = f"{name}: " if several else ""
        said += [f"{of}{each}." for each in known.measured.remarks()]
    if _is_busy(comparison):
        load = comparison.machine["load"]
        said.append(
            f"Other programs were at work here meanwhile (a load of {load:.1f} before it began), "
            f"and what is predicted takes cores to be as busy: measure again when the machine is "
            f"quiet."
        )
    return said


def _listed(names: list[str], word: str = "and") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
