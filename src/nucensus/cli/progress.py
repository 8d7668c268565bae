"""Show how far long work is: a bar on a terminal, a line a minute elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from ..text.plurals import duration, pluralize, rate
from .terminal import guard_streams, unguarded

if TYPE_CHECKING:
    import rich.progress

    from ..batch import Choice
    from ..values import Outcome

KINDS = ("auto", "bar", "lines", "none")
_REFRESH_S = 0.1
_LINE_S = 60.0
"""Seconds between two lines: a log of a night's work stays readable."""


progress_option = click.option(
    "--progress", type=click.Choice(KINDS), default="auto", show_default=True,
    help="How far the work is: a bar on a terminal, a line a minute elsewhere.",
)  # fmt: skip


def progress_of(kind: str) -> "Progress":
    """Return what shows progress in one of the `KINDS`."""
    return {"bar": _Bar, "lines": _Lines, "none": Progress}[_chosen(kind)]()


def _chosen(kind: str) -> str:
    on_terminal = "bar" if sys.stderr.isatty() else "lines"
    return on_terminal if kind == "auto" else kind


@contextmanager
def counted_images(kind: str, done_to: str = "gone through") -> Iterator[Callable[[], None]]:
    """Give what is called for each image, and shows to how many something was `done_to`."""
    with progress_of(kind) as progress:
        yield partial(progress.count, done_to)


class Progress:
    """Images and nuclei so far, and how fast; this one shows nothing."""

    _every_s = float("inf")
    _image_count = _done = _nuclei = _size_bytes = 0
    _started = _shown = float("inf")
    _noun = "image"
    _done_to = ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def start(self, image_count: int, done_to: str = "") -> None:
        """Begin to work on that many images."""
        self._end()
        self._image_count, self._done_to = image_count, done_to
        self._done = self._nuclei = self._size_bytes = 0
        self._started = self._shown = time.perf_counter()

    def name(self, choice: "Choice") -> None:
        """Say how they are worked on."""

    def count(self, done_to: str) -> None:
        """Count one more image that something was `done_to`, where the end is not known.

        Some formats go through the images more than once.
        """
        if done_to != self._done_to:
            self.start(0, done_to)
        self._done += 1
        self._show_now_and_then()

    def advance(self, outcome: "Outcome") -> None:
        """Count one image."""
        from ..values import Found

        self._done += 1
        if isinstance(outcome, Found):
            self._nuclei += len(outcome.centres)
            self._size_bytes += outcome.size_bytes
        self._show_now_and_then()

    def reach(self, done: int, total: int) -> None:
        """Show that so many of the steps of other work are done."""
        if total != self._image_count:
            self._noun = "step"
            self.start(total)
        self._done = done
        self._show_now_and_then()

    def _show_now_and_then(self) -> None:
        now = time.perf_counter()
        if now - self._shown > self._every_s:
            self._shown = now
            self._show(now - self._started)

    def _show(self, seconds: float) -> None:
        """Show how far it is after that many seconds."""

    def _end(self) -> None:
        """Leave what is shown as it is."""

    def _counted(self, seconds: float) -> str:
        return f"{pluralize(self._done, 'image')} {self._done_to}  {rate(self._done, seconds)}"

    def _rate(self, seconds: float) -> str:
        if self._noun != "image":
            return ""
        return (
            f"{rate(self._done, seconds)}  {self._size_bytes / seconds / 1e6:.0f} MB/s  "
            f"{pluralize(self._nuclei, 'nucleus')}"
        )


class _Lines(Progress):
    """A plain line to standard error now and then, for logs and batch systems."""

    _every_s = _LINE_S

    def _show(self, seconds: float) -> None:
        if self._done_to:
            click.echo(self._counted(seconds), err=True)
            return
        left_s = seconds / self._done * (self._image_count - self._done)
        click.echo(
            f"{self._done} of {pluralize(self._image_count, self._noun)}  {self._rate(seconds)}  "
            f"{duration(left_s)} left",
            err=True,
        )


class _Bar(Progress):
    """A bar with images/s, MB/s, nuclei so far and the time left."""

    _every_s = _REFRESH_S
    _bar: "rich.progress.Progress | None" = None

    def start(self, image_count: int, done_to: str = "") -> None:
        super().start(image_count, done_to)
        if not done_to:
            self._open()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(file=unguarded(sys.stderr)),
            auto_refresh=False,  # its thread would make a fork unsafe
        )
        self._task = self._bar.add_task(
            "measuring" if self._noun == "image" else "", total=self._image_count, rate=""
        )
        self._bar.start()
        guard_streams()  # the bar has put itself between

    def name(self, choice: "Choice") -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=choice.strategy.name)

    def _show(self, seconds: float) -> None:
        if self._done_to:
            text = f"\r{self._counted(seconds)}   "
            click.echo(text, file=unguarded(sys.stderr), nl=False)
        elif self._bar is not None:
            self._update(seconds)
            self._bar.refresh()

    def _end(self) -> None:
        if self._bar is not None:
            self._update(time.perf_counter() - self._started)
            self._bar.stop()
            self._bar = None
        elif self._done_to and self._shown > self._started:
            click.echo(err=True)

    def _update(self, seconds: float) -> None:
        if self._bar is not None and self._done:
            self._bar.update(self._task, completed=self._done, rate=self._rate(seconds))
