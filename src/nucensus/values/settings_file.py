"""Write `Settings` as a TOML file that people edit, and read it again."""

import os
import stat
import tomllib
from dataclasses import fields
from typing import Any

from ..errors import SettingsError, reason_of
from . import Settings

_MOST_BYTES = 1_000_000
_NONE = "none"  # TOML has no null


def settings_as_toml(settings: Settings) -> str:
    """Return the text of a TOML file that `read_settings` turns into equal settings."""
    lines = [f"{name} = {_as_toml(value)}" for name, value in settings.as_dict().items()]
    return "# nucensus detect INPUT -o RUN --settings FILE\n" + "\n".join(lines) + "\n"


def read_settings(path: str | os.PathLike[str]) -> Settings:
    """Return the settings in a TOML file; what it does not name keeps its default.

    Tables are of commands: the options that a file nucensus.toml may hold, too.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or names what is not a setting.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise OSError("this is no file, or one without measure")
        with open(path, encoding="utf-8-sig") as file:  # Notepad begins with a mark
            content = tomllib.loads(file.read())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(
            f"the settings {os.fspath(path)!r} cannot be read ({reason_of(error)}); expected a "
            f"TOML file as nucensus tune saves it"
        ) from error
    known = {each.name for each in fields(Settings)}
    values = {
        name: value
        for name, value in content.items()
        if not isinstance(value, dict) or name in known
    }
    try:
        return settings_from_toml(values)
    except SettingsError as error:
        raise SettingsError(f"in the settings {os.fspath(path)!r}: {error}") from None


def settings_from_toml(values: dict[str, Any]) -> Settings:
    """Return the settings of a parsed TOML file."""
    given = {name: None if value == _NONE else value for name, value in values.items()}
    return Settings.from_dict(given)


def _as_toml(value: Any) -> str:
    if value is None:
        return f'"{_NONE}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_as_toml, value))}]"
    return repr(value)
