"""Points, regions, outlines and nuclei of drawn images: what was found must go on being found.

python tests/expected_values.py   writes them again: points by scikit-image, which is the
                                  definition, all else by ours, in the kernel's plainest
                                  instruction set where that can be chosen

The images are drawn from whole numbers, so that every machine draws the same.
"""

import functools
from dataclasses import astuple
from pathlib import Path

import numpy as np

from nucensus.detect.levels import as_levels
from nucensus.detect.measure import measured_of

EXPECTED = Path(__file__).parent / "expected"
POINTS, REGIONS, MEASURES, OUTLINES, PAIRS, ESTIMATES, NUCLEI = (
    EXPECTED / f"{name}.csv"
    for name in ("points", "regions", "measures", "outlines", "pairs", "estimates", "nuclei")
)

PUBLISHED = {"sigma": 4, "min_distance": 6}
THRESHOLDS = (300, 1000)
RADII_PX = (3.0, 5.0, 8.0, 14.0)
OUTLINE_SIGMA_PX = 1.3
DETECTORS = ("auto", "log", "maxima")
SET = ("crowd", "uneven", "tilted", "hazy", "specks", "framed", "odd", "holed")
"""Images whose nuclei have about one size: what is estimated of them together, all are found by."""
RULES = {
    "step": 1, "tile": 54, "reach": 6, "radius": 9.0, "smooth_sigma": 0.9, "crest_sigma": 2.2,
    "ridge_sigma": 1.8, "least_threshold": 0.0, "noise_factor": 10.0, "most_stretch": 0.08,
    "most_dip": 0.25, "crest_share": 0.5, "least_size": 0.75, "least_area": 0.05,
    "least_fall": 0.4, "most_whole": 0.15, "most_hole": 0.25, "hole_dip": 0.5, "is_learned": 0,
    "union_weights": np.zeros(20), "least_union": 0.8, "least_noise": 0.0, "most_noise": np.inf,
    "looks_inside": True,
}  # fmt: skip
"""The fields of `RegionSettings` in `kernel/abi.h`, for the pairs."""
_SHAPE = (300, 380)


@functools.cache
def draw_images():
    """Return images of uint16 by name: cultures, crowds, uneven light, haze, specks, a frame."""
    return {
        "sparse": _draw(1, count=12, radius=11),
        "crowd": _draw(2, count=120, radius=10, gap=16),
        "small": _draw(3, count=160, radius=4, gap=11),
        "large": _draw(4, count=9, radius=24, gap=44),
        "uneven": _draw(5, count=40, radius=9, light=6),
        "tilted": _draw(6, count=40, radius=9, slope=5),
        "hazy": _draw(7, count=30, radius=8, haze=6),
        "specks": _draw(8, count=25, radius=9, specks=60),
        "framed": _frame(_draw(9, count=30, radius=9)),
        "dim": _draw(10, count=30, radius=9, height=260),
        "saturated": np.minimum(_draw(11, count=30, radius=10, height=4000), 2600),
        "odd": _draw(12, count=20, radius=9)[:293, :371],
        "holed": _draw(13, count=40, radius=11, gap=24, hole=4),
    }


