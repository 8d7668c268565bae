"""Take what was given as inputs as a list of paths."""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import filterfalse
from typing import Any

from ..remote import absolute, is_remote

PathLike = str | os.PathLike[str]


def as_paths(inputs: PathLike | Iterable[PathLike]) -> list[PathLike]:
    """Return the inputs; one path is a list of one.

    Raises
    ------
    TypeError
        They are something else, such as arrays, or a table.
    """
    refuse_table(inputs)
    if isinstance(inputs, str | os.PathLike):
        return [inputs]
    listed: list[Any] = list(inputs) if isinstance(inputs, Iterable) else [inputs]
    for each in listed:
        if not isinstance(each, str | os.PathLike):
            raise TypeError(
                f"an input is of type {type(each).__name__}; expected paths of files, folders or "
                f"globs; nuclei of one array are found by find_nuclei, those of several by "
                f"process_images"
            )
    return listed


def named_by_links(given: Iterable[str]) -> set[str]:
    """Return those of the inputs that name by a link what another one names, too.

    Of links alone to one place the first counts.
    """
    real_folder = cache(os.path.realpath)
    named: dict[str, list[str]] = {}
    for each in filter(os.path.lexists, filterfalse(is_remote, given)):
        folder, name = os.path.split(path := absolute(each))
        is_link = os.path.islink(path)
        place = os.path.realpath(path) if is_link else os.path.join(real_folder(folder), name)
        named.setdefault(place, []).append(each)
    links: set[str] = set()
    for place, several in named.items():
        kept = next(
            (path for path in map(absolute, several) if path == place), absolute(several[0])
        )
        links.update(each for each in several if absolute(each) != kept)
    return links


def refuse_table(inputs: Any) -> None:
    """Raise a TypeError if a table was given: it would be taken for the names of its columns."""
    if isinstance(inputs, Mapping) or hasattr(inputs, "columns"):
        names = ", ".join(map(str, getattr(inputs, "columns", inputs)))
        raise TypeError(
            f"a {type(inputs).__name__} was given ({names}); expected paths; give the column or "
            f"values that hold them, as table['path']"
        )
