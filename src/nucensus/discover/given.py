"""Take what was given as inputs as a list of paths."""

import os
from collections.abc import Iterable
from typing import Any

PathLike = str | os.PathLike[str]


def as_paths(inputs: PathLike | Iterable[PathLike]) -> list[PathLike]:
    """Return the inputs; one path is a list of one.

    Raises
    ------
    TypeError
        They are something else, such as arrays.
    """
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
