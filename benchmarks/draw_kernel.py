"""Draw the pictures of docs/exact-kernel.md: python benchmarks/draw_kernel.py."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage.filters import gaussian

import nucensus
from nucensus.values.synthetic import make_field

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIGMA, DISTANCE, THRESHOLD, SIDE = 4, 6, 600, 4
RING, TEAL, GREY, INK = "#00e5c0", "#1b7f79", "#8a94a6", "#22272e"
Array = NDArray[Any]


def weights() -> Array:
    """Return SciPy's weights of a Gaussian, from -16 to 16."""
    reach = np.arange(-4 * SIGMA, 4 * SIGMA + 1)
    values = np.exp(-(reach**2) / (2 * SIGMA**2))
    return np.asarray(values / values.sum())


def upper_bound(image: Array) -> Array:
    """Return a bound of the smoothed image from the maxima of 4 x 4 pixels at a time."""
    height, width = image.shape
    blocks = image.reshape(height // SIDE, SIDE, width // SIDE, SIDE).max(axis=(1, 3)).astype(float)
    bound = add_blocks(add_blocks(blocks).T).T
    return bound.repeat(SIDE, axis=0).repeat(SIDE, axis=1)


def add_blocks(blocks: Array) -> Array:
    """Add up the blocks of each column, each with the most it may weigh for a pixel of another."""
    each = weights()
    reach = len(each) // 2
    far = reach // SIDE + 1
    padded = np.pad(blocks, ((far, far), (0, 0)), mode="symmetric")
    total = np.zeros_like(blocks)
    for step in range(-far, far + 1):
        shares = [
            sum(
                each[d + reach]
                for pixel in range(SIDE)
                if abs(d := SIDE * step + pixel - home) <= reach
            )
            for home in range(SIDE)
        ]
        total += max(shares) * padded[far + step : far + step + len(blocks)]
    return total


def draw_steps(image: Array, smooth: Array, bound: Array, points: Array) -> None:
    """Draw what each step leaves over."""
    alive = bound > THRESHOLD
    higher = np.zeros_like(alive)
    for axis in (0, 1):
        for step in (-1, 1):
            higher |= np.roll(smooth, step, axis) > smooth
    candidates = alive & (smooth > THRESHOLD) & ~higher
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    stretched = np.clip((image - 100) / 2200, 0, 1) ** 0.7
    for axes in (left, middle, right):
        axes.imshow(stretched, cmap="gray")
        axes.set_axis_off()
    shade = np.zeros((*alive.shape, 4))
    shade[~alive] = (0.11, 0.5, 0.47, 0.75)
    left.imshow(shade)
    left.set_title(f"The sieve rules out {np.mean(~alive):.0%}", fontsize=10)
    y, x = np.nonzero(candidates)
    middle.scatter(x, y, s=14, c=RING, marker="s", linewidths=0)
    middle.set_title(f"{len(y)} candidates of {image.size:,} pixels", fontsize=10)
    right.scatter(points[:, 1], points[:, 0], s=150, edgecolors=RING, facecolors="none")
    right.set_title(f"{len(points)} centres, decided exactly", fontsize=10)
    figure.savefig(PICTURES / "kernel-steps.webp", dpi=130, pil_kwargs={"quality": 80})


def draw_profile(smooth: Array, bound: Array, row: int) -> None:
    """Draw the bound above the smoothed image along one row."""
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    axes = figure.subplots()
    columns = np.arange(smooth.shape[1])
    dead = bound[row] <= THRESHOLD
    axes.fill_between(
        columns, 0, 1, where=dead, transform=axes.get_xaxis_transform(), color=TEAL, alpha=0.15,
        linewidth=0, label="no centre can be here",
    )  # fmt: skip
    axes.plot(columns, bound[row], color=GREY, label="the sieve's bound")
    axes.plot(columns, smooth[row], color=TEAL, label="smoothed image")
    axes.axhline(THRESHOLD, color=INK, linewidth=1, linestyle="--", label="threshold")
    axes.set_xlim(0, len(columns) - 1)
    axes.set_ylim(0, 1.05 * bound[row].max())
    axes.set_xlabel(f"column, in row {row}")
    axes.set_ylabel("grey level")
    axes.legend(fontsize=8, frameon=False, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURES / "kernel-bound.svg", metadata={"Date": None})


def draw_order() -> None:
    """Draw in which order the products are added up."""
    figure = Figure(figsize=(7.5, 2.4), layout="constrained")
    axes = figure.subplots()
    reach = 8  # sigma 2, so that the bars can be told apart
    places = np.arange(-reach, reach + 1)
    heights = np.exp(-(places**2) / 8)
    axes.bar(places, heights, color=[TEAL if place == 0 else GREY for place in places])
    for place, height in zip(places, heights, strict=True):
        turn = 1 if place == 0 else 2 + reach - abs(place)
        axes.annotate(str(turn), (place, height), (0, 2), textcoords="offset points",
                      ha="center", fontsize=9, color=INK)  # fmt: skip
    axes.set_xlabel("distance from the pixel; the number says when its product is added")
    axes.set_xticks(places)
    axes.set_yticks([])
    axes.set_ylim(0, 1.15)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(PICTURES / "kernel-order.svg", metadata={"Date": None})


def main() -> None:
    """Draw all of them."""
    image = make_field(7, shape=(240, 320), nuclei=26).image
    smooth = gaussian(image, SIGMA, preserve_range=True)
    bound = upper_bound(image)
    assert (bound >= smooth).all()
    points = nucensus.detect_nuclei(image, SIGMA, DISTANCE, THRESHOLD, exclude_border=False)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nucensus"}):
        draw_steps(image, smooth, bound, points)
        draw_profile(smooth, bound, int(points[0, 0]))
        draw_order()


if __name__ == "__main__":
    main()
