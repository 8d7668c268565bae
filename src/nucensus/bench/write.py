"""Write a comparison to files, whatever was compared."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..text.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_files(
    folder: str | os.PathLike[str],
    values: dict[str, Any],
    figure: "Figure",
    page_with: Callable[[bytes], str],
) -> list[Path]:
    """Write `bench.json`, `bench.png`, `bench.svg` and `bench.html`, and return their paths.

    `page_with` returns the page that shows the chart, a PNG picture.
    """
    paths = [Path(folder, f"bench.{kind}") for kind in ("json", "png", "svg", "html")]
    with atomic_write(paths[0]) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n")
    with atomic_write(paths[1]) as partial:
        figure.savefig(partial, dpi=160, format="png")
    with atomic_write(paths[2]) as partial:
        figure.savefig(partial, metadata={"Date": None}, format="svg")
    with atomic_write(paths[3]) as partial:
        partial.write_text(page_with(paths[1].read_bytes()), encoding="utf-8")
    return paths
