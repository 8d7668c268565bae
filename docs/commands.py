"""Write the page of every command and option, from the commands themselves: docs/commands.md."""

from pathlib import Path

import click

from nucensus.cli import _COMMANDS, _nucensus

_HEAD = """# Every command and option

What `nucensus COMMAND --help` prints, of each command.
"""


def help_of(name: str) -> str:
    """Return what a command prints as its help, as wide as the page."""
    root = click.Context(click.Group("nucensus"), info_name="nucensus")
    command = _nucensus.get_command(root, name)
    settings = {"help_option_names": ["-h", "--help"], "terminal_width": 86}
    return command.get_help(click.Context(command, root, name, **settings))


def page() -> str:
    """Return the page."""
    parts = [
        f"## nucensus {name}\n\n{short}\n\n```text\n{help_of(name)}\n```\n"
        for name, short in _COMMANDS.items()
    ]
    return "\n".join([_HEAD, *parts])


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
