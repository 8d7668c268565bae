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
    "volume": ("work/stack.tif", "--volume", "--sigma", "2,4,4", "--threshold", "300"),
}
"""What is counted, and how; each needs another part of the kernel."""
OF_THE_SYSTEM = ("major_px", "minor_px", "orientation")
"""Columns that come from mathematical functions of the system, which differ in the last bit."""


def assert_same_tables(folder: Path, run: Callable[[Sequence[str]], object]) -> None:
    """Count a plate and a volume below `folder` in every way, here and by `run`."""
    work = folder / "work"
    write_plate(work / "plate", fields=6, corrupt=False)
    planes = [make_field(seed, shape=(200, 260), nuclei=12).image for seed in range(3)]
    stack = np.repeat(planes, 5, axis=0)
    tifffile.imwrite(work / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    for name, arguments in COUNTS.items():
        count = ("-m", "nucensus", "detect", *arguments, "-o")
        subprocess.run([sys.executable, *count, f"work/here_{name}"], cwd=folder, check=True)
        run((*count, f"work/there_{name}"))
        (here, measured), (there, measured_there) = (
            _read(work / f"{place}_{name}" / "nuclei.csv") for place in ("here", "there")
        )
        assert here == there, f"{name}: the tables of nuclei differ"
        assert len(here) > 10, name
        np.testing.assert_allclose(measured_there, measured, rtol=1e-14, atol=1e-14)


def _read(path: Path) -> tuple[list[list[str]], list[list[float]]]:
    """Return the rows of a table as they are written, and numbers of the system apart."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    measured = [[float(row.pop(name)) for name in OF_THE_SYSTEM if name in row] for row in rows]
    return [list(row.values()) for row in rows], measured
