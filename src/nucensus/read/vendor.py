"""Open a file with the package that reads the format of its maker."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import InputError, MissingPackageError, ReadError
from .scene import Source


@contextmanager
def open_file(path: Source, kind: str, package: str, reader: str) -> Iterator[Any]:
    """Open `path`, a file of the format `kind`, with the class `reader` of `package`."""
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(package, f"Reading {kind} files", kind.lower()) from error
    try:
        with getattr(module, reader)(path) as file:
            yield file
    except (OSError, ValueError, LookupError, InputError) as error:
        raise ReadError(f"the file does not decode as {kind} ({error}); it is damaged") from error
