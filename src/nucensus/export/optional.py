"""Packages that only some formats need."""

import importlib
from typing import Any

from ..errors import MissingPackageError


def require(module: str, *, extra: str) -> Any:
    """Import `module`, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        what = "The fit of the cell cycle" if extra == "cycle" else f"The export to {extra}"
        raise MissingPackageError(package, what, extra) from error
