"""Draw specimens: what biologists put under the lens that `others.py` and `tissues.py` have not.

    python benchmarks/specimens.py [--fields 6] [--first 0] [--kinds glands yeast]

Seventeen kinds, each counted field by field on its own. Printed are the F1, the mean error of a
count, how many fields are counted wrong by more than 15 %, how many of those have no flag (silent),
and how many of the others have one (alarms).
What is left of dying cells, fibres, dust and cells without a stained nucleus are no nuclei.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import imagecodecs
import numpy as np
from others import Field, add_disc, score
from scipy import ndimage
from tissues import Drawn, bodies, expose, sparse, spread

from nucensus import find_nuclei

WRONG = 0.15
Rng = np.random.Generator


def culture(rng: Rng, radius=None, cover=None, *, cv=0.12, long=None, **how):
    """Return places, radii and what is drawn of nuclei that keep their distance."""
    radius = radius or np.exp(rng.uniform(np.log(8), np.log(26)))
    side = int(np.clip(rng.uniform(18, 30) * radius, 256, 700))
    apart = radius if long is None else radius * long**0.35
    places = sparse(side, apart, cover or rng.uniform(0.08, 0.25), rng)
    radii = radius * np.exp(rng.normal(0, cv, len(places)))
    if long is not None:
        long = np.exp(rng.normal(np.log(long), 0.2, len(places)))
        how["ellipses"] = list(zip(long, rng.uniform(0, np.pi, len(places)), strict=True))
    return places, bodies(places, radii, side, rng, **how)


def between(places, apart, side, rng):
    """Return places that are so far from all nuclei."""
    tried = rng.uniform(0, side, (300, 2))
    return tried[np.hypot(*(tried[:, None] - places).T).min(0) > apart]


def dying(rng: Rng) -> Field:
    """Return nuclei, and places with three to eight bright round pieces of cells that died."""
    places, drawn = culture(rng, rng.uniform(10, 22))
    side, radius = len(drawn.light), drawn.radius
    pieces = np.zeros_like(drawn.light)
    for at in between(places, 2.2 * radius, side, rng)[: rng.integers(3, 9)]:
        for _ in range(rng.integers(3, 9)):
            add_disc(
                pieces, at + rng.normal(0, 0.6 * radius, 2), rng.uniform(0.12, 0.4) * radius,
                rng.uniform(1, 3),
            )  # fmt: skip
    return expose(drawn, rng, blur=rng.uniform(0.05, 0.12), more=pieces)


def mitoses(rng: Rng) -> Field:
    """Return a culture of which a tenth to a third divides: bright plates, and pairs of them."""
    radius = rng.uniform(9, 22)
    side = int(rng.uniform(18, 26) * radius)
    places = sparse(side, 1.35 * radius, rng.uniform(0.1, 0.3), rng)
    divides = rng.uniform(size=len(places)) < rng.uniform(0.1, 0.35)
    nuclei, bright = [], []
    for at, now in zip(places, divides, strict=True):
        angle, pair = rng.uniform(0, np.pi), rng.uniform() < 0.4
        if not now:
            nuclei.append((at, radius * np.exp(rng.normal(0, 0.12)), rng.uniform(1, 1.6), angle))
        for off in () if not now else (-1, 1) if pair else (0,):
            aside = (
                off * rng.uniform(0.55, 0.9) * radius * np.array([-np.sin(angle), np.cos(angle)])
            )
            nuclei.append((at + aside, 0.6 * radius, rng.uniform(2.2, 3.5), angle))
        bright += [2.2 if now else 1.0] * (2 if now and pair else 1)
    at, radii, long, angle = (np.array(each) for each in zip(*nuclei, strict=True))
    drawn = bodies(at, radii, side, rng, ellipses=list(zip(long, angle, strict=True)))
    drawn.light *= np.concatenate([[0], bright])[drawn.labels]
    drawn.radius = radius
    return expose(drawn, rng, blur=rng.uniform(0.05, 0.12))


def spheroid(rng: Rng) -> Field:
    """Return a ball of nuclei: those near the focus count, those above and below are haze."""
    radius = rng.uniform(9, 16)
    side = int(rng.uniform(26, 34) * radius)
    ball = 0.4 * side
    apart = rng.uniform(2.1, 2.5) * radius

    def inside(at):
        return at[np.hypot(*(at - side / 2).T) < ball]

    places = inside(spread(side, apart, rng))
    drawn = bodies(
        places, radius * np.exp(rng.normal(0, 0.12, len(places))), side, rng, brightness=0.3
    )
    more = np.zeros_like(drawn.light)
    for depth in (1.5, 3, 5):
        layer = inside(spread(side, apart, rng))
        light = bodies(layer, np.full(len(layer), radius), side, rng).light
        more += rng.uniform(0.2, 0.5) * ndimage.gaussian_filter(light, 0.35 * depth * radius)
    return expose(drawn, rng, blur=rng.uniform(0.08, 0.18), haze=rng.uniform(0, 0.2), more=more)


def ring(at, around, radius, rng):
    """Return places, lengths and directions of nuclei that stand in a ring, pointing inwards."""
    count = int(2 * np.pi * around / (rng.uniform(1.5, 2.0) * radius))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.12, 0.12, count)) / count
    out = around + rng.normal(0, 0.15 * radius, count)
    y, x = at[0] + out * np.sin(angles), at[1] + out * np.cos(angles)
    return np.stack([y, x], 1), [(rng.uniform(1.3, 2.4), angle + np.pi) for angle in angles]


def rings(rng: Rng, radius: float, side: int, around, loose_cover: float, **how) -> Drawn:
    """Draw rings of long nuclei, with sparse ones between them."""
    middles = sparse(side, 1.25 * around + 0.7 * radius, 0.9, rng)
    all_of, ellipses = [], []
    for at in middles:
        places, long = ring(at, around * rng.uniform(0.8, 1.1), radius, rng)
        all_of.append(places)
        ellipses += long
    loose = sparse(side, 1.2 * radius, loose_cover, rng)
    far = np.hypot(*(loose[:, None] - middles).T).min(0) > 1.15 * around + 2 * radius
    all_of.append(loose[far])
    ellipses += [(rng.uniform(1, 3), rng.uniform(0, np.pi)) for _ in range(far.sum())]
    places = np.concatenate(all_of)
    return bodies(
        places,
        radius * np.exp(rng.normal(0, 0.1, len(places))),
        side,
        rng,
        ellipses=ellipses,
        **how,
    )


def glands(rng: Rng) -> Field:
    """Return glands: rings of long nuclei around a dark middle, and some between."""
    radius = rng.uniform(6, 12)
    side = int(rng.uniform(40, 60) * radius)
    around = rng.uniform(4, 8) * radius
    drawn = rings(rng, radius, side, around, rng.uniform(0.02, 0.1), brightness=0.25)
    return expose(drawn, rng, blur=rng.uniform(0.1, 0.2), haze=rng.uniform(0, 0.3))


def crypts(rng: Rng) -> Field:
    """Return intestine: palisades of long nuclei side by side, blurred and unevenly lit."""
    radius = rng.uniform(6, 11)
    side = int(rng.uniform(34, 50) * radius)
    places, ellipses, row = [], [], -radius
    slant, wave = rng.uniform(-0.4, 0.4), rng.uniform(0, 3) * radius
    across = rng.uniform(2.6, 6) * radius
    while row < side * 1.4:
        along = np.arange(-radius, side + radius, rng.uniform(1.3, 1.65) * radius)
        along = along + rng.normal(0, 0.12 * radius, len(along))
        bend = wave * np.sin(along / side * 2 * np.pi * 1.5)
        y = row + bend + slant * (along - side / 2) + rng.normal(0, 0.5 * radius, len(along))
        places.append(np.stack([y, along], 1))
        ellipses += [(rng.uniform(1.6, 2.6), np.arctan(slant) + rng.normal(0, 0.15)) for _ in along]
        row += across * rng.uniform(0.6, 1.4)
    at = np.concatenate(places)
    keep = ((at > -radius) & (at < side + radius)).all(1)
    ellipses = [each for each, kept in zip(ellipses, keep, strict=True) if kept]
    radii = radius * 0.95 * np.exp(rng.normal(0, 0.1, keep.sum()))
    drawn = bodies(at[keep], radii, side, rng, ellipses=ellipses, brightness=0.25)
    return expose(drawn, rng, blur=rng.uniform(0.1, 0.25), haze=rng.uniform(0.1, 0.5), lit=2)


def fibres(rng: Rng) -> Field:
    """Return nuclei among fibres, wide and narrow, that glow by themselves, and dust."""
    _, drawn = culture(rng)
    side, radius = len(drawn.light), drawn.radius
    y, x = np.mgrid[:side, :side]
    more = np.zeros_like(drawn.light)
    for _ in range(rng.integers(2, 8)):
        angle, at = rng.uniform(0, np.pi), rng.uniform(0, side, 2)
        off = (y - at[0]) * np.cos(angle) - (x - at[1]) * np.sin(angle)
        along = (y - at[0]) * np.sin(angle) + (x - at[1]) * np.cos(angle)
        off = off + rng.uniform(0, 2) * radius * np.sin(along / rng.uniform(3, 12) / radius)
        wide = rng.uniform(0.15, 0.8) * radius
        bright = rng.uniform(0.15, 1.0) * (1 + 0.3 * np.sin(along / radius + rng.uniform(0, 6)))
        more += bright * np.exp(-((off / wide) ** 2)) * (abs(along) < rng.uniform(4, 25) * radius)
    for _ in range(rng.integers(0, 12)):
        add_disc(more, rng.uniform(0, side, 2), rng.uniform(0.1, 0.3) * radius, rng.uniform(0.5, 4))
    return expose(drawn, rng, blur=rng.uniform(0.05, 0.1), more=more)


def uneven_dye(rng: Rng) -> Field:
    """Return nuclei stained and lit unevenly: a patch, or a side, has a fifth of the light."""
    _, drawn = culture(rng, brightness=0.4)
    side = len(drawn.light)
    patch = ndimage.gaussian_filter(rng.normal(size=drawn.light.shape), side / 6)
    patch = (patch - patch.min()) / np.ptp(patch)
    drawn.light *= rng.uniform(0.12, 0.35) + patch
    return expose(drawn, rng, blur=rng.uniform(0.04, 0.1), lit=2.5)


def fibroblasts(rng: Rng) -> Field:
    """Return nuclei two to four times as long as wide, many in one direction."""
    _, drawn = culture(rng, long=rng.uniform(2, 3.6), brightness=0.3)
    return expose(drawn, rng, blur=rng.uniform(0.05, 0.1), haze=rng.uniform(0, 0.2))


def polyploid(rng: Rng) -> Field:
    """Return nuclei of 2, 4, 8 and 16 genomes: widths up to 2.5 times as large."""
    radius = rng.uniform(8, 16)
    side = int(rng.uniform(26, 36) * radius)
    places = sparse(side, 2.1 * radius, 0.5, rng)[: rng.integers(25, 90)]
    genomes = rng.choice(4, len(places), p=(0.5, 0.28, 0.15, 0.07))
    radii = radius * 2.5 ** (genomes / 3) * np.exp(rng.normal(0, 0.07, len(places)))
    drawn = bodies(places, radii, side, rng, texture=rng.uniform(0.05, 0.2), brightness=0.25)
    return expose(drawn, rng, blur=rng.uniform(0.04, 0.1))


def noisy(rng: Rng) -> Field:
    """Return nuclei whose light is that of a few photons for each pixel."""
    _, drawn = culture(rng, rng.uniform(9, 22))
    field = expose(drawn, rng, blur=rng.uniform(0.06, 0.12))
    light = ndimage.gaussian_filter(drawn.light, 0.8) + rng.uniform(0.1, 0.6)
    photons = rng.uniform(4, 20)
    grey = rng.poisson(light * photons) + rng.normal(0, 1.5, light.shape)
    grey = np.clip(np.rint(grey * rng.uniform(3, 8) + 60), 0, 65535).astype(np.uint16)
    return replace(field, image=grey)


def jpeg(rng: Rng) -> Field:
    """Return nuclei stored as JPEG of low quality, after the contrast was stretched."""
    _, drawn = culture(rng)
    field = expose(drawn, rng, blur=rng.uniform(0.05, 0.1), bits=8)
    low, high = np.percentile(field.image, (0.5, 99.7))
    grey = np.clip((field.image - low) * 255.0 / max(high - low, 1), 0, 255).astype(np.uint8)
    level = int(rng.integers(25, 70))
    return replace(field, image=imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(grey, level=level)))


def saturated(rng: Rng) -> Field:
    """Return nuclei of which most are flat in the middle, for the camera was full."""
    _, drawn = culture(rng, cover=rng.uniform(0.15, 0.4), brightness=0.5)
    field = expose(drawn, rng, blur=rng.uniform(0.06, 0.14), haze=rng.uniform(0, 0.3))
    most = np.percentile(field.image[drawn.labels > 0], rng.uniform(20, 60))
    return replace(field, image=np.minimum(field.image, most.astype(field.image.dtype)))


def unstained(rng: Rng) -> Field:
    """Return nuclei, and cells that glow around a nucleus that is dark and does not count."""
    places, drawn = culture(rng, rng.uniform(8, 20), 0.12)
    side, radius = len(drawn.light), drawn.radius
    more, share = np.zeros_like(drawn.light), rng.uniform(0.1, 0.4)
    y, x = np.mgrid[:side, :side]
    for at in between(places, 3 * radius, side, rng)[: rng.integers(4, 14)]:
        off = np.hypot(y - at[0], x - at[1]) / radius
        body = np.clip((rng.uniform(1.7, 2.5) - off) * 3, 0, 1) * np.clip((off - 0.9) * 4, 0.2, 1)
        more = np.maximum(more, body * np.exp(rng.normal(0, 0.2)))
    return expose(drawn, rng, blur=rng.uniform(0.05, 0.1), more=share * more)


def neurons(rng: Rng) -> Field:
    """Return brain: small bright nuclei of glia, large pale ones of neurons, out of focus light."""
    radius = rng.uniform(7, 12)
    side = int(rng.uniform(36, 50) * radius)
    places = sparse(side, 1.5 * radius, rng.uniform(0.15, 0.3), rng)
    large = rng.uniform(size=len(places)) < rng.uniform(0.3, 0.6)
    radii = radius * np.where(large, 1.45, 0.8) * np.exp(rng.normal(0, 0.08, len(places)))
    drawn = bodies(places, radii, side, rng, texture=0.2, brightness=0.2)
    drawn.light *= np.concatenate([[0], np.where(large, rng.uniform(0.35, 0.6), 1)])[drawn.labels]
    ghosts = sparse(side, 1.3 * radius, 0.2, rng)
    out = bodies(ghosts, np.full(len(ghosts), radius), side, rng, brightness=0.5).light
    more = rng.uniform(0.1, 0.4) * ndimage.gaussian_filter(out, rng.uniform(0.7, 1.2) * radius)
    return expose(drawn, rng, blur=rng.uniform(0.08, 0.16), haze=rng.uniform(0, 0.3), more=more)


def yeast(rng: Rng) -> Field:
    """Return nuclei of seven to twelve pixels, in cells that glow faintly."""
    radius, side = rng.uniform(3.6, 6), int(rng.uniform(256, 420))
    places = sparse(side, 1.7 * radius, rng.uniform(0.04, 0.15), rng)
    drawn = bodies(
        places, radius * np.exp(rng.normal(0, 0.1, len(places))), side, rng, texture=0.03
    )
    around = places + rng.normal(0, 0.5 * radius, places.shape)
    cells = bodies(around, np.full(len(places), 2.2 * radius), side, rng, texture=0.1)
    more = rng.uniform(0.02, 0.12) * cells.light
    return expose(drawn, rng, blur=rng.uniform(0.15, 0.3), more=more)


def deconvolved(rng: Rng) -> Field:
    """Return nuclei with dark rims and bright edges, as too much deconvolution leaves them."""
    _, drawn = culture(rng, texture=0.15)
    field = expose(drawn, rng, blur=rng.uniform(0.05, 0.1))
    grey = ndimage.gaussian_filter(field.image.astype(float), 0.7)
    wide = rng.uniform(0.2, 0.5) * drawn.radius
    grey += rng.uniform(0.5, 1.5) * (grey - ndimage.gaussian_filter(grey, wide))
    most = np.iinfo(field.image.dtype).max
    return replace(field, image=np.clip(np.rint(grey), 0, most).astype(field.image.dtype))


def speckle(rng: Rng) -> Field:
    """Return nuclei of a confocal microscope: light that flickers from pixel to pixel."""
    _, drawn = culture(rng, texture=0.25, brightness=0.3)
    shape = rng.uniform(3, 12)
    grain = rng.gamma(shape, 1 / shape, drawn.light.shape)
    drawn.light *= 1 + (ndimage.gaussian_filter(grain, 0.7) - 1) * 1.8
    drawn.light = np.clip(drawn.light, 0, None)
    return expose(drawn, rng, blur=0.02)


KINDS: dict[str, Callable[[Rng], Field]] = {
    "dying": dying, "mitoses": mitoses, "spheroid": spheroid, "glands": glands, "crypts": crypts,
    "fibres": fibres, "uneven dye": uneven_dye, "fibroblasts": fibroblasts,
    "polyploid": polyploid, "noisy": noisy, "jpeg": jpeg, "saturated": saturated,
    "unstained": unstained, "neurons": neurons, "yeast": yeast, "deconvolved": deconvolved,
    "speckle": speckle,
}  # fmt: skip


def draw(kind: str, number: int) -> Field:
    """Draw a field of a kind."""
    return KINDS[kind](np.random.default_rng(zlib.crc32(f"{kind} {number}".encode())))


def fields_of(kind: str, first: int, count: int) -> Iterator[Field]:
    """Draw some fields of a kind."""
    return (draw(kind, number) for number in range(first, first + count))


def show(kind: str, fields: Iterator[Field]) -> None:
    """Print how well fields are counted, and how many that are not have no flag."""
    found = []
    for field in fields:
        centres = find_nuclei(field.image)
        found.append((*score(centres.points, field), centres.flag is None))
    hits, counts, nuclei, silent = np.array(found).T
    error = np.abs(counts - nuclei)
    wrong = error > WRONG * nuclei
    f1 = 2 * hits.sum() / (counts.sum() + nuclei.sum())
    figures = f"{f1:8.3f}{error.mean():8.2f}{wrong.sum():8}{(wrong & (silent > 0)).sum():8}"
    print(f"{kind:14}{figures}{((silent == 0) & ~wrong).sum():8}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=6, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, metavar="KIND")
    options = parser.parse_args()
    print(f"{'kind':14}{'F1':>8}{'error':>8}{'wrong':>8}{'silent':>8}{'alarms':>8}")
    for kind in options.kinds:
        show(kind, fields_of(kind, options.first, options.fields))


if __name__ == "__main__":
    main()
