"""Write the code of a way to run: with nucensus, and with what Python brings along."""

from pathlib import PurePath

from .compared import Compared
from .findings import Timing


def code(comparison: Compared) -> str:
    """Return a script of the best way, to paste and adapt."""
    best = comparison.best
    name, imported = _imported(comparison.places[best.function], best.function)
    return "\n".join(
        [
            "# With nucensus:",
            "import nucensus",
            *imported,
            "",
            'if __name__ == "__main__":',
            f"    results = nucensus.process_images({_options(comparison, best, name)})",
            "",
            "# Without it:",
            *_plain(best, name, comparison.in_memory, comparison.workers),
        ]
    )


def _imported(place: str, function: str) -> tuple[str, list[str]]:
    module, _, name = place.rpartition(":")
    if not place:
        return function.partition(" (")[0], []
    if module.endswith(".py"):
        module = PurePath(module).stem
    return name, [f"from {module} import {name}"]


def _options(comparison: Compared, best: Timing, name: str) -> str:
    options = [f"strategy={best.way.strategy!r}"]
    strategy = best.way.described
    if strategy is None or strategy.parallel:
        options.append(f"workers={comparison.workers}")
    if best.way.chunk_size:
        options.append(f"chunk_size={best.way.chunk_size}")
    return ", ".join(["images", name, *options])


def _plain(best: Timing, name: str, in_memory: bool, workers: int) -> list[str]:
    """Return the way without nucensus, by what its strategy does."""
    strategy = best.way.described
    if strategy is None:
        return ["# auto chooses after it has measured; the others are a few lines each."]
    loads = strategy.loads_first and not in_memory
    start = ["from tifffile import imread", ""] if not in_memory else [""]
    given = [] if in_memory else ["images = [imread(path) for path in paths]"] if loads else []
    of_one = name if in_memory or loads else "work"
    items = "images" if in_memory or loads else "paths"
    work = [] if of_one == name else ["def work(path):", f"    return {name}(imread(path))", ""]
    if not strategy.parallel:
        return [*start, *work, *given, f"results = [{of_one}(each) for each in {items}]"]
    if strategy.in_process:
        return [
            "from concurrent.futures import ThreadPoolExecutor", *start, *work, *given,
            f"with ThreadPoolExecutor({workers}) as threads:",
            f"    results = list(threads.map({of_one}, {items}))",
        ]  # fmt: skip
    if strategy.needs_fork:
        return [
            "from multiprocessing import get_context", *start, *given, "",
            "def work_at(index):", f"    return {name}(images[index])", "",
            f'with get_context("fork").Pool({workers}) as pool:',
            "    results = pool.map(work_at, range(len(images)))",
        ]  # fmt: skip
    method = repr(best.way.start_method) if best.way.start_method else ""
    chunk = f", chunksize={best.way.chunk_size}" if best.way.chunk_size else ""
    return [
        "from multiprocessing import get_context", *start, *work,
        'if __name__ == "__main__":', *(f"    {line}" for line in given),
        f"    with get_context({method}).Pool({workers}) as pool:",
        f"        results = pool.map({of_one}, {items}{chunk})",
    ]  # fmt: skip
