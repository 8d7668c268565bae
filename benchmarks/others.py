"""Draw other people's images, 36 kinds of them, and show how well the nuclei of each are counted.

    python benchmarks/others.py [--diameters 10 20 45 80] [--fields 3] [--kinds haze dust]

`--turned DEGREES` turns every field, which leaves black corners; `--pictures FOLDER` writes a
picture of every field. The fields are drawn by a simulator that has nothing in common with
`nucensus.values.synthetic`, after SIMCEP (Lehmussola et al., IEEE Transactions on Medical Imaging
26, 2007), in the order of the light: nuclei of irregular outline, as thick as flattened ellipsoids,
with texture in octaves (Perlin, Computer Graphics 19, 1985), in clusters; what overlaps adds up;
the lens blurs; haze and uneven light are added; photons are counted, electrons read, levels
rounded. Every field is counted on its own, without any parameter. A detection inside a nucleus that
no other has claimed is a hit; nuclei hardly in the image do not count.
"""

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucensus.detect.automatic import detect_auto

OCTAVES, GRAIN_PX = 4, 512
LEAST_SHOWN = 0.15
PLAIN, DIM, MITOTIC = range(3)


@dataclass(frozen=True)
class Look:
    """What a field looks like: lengths in diameters of a nucleus, brightness in that of one."""

    count: int = 60
    cover: float = 0.15  # share of the image that is nuclei
    side: float = 0.0  # of the image; 0: as `count` and `cover` ask for
    size_cv: float = 0.12
    brightness_cv: float = 0.25
    irregular: float = 0.05
    aspect: float = 1.3  # at most
    bent: float = 0.0
    texture: float = 0.12  # standard deviation
    clustered: float = 0.2  # share that touches the one before
    overlap: float = 0.05
    colonies: int = 0
    dim_and_large: float = 0.0  # share that is 2.2 times as wide and a third as bright
    mitotic: float = 0.0  # share that is small, long and bright
    debris: int = 0  # places with two to six fragments
    dust: int = 0
    ghosts: int = 0  # nuclei far out of focus
    blur: float = 0.04
    haze: float = 0.0  # share of the light
    corner: float = 0.85  # light there
    background: float = 0.15
    gradient: float = 0.0  # of the background, from side to side
    lamps: int = 0  # broad spots of stray light, half as bright as a nucleus to four times
    photons: float = 400  # of a nucleus, for each pixel
    read_noise: float = 4.0  # electrons
    correlated: float = 0.0  # pixels
    full_well: float = np.inf
    levels: float = 600  # of a nucleus
    offset: float = 100
    bits: int = 12
    jpeg: int = 0  # quality


COARSE = {"bits": 8, "levels": 60, "offset": 8}
PACKED = {"cover": 0.6, "clustered": 0.0, "overlap": 0.15, "count": 120}
BLANK = {"count": 0, "side": 25}
KINDS = {
    "ordinary": Look(),
    "three nuclei": Look(count=3, side=12),
    "colonies": Look(colonies=3, overlap=0.08, cover=0.25, count=120),
    "confluent": Look(**PACKED),
    "confluent, saturated": Look(**PACKED, full_well=0.7),
    "crop": Look(side=5, cover=0.4, clustered=0.5),
    "crop, confluent": Look(**{**PACKED, "cover": 0.65}, side=5),
    "sizes vary by 40 %": Look(size_cv=0.4),
    "large and dim among small": Look(dim_and_large=0.15),
    "brightness varies by 60 %": Look(brightness_cv=0.6),
    "mitoses": Look(mitotic=0.15),
    "long": Look(aspect=2.2),
    "bent": Look(bent=0.5),
    "irregular": Look(irregular=0.12),
    "overlap of a quarter": Look(clustered=0.6, overlap=0.25),
    "texture of 30 %": Look(texture=0.3),
    "debris": Look(debris=15),
    "dust": Look(dust=30),
    "haze": Look(haze=0.4),
    "nuclei out of focus between": Look(ghosts=15),
    "all out of focus": Look(blur=0.15),
    "corners at 30 %": Look(corner=0.3, background=0.6),
    "background rises by 2": Look(gradient=2.0),
    "signal to noise 3": Look(photons=12, read_noise=1, background=0.33),
    "correlated noise": Look(photons=60, correlated=1.0),
    "8 bits": Look(**COARSE),
    "8 bits, 15 levels": Look(bits=8, levels=15, offset=3),
    "JPEG": Look(**COARSE, jpeg=60),
    "saturated": Look(full_well=0.7),
    "background cut to 0": Look(offset=-90, background=0.05),
    "blank": Look(**BLANK),
    "blank, rises by 2": Look(**BLANK, gradient=2.0, corner=0.4),
    "blank, lit from a side": Look(**BLANK, background=0.02, lamps=1),
    "blank, stray light": Look(**BLANK, background=0.5, lamps=3, corner=0.6),
    "blank, correlated noise": Look(**BLANK, background=1, correlated=1.0),
    "blank, JPEG": Look(**BLANK, **COARSE, jpeg=60, corner=0.5, background=1),
}


