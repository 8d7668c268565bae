"""Measure drawn nuclei whose area, axes and light are known, by their radius: the tables of docs.

In regions and within outlines; and how long finding them and measuring take.

python benchmarks/measures.py
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import nucensus
from nucensus.detect import automatic, estimate, pool, regions
from nucensus.detect.levels import as_levels
from nucensus.detect.rules import NEWEST, VERSIONS

RADII_PX = (5, 6, 8, 10, 14, 20, 28, 40)
BLURS_PX = (0.0, 1.0, 2.0)
CONTRAST, NOISE, GROUND = 3000.0, 20.0, 300.0
LONG = 1.25
"""Long axis of an ellipse, in radii of the disc of the same area."""
FIELDS, SIDE, FINE = 3, 8, 4
ROUNDS = 80


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


def measure(radius_px: float, blur_px: float, *, outlines: bool) -> tuple[float, ...]:
    """Return deviations in per cent: area, long and short axis, light; then the RMS of centres."""
    rng = np.random.default_rng(round(100 * radius_px))
    fields = zip(*_fields(radius_px, blur_px, rng, outlines=outlines), strict=True)
    ratios, away = (np.concatenate(each, axis=1) for each in fields)
    medians = np.median(ratios, axis=1)
    return *(100 * (medians - 1)), float(np.sqrt((away**2).mean()))


def _fields(
    radius_px: float, blur_px: float, rng: np.random.Generator, *, outlines: bool
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for _ in range(FIELDS):
        drawn = draw(radius_px, blur_px, rng)
        settings = nucensus.Settings(outlines=outlines, subpixel=True)
        found = nucensus.find_nuclei(drawn.image, settings)
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


def cost(radius_px: float) -> tuple[float, float, float, float, float]:
    """Return what finding and measuring take, of one drawn field.

    The milliseconds of finding alone, and how much more measuring in regions takes, in per cent;
    the milliseconds of finding with outlines, and how much more measuring within them takes, in
    per cent of that, and of finding alone.
    """
    image = draw(radius_px, 1.0, np.random.default_rng(0)).image
    known, rules, levels = pool([estimate(image)]), VERSIONS[NEWEST], as_levels(image)

    def find(outlined: automatic.Outlined) -> None:
        automatic.detect_levels(levels, known, rules, outlined)

    def find_alone(outlined: automatic.Outlined) -> None:
        automatic.find_candidates = partial(_without_shapes, automatic.find_candidates)
        try:
            find(outlined)
        finally:
            automatic.find_candidates = automatic.find_candidates.args[0]

    ways = [partial(way, of) for of in ("", "nuclei") for way in (find_alone, find)]
    times = np.array([[_seconds(way) for way in ways] for _ in range(ROUNDS)])
    alone, measured, outlined, both = 1e3 * times.min(axis=0)
    within = both - outlined
    return (
        alone,
        100 * (measured / alone - 1),
        outlined,
        100 * within / outlined,
        100 * within / alone,
    )


def _without_shapes(
    find: Callable[..., regions.Regions], *known: Any, **more: Any
) -> regions.Regions:
    return find(*known, **{**more, "shapes": ""})


def _seconds(way: Callable[[], object]) -> float:
    way()  # or the first after another way finds a cold cache
    start = time.thread_time()
    way()
    return time.thread_time() - start


def main() -> None:
    """Print the tables."""
    for outlines in (False, True):
        print(f"\n{'Within outlines' if outlines else 'In regions'}\n")
        print("| radius px | area % | long axis % | short axis % | integrated % | centre RMS px |")
        print("|---|---|---|---|---|---|")
        for radius_px in RADII_PX:
            found = [measure(radius_px, blur_px, outlines=outlines) for blur_px in BLURS_PX]
            *shares, rms = zip(*found, strict=True)
            cells = [" / ".join(f"{each:+.1f}" for each in share) for share in shares]
            away = " / ".join(f"{each:.3f}" for each in rms)
            print(f"| {radius_px} | {' | '.join(cells)} | {away} |", flush=True)
    print("\n| radius px | finding ms | in regions | with outlines ms | within them | of finding |")
    print("|---|---|---|---|---|---|")
    for radius_px in RADII_PX:
        alone, measured, outlined, within, of_alone = cost(radius_px)
        print(
            f"| {radius_px} | {alone:.2f} | {measured:+.0f} % | {outlined:.2f} | {within:+.0f} % | "
            f"{of_alone:+.0f} % |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
