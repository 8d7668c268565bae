"""The common part of commands that work through a run: options, progress, signals, report."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..text.plurals import duration, pluralize, rate
from . import EXIT_SOME_FAILED
from .commands import give_options
from .destination import below
from .late_help import LateHelp, tell_strategies
from .progress import Progress, progress_of, progress_option
from .shown import show_corrections
from .signals import Stop, stopping

if TYPE_CHECKING:
    import threading

    from ..batch import Choice, Learned
    from ..store import Run
    from ..values import Execution, Watcher

_FAILURES_SHOWN = 20
_NOTES_SHOWN = 3
_NAMES_SHOWN = 3
"""Of images that failed for one reason."""
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "": 1}


class _Bytes(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """An amount of memory: 500MB, 4GB or a number of bytes."""

    name = "SIZE"

    def convert(self, value: Any, *_: Any) -> int:
        text = str(value).upper().replace("IB", "B").strip()
        number = text.rstrip("KMGTB")
        try:
            size_bytes = int(float(number) * _UNITS[text[len(number) :].strip()])
        except (ValueError, KeyError, OverflowError):
            size_bytes = 0
        if size_bytes < _UNITS["KB"]:  # 4 is hardly meant as four bytes
            self.fail(f"{value!r} is no memory to hold an image in; expected, for example, 4GB")
        return size_bytes


work_options = give_options(
    click.option(
        "--strategy",
        cls=LateHelp,
        tell=tell_strategies,
        metavar="NAME",
        default="auto",
        show_default=True,
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="How many threads or processes.  [default: usable cores]",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Work on a Dask cluster: tcp://HOST:PORT, local, local:N or a scheduler file.json.",
    ),
    click.option(
        "--isolate",
        is_flag=True,
        help="Work in processes: a crash or a hang costs one image (--strategy isolated).",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="End a worker that takes longer for one image; implies --isolate.",
    ),
    click.option(
        "--max-memory",
        type=_Bytes(),
        help="The most that images in memory may take.  [default: half of what is available]",
    ),
    click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        default=1_000_000_000,
        show_default=True,
        help="Refuse an image that claims more; 100 times as many if it is read in parts.",
    ),
    click.option(
        "--max-failures",
        type=click.IntRange(min=0),
        metavar="N",
        help="Stop once more images than this failed.",
    ),
    click.option(
        "-v", "--verbose", "--explain", "explain", is_flag=True,
        help="Say what was measured, and why auto chose.",
    ),
    progress_option,
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
)  # fmt: skip
"""How images are worked on."""

failed_ok = click.option(
    "--failed-ok",
    is_flag=True,
    help="End with exit code 0 where images failed, for schedulers that would try again.",
)
"""It makes failed images no failure of the command."""

run_options = give_options(work_options, failed_ok)
"""The options of every command that works through a run."""


def exit_code(run: "Run", *, failed_ok: bool) -> int:
    """Return the exit code of a command whose run has an outcome of every image."""
    return EXIT_SOME_FAILED if run.counts["failed"] and not failed_ok else 0


def run_and_report(
    work: Callable[..., "Run"],
    out: Path | str,
    *,
    explain: bool,
    quiet: bool,
    progress: str,
    failed_ok: bool,
    then: Callable[["Run", Path | str], None] | None = None,
    **options: Any,
) -> None:
    """Work through a run, show how far it is, report on it, and exit with its code.

    `work` takes an `execution`, which the other `options` say, and a `watcher`.
    """
    with watched(explain=explain, quiet=quiet, progress=progress) as (watcher, stop):
        run = work(execution=execution_of(**options), watcher=watcher)
    if not quiet:
        print_summary(run, out)
        print_notes(run)
    print_failures(run)
    if run.counts["failed"] == run.counts["images"]:
        again = "No image was counted: to count with other options, add --overwrite to detect."
        click.echo(again, err=True)
    show_corrections(run, out, quiet=quiet)
    if stop.signal and (run.counts["pending"] or run.about.is_learning):
        sys.exit(128 + stop.signal)
    code = exit_code(run, failed_ok=failed_ok)
    if then is not None:
        then(run, out)
    sys.exit(code)


@contextmanager
def watched(*, explain: bool, quiet: bool, progress: str) -> Iterator[tuple["Watcher", Stop]]:
    """Lend who shows how far it is, says what is chosen and learned, and stops on a signal."""
    with progress_of("none" if quiet else progress) as shown, stopping() as stop:
        yield _watcher(shown, stop.event, explain=explain, quiet=quiet), stop


def execution_of(
    *,
    strategy: str,
    workers: int | None,
    scheduler: str | None,
    isolate: bool,
    timeout: float | None,
    max_memory: int | None,
    max_pixels: int,
    max_failures: int | None,
) -> "Execution":
    """Return what the options of `work_options` say of how images are worked on."""
    from ..values import Execution, Limits

    limits = Limits(max_pixels, max_memory, max_failures, timeout)
    return Execution("isolated" if isolate else strategy, workers, scheduler, limits)


def _watcher(
    progress: Progress, stop: "threading.Event", *, explain: bool, quiet: bool
) -> "Watcher":
    """Return who shows how far it is, and prints what is chosen and learned."""
    from ..values import Watcher

    def announce(choice: "Choice") -> None:
        progress.name(choice)
        if choice.strategy.is_remote and not quiet:
            click.echo(_where(choice), err=True)
        if explain:
            click.echo("\n".join(choice.explanation()), err=True)

    def tell(learned: "Learned") -> None:
        for note in () if quiet else learned.notes():
            click.echo(note, err=True)

    return Watcher(progress.start, tell, announce, progress.advance, stop, progress.count)


def _where(choice: "Choice") -> str:
    facts = choice.strategy.facts
    dashboard = f"; dashboard: {facts['dashboard']}" if facts["dashboard"] else ""
    return f"Dask scheduler: {facts['scheduler']}{dashboard}"


def print_summary(run: "Run", out: Path | str) -> None:
    """Say what was found, how fast, what took the time, and where it was written."""
    counts, about = run.counts, run.about
    start = about.starts[-1]
    seconds, done = start["seconds"], start["images"]
    speed = f", {rate(done, seconds)}" if done else ""
    click.echo(f"{counted(counts)}; {duration(seconds)}{speed} ({_how(about.strategy, done)})")
    if done < counts["found"] + counts["failed"]:
        before = counts["found"] + counts["failed"] - done
        click.echo(f"Done now: {pluralize(done, 'image')}; {before} done before.")
    if about.vanished:
        names = ", ".join(map(repr, about.vanished_names))
        more = ", ..." if about.vanished > len(about.vanished_names) else ""
        click.echo(
            f"Left out: {pluralize(about.vanished, 'image')} of the run that are not among the "
            f"inputs any more ({names}{more})"
        )
    _print_without_well(run)
    for line in (*about.left_out, *about.unmatched):
        click.echo(line)
    if len(about.estimates) > 2:  # "" and a folder are one
        from ..store import describe_pools

        if len(pools := run.pools) > 1:
            click.echo(f"Counted alike: {describe_pools(pools)}.")
    if counts["pending"]:
        verb = "is" if counts["pending"] == 1 else "are"
        click.echo(
            f"Stopped: {pluralize(counts['pending'], 'image')} {verb} left; "
            "the same command carries on."
        )
        return
    if about.is_learning:
        click.echo("Stopped while learning what nuclei look like; the same command carries on.")
        return
    if done and about.bottleneck:
        click.echo(about.bottleneck)
    print_written(out)


def _print_without_well(run: "Run") -> None:
    """Say which images are in no well."""
    first, last = run.first_and_last_path()
    if first == last:
        return
    if not run.states("well"):
        click.echo("No wells: the names of the files tell none (see nucensus scan and --pattern).")
    elif (without := run.without_well())[0]:
        count, name = without
        click.echo(
            f"In no well: {pluralize(count, 'image')} of which the name tells none, as {name!r}; "
            f"counted all the same (see nucensus scan and --pattern)"
        )


def _how(strategy: dict[str, Any], done: int) -> str:
    """Say how the images were worked on: by a strategy, or in parts, or some each way."""
    how = f"{strategy['name']}, {pluralize(strategy['workers'], 'worker')}"
    if not (parts := strategy.get("in_parts")):
        return how
    in_parts = f"part by part, {pluralize(parts['at_a_time'], 'part')} at a time"
    if parts["images"] >= done:
        return in_parts
    return f"{how}; {pluralize(parts['images'], 'image')} {in_parts}"


def counted(counts: dict[str, int]) -> str:
    """Return how many nuclei, images and failures there are, as `Run.counts` tells."""
    failed = counts["failed"]
    if failed and not counts["found"]:
        which = "The image" if failed == 1 else f"None of the {failed} images"
        return f"{which} could {'not ' * (failed == 1)}be counted"
    nuclei, images = pluralize(counts["nuclei"], "nucleus"), pluralize(counts["found"], "image")
    return f"{nuclei} in {images}, {failed} failed"


def print_written(out: Path | str) -> None:
    """Say where the run and its tables are."""
    names = ("nuclei.csv", "images.csv", "run.sqlite")
    click.echo(f"Written: {', '.join(str(below(out, name)) for name in names)}")


def print_failures(run: "Run") -> None:
    """Say why images failed, those with one reason together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in run.failures:
        alike.setdefault((row["stage"], row["reason"]), []).append(repr(row["image"]))
    for (stage, reason), names in list(alike.items())[:_FAILURES_SHOWN]:
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        click.echo(f"Failed: {', '.join(names[:_NAMES_SHOWN])}{more} ({stage}): {reason}", err=True)
    if left := sum(map(len, list(alike.values())[_FAILURES_SHOWN:])):
        click.echo(
            f"... and {pluralize(left, 'more failed image')}, with the reasons in images.csv",
            err=True,
        )


