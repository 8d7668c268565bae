"""The command line: parse, call, print, and turn errors into exit codes.

Each command is one module here and one line in `_COMMANDS`; it is imported when
it is called, so that `nucensus --help` starts at once.
"""

import atexit
import importlib
import os
import signal
import sys
import threading
from typing import Any

import click

from .._shell import as_typed
from .._version import __version__
from ..errors import InputError, MissingPackageError, NucensusError, StrategyError
from ..text.files import is_full
from .defaults import read_defaults
from .signals import ended_by_ctrl_c
from .streams import close_stdout, hold_streams
from .terminal import guard_streams

_COMMANDS = {
    "detect": "Find the nuclei of images, folders or globs.",
    "scan": "Show what is in a folder or plate, and what is missing, before anything runs.",
    "plan": "List images and learn from a sample once, for all shards of a run.",
    "retry": "Do the failed images of a run again.",
    "merge": "Join the runs of all shards into one.",
    "studio": "Choose a folder, count it and look at it, in the browser.",
    "tune": "Choose the settings by eye, in the browser.",
    "report": "Show a run as one HTML file: numbers, heat maps, pictures.",
    "export": "Write what a run found for QuPath, Fiji, napari, pandas, R, ...",
    "wells": "Show what a run found in each well.",
    "import": "Take back nuclei that were corrected in napari, QuPath or the tuner.",
    "cycle": "Show how many nuclei of a run are in G1, S and G2.",
    "diff": "Show what changed from one run to another.",
    "evaluate": "Compare what a run found with the truth.",
    "tune-parameters": "Search the numbers of the published detector that agree best with a truth.",
    "bench": "Compare the ways to run over your own images, side by side.",
    "demo": "Make a small synthetic plate, count it, and compare the methods on it.",
    "info": "Show the version, the kernel and what this machine offers.",
}

_MODULES = {"import": "import_points"}
"""Of commands whose name is a word of Python."""

EXIT_SOME_FAILED = 3
_MOST_SHOWN = 500


class _Commands(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        name = _MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        module = importlib.import_module(f".{name}", __name__)
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of one that is mistyped say which may be meant."""
        if args[0] not in _COMMANDS:
            from difflib import get_close_matches

            if near := get_close_matches(args[0], _COMMANDS, n=2):
                ctx.fail(f"there is no command {args[0]!r}; did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; of Ctrl-C say nothing where it did not: the exit code tells."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: nucensus detect plate/ -o run",
)
@click.version_option(__version__, "-V", "--version", prog_name="nucensus")
@click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,  # it is asked for when there is an error
    help="Show where in the program an error arose.",
)
@click.pass_context
def _nucensus(ctx: click.Context) -> None:
    """Find the centre of every cell nucleus in every microscopy image.

    Options that you always give may stand in a file nucensus.toml in the folder
    that you are in: a line [detect], and below it border = "keep".
    """
    ctx.default_map = read_defaults(_COMMANDS)


def program() -> None:
    """Run the command line, which is all that this process is for.

    At its end the system takes back what was imported, as it does from a process that was forked:
    to take it apart, object by object, takes Python as long as several images.
    """
    try:
        main()
    except SystemExit as end:
        if threading.active_count() > 1 or _is_watched():  # somebody is not done
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)


def _is_watched() -> bool:
    """Tell whether a profiler or a debugger runs this, which speaks when Python ends."""
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    tools = map(monitoring.get_tool, range(6)) if monitoring else ()
    return bool(any(tools) or sys.getprofile() or sys.gettrace())


def main() -> None:
    """Run the command line and exit."""
    hold_streams()
    guard_streams()
    code, said = _run()
    unwritten = close_stdout()
    if said := unwritten or said:
        click.echo(f"Error: {as_typed(said)}", err=True)
    sys.exit(code or (0 if unwritten is None else 1))


def _run() -> tuple[int, str | None]:
    """Run the command; return the exit code, and in one line what went wrong."""
    try:
        with ended_by_ctrl_c():
            _nucensus(prog_name="nucensus")
    except SystemExit as end:
        return (end.code, None) if isinstance(end.code, int) else (1, end.code)
    except Exception as error:  # noqa: BLE001 the end of the command: one line for whatever it is
        if "--traceback" in sys.argv:
            import traceback

            traceback.print_exc()
        usage = (InputError, StrategyError, MissingPackageError)
        return 2 if isinstance(error, usage) else 1, _told(error)
    return 0, None


def _told(error: Exception) -> str:
    """Return what an error says, in one line, with what to do where it was not foreseen."""
    if isinstance(error, NucensusError):
        return str(error)
    if is_full(error):
        return (
            "no space is left on the disk where the output goes, or on that of temporary files; "
            "make space, or name another folder for these with TMPDIR, and try again"
        )
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return (
            f"the run file or a temporary file could not be read or written ({error}); look at the "
            f"disk, its quota and the limit on the size of files (ulimit -f), or name another "
            f"folder for temporary files with TMPDIR, and try again"
        )
    if not _is_somewhere():
        return "the folder that you are in has been removed; go to one that is there"
    where = "nucensus --traceback COMMAND shows where"
    if isinstance(error, OSError):
        what = f"{error.filename!r}: " if error.filename else ""
        refused = isinstance(error, (PermissionError, FileNotFoundError, NotADirectoryError))
        advice = "choose a place that can be read and written" if refused and what else where
        return f"{what}{error.strerror or error}; {advice}"
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"unexpectedly, {text[:_MOST_SHOWN]}; {where}; a damaged run file may be the cause"


def _is_somewhere() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True
