"""Measure drawn nuclei whose area, axes and light are known, by their radius: the table of docs.

python benchmarks/measures.py
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import nucensus

RADII_PX = (5, 6, 8, 10, 14, 20, 28, 40)
BLURS_PX = (0.0, 1.0, 2.0)
CONTRAST, NOISE, GROUND = 3000.0, 20.0, 300.0
LONG = 1.25
"""Long axis of an ellipse, in radii of the disc of the same area."""
FIELDS, SIDE, FINE = 3, 8, 4


class Drawn(NamedTuple):
    """A field of ellipses, where each is, and the light of one."""

    image: NDArray[np.uint16]
    centres: NDArray[np.float64]
    light: float


def draw(radius_px: float, blur_px: float, rng: np.random.Generator) -> Drawn:
    """Draw ellipses in rows and columns, each turned and moved at random."""
    step = int(3.4 * radius_px) + 12
    size = step * SIDE
    picture, centres = np.zeros((size, size)), []
    for at in np.ndindex(SIDE, SIDE):
        corner = np.array(at) * step
        inner = step / 2 + rng.uniform(-3, 3, 2)
        picture[corner[0] : corner[0] + step, corner[1] : corner[1] + step] = _ellipse(
            step, inner, radius_px, rng.uniform(0, np.pi)
        )
        centres.append(corner + inner - 0.5)
    image = gaussian_filter(CONTRAST * picture, blur_px) if blur_px else CONTRAST * picture
    noisy = rng.normal(GROUND + image, NOISE).clip(0, 65535)
    return Drawn(np.rint(noisy).astype(np.uint16), np.array(centres), float(image.sum()) / SIDE**2)


def _ellipse(
    side: int, centre: NDArray[np.float64], radius_px: float, turned: float
) -> NDArray[np.float64]:
    """Return which part of each pixel an ellipse covers."""
    fine = (np.arange(side * FINE) + 0.5) / FINE
    y, x = fine[:, None] - centre[0], fine - centre[1]
    along, across = y * np.cos(turned) + x * np.sin(turned), x * np.cos(turned) - y * np.sin(turned)
    inside = (along / (LONG * radius_px)) ** 2 + (across * LONG / radius_px) ** 2 <= 1
    covered: NDArray[np.float64] = inside.reshape(side, FINE, side, FINE).mean(axis=(1, 3))
    return covered


def measure(radius_px: float, blur_px: float) -> tuple[float, ...]:
    """Return deviations in per cent: area, long and short axis, light; then the RMS of centres."""
    rng = np.random.default_rng(round(100 * radius_px))
    fields = zip(*_fields(radius_px, blur_px, rng), strict=True)
    ratios, away = (np.concatenate(each, axis=1) for each in fields)
    medians = np.median(ratios, axis=1)
    return *(100 * (medians - 1)), float(np.sqrt((away**2).mean()))


def _fields(
    radius_px: float, blur_px: float, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for _ in range(FIELDS):
        drawn = draw(radius_px, blur_px, rng)
        found = nucensus.find_nuclei(drawn.image, outlines=True, subpixel=True)
        measured, centres = found.measured, found.subpixel
        assert measured is not None
        assert centres is not None
        apart = np.linalg.norm(drawn.centres[:, None] - centres, axis=2)
        nearest = apart.argmin(axis=1)
        is_found = apart.min(axis=1) < radius_px
        if is_found.mean() < 1:
            print(f"radius {radius_px}, blur {blur_px}: {is_found.sum()} of {len(is_found)} found")
        own = measured[nearest[is_found]]
        known = np.pi * radius_px**2, 2 * LONG * radius_px, 2 * radius_px / LONG, drawn.light
        names = "area_px", "major_px", "minor_px", "integrated"
        ratios = [own[name] / value for name, value in zip(names, known, strict=True)]
        away = drawn.centres[is_found] - centres[nearest[is_found]]
        yield np.array(ratios), away.T


def main() -> None:
    """Print the table."""
    print("| blur px | radius px | area | long axis | short axis | integrated | centre RMS px |")
    print("|---|---|---|---|---|---|---|")
    for blur_px in BLURS_PX:
        for radius_px in RADII_PX:
            *shares, rms = measure(radius_px, blur_px)
            cells = [f"{share:+.1f} %" for share in shares]
            print(f"| {blur_px:g} | {radius_px} | {' | '.join(cells)} | {rms:.3f} |", flush=True)


if __name__ == "__main__":
    main()
