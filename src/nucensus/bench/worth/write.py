"""Write a comparison to files."""

import json
import os
from pathlib import Path

from ...text.files import atomic_write
from .comparison import Comparison
from .page import page


def write_comparison(comparison: Comparison, folder: str | os.PathLike[str]) -> list[Path]:
    """Write `bench.json`, `bench.png`, `bench.svg` and `bench.html`, and return their paths."""
    target = Path(folder)
    figure = comparison.chart()
    paths = [target / f"bench.{kind}" for kind in ("json", "png", "svg", "html")]
    with atomic_write(paths[0]) as partial:
        partial.write_text(json.dumps(comparison.as_dict(), indent=1) + "\n")
    with atomic_write(paths[1]) as partial:
        figure.savefig(partial, dpi=160, format="png")
    with atomic_write(paths[2]) as partial:
        figure.savefig(partial, metadata={"Date": None}, format="svg")
    with atomic_write(paths[3]) as partial:
        partial.write_text(page(comparison), encoding="utf-8")
    return paths
