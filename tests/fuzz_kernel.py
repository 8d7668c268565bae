"""Compare the kernel with the reference on random images until a number of cases is done.

python tests/fuzz_kernel.py [--cases 2000] [--seed 0] [--size 300] [--level avx2] [--volumes]

Every fifth case is a volume; with `--volumes` all of them are. A failure names
the case, which `--only CASE` with the same options repeats.
"""

import argparse
import sys

import numpy as np
from images import CONTENTS, DTYPES, LAYOUTS, find_with_reference, make_image, smooth

from nucensus import kernel

SIGMAS = [0, 0.1, 0.5, 1, 2, 3.3, 4, 4, 4, 6, 10, 25]
DISTANCES = [0, 1, 2, 3, 6, 6, 6, 11, 17, 40, 200]
VOLUME_EVERY = 5
LAYOUTS_OF_VOLUMES = [
    np.ascontiguousarray,
    np.asfortranarray,
    lambda volume: volume[::-1, :, ::-1],
    lambda volume: np.repeat(volume, 2, axis=2)[:, :, ::2],
]


def draw_case(rng, largest):
    """Return an image, settings, and whether smoothing it gives NaN."""
    image = make_image(
        shape=tuple(int(n) for n in rng.integers(1, largest, 2)),
        dtype=rng.choice([*DTYPES, "u2", "u2", "u1", "f4"]),
        content=rng.choice(CONTENTS),
        layout=rng.choice(LAYOUTS),
        seed=int(rng.integers(2**32)),
    )
    if image.dtype.kind in "uif" and rng.random() < 0.2:
        image = image.copy()
        count = max(1, image.size // 500)
        image.flat[rng.integers(0, image.size, count)] = np.max(image)
    sigma = float(rng.choice(SIGMAS))
    settings = {
        "sigma": (sigma, sigma if rng.random() < 0.7 else float(rng.choice(SIGMAS))),
        "min_distance": int(rng.choice(DISTANCES)),
        "exclude_border": int(rng.choice([0, 1, 6, 20])),
    }
    return image, settings, draw_threshold(rng, image, settings)


def draw_volume(rng, largest):
    """Return a volume of noise, blobs, boxes or single voxels, as `draw_case` returns an image."""
    dtype = np.dtype(rng.choice([*DTYPES, "u2", "u2", "u1", "f4"]))
    deep, high, wide = (max(2, largest // part) for part in (8, 6, 3))
    shape = tuple(int(rng.integers(1, most)) for most in (deep, high, wide))
    volume = draw_voxels(rng, shape)
    if dtype.kind in "if" and rng.random() < 0.2:
        volume -= volume.mean()
    if dtype.kind in "iu":
        volume = np.clip(volume, np.iinfo(dtype).min, np.iinfo(dtype).max)
    with np.errstate(all="ignore"):
        volume = volume.astype(dtype)
    volume = LAYOUTS_OF_VOLUMES[rng.integers(len(LAYOUTS_OF_VOLUMES))](volume)
    settings = {
        "sigma": tuple(float(sigma) for sigma in rng.choice([0, 0.3, 0.7, 1, 2, 3.1, 4, 6], 3)),
        "min_distance": int(rng.choice([0, 1, 1, 2, 3, 6, 11, 60])),
        "exclude_border": int(rng.choice([0, 0, 1, 5])),
    }
    return volume, settings, draw_threshold(rng, volume, settings)


def draw_voxels(rng, shape):
    """Return what a volume shows, float64."""
    content = rng.choice(["noise", "bright noise", "blobs", "boxes", "voxels"])
    if content == "noise":
        return rng.integers(0, rng.choice([2, 4, 3000]), shape).astype(np.float64)
    if content == "bright noise":
        return rng.gamma(0.3, 300, shape)
    if content == "blobs":
        volume = smooth(rng.normal(0, 1, shape), rng.uniform(0.5, 5))
        volume -= volume.min()
        return volume / (volume.max() or 1) * rng.choice([5, 200, 4000, 60000])
    if content == "boxes":
        volume = np.full(shape, float(rng.integers(0, 300)))
        for _ in range(20):
            corner, sides = rng.integers(0, shape), rng.integers(1, 20, 3)
            volume[tuple(map(slice, corner, corner + sides))] = rng.integers(0, 4000)
        return volume
    volume = rng.integers(0, 4, shape).astype(np.float64)
    volume.flat[rng.integers(0, volume.size, 3)] = 60000
    return volume


def draw_threshold(rng, image, settings):
    """Add a threshold to the settings; return whether the smoothed image has NaN."""
    smoothed = smooth(image, settings["sigma"])
    with np.errstate(all="ignore"):
        thresholds = [None, *np.nanpercentile(smoothed, [0, 30, 70, 99, 100]).tolist()]
    settings["threshold_abs"] = thresholds[rng.integers(len(thresholds))]
    return bool(np.isnan(smoothed).any())


def find(image, **settings):
    """Return what the kernel finds in an image or a volume."""
    if image.ndim == 3:
        return kernel.find_maxima_in_volume(image, **settings)
    return kernel.find_maxima_many([image], **settings)[0]


def check(image, settings, has_nan, levels):
    """Return what differs, or None."""
    undefined = has_nan and settings["min_distance"] > 0 and image.size > 1
    expected = None if undefined else find_with_reference(image, **settings)
    for level in levels:
        for path in ("exact", "sieve") if image.ndim == 3 else ("exact", "sieve", "single"):
            try:
                found = find(image, level=level, path=path, **settings)
            except ValueError:
                if not undefined:
                    return f"{level}, {path}: refused"
                continue
            if undefined:
                return f"{level}, {path}: answered where there is no answer"
            if not all(map(np.array_equal, found, expected)):
                return f"{level}, {path}: {len(found[0])} points, expected {len(expected[0])}"
    return None


def main():
    """Run the cases; the exit code is 1 at the first difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--only", type=int)
    parser.add_argument("--volumes", action="store_true", help="nothing but volumes")
    parser.add_argument("--level", choices=kernel.levels(), help="this one instead of all")
    args = parser.parse_args()
    levels = kernel.levels() if args.level is None else (args.level,)
    cases = range(args.cases) if args.only is None else [args.only]
    for case in cases:
        draw = draw_volume if args.volumes or case % VOLUME_EVERY == 0 else draw_case
        image, settings, has_nan = draw(np.random.default_rng([args.seed, case]), args.size)
        wrong = check(image, settings, has_nan, levels)
        if wrong:
            print(f"case {case} of seed {args.seed}: {wrong}")  # noqa: T201
            print(image.shape, image.dtype, image.strides, settings)  # noqa: T201
            return 1
    print(f"{len(cases)} cases of seed {args.seed}: all equal")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
