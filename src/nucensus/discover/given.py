"""Take what was given as inputs as a list of paths."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

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


def refuse_table(inputs: Any) -> None:
    """Raise a TypeError if a table was given: it would be taken for the names of its columns."""
    if isinstance(inputs, Mapping) or hasattr(inputs, "columns"):
        names = ", ".join(map(str, getattr(inputs, "columns", inputs)))
        raise TypeError(
            f"a {type(inputs).__name__} was given ({names}); expected paths; give the column or "
            f"values that hold them, as table['path']"
        )
