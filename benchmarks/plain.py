"""Draw fields of every sort at random, and show how well the nuclei of each are counted.

    python benchmarks/plain.py [--fields 400] [--first 0] [--worst 20]

What a field is like is drawn, too: discs, Gaussians or domes of 8 to 90 pixels across that cover 3
to 70 % of it, apart, touching or overlapping, in a colony or everywhere, equal or not; on an even
or a rising background under a lamp that is not in the middle; with 5 to 100 times the noise of a
pixel, as 8, 12 or 16 bits or floating point. Every field is counted on its own, without any
parameter. A detection within a radius of a centre that no nearer one has claimed is a hit. Many of
these fields are harder than microscopes make them: nobody could count the worst.
"""

import argparse
from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from nucensus.detect.automatic import detect_auto

MOST_NUCLEI = 1500


@dataclass(frozen=True)
class Look:
    """What a field is like; heights in those of a typical nucleus."""

    shape: str
    diameter: float  # pixels
    cover: float  # share of the image that is nuclei
    gap: float  # least distance, in sums of two radii
    signal_to_noise: float  # of a pixel
    kind: str  # of numbers
    rise: float  # of the background
    brightness: float  # standard deviation of the logarithm
    size: float  # the same
    colony: bool


def draw_look(rng):
    """Draw what a field is like."""
    return Look(
        shape=rng.choice(["disc", "Gaussian", "dome"]),
        diameter=rng.choice([8, 10, 12, 16, 24, 40, 60, 80, 90]),
        cover=rng.choice([0.03, 0.1, 0.3, 0.5, 0.7]),
        gap=rng.choice([0.8, 0.95, 1.1]),
        signal_to_noise=rng.choice([5, 10, 30, 100]),
        kind=rng.choice(["8 bits", "12 bits", "16 bits", "float"]),
        rise=rng.choice([0, 0.5, 1.5]),
        brightness=rng.choice([0, 0.15, 0.4]),
        size=rng.choice([0, 0.1, 0.2]),
        colony=rng.random() < 0.3,
    )


def place(look, shape, rng):
    """Return y, x and radius of nuclei that keep their distance."""
    area = np.pi * look.diameter**2 / 4
    count = int(np.clip(look.cover * shape[0] * shape[1] / area, 1, MOST_NUCLEI))
    placed, done = np.empty((count, 3)), 0
    for _ in range(40 * count):
        if done == count:
            break
        radius = look.diameter / 2 * np.exp(rng.normal(0, look.size))
        at = rng.uniform((0, 0), shape)
        if look.colony:
            at = shape / 2 * rng.uniform(0.7, 1.3, 2) + rng.normal(0, 0.18, 2) * shape
        apart = np.hypot(*(placed[:done, :2] - at).T) - (placed[:done, 2] + radius) * look.gap
        if (at < 0.3 * radius).any() or (at > shape - 0.3 * radius).any() or (apart < 0).any():
            continue
        placed[done], done = (*at, radius), done + 1
    return placed[:done]


def add_nucleus(image, look, nucleus, rng):
    """Add an ellipse: of Gaussians the sum counts, of others the higher."""
    y, x, radius = nucleus
    reach = int(2 * radius) + 3
    low = np.maximum(np.array((y, x)).astype(int) - reach, 0)
    part = image[low[0] : int(y) + reach + 1, low[1] : int(x) + reach + 1]
    down, across = np.indices(part.shape)
    down, across = down + low[0] - y, across + low[1] - x
    long, angle = np.sqrt(rng.uniform(1, 1.35)), rng.uniform(0, np.pi)
    along = (down * np.cos(angle) + across * np.sin(angle)) / long
    beside = (across * np.cos(angle) - down * np.sin(angle)) * long
    off = np.hypot(along, beside) / radius
    body = {
        "disc": np.clip((1 - off) * radius + 0.5, 0, 1),
        "Gaussian": np.exp(-2 * off**2),
        "dome": np.sqrt(np.clip(1 - off**2, 0, 1)),
    }[look.shape] * np.exp(rng.normal(0, look.brightness))
    part[:] = part + body if look.shape == "Gaussian" else np.maximum(part, body)


def draw(seed):
    """Return what a field is like, its image, and y, x and radius of its nuclei."""
    rng = np.random.default_rng(seed)
    look = draw_look(rng)
    side = int(np.clip(look.diameter * rng.uniform(8, 25), 150, 1400))
    shape = np.array((side, int(side * rng.uniform(1, 1.4))))
    nuclei = place(look, shape, rng)
    image = np.zeros(shape)
    for nucleus in nuclei:
        add_nucleus(image, look, nucleus, rng)
    image = ndimage.gaussian_filter(image, max(0.7, 0.04 * look.diameter))
    y, x = (axis / (n - 1) * 2 - 1 for axis, n in zip(np.indices(shape), shape, strict=True))
    lamp = 1 - min(look.rise, 1) * ((y - 0.1) ** 2 + (x + 0.2) ** 2) / 4.8
    image = (image + 0.2 + look.rise * (1 + 0.7 * x + 0.3 * y) / 2) * lamp
    return look, expose(image + rng.normal(0, 1 / look.signal_to_noise, shape), look.kind), nuclei


def expose(image, kind):
    """Return the image in grey levels."""
    if kind == "float":
        return (image / 6).astype(np.float32)
    height, dark, most, dtype = {
        "8 bits": (90, 10, 255, np.uint8),
        "12 bits": (800, 100, 4095, np.uint16),
        "16 bits": (9000, 500, 65535, np.uint16),
    }[kind]
    return np.clip(np.rint(dark + height * image), 0, most).astype(dtype)


def score(points, nuclei):
    """Return hits, detections and nuclei."""
    if not len(points):
        return 0, 0, len(nuclei)
    away, nearest = KDTree(nuclei[:, :2]).query(points)
    return len(set(nearest[away <= nuclei[nearest, 2]])), len(points), len(nuclei)


def main() -> None:
    """Print the mean F1, how many fields failed, and the worst."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--worst", type=int, default=20, help="how many of the worst to print")
    options = parser.parse_args()
    results = []
    for seed in range(options.first, options.first + options.fields):
        look, image, nuclei = draw(seed)
        hits, found, truth = score(detect_auto(image).points, nuclei)
        results.append((2 * hits / (found + truth), seed, found, truth, look))
    results.sort(key=lambda result: result[:2])
    f1 = np.array([result[0] for result in results])
    print(
        f"F1 {f1.mean():.3f} on average; of {len(f1)} fields {np.sum(f1 > 0.98)} above 0.98, "
        f"{np.sum(f1 < 0.9)} below 0.9, {np.sum(f1 < 0.5)} below 0.5"
    )
    for each, seed, found, truth, look in results[: options.worst]:
        said = ", ".join(f"{name} {value}" for name, value in asdict(look).items())
        print(f"{each:.2f}  field {seed}: {found} of {truth}; {said}")


if __name__ == "__main__":
    main()
