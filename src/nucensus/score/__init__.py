"""How good a run is: its centres against a truth, and one run against another."""

from typing import TYPE_CHECKING

from .._lazy import modules_of

if not TYPE_CHECKING:
    __getattr__ = modules_of(__name__, "agreement", "differences", "matching", "truth")
