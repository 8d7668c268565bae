"""The command line: parse, call, print, and turn errors into exit codes.

Each command is one module here and one line in `_COMMANDS`; it is imported when
it is called, so that `nucensus --help` starts at once.
"""

import importlib
import io
import os
import sys
import traceback

import click

from .._version import __version__
from ..errors import InputError, MissingPackageError, NucensusError, StrategyError
from .signals import ended_by_ctrl_c
from .terminal import guard_streams

_COMMANDS = {
    "detect": "Find the nuclei of images, folders or globs.",
    "scan": "Show what is in a folder or plate, and what is missing, before anything runs.",
    "retry": "Do the failed images of a run again.",
    "merge": "Join the runs of all shards into one.",
    "tune": "Choose the settings by eye, in the browser.",
    "report": "Show a run as one HTML file: numbers, heat maps, pictures.",
    "export": "Write what a run found for QuPath, Fiji, napari, pandas, R, ...",
    "wells": "Show what a run found in each well.",
    "diff": "Show what changed from one run to another.",
    "evaluate": "Compare what a run found with the truth.",
    "tune-parameters": "Search the numbers of the published detector that agree best with a truth.",
    "bench": "Compare the ways to run over your own images, side by side.",
    "demo": "Make a small synthetic plate, count it, and compare the methods on it.",
    "info": "Show the version, the kernel and what this machine offers.",
}

EXIT_SOME_FAILED = 3


class _Commands(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f".{cmd_name.replace('-', '_')}", __name__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: nucensus detect plate/ -o run",
)
@click.version_option(__version__, prog_name="nucensus")
@click.option("--traceback", is_flag=True, help="Show where in the program an error arose.")
def _nucensus(traceback: bool) -> None:
    """Find the centre of every cell nucleus in every microscopy image."""


def main() -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are not UTF-8
    guard_streams()
    try:
        with ended_by_ctrl_c():
            _nucensus(prog_name="nucensus")
    except NucensusError as error:
        if "--traceback" in sys.argv:
            traceback.print_exc()
        click.echo(f"Error: {error}", err=True)
        usage = (InputError, StrategyError, MissingPackageError)
        sys.exit(2 if isinstance(error, usage) else 1)
    except BrokenPipeError:  # the reader of our output has gone, as in `nucensus ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