@dataclass(frozen=True)
class Nucleus:
    """Where a nucleus is, in pixels, and of which kind."""

    y: float
    x: float
    radius: float
    kind: int


@dataclass(frozen=True)
class Field:
    """A drawn image with its truth."""

    image: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.int32]
    cut_off: frozenset[int]  # labels of nuclei that are hardly in the image


def draw(look: Look, diameter: float, seed: int) -> Field:
    """Draw a field of nuclei of about this diameter, in pixels."""
    rng = np.random.default_rng(seed)
    typical = np.pi * diameter**2 / 4 * (1 + look.dim_and_large * (2.2**2 - 1))
    wanted = look.side * diameter or np.sqrt(look.count * typical / look.cover)
    side = int(np.clip(wanted, 96 if look.side else 256, 2048))
    if look.count > 3:
        look = replace(look, count=int(np.clip(side**2 * look.cover / typical, 4, 600)))
    signal, best = np.zeros((side, side)), np.zeros((side, side))
    labels, cut_off = np.zeros((side, side), np.int32), set()
    grain = octaves(diameter / 2.5, rng)
    for label, nucleus in enumerate(place(look, diameter, side, rng), 1):
        window, body = shape_of(nucleus, look, grain, side, rng)
        signal[window] += body
        seen = body > best[window]
        best[window][seen], labels[window][seen] = body[seen], label
        if seen.sum() < LEAST_SHOWN * np.pi * nucleus.radius**2:
            cut_off.add(label)
    for _ in range(look.debris):
        near = rng.uniform(0, side, 2)
        for _ in range(rng.integers(2, 7)):
            at, radius = near + rng.normal(0, 0.35 * diameter, 2), rng.uniform(0.05, 0.11)
            add_disc(signal, at, radius * diameter, rng.uniform(0.5, 2))
    for _ in range(look.dust):
        add_disc(
            signal, rng.uniform(0, side, 2), rng.uniform(0.04, 0.1) * diameter, rng.uniform(2, 8)
        )
    return Field(expose(signal, look, diameter, rng), labels, frozenset(cut_off))


def place(look: Look, diameter: float, side: int, rng: np.random.Generator) -> Iterator[Nucleus]:
    """Yield nuclei that keep their distance, but for the overlap."""
    placed = np.empty((look.count, 3))
    seeds = rng.uniform(0.15, 0.85, (look.colonies, 2)) * side
    spread, done, nucleus = np.sqrt(np.log(1 + look.size_cv**2)), 0, None
    for _ in range(60 * look.count + 3000):
        if done == look.count:
            return
        if nucleus is None:  # until there is room for it
            kind = rng.choice(
                3, p=(1 - look.dim_and_large - look.mitotic, look.dim_and_large, look.mitotic)
            )
            radius = (
                diameter / 2 * np.exp(rng.normal(-(spread**2) / 2, spread)) * (1, 2.2, 0.6)[kind]
            )
        if done < look.colonies:
            at = seeds[done]
        elif done and (look.colonies or rng.random() < look.clustered):
            other, angle = (
                placed[rng.integers(done) if look.colonies else done - 1],
                rng.uniform(0, 2 * np.pi),
            )
            apart = (other[2] + radius) * (1 - look.overlap) * rng.uniform(1, 1.1)
            at = other[:2] + apart * np.array([np.sin(angle), np.cos(angle)])
        else:
            at = rng.uniform(0, side, 2)
        near = (placed[:done, 2] + radius) * (1 - look.overlap) - np.hypot(
            *(placed[:done, :2] - at).T
        )
        nucleus = Nucleus(at[0], at[1], radius, kind)
        if (at < 0).any() or (at >= side).any() or (near > 0).any():
            continue
        placed[done], done = (*at, radius), done + 1
        yield nucleus
        nucleus = None


