"""A census of every nucleus in every image, as fast as the machine can read them."""

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .batch import census, merge_runs, process_images
    from .detect import detect_nuclei, find_nuclei
    from .diff import diff_images
    from .export import export_run
    from .model import Plane, Settings, Shard
    from .parameter_search import tune_parameters
    from .store import Run
    from .wells import well_table

_HOMES = {
    "Plane": "model",
    "Run": "store",
    "Settings": "model",
    "Shard": "model",
    "census": "batch",
    "detect_nuclei": "detect",
    "diff_images": "diff",
    "export_run": "export",
    "find_nuclei": "detect",
    "merge_runs": "batch",
    "process_images": "batch",
    "tune_parameters": "parameter_search",
    "well_table": "wells",
}

__all__ = [
    "Plane",
    "Run",
    "Settings",
    "Shard",
    "__version__",
    "census",
    "detect_nuclei",
    "diff_images",
    "export_run",
    "find_nuclei",
    "merge_runs",
    "process_images",
    "tune_parameters",
    "well_table",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that the command line starts without NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