def print_notes(run: "Run") -> None:
    """Say what images state and is not believed, and that a threshold left nothing."""
    not_measured = {f"not measured in channel {text}": n for text, n in run.unmeasured.items()}
    notes = run.notes | not_measured
    for note in _notes_on_run(run):
        click.echo(f"Note: {note}", err=True)
    for note, count in list(notes.items())[:_NOTES_SHOWN]:
        click.echo(f"Note: {pluralize(count, 'image')}: {note}", err=True)
    if len(notes) > _NOTES_SHOWN:
        more = pluralize(len(notes) - _NOTES_SHOWN, "more note")
        click.echo(f"... and {more} in images.csv", err=True)


def note_on_repeated(count: int, files: tuple[str, str]) -> str:
    """Say that places were imaged more than once, as two files tell."""
    first, second = files
    return (
        f"{pluralize(count, 'plane')} {'has' if count == 1 else 'have'} several files, as "
        f"{first!r} and {second!r} of one site: all of them are counted; if a site was imaged "
        f"twice, name the folder that counts; if they are of plates of one name, count "
        f"each folder in a run of its own, or say with --pattern which folder is the plate"
    )


def note_on_copies(count: int, files: tuple[str, str]) -> str:
    """Say that pictures are there twice, as two files show."""
    first, second = files
    return (
        f"{pluralize(count, 'image')} {'has' if count == 1 else 'have'} to the bit the nuclei of "
        f"another one, as {first!r} and {second!r}: copies of one picture, all of which are "
        f"counted; take the copies away, or name the files that count"
    )


