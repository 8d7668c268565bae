"""Write `Settings` as a TOML file that people edit, and read it again."""

import dataclasses
import os
import tomllib
from typing import Any

from .errors import SettingsError
from .model import Settings

_NONE = "none"  # TOML has no null


def settings_as_toml(settings: Settings) -> str:
    """Return the text of a TOML file that `read_settings` turns into equal settings."""
    lines = [f"{name} = {_as_toml(value)}" for name, value in settings.as_dict().items()]
    return "# nucensus detect INPUT -o RUN --settings FILE\n" + "\n".join(lines) + "\n"


def read_settings(path: str | os.PathLike[str]) -> Settings:
    """Return the settings in a TOML file; what it does not name keeps its default.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or names what is not a setting.
    """
    try:
        with open(path, "rb") as file:
            values = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the settings {os.fspath(path)!r} cannot be read ({error}); expected a TOML file as "
            f"nucensus tune saves it"
        ) from error
    return settings_from_toml(values)


def settings_from_toml(values: dict[str, Any]) -> Settings:
    """Return the settings of a parsed TOML file."""
    names = [field.name for field in dataclasses.fields(Settings)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)} is not a setting; expected some of {', '.join(names)}"
        )
    given = {name: None if value == _NONE else value for name, value in values.items()}
    try:
        return Settings.from_dict(given)
    except TypeError as error:
        raise SettingsError(f"a setting has a value of the wrong kind: {error}") from error


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
