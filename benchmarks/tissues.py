"""Draw images that ask most of a count: dense sections, nuclei with holes, spots or cell bodies.

    python benchmarks/tissues.py [--fields 6] [--first 0] [--kinds "dense section" holes]

Twelve kinds that `others.py` has not, each counted field by field on its own, and as one folder;
the last line is a folder of all of them. What a field is like (size of nuclei, cover, blur, haze,
light, noise) is drawn within wide limits, so that no constant can be chosen for one of them.
Nuclei that touch share a straight border, as cells of one layer do: the centres are those of a
relaxed Voronoi diagram, which fills an image more densely than discs that keep their distance.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from others import Field, octaves, score
from scipy import ndimage
from scipy.spatial import KDTree

from nucensus import find_nuclei
from nucensus.detect import Resolved, estimate, pool

LEAST_SHOWN = 0.25


@dataclass
class Drawn:
    """The light of a field before the lens, which label each pixel has, and the nuclei."""

    light: NDArray[np.float64]
    labels: NDArray[np.int32]
    radius: float


def spread(side: int, apart: float, rng: np.random.Generator, rounds: int = 3):
    """Return places about `apart` from each other, everywhere and a little beyond the edges."""
    low, high = -2 * apart, side + 2 * apart
    count = int((high - low) ** 2 / (0.87 * apart**2))
    places = rng.uniform(low, high, (count, 2))
    grid = np.stack(np.meshgrid(*[np.arange(low, high, apart / 6)] * 2), -1).reshape(-1, 2)
    for _ in range(rounds):
        owner = KDTree(places).query(grid)[1]
        sizes = np.maximum(np.bincount(owner, minlength=count), 1)
        sums = np.stack([np.bincount(owner, axis, count) for axis in grid.T], 1)
        places = np.where(
            np.bincount(owner, minlength=count)[:, None], sums / sizes[:, None], places
        )
    return places + rng.normal(0, 0.08 * apart, places.shape)


def bodies(
    places, radii, side, rng, *, texture=0.12, brightness=0.2, spots=None, ellipses=None
) -> Drawn:
    """Draw a nucleus at each place; where two would overlap, the nearer has the pixel.

    `ellipses` says how long each is for its width, and where it points.
    """
    light, best = np.zeros((side, side)), np.full((side, side), np.inf)
    labels = np.zeros((side, side), np.int32)
    radius = float(np.median(radii))
    grain = octaves(radius / 1.2, rng)
    for label, ((y, x), r) in enumerate(zip(places, radii, strict=True), 1):
        ellipse = None if ellipses is None else ellipses[label - 1]
        reach = int((1.9 if ellipse is None else 1.5 * np.sqrt(ellipse[0])) * r) + 2
        rows, columns = (
            np.arange(max(0, int(at) - reach), min(side, int(at) + reach + 1)) for at in (y, x)
        )
        if not len(rows) or not len(columns):
            continue
        off = outline(rows[:, None] - y, columns - x, r, rng, ellipse=ellipse)
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        mine = (off < 1) & (off * r < best[window])
        shift = [rng.integers(0, len(grain) - len(axis)) for axis in (rows, columns)]
        grains = grain[shift[0] :, shift[1] :][: len(rows), : len(columns)]
        body = np.clip(1 - off**2, 0, None) ** 0.25 * np.clip(1 + texture * grains, 0.1, None)
        if spots is not None:
            body *= spots(rows[:, None] - y, columns - x, r)
        light[window][mine] = (body * np.exp(rng.normal(0, brightness)))[mine]
        best[window][mine], labels[window][mine] = (off * r)[mine], label
    return Drawn(light, labels, radius)


def outline(y, x, radius, rng, wavy=0.04, ellipse=None):
    """Return how far each place is from the centre, in radii of an irregular ellipse."""
    long, angle = (rng.uniform(1, 1.6), rng.uniform(0, np.pi)) if ellipse is None else ellipse
    long = np.sqrt(long)
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    around = np.arctan2(along / long, across * long)
    waves = sum(
        wavy * rng.normal() * np.cos(n * around + rng.uniform(0, 2 * np.pi)) for n in range(2, 5)
    )
    return np.hypot(along / long, across * long) / (radius * (1 + waves))


def sparse(side, radius, cover, rng):
    """Return places that keep their distance, for so large a cover."""
    count = max(3, int(cover * side**2 / (np.pi * radius**2)))
    placed = np.empty((0, 2))
    for _ in range(200 * count):
        at = rng.uniform(0.3 * radius, side - 0.3 * radius, 2)
        if not len(placed) or np.hypot(*(placed - at).T).min() > 2.0 * radius:
            placed = np.vstack([placed, at])
        if len(placed) == count:
            break
    return placed


def dense_section(rng: np.random.Generator, lit: float = 1) -> Field:
    """Return 200 to 500 nuclei that touch and cover 60 to 75 % of the image."""
    radius, count, cover = rng.uniform(8, 14), rng.integers(200, 500), rng.uniform(0.60, 0.75)
    side = int(np.sqrt(count * np.pi * radius**2 / cover))
    apart = np.sqrt(np.pi * radius**2 / cover / 0.87)
    places = spread(side, apart, rng)
    drawn = bodies(places, radius * 1.06 * np.exp(rng.normal(0, 0.1, len(places))), side, rng)
    return expose(drawn, rng, blur=rng.uniform(0.08, 0.2), haze=rng.uniform(0, 0.4), lit=lit)


def holes(rng: np.random.Generator, most: int = 3) -> Field:
    """Return nuclei with one to three or more dark nucleoli, a third of their width, in 8 bits."""
    radius = rng.uniform(14, 36)

    def nucleoli(y, x, r):
        dark = np.ones(np.broadcast_shapes(y.shape, x.shape))
        for _ in range(rng.integers(1, most + 1)):
            away, angle = rng.uniform(0, 0.5) * r, rng.uniform(0, 2 * np.pi)
            wide = rng.uniform(0.22, 0.4) * r
            off = np.hypot(y - away * np.sin(angle), x - away * np.cos(angle)) / wide
            dark = np.minimum(dark, np.clip((off - 0.7) * 2, rng.uniform(0.15, 0.5), 1))
        return dark

    side = int(rng.uniform(10, 18) * radius)
    places = sparse(side, 1.05 * radius, rng.uniform(0.1, 0.4), rng)
    radii = radius * np.exp(rng.normal(0, 0.1, len(places)))
    drawn = bodies(places, radii, side, rng, spots=nucleoli)
    return expose(drawn, rng, blur=rng.uniform(0.03, 0.07), bits=8)


def spots(rng: np.random.Generator) -> Field:
    """Return fewer than 20 large nuclei with bright spots of chromatin."""
    radius = rng.uniform(30, 62)

    def chromatin(y, x, r):
        bright = np.ones(np.broadcast_shapes(y.shape, x.shape))
        for _ in range(rng.integers(6, 16)):
            away, angle = 0.75 * np.sqrt(rng.uniform()) * r, rng.uniform(0, 2 * np.pi)
            off = np.hypot(y - away * np.sin(angle), x - away * np.cos(angle))
            bright = bright + rng.uniform(0.3, 0.9) * np.exp(
                -2 * (off / (rng.uniform(0.1, 0.18) * r)) ** 2
            )
        return bright

    side = int(rng.uniform(9, 15) * radius)
    places = sparse(side, 1.1 * radius, 0.3, rng)[: rng.integers(6, 20)]
    radii = radius * np.exp(rng.normal(0, 0.08, len(places)))
    drawn = bodies(places, radii, side, rng, texture=0.25, spots=chromatin)
    return expose(drawn, rng, blur=rng.uniform(0.02, 0.05))


def wide_field(rng: np.random.Generator) -> Field:
    """Return nuclei of 50 to 60 pixels with the light of those above and below the focus."""
    radius = rng.uniform(22, 32)
    side = int(rng.uniform(14, 22) * radius)
    places = sparse(side, 0.98 * radius, rng.uniform(0.2, 0.45), rng)
    drawn = bodies(
        places, radius * np.exp(rng.normal(0, 0.15, len(places))), side, rng, brightness=0.3
    )
    ghosts = sparse(side, 1.2 * radius, rng.uniform(0.1, 0.3), rng)
    out = np.zeros((side, side))
    for one in ghosts:
        layer = bodies(one[None], np.array([radius]), side, rng).light
        out += rng.uniform(0.2, 0.6) * ndimage.gaussian_filter(
            layer, rng.uniform(0.4, 0.9) * radius
        )
    return expose(drawn, rng, blur=rng.uniform(0.05, 0.1), haze=rng.uniform(0.1, 0.4), more=out)


def cell_bodies(rng: np.random.Generator) -> Field:
    """Return nuclei in cells whose body is stained, too: by 10 to 35 % of the contrast."""
    radius = rng.uniform(10, 28)
    side = int(rng.uniform(16, 26) * radius)
    places = sparse(side, 1.15 * radius, rng.uniform(0.06, 0.2), rng)
    drawn = bodies(places, radius * np.exp(rng.normal(0, 0.12, len(places))), side, rng)
    cells = bodies(
        places + rng.normal(0, 0.5 * radius, places.shape),
        radius * rng.uniform(1.6, 2.6, len(places)), side, rng, texture=0.35, brightness=0.5,
    )  # fmt: skip
    return expose(
        drawn, rng, blur=rng.uniform(0.05, 0.1), more=rng.uniform(0.1, 0.35) * cells.light
    )


def nucleoli(rng: np.random.Generator) -> Field:
    """Return plump nuclei with one to three round dark nucleoli, apart from each other."""
    radius, depth = np.exp(rng.uniform(np.log(11), np.log(34))), rng.uniform(0.05, 0.6)

    def dark(y, x, r):
        light, placed = np.ones(np.broadcast_shapes(y.shape, x.shape)), []
        for _ in range(rng.integers(1, 4)):
            away, angle = rng.uniform(0, 0.55) * r, rng.uniform(0, 2 * np.pi)
            at = away * np.array([np.sin(angle), np.cos(angle)])
            if all(np.hypot(*(at - other)) > 0.7 * r for other in placed):
                placed.append(at)
                wide = rng.uniform(0.28, 0.38) * r
                off = np.hypot(y - at[0], x - at[1]) / wide
                light = light * (depth + (1 - depth) * np.clip((off - 1) * wide / 3 + 0.5, 0, 1))
        return light

    side = int(rng.uniform(12, 20) * radius)
    places = sparse(side, 1.1 * radius, rng.uniform(0.12, 0.35), rng)
    radii = radius * np.exp(rng.normal(0, 0.08, len(places)))
    drawn = bodies(places, radii, side, rng, texture=rng.uniform(0, 0.1), spots=dark)
    return expose(drawn, rng, blur=rng.uniform(0.03, 0.08))


def stained_cells(rng: np.random.Generator) -> Field:
    """Return nuclei in cells around them that glow, evenly or in grains, by 12 to 40 %."""
    radius, share = rng.uniform(9, 26), rng.uniform(0.12, 0.4)
    side = int(rng.uniform(16, 26) * radius)
    places = sparse(side, 1.2 * radius, rng.uniform(0.05, 0.22), rng)
    drawn = bodies(places, radius * np.exp(rng.normal(0, 0.12, len(places))), side, rng)
    cells = bodies(
        places + rng.normal(0, rng.uniform(0.2, 0.5) * radius, places.shape),
        radius * rng.uniform(1.8, 3, len(places)), side, rng,
        texture=rng.uniform(0.05, 0.5), brightness=rng.uniform(0.1, 0.4),
    )  # fmt: skip
    return expose(drawn, rng, blur=rng.uniform(0.04, 0.1), more=share * cells.light)


def soft_cells(rng: np.random.Generator) -> Field:
    """Return plump nuclei in wavy cells that fade outwards, with 15 to 45 % of the light."""
    radius, share = rng.uniform(9, 26), rng.uniform(0.15, 0.45)
    side = int(rng.uniform(16, 24) * radius)
    places = sparse(side, 1.25 * radius, rng.uniform(0.05, 0.18), rng)
    radii = radius * np.exp(rng.normal(0, 0.1, len(places)))
    drawn = bodies(places, radii, side, rng, texture=0.05, brightness=rng.uniform(0.1, 0.3))
    y, x = np.mgrid[:side, :side]
    stain = np.zeros((side, side))
    for at in places + rng.normal(0, 0.35 * radius, places.shape):
        off = outline(y - at[0], x - at[1], radius * rng.uniform(1.7, 2.8), rng, wavy=0.12)
        bright = np.exp(rng.normal(0, 0.15))
        stain = np.maximum(stain, bright * np.clip((1 - off) * rng.uniform(1.5, 4) + 0.3, 0, 1))
    grain = ndimage.gaussian_filter(rng.normal(size=stain.shape), radius / 6)
    stain *= np.clip(1 + rng.uniform(0.05, 0.3) * grain / grain.std(), 0.2, None)
    return expose(drawn, rng, blur=rng.uniform(0.04, 0.1), more=share * stain)


def few(rng: np.random.Generator) -> Field:
    """Return five to twelve nuclei, of which some are three times as wide as others."""
    radius, side = rng.uniform(10, 24), int(rng.uniform(280, 640))
    places = sparse(side, 1.7 * radius, 0.9, rng)[: rng.integers(5, 13)]
    radii = radius * np.exp(rng.uniform(-0.55, 0.55, len(places)))
    drawn = bodies(places, radii, side, rng, brightness=rng.uniform(0.1, 0.3))
    return expose(drawn, rng, blur=rng.uniform(0.04, 0.1))


def lobes(rng: np.random.Generator) -> Field:
    """Return nuclei of which some came apart into five to nine lobes that touch."""
    radius, side = rng.uniform(13, 26), int(rng.uniform(550, 750))
    places = sparse(side, 1.9 * radius, 0.35, rng)
    whole = int(rng.uniform(0.5, 0.8) * len(places))
    nuclei = [(*place, radius * np.exp(rng.normal(0, 0.1))) for place in places[:whole]]
    for place in places[whole:]:
        apart = rng.uniform(0.8, 1) * radius
        around = spread(int(2.4 * radius), apart, rng, 1) - 1.2 * radius
        near = around[np.argsort(np.hypot(*around.T))][: rng.integers(5, 10)]
        nuclei += [(*(place + off), 0.55 * apart * np.exp(rng.normal(0, 0.15))) for off in near]
    y, x, radii = np.array(nuclei).T
    drawn = bodies(np.stack([y, x], 1), radii, side, rng, brightness=rng.uniform(0.1, 0.4))
    drawn.radius = float(np.median(radii))
    return expose(drawn, rng, blur=rng.uniform(0.08, 0.2))


def expose(
    drawn: Drawn, rng, *, blur: float, haze: float = 0.0, more=0.0, bits: int = 0, lit: float = 1
) -> Field:
    """Return what the camera makes of the light, which is as much more uneven as `lit` says."""
    image = ndimage.gaussian_filter(drawn.light + more, max(0.6, blur * drawn.radius))
    image = (1 - haze) * image + haze * ndimage.gaussian_filter(drawn.light, 3 * drawn.radius)
    side = len(image)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angle, uneven = rng.uniform(0, 2 * np.pi), lit * rng.uniform(0, 0.5)
    slope = (y * np.cos(angle) + x * np.sin(angle)) / np.sqrt(2)
    light = (1 - 0.5 * uneven * (y**2 + x**2) / 2) * (1 + 0.5 * uneven * slope)
    image = (image + rng.uniform(0.03, 0.3)) * light
    photons = np.exp(rng.uniform(np.log(40), np.log(600)))
    image = rng.poisson(image * photons) / photons + rng.normal(0, 2 / photons, image.shape)
    labels, cut_off = drawn.labels, set()
    shown = np.bincount(labels.ravel(), minlength=labels.max() + 1)
    for label in np.flatnonzero(shown)[1:]:
        if shown[label] < LEAST_SHOWN * np.pi * drawn.radius**2:
            cut_off.add(int(label))
    bits = bits or int(rng.choice([8, 12, 16]))
    height = {8: rng.uniform(40, 180), 12: rng.uniform(300, 2500), 16: rng.uniform(2000, 30000)}[
        bits
    ]
    grey = np.clip(np.rint(image * height + height * 0.05), 0, 2**bits - 1)
    return Field(grey.astype(np.uint8 if bits == 8 else np.uint16), labels, frozenset(cut_off))


KINDS: dict[str, Callable[[np.random.Generator], Field]] = {
    "dense section": dense_section,
    "holes": holes,
    "spots": spots,
    "wide field": wide_field,
    "cell bodies": cell_bodies,
    "nucleoli": nucleoli,
    "stained cells": stained_cells,
    "soft cells": soft_cells,
    "lit section": partial(dense_section, lit=2.5),
    "many holes": partial(holes, most=6),
    "few": few,
    "lobes": lobes,
}


def draw(kind: str, number: int) -> Field:
    """Draw a field of a kind."""
    return KINDS[kind](np.random.default_rng(zlib.crc32(f"{kind} {number}".encode())))


def fields_of(kind: str, first: int, count: int) -> Iterator[Field]:
    """Draw some fields of a kind."""
    return (draw(kind, number) for number in range(first, first + count))


def counts(fields: list[Field], resolved: Resolved | None) -> NDArray[np.int64]:
    """Return hits, detections and nuclei of each field."""
    return np.array([score(find_nuclei(each.image, resolved=resolved), each) for each in fields])


def show(name: str, fields: list[Field]) -> None:
    """Print how well fields are counted, each alone and all as one folder."""
    as_one = pool([estimate(each.image) for each in fields])
    print(f"{name:16}", end="")
    for resolved in (None, as_one):
        found = counts(fields, resolved)
        hits, detections, truth = found.sum(0)
        error = np.abs(found[:, 1] - found[:, 2]).mean()
        print(f"   {2 * hits / (detections + truth):.3f} {error:7.2f}", end="")
    print(flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=6, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, metavar="KIND")
    options = parser.parse_args()
    print("F1 and mean error of a count   each alone        as one folder")
    everything = []
    for kind in options.kinds:
        fields = list(fields_of(kind, options.first, options.fields))
        show(kind, fields)
        everything += fields
    show("all in a folder", everything)


if __name__ == "__main__":
    main()