def shape_of(nucleus, look, grain, side, rng):
    """Return where a nucleus is and its light there: thickness times texture."""
    spread = np.sqrt(np.log(1 + look.brightness_cv**2))
    bright = np.exp(rng.normal(-(spread**2) / 2, spread)) * (1, 0.35, 2.5)[nucleus.kind]
    reach = int(2.2 * nucleus.radius) + 3
    rows, columns = (
        np.arange(max(0, int(at) - reach), min(side, int(at) + reach + 1))
        for at in (nucleus.y, nucleus.x)
    )
    y, x, angle = rows[:, None] - nucleus.y, columns - nucleus.x, rng.uniform(0, np.pi)
    long = np.sqrt(
        rng.uniform(1, look.aspect) if nucleus.kind != MITOTIC else rng.uniform(1.3, 2.2)
    )
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    across = (across + look.bent * (along**2 / nucleus.radius - nucleus.radius / 3)) * long
    around = np.arctan2(along / long, across)
    outline = sum(
        look.irregular * rng.normal() / (n - 1) * np.cos(n * around + rng.uniform(0, 2 * np.pi))
        for n in range(2, 6)
    )
    off = np.hypot(along / long, across) / (nucleus.radius * np.maximum(1 + outline, 0.4))
    thickness = np.clip(1 - off**2, 0, None) ** (0.15 if nucleus.kind == MITOTIC else 0.3)
    shift = rng.integers(0, GRAIN_PX, 2)
    texture = grain[np.ix_((rows + shift[0]) % GRAIN_PX, (columns + shift[1]) % GRAIN_PX)]
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return window, bright * thickness * np.clip(1 + look.texture * texture, 0.1, None)


def octaves(scale, rng):
    """Return noise of unit variance with structure from `scale` pixels downwards."""
    total = np.zeros((GRAIN_PX, GRAIN_PX))
    for octave in range(OCTAVES):
        step = max(1.0, scale / 2**octave)
        at = np.arange(GRAIN_PX) / step
        coarse = rng.normal(size=[int(GRAIN_PX / step) + 3] * 2)
        total += (
            ndimage.map_coordinates(coarse, np.meshgrid(at, at, indexing="ij"), order=1)
            / 1.6**octave
        )
        if step == 1:
            break
    return total / total.std()


def add_disc(signal, at, radius, height):
    """Add a flat disc, as far as it is in the image."""
    low, high = np.maximum(at.astype(int) - int(radius) - 2, 0), at.astype(int) + int(radius) + 3
    part = signal[low[0] : high[0], low[1] : high[1]]
    y, x = np.indices(part.shape)
    part += height * np.clip(radius + 0.5 - np.hypot(y + low[0] - at[0], x + low[1] - at[1]), 0, 1)


