"""How often images get a flag, as they are and spoiled: dim, blurred, with a fibre.

    python benchmarks/flags.py FOLDER [FOLDER ...]
    python benchmarks/flags.py --fibres

Each folder is a set of images. Every image is counted as it is; with an eighth of its light, drawn
anew with its noise; blurred by a Gaussian of 6 pixels; and with a fibre 2.5 times as bright as its
nuclei. With --fibres 40 drawn fields have one straight fibre each, of several lengths and heights.
"""

import sys
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nucensus.detect.automatic import detect_auto
from nucensus.detect.estimate_image import estimate, pool
from nucensus.discover import discover
from nucensus.read import SUFFIXES, read
from nucensus.values.synthetic import make_field

_SAMPLE = 16


def draw_fibre(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a bent line, 0 to 1, six pixels wide at half of its height."""
    corners = rng.uniform(0.1, 0.9, (4, 2)) * shape
    t = np.linspace(0, 1, 4000)[:, None]
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    places = sum(weight * corner for weight, corner in zip(weights, corners, strict=True))
    line = np.zeros(shape)
    line[tuple(np.asarray(places).astype(int).T)] = 1
    soft = gaussian_filter(line, 2.5)
    return soft / soft.max()


def spoil(image: NDArray, rng: np.random.Generator) -> dict[str, NDArray]:
    """Return an image as it is and spoiled."""
    most = np.iinfo(image.dtype).max
    dim = rng.poisson(image / 8) + rng.normal(0, 2, image.shape)
    blurred = gaussian_filter(image.astype(float), 6)
    height = 2.5 * (np.percentile(image, 99.5) - np.percentile(image, 20))
    fibre = image + height * draw_fibre(image.shape, rng)
    spoiled = {"as it is": image, "1/8 of its light": dim, "blurred": blurred, "fibre": fibre}
    return {name: np.clip(np.rint(each), 0, most).astype(image.dtype)
            for name, each in spoiled.items()}  # fmt: skip


def draw_straight(
    shape: tuple[int, ...], length: float, width: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return a straight line somewhere, 0 to 1, so wide at half of its height."""
    middle, angle = rng.uniform(0.2, 0.8, 2) * shape, rng.uniform(0, np.pi)
    steps = np.linspace(-length / 2, length / 2, 4000)[:, None]
    places = middle + steps * (np.sin(angle), np.cos(angle))
    line = np.zeros(shape)
    line[tuple(places.astype(int).clip(0, np.array(shape) - 1).T)] = 1
    soft = gaussian_filter(line, width / 2.355)
    return soft / soft.max()


def count_fibres() -> None:
    """Print how many of 40 fibres are flagged, by width, length, and height beside nuclei."""
    rng, radius = np.random.default_rng(1), 11
    images = [make_field(seed, shape=(600, 800), nuclei=60, radius_px=radius).image
              for seed in range(40)]  # fmt: skip
    resolved = pool([estimate(image) for image in images[:8]])
    heights = (0.15, 0.3, 0.6, 1, 2.5)
    print(f"of {len(images)} flagged as debris, at {heights} of the nuclei's contrast")
    for width, length in product((3, 6), (60, 72, 100, 150)):
        flagged = []
        for height in heights:
            found = 0
            for image in images:
                fibre = height * resolved.contrast * draw_straight(image.shape, length, width, rng)
                spoiled = np.rint(image + fibre).clip(0, 65535).astype(np.uint16)
                found += detect_auto(spoiled, resolved).flag == "debris"
            flagged.append(found)
        print(f"{width} px wide, {length / radius:4.1f} radii long: {flagged}", flush=True)


def main(folders: list[str]) -> None:
    """Print the flags of each set."""
    if folders == ["--fibres"]:
        count_fibres()
        return
    rng = np.random.default_rng(0)
    sets = {f"drawn, radius {radius} px": [
        make_field(seed, shape=(600, 800), nuclei=60, radius_px=radius).image for seed in range(20)
    ] for radius in (8, 11, 15, 22)}  # fmt: skip
    for folder in folders:
        sets[Path(folder).name] = [read(each.path) for each in discover([folder], SUFFIXES)]
    for name, images in sets.items():
        step = max(1, len(images) // _SAMPLE)
        resolved = pool([estimate(image) for image in images[::step]])
        counts: dict[str, Counter[str | None]] = {}
        for image in images:
            for kind, each in spoil(image, rng).items():
                counts.setdefault(kind, Counter())[detect_auto(each, resolved).flag] += 1
        print(f"{name}: {len(images)} images")
        for kind, found in counts.items():
            flags = ", ".join(f"{flag or 'no flag'} {n}" for flag, n in found.most_common())
            print(f"  {kind:18} {flags}")


if __name__ == "__main__":
    main(sys.argv[1:])