@functools.cache
def draw_in_other_types():
    """Return some of the images in the other types that the kernel takes, by name."""
    images = draw_images()
    return {
        "crowd of uint8": (images["crowd"] // 12).clip(max=255).astype(np.uint8),
        "odd of uint8": (images["odd"] // 9).astype(np.uint8),
        "framed of float32": images["framed"].astype(np.float32) / 4 - 100,
        "uneven of float32": images["uneven"].astype(np.float32) * 3,
    }


@functools.cache
def draw_slivers():
    """Return parts of a crowd that are narrower or lower than what a nucleus is smoothed by."""
    crowd = draw_images()["crowd"]
    return {
        "3 columns": crowd[:, 100:103],
        "9 columns": crowd[:, 100:109],
        "5 rows": crowd[60:65],
        "11 rows": crowd[60:71],
        "a corner": crowd[:13, :17],
    }


def _draw(
    seed, *, count, radius, gap=26, height=1800, light=0, slope=0, haze=0, specks=0, hole=0
):  # fmt: skip
    numbers = _numbers(seed)
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]].astype(np.int64)
    image = 300 + light * ((y - 150) ** 2 + (x - 190) ** 2) // 400 + slope * (x + y)
    placed = []
    for _ in range(40 * count):
        if len(placed) == count:
            break
        centre = next(numbers) % _SHAPE[0], next(numbers) % _SHAPE[1]
        if all((centre[0] - v) ** 2 + (centre[1] - u) ** 2 >= gap**2 for v, u in placed):
            placed.append(centre)
            long, tall = 8 + next(numbers) % 5, height * (6 + next(numbers) % 7) // 10
            _add_dome(image, y - centre[0], x - centre[1], radius, long, tall)
    for v, u in placed if hole else ():
        image[(y - v - 3) ** 2 + (x - u - 1) ** 2 <= hole**2] = 300
    for _ in range(haze):
        centre = next(numbers) % _SHAPE[0], next(numbers) % _SHAPE[1]
        _add_dome(image, y - centre[0], x - centre[1], 4 * radius, 10, height // 6, soft=12)
    for _ in range(specks):
        image[next(numbers) % _SHAPE[0], next(numbers) % _SHAPE[1]] += 3 * height
    return np.minimum(image + _noise(seed), 65535).astype(np.uint16)


def _add_dome(image, dy, dx, radius, long, height, soft=1):
    """Add an oval dome with an edge that falls over about `soft` parts of the radius."""
    squares = (dy * dy * 100 // long + dx * dx * long) // 10
    inside = 1000 - 350 * np.minimum(squares, radius**2) // radius**2
    edge = np.clip(radius**2 * (4 + soft) - 4 * squares, 0, soft * radius**2)
    np.maximum(image, image + height * inside // 1000 * edge // (soft * radius**2), out=image)


def _frame(image):
    framed = image.copy()
    framed[:40], framed[:, -50:] = 0, 0
    return framed


def _noise(seed):
    """Return sums of four whole numbers each, from -62 to 62 (mixed as SplitMix64 does)."""
    mixed = np.arange(1, _SHAPE[0] * _SHAPE[1] + 1, dtype=np.uint64).reshape(_SHAPE)
    mixed = (mixed + np.uint64(seed * 1_000_003)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    parts = (mixed >> np.uint64(40 + 5 * each) & np.uint64(31) for each in range(4))
    return sum(part.astype(np.int64) for part in parts) - 62


def _numbers(seed):
    """Yield whole numbers from 0 to 32767, the same everywhere (Park and Miller 1988)."""
    state = seed * 7919 + 1
    while True:
        state = state * 48271 % 2147483647
        yield state >> 16


def points_of(find):
    """Return rows (image, threshold, y, x) of what `find(image, threshold)` finds, in order."""
    return [
        (name, threshold, int(y), int(x))
        for name, image in draw_images().items()
        for threshold in THRESHOLDS
        for y, x in find(image, threshold)
    ]


def regions_of(find):
    """Return rows of numbers of what `find(image, radius_px)` finds: regions, and measures."""
    regions, measures = [], []
    for name, image in (draw_images() | draw_in_other_types() | draw_slivers()).items():
        for radius_px in RADII_PX:
            found = find(image, radius_px)
            columns = (
                found.y, found.x, found.area_px, found.height, found.mean_height,
                found.intensity, found.stretch, found.touches_edge, found.second, found.plateau,
                found.fall, found.free,
            )  # fmt: skip
            rows = np.column_stack(columns)
            regions += [(name, radius_px, *map(float, row)) for row in rows]
            measure = found.measure
            measures.append(
                (name, radius_px, measure.background, measure.noise, measure.otsu, measure.upper,
                 measure.threshold, measure.foreground, measure.edge_width_px, measure.grain)
            )  # fmt: skip
    return regions, measures


def outlines_of(find):
    """Return rows of numbers of the outlines in what `find(image, radius_px)` finds.

    Its pixels, the sums of their rows and columns, the centre to a fraction of a pixel, its light,
    its axes and its solidity.
    """
    rows = []
    for name, image in (draw_images() | draw_in_other_types() | draw_slivers()).items():
        for radius_px in RADII_PX[1:3]:
            found, levels = find(image, radius_px), as_levels(image)
            labels, measured = found.outlines.labels(), measured_of(found.shapes, levels.unit)
            y, x = np.nonzero(labels)
            of = labels[y, x] - 1
            sums = (np.bincount(of, each, len(found)) for each in (None, y, x))
            columns = (
                *sums, *found.refined.T, measured["mean"], measured["std"], measured["major_px"],
                measured["minor_px"], measured["solidity"],
            )  # fmt: skip
            rows += [(name, radius_px, *map(float, row)) for row in np.column_stack(columns)]
    return rows


def pairs_of(find):
    """Return rows of numbers of the pairs that `find(image)` judges: where, and what is known."""
    return [
        (name, *(float(pair[at]) for at in ("first_y", "first_x", "second_y", "second_x")),
         *map(float, pair["features"]))
        for name in ("crowd", "hazy", "holed", "saturated")
        for pair in find(draw_images()[name])
    ]  # fmt: skip


def estimates_of(estimate):
    """Return rows of numbers of what `estimate(image)` tells, the count of nuclei first."""
    images = draw_images() | draw_in_other_types()
    found = {name: estimate(image) for name, image in images.items()}
    return [(name, own.count, *map(float, astuple(own))) for name, own in found.items()]


def nuclei_of(find, resolved):
    """Return rows of numbers of what `find(image, detector, resolved)` finds, and their flags.

    Of each nucleus where it is, to a fraction of a pixel too, how bright, and how likely or how
    high above its surroundings; before them the area in which they count.
    """
    rows = []
    for detector in (*DETECTORS, "auto in a set"):
        for name, image in draw_images().items():
            is_alone = detector in DETECTORS
            found = find(image, detector.split()[0], None if is_alone else resolved)
            more = found.contrasts if found.confidences is None else found.confidences
            columns = (
                *found.points.T, *found.subpixel.T, found.intensities,
                np.zeros(len(found)) if more is None else more,
            )  # fmt: skip
            named = f"{detector}: {name}: {found.flag}"
            rows.append((named, len(found), found.area_px, 0, 0, 0, 0))
            rows += [(named, *map(float, row)) for row in np.column_stack(columns)]
    return rows


def read_rows(path):
    """Return the rows of a file of expected values, the first column as text."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    return [(name, *map(float, numbers)) for name, *numbers in rows]


def _write(path, rows):
    texts = (",".join([row[0], *(f"{number:.6g}" for number in row[1:])]) for row in rows)
    path.write_text("\n".join(texts) + "\n")


def main():
    """Write the expected values."""
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian

    from nucensus import Settings, find_nuclei
    from nucensus.detect import estimate, pool
    from nucensus.detect.regions import find_regions
    from nucensus.kernel import find_pairs, levels

    def find(image, threshold):
        smoothed = gaussian(image, PUBLISHED["sigma"], preserve_range=True)
        return peak_local_max(
            smoothed, min_distance=PUBLISHED["min_distance"], threshold_abs=threshold
        )

    EXPECTED.mkdir(exist_ok=True)
    _write(POINTS, points_of(find))
    regions, measures = regions_of(
        lambda image, radius_px: find_regions(image, radius_px=radius_px, level=levels()[0])
    )
    _write(REGIONS, regions)
    _write(MEASURES, measures)
    _write(OUTLINES, outlines_of(
        lambda image, radius_px: find_regions(
            image, radius_px=radius_px, level=levels()[0], shapes="outlines",
            outline_sigma_px=OUTLINE_SIGMA_PX,
        )
    ))  # fmt: skip
    _write(PAIRS, pairs_of(lambda image: find_pairs(image, **RULES)))
    _write(ESTIMATES, estimates_of(estimate))
    _write(NUCLEI, nuclei_of(
        lambda image, detector, known: find_nuclei(
            image, Settings(detector, subpixel=True), known
        ),
        pool([estimate(draw_images()[name]) for name in SET]),
    ))  # fmt: skip


if __name__ == "__main__":
    main()
