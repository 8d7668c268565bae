"""Modules that have another name now: the old one goes on working, with a word."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

_MOVED = {
    "nucensus.diff": "nucensus.score.differences",
    "nucensus.evaluate": "nucensus.score.agreement",
    "nucensus.foreground": "nucensus.detect.regions",
    "nucensus.model": "nucensus.values",
    "nucensus.parameter_search": "nucensus.tune.search",
    "nucensus.provenance": "nucensus.export.provenance",
    "nucensus.reference": "nucensus.detect.reference",
    "nucensus.synthetic": "nucensus.values.synthetic",
    "nucensus.wells": "nucensus.export.wells",
}


class _MovedModules:
    """Finds a module by its old name.

    Not of a class of `importlib.abc`, whose import takes some milliseconds of every start.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        return ModuleSpec(name, cast("Loader", self)) if name in _MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = _MOVED[spec.name]
        warnings.warn(
            f"{spec.name} is called {new} now; import that", DeprecationWarning, stacklevel=2
        )
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module, which was imported under its new name, its own spec back."""
        module.__spec__ = module.__spec__ and module.__spec__.loader_state


def keep_old_names() -> None:
    """Let the modules of `_MOVED` be imported by their old names too."""
    sys.meta_path.append(_MovedModules())
