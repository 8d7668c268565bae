"""A census of every nucleus in every image, as fast as the machine can read them."""

from typing import TYPE_CHECKING, Any

from ._moved import keep_old_names
from ._version import __version__

if TYPE_CHECKING:
    from . import batch, bench, detect, errors, read, report, score, store, values  # noqa: F401
    from .batch import census, merge_runs, process_images
    from .bench.worth import Comparison, compare
    from .detect import detect_nuclei, find_nuclei, label_nuclei
    from .export import export_run
    from .export.cell_cycle import cell_cycle
    from .export.treated import open_run
    from .export.wells import well_table
    from .score.differences import diff_images
    from .store import Run
    from .tune.search import tune_parameters
    from .values import Execution, Limits, Plane, Resume, Selection, Settings, Shard, Watcher

_HOMES = {
    "Comparison": "bench.worth",
    "Execution": "values",
    "Limits": "values",
    "Plane": "values",
    "Resume": "values",
    "Run": "store",
    "Selection": "values",
    "Settings": "values",
    "Shard": "values",
    "Watcher": "values",
    "cell_cycle": "export.cell_cycle",
    "census": "batch",
    "compare": "bench.worth",
    "detect_nuclei": "detect",
    "diff_images": "score.differences",
    "export_run": "export",
    "find_nuclei": "detect",
    "label_nuclei": "detect",
    "merge_runs": "batch",
    "open_run": "export.treated",
    "process_images": "batch",
    "tune_parameters": "tune.search",
    "well_table": "export.wells",
}

__all__ = [
    "Comparison",
    "Execution",
    "Limits",
    "Plane",
    "Resume",
    "Run",
    "Selection",
    "Settings",
    "Shard",
    "Watcher",
    "__version__",
    "cell_cycle",
    "census",
    "compare",
    "detect_nuclei",
    "diff_images",
    "export_run",
    "find_nuclei",
    "label_nuclei",
    "merge_runs",
    "open_run",
    "process_images",
    "tune_parameters",
    "well_table",
]


_ROOMS = (
    "batch", "bench", "detect", "discover", "errors", "execute", "export", "kernel", "machine",
    "read", "remote", "report", "score", "store", "studio", "text", "tune", "values", "viewer",
)  # fmt: skip
"""Rooms that `import nucensus` makes available as attributes, such as `nucensus.errors`."""

keep_old_names()


if not TYPE_CHECKING:  # or type checkers would take any name for one that is there

    def __getattr__(name: str) -> Any:
        """Import what is asked for, so that the command line starts without NumPy."""
        from importlib import import_module

        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value


def load_ipython_extension(shell: Any) -> None:
    """Bring `%worth_it` into a notebook: `%load_ext nucensus`."""
    from .bench.worth.magic import register

    register(shell)


def __dir__() -> list[str]:
    return sorted(__all__)