def expose(signal, look, diameter, rng):
    """Return what the camera makes of the light."""
    image = ndimage.gaussian_filter(signal, max(0.7, look.blur * diameter))
    if look.haze:
        image = (1 - look.haze) * image + 3 * look.haze * ndimage.gaussian_filter(
            signal, 2 * diameter
        )
    if look.ghosts:
        ghosts = np.zeros_like(signal)
        for _ in range(look.ghosts):
            add_disc(ghosts, rng.uniform(0, len(signal), 2), diameter / 2, 1)
        image += ndimage.gaussian_filter(ghosts, diameter)
    y, x = np.mgrid[-1 : 1 : len(signal) * 1j, -1 : 1 : len(signal) * 1j]
    middle, angle = rng.uniform(-0.2, 0.2, 2), rng.uniform(0, 2 * np.pi)
    light = 1 - (1 - look.corner) * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / 2
    slope = (1 + (y * np.cos(angle) + x * np.sin(angle)) / np.sqrt(2)) / 2
    image = (image + look.background + look.gradient * slope) * np.maximum(light, 0.05)
    for _ in range(look.lamps):
        off = (y - rng.uniform(-1, 1)) ** 2 + (x - rng.uniform(-1, 1)) ** 2
        image += rng.uniform(0.5, 4) * np.exp(-off / rng.uniform(0.5, 2.5))
    image = np.minimum(image, look.full_well)
    noise = rng.poisson(image * look.photons) / look.photons - image
    noise += rng.normal(0, look.read_noise / look.photons, image.shape)
    image += ndimage.gaussian_filter(noise, look.correlated) if look.correlated else noise
    grey = np.minimum(image, 0.9 * look.full_well) * look.levels + look.offset
    grey = np.clip(np.rint(grey), 0, 2**look.bits - 1).astype(
        np.uint8 if look.bits == 8 else np.uint16
    )
    return (
        imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(grey, level=look.jpeg))
        if look.jpeg
        else grey
    )


def turn(field: Field, degrees: float) -> Field:
    """Return the field turned, with black corners."""
    return replace(
        field,
        image=ndimage.rotate(field.image, degrees, order=1),
        labels=ndimage.rotate(field.labels, degrees, order=0),
    )


def score(points, field: Field) -> tuple[int, int, int]:
    """Return hits, detections and nuclei."""
    found = [int(label) for label in field.labels[tuple(np.transpose(points))]]
    found = [label for label in found if label not in field.cut_off]
    truth = set(np.unique(field.labels).tolist()) - {0} - field.cut_off
    return len(set(found) & truth), len(found), len(truth)


def show(field: Field, points, path: Path) -> None:
    """Write a picture of a field: outlines of the nuclei in blue, detections in red."""
    grey = np.clip(field.image / np.percentile(field.image, 99.5), 0, 1)[..., None] ** 0.6 * 255
    picture = np.repeat(grey, 3, axis=2).astype(np.uint8)
    edges = ndimage.maximum_filter(field.labels, 3) != ndimage.minimum_filter(field.labels, 3)
    picture[edges] = 60, 60, 255
    for y, x in points:
        picture[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 255, 0, 0
    imagecodecs.imwrite(path, picture)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--diameters", type=float, nargs="+", default=[10, 20, 45, 80], help="pixels"
    )
    parser.add_argument("--fields", type=int, default=3, help="of each kind and diameter")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, metavar="KIND")
    parser.add_argument("--turned", type=float, default=0, help="turn each by so many degrees")
    parser.add_argument("--pictures", type=Path, help="where to write a picture of every field")
    options = parser.parse_args()
    print(
        f"F1 and error of the count, or false nuclei for each blank field\n{'diameter':29}", end=""
    )
    print("".join(f"{diameter:>14g}" for diameter in options.diameters))
    for kind in options.kinds:
        print(f"{kind:29}", end="", flush=True)
        for diameter in options.diameters:
            total = np.zeros(3, int)
            for number in range(options.fields):
                field = draw(
                    KINDS[kind], diameter, zlib.crc32(f"{kind} {diameter:g} {number}".encode())
                )
                if options.turned:
                    field = turn(field, options.turned)
                points = detect_auto(field.image).points
                total += score(points, field)
                if options.pictures:
                    options.pictures.mkdir(parents=True, exist_ok=True)
                    show(field, points, options.pictures / f"{kind} {diameter:g} {number}.png")
            hits, found, truth = total
            f1 = (
                f"{2 * hits / (found + truth):.3f} {(found - truth) / truth:+6.1%}"
                if truth
                else None
            )
            print(f"{f1 or f'{found / options.fields:.1f}':>14}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
