"""Count the same images here and on another system: both have to write the same tables."""

import csv
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tifffile

from nucensus.values.synthetic import make_field, write_plate

COUNTS = {
    "auto": ("work/plate", "--outlines", "--subpixel"),
    "published": ("work/plate", "--threshold", "300"),
    "volume": ("work/stack.tif", "--volume", "--sigma", "2", "--threshold", "300"),
}
"""What is counted, and how; each needs another part of the kernel."""
WHOLE = ("image", "y", "x", "z", "area_px", "touches_edge", "confidence")
"""Columns that have to be the same. The others are fractions, and functions such as the exponential
are those of NumPy and of the system: the last bit may differ."""


def assert_same_tables(folder: Path, run: Callable[[Sequence[str]], object]) -> None:
    """Count a plate and a volume below `folder` in every way, here and by `run`."""
    work = folder / "work"
    write_plate(work / "plate", fields=6, corrupt=False)
    planes = [make_field(seed, shape=(300, 400), nuclei=40).image for seed in range(3)]
    stack = np.repeat(planes, 5, axis=0)
    tifffile.imwrite(work / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    for name, arguments in COUNTS.items():
        count = ("-m", "nucensus", "detect", *arguments, "-o")
        subprocess.run([sys.executable, *count, f"work/here_{name}"], cwd=folder, check=True)
        run((*count, f"work/there_{name}"))
        here, there = (
            _read(work / f"{place}_{name}" / "nuclei.csv") for place in ("here", "there")
        )
        assert here[0] == there[0], f"{name}: the tables of nuclei differ"
        assert len(here[0]) > 10, name
        np.testing.assert_allclose(there[1], here[1], rtol=1e-13, atol=1e-13)


def _read(path: Path) -> tuple[list[list[str]], list[list[float]]]:
    """Return the rows of a table, their whole numbers and names as text, and their fractions."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [[row.pop(name) for name in WHOLE if name in row] for row in rows]
    return whole, [[float(value) for value in row.values()] for row in rows]
