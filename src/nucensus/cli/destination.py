"""Where a command writes: a folder or file, or an address in a bucket."""

from pathlib import Path
from typing import Any

import click

from ..remote import is_remote


class Destination(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A path; or an address, which stays a text."""

    name = "PATH"

    def convert(self, value: Any, *_: Any) -> Path | str:
        """Return what was typed."""
        text = str(value)
        return text if is_remote(text) else Path(text)