def _notes_on_flags(flags: dict[str, int], found: int, *, is_inverted: bool) -> Iterator[str]:
    """Yield how many images are flagged, and what may be wrong where all are blank."""
    if found and flags.get("blank") == found:
        other = "bright on dark ground, leave out" if is_inverted else "dark on bright ground, add"
        yield (
            f"no nucleus was found in any image; if nuclei are {other} --invert; if they are in "
            f"another channel or plane, choose it with --channel or --z; look with nucensus tune"
        )
    elif flags:
        odd_count = sum(flags.values())
        odd = ", ".join(f"{count:,} {flag}" for flag, count in flags.items())
        yield (
            f"{odd_count:,} {'image' if odd_count == 1 else 'images'} of {found:,} may be odd "
            f"({odd}): look at these first, by the column flag of images.csv or in nucensus report"
        )


def _note_on_widths(widths: dict[float | None, int]) -> str:
    """Say of how many sizes the pixels are."""
    listed = [
        f"{f'{width:g} um' if width else 'not stated'} in {pluralize(count, 'image')}"
        for width, count in list(widths.items())[:_NOTES_SHOWN]
    ]
    more = ", ..." if len(widths) > _NOTES_SHOWN else ""
    return (
        f"pixels are not of one size ({', '.join(listed)}{more}): what is in pixels, as areas and "
        f"counts per megapixel, is not alike in these; compare micrometres, or count them apart"
    )


def _notes_on_run(run: "Run") -> Iterator[str]:
    """Yield which places were counted twice, what is odd, and what left nothing."""
    settings, counts = run.settings, run.counts
    yield from _notes_on_flags(run.flags, counts["found"], is_inverted=settings.invert)
    if len(widths := run.pixel_widths) > 1:
        yield _note_on_widths(widths)
    repeated, files = run.repeated_places()
    if files is not None:
        yield note_on_repeated(repeated, files)
    copies, files = run.copies()
    if files is not None:
        yield note_on_copies(copies, files)
    margin = settings.min_distance if settings.border == "drop" else 0
    without = run.count_without_room(margin) if isinstance(margin, int) else 0
    if without:
        yield (
            f"{pluralize(without, 'image')} of {counts['found']} can have no nucleus: with "
            f"--border drop those within {margin} pixels of an edge are left out, of a volume "
            f"those within {margin} planes of the first or last too; use --border keep, or a "
            f"smaller --min-distance"
        )
    is_number = isinstance(settings.threshold, int | float)
    if counts["found"] > without and not counts["nuclei"] and is_number:
        inner = f" and {margin} pixels or more from every edge" if margin else ""
        yield (
            f"nothing in any image is above the threshold, {settings.threshold:g} grey levels once "
            f"smoothed{inner}; choose it by eye with nucensus tune, or leave the numbers out"
        )
