"""Where a command writes, or a run lies: a folder or file, or an address in a bucket."""

from pathlib import Path
from typing import Any

import click

from ..remote import is_remote


class Destination(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A path; or an address, which stays a text."""

    name = "PATH"

    def convert(self, value: Any, *where: Any) -> Path | str:
        """Return what was typed; an empty text, as of a variable that is not set, is refused."""
        text = str(value)
        if not text.strip():
            self.fail(f"{text!r} is no path; expected a folder or a file, as run or ./", *where)
        return text if is_remote(text) else Path(text)


def home_of(run: Path | str) -> Path | str:
    """Return the folder of a run, which may be named by its file; an address is as it is."""
    return run if isinstance(run, str) or run.is_dir() else run.parent


def below(place: Path | str, name: str) -> Path | str:
    """Return a file in a folder, or in a place in a bucket."""
    return f"{place.rstrip('/')}/{name}" if isinstance(place, str) else place / name
