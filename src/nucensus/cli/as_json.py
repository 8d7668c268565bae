"""What a command says, for programs: the option --json."""

import json
import math
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


def print_json(value: Any) -> None:
    """Print a value of dictionaries, lists, texts and numbers; what is not a number is null."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def records(nuclei: Any) -> list[dict[str, Any]]:
    """Return the rows of a structured array, each by the names of its columns."""
    return [dict(zip(nuclei.dtype.names, row, strict=True)) for row in nuclei.tolist()]
