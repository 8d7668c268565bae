"""What a command says, for programs: the option --json."""

import json
import math
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click

_PIECES = 1 << 12
"""Pieces that are printed together. Larger: faster by little."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


def print_json(value: Any) -> None:
    """Print a value of dictionaries, lists, texts and numbers; what is not a number is null.

    An iterator is printed as a list, piece by piece: it may be longer than memory.
    """
    pieces = _pieces(value, "\n")
    while text := "".join(islice(pieces, _PIECES)):
        click.echo(text, nl=False)
    click.echo()


def _pieces(value: Any, start: str) -> Iterator[str]:
    """Yield the text of a value as `json.dumps` indents it; its lines start with `start`."""
    if isinstance(value, dict):
        named = ((f"{_text(str(name))}: ", each) for name, each in value.items())
        yield from _members("{}", named, start)
    elif isinstance(value, list | tuple | Iterator):
        yield from _members("[]", (("", each) for each in value), start)
    else:
        value = str(value) if isinstance(value, Path) else value
        value = value.item() if hasattr(value, "item") else value
        is_unknown = isinstance(value, float) and not math.isfinite(value)
        yield "null" if is_unknown else _text(value)


def _members(brackets: str, members: Iterable[tuple[str, Any]], start: str) -> Iterator[str]:
    before = brackets[0]
    for name, value in members:
        yield f"{before}{start}  {name}"
        yield from _pieces(value, f"{start}  ")
        before = ","
    yield f"{start}{brackets[1]}" if before == "," else brackets


_text = partial(json.dumps, ensure_ascii=False)


def records(nuclei: Any) -> list[dict[str, Any]]:
    """Return the rows of a structured array, each by the names of its columns."""
    return [dict(zip(nuclei.dtype.names, row, strict=True)) for row in nuclei.tolist()]
