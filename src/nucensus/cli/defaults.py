"""Options that stand in the file `nucensus.toml` of the folder that one is in."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import click

from ..errors import InputError, reason_of

DEFAULTS_FILE = "nucensus.toml"
_TAKE_SETTINGS = ("detect", "tune")


def read_defaults(commands: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the options of each command that the file names; none if there is no file.

    What stands in it before any table are settings, which detect and tune take.

    Raises
    ------
    InputError
        The file is not TOML, or a table in it is not of a command.
    """
    if not os.path.lexists(DEFAULTS_FILE):
        return {}
    import tomllib

    try:
        text = Path(DEFAULTS_FILE).read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{DEFAULTS_FILE} in this folder cannot be read ({reason_of(error)}); expected options "
            f'of commands, such as a line [detect] and below it border = "keep"'
        ) from error
    tables = {name: table for name, table in content.items() if isinstance(table, dict)}
    for name in tables:
        if name not in commands:
            raise InputError(
                f"{DEFAULTS_FILE} in this folder has a table [{name}]; expected the name of a "
                f"command: {', '.join(commands)}"
            )
    if len(tables) < len(content):  # settings, as nucensus tune saves them
        for name in _TAKE_SETTINGS:
            tables[name] = {"settings": DEFAULTS_FILE, **tables.get(name, {})}
    return tables


def defaults_of(command: str, params: Iterable[click.Parameter], given: Any) -> dict[str, Any]:
    """Return the defaults of a command by the names of its parameters.

    Raises
    ------
    InputError
        One is no option of the command: it would be passed over in silence.
    """
    known = {
        each.lstrip("-"): param
        for param in params
        if isinstance(param, click.Option)
        for each in param.opts
    }
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(
            f"{DEFAULTS_FILE} in this folder has {unknown[0]!r} below [{command}]; expected an "
            f"option as it is typed, without the dashes: {', '.join(sorted(known))}"
        )
    return {str(known[name].name): _as_typed(known[name], given[name]) for name in given}


def _as_typed(option: click.Option, value: Any) -> Any:
    is_one = isinstance(value, list) and not option.multiple
    return ",".join(map(str, value)) if is_one else value
