"""Commands whose help has groups with an example each, and whose options may stand in a file."""

import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from .._dataclass import dataclass
from .defaults import DEFAULTS_FILE, defaults_of

_F = TypeVar("_F", bound=Callable[..., Any])

_FEW = 9
"""So many options need no groups."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Options that the help names together."""

    title: str
    options: tuple[str, ...]
    example: str = ""


_GROUPS = (
    _Group(
        "Which images",
        ("plan", "channel", "z", "time", "scene", "level", "volume", "pattern", "manifest",
         "metadata", "shard", "check_content"),
        "--channel DAPI --z max --metadata treatments.xlsx",
    ),
    _Group(
        "How nuclei are found",
        ("detector", "sigma", "sigma_um", "min_distance", "threshold", "radius", "border", "invert",
         "as_published", "settings_file", "keep_estimates", "estimates_from"),
        "--sigma 4 --threshold 300 --border keep",
    ),
    _Group(
        "What is measured",
        ("outlines", "subpixel", "measure", "ring", "flat_field", "positive", "negative_control"),
        "--channel DAPI --measure GFP --positive GFP=auto",
    ),
    _Group(
        "How it is run",
        ("strategy", "workers", "scheduler", "isolate", "timeout", "max_memory", "max_pixels",
         "max_failures", "failed_ok"),
        "--workers 4 --timeout 60 --max-memory 4GB",
    ),
    _Group(
        "What is timed",
        ("functions", "load", "start_methods", "chunk_sizes", "strategies", "number", "repeat",
         "limit"),
    ),
    _Group(
        "What is written and said",
        ("out", "overwrite", "report", "control", "xlsx", "keep", "by", "port", "no_browser",
         "as_json", "explain", "progress", "quiet", "help"),
        "--overwrite --report --verbose",
    ),
)  # fmt: skip


def give_options(*options: Callable[[Any], Any]) -> Callable[[_F], _F]:
    """Return what gives a command these options, the first of which its help names first."""

    def give(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return give


@contextmanager
def importing() -> Iterator[None]:
    """Import what counts images, soon.

    Nobody searches for garbage meanwhile, nor later in what is imported: modules are none. And
    NumPy is told to start no threads of its own: images share the cores, and such threads, with
    nothing to do, keep them busy for a while after each start.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("OPENBLAS_NUM_THREADS") or "1"
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


class Command(click.Command):
    """A command that groups its options, and says which it took from the file of defaults."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, in groups if there are many."""
        left = [
            ("help" if "--help" in each.opts else str(each.name), _readable(record))
            for each in self.get_params(ctx)
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)) is not None
        ]
        groups = _GROUPS if len(left) > _FEW else ()
        for group in groups:
            inside = [record for name in group.options for own, record in left if own == name]
            left = [each for each in left if each[0] not in group.options]
            if not inside:
                continue
            with formatter.section(group.title):
                formatter.write_dl(inside)
                if ctx.info_name == "detect":
                    indent = " " * formatter.current_indent
                    formatter.write(f"\n{indent}nucensus detect plate/ -o run {group.example}\n")
        if left:
            with formatter.section("More" if groups else "Options"):
                formatter.write_dl([record for _, record in left])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read what was typed and the file of defaults, and say what is taken from the latter."""
        name, tables = str(info_name), parent.default_map if parent is not None else None
        defaults = defaults_of(name, self.params, (tables or {}).get(name, {}))
        ctx = super().make_context(info_name, args, parent, default_map=defaults, **extra)
        taken = [
            f"{max(each.opts, key=len)} {ctx.params[str(each.name)]}"
            for each in self.params
            if ctx.get_parameter_source(str(each.name)) is ParameterSource.DEFAULT_MAP
        ]
        if taken and not ctx.params.get("quiet"):
            click.echo(f"Taken from {DEFAULTS_FILE}: {', '.join(taken)}", err=True)
        return ctx

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed; of what is missing say what it is for, with an example."""
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            raise click.UsageError(f"{_missing(error, ctx)} {self.epilog or ''}", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Do what was asked for; where `program` runs it, nobody searched for garbage until now."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        return super().invoke(ctx)


def _missing(error: click.MissingParameter, ctx: click.Context) -> str:
    """Return which option or argument is missing, and what the help says of it."""
    needed = error.param
    if needed is None:
        return error.format_message()
    what = f"Missing {needed.param_type_name} {needed.get_error_hint(ctx)}"
    if not isinstance(needed, click.Option) or not needed.help:
        return f"{what}."
    said = f"{needed.help[0].lower()}{needed.help[1:].rstrip('.')}"
    choices = f": {', '.join(needed.type.choices)}" if isinstance(needed.type, click.Choice) else ""
    return f"{what}, {said}{choices}."


_METAVARS = {"INTEGER RANGE": "N", "INTEGER": "N", "FLOAT RANGE": "NUMBER", "FLOAT": "NUMBER"}
_LIMITS = (
    (r"x>=1(?=[;\]])", "at least 1"), (r"x>=0(?=[;\]])", "0 or more"), (r"x>0", "more than 0"),
    (r"(\d+)<=x<=(\d+)", r"\1 to \2"),
)  # fmt: skip


def _readable(record: tuple[str, str]) -> tuple[str, str]:
    """Return an option and its help without words of programs: N for INTEGER RANGE."""
    option, text = record
    for word, letter in _METAVARS.items():
        option = option.replace(word, letter)
    for limit, words in _LIMITS:
        text = re.sub(limit, words, text)
    return option, text
