"""Compare the ways to run over many images, side by side, on the user's own files."""

from typing import TYPE_CHECKING

from .._lazy import modules_of
from .measure import Comparison, Measurement, compare
from .publish import write_comparison
from .recommend import recommend

__all__ = ["Comparison", "Measurement", "compare", "recommend", "write_comparison"]


if not TYPE_CHECKING:
    __getattr__ = modules_of(__name__, "worth")
