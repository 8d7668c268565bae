"""Draw the picture at the top of the README: a real field, its nuclei outlined.

python benchmarks/draw_field.py IMAGE

IMAGE is `stardist/data/images/img2d.tif` in the wheel of StarDist 0.9.2 (BSD-3), a field of the
Data Science Bowl of 2018 (BBBC038, CC0).
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
from matplotlib.figure import Figure

import nucensus

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "result.webp"
LINE, DOT = "#00e5c0", "#ffb000"
ROWS = 384


def main() -> None:
    """Find the nuclei without a parameter, and draw what was found."""
    image = tifffile.imread(sys.argv[1])
    points = nucensus.find_nuclei(image).points
    labels = nucensus.label_nuclei(image)
    height, width = image.shape
    figure = Figure(figsize=(width / 100, ROWS / 100), dpi=180)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, cmap="gray", vmax=np.percentile(image, 99.7), interpolation="bilinear")
    for label in range(1, labels.max() + 1):
        axes.contour(labels == label, [0.5], colors=LINE, linewidths=0.7)
    axes.plot(points[:, 1], points[:, 0], ".", color=DOT, markersize=3)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(ROWS - 0.5, -0.5))
    axes.set_axis_off()
    figure.savefig(PICTURE, pil_kwargs={"quality": 80})
    print(f"{len(points)} nuclei in {height} x {width} pixels; drawn: the upper {ROWS} rows")


if __name__ == "__main__":
    main()
