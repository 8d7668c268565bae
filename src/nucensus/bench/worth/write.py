"""Write a comparison to files."""

import os
from pathlib import Path

from ..write import write_files
from .comparison import Comparison
from .page import page


def write_comparison(comparison: Comparison, folder: str | os.PathLike[str]) -> list[Path]:
    """Write `bench.json`, `bench.png`, `bench.svg` and `bench.html`, and return their paths."""
    return write_files(folder, comparison.as_dict(), comparison.chart(), lambda _: page(comparison))
