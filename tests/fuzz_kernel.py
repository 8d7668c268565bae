"""Compare the kernel with the reference on random images until a number of cases is done.

python tests/fuzz_kernel.py [--cases 2000] [--seed 0] [--size 300] [--level avx2]

A failure names the case, which `--only CASE` with the same seed repeats.
"""

import argparse
import sys

import numpy as np
from images import CONTENTS, DTYPES, LAYOUTS, find_with_reference, make_image, smooth

from nucensus import kernel

SIGMAS = [0, 0.1, 0.5, 1, 2, 3.3, 4, 4, 4, 6, 10, 25]
DISTANCES = [0, 1, 2, 3, 6, 6, 6, 11, 17, 40, 200]


def draw_case(rng, largest):
    """Return an image and settings."""
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
    smoothed = smooth(image, settings["sigma"])
    with np.errstate(all="ignore"):
        thresholds = [None, *np.nanpercentile(smoothed, [0, 30, 70, 99, 100]).tolist()]
    settings["threshold_abs"] = thresholds[rng.integers(len(thresholds))]
    return image, settings, bool(np.isnan(smoothed).any())


def check(image, settings, has_nan, levels):
    """Return what differs, or None."""
    undefined = has_nan and settings["min_distance"] > 0 and image.size > 1
    expected = None if undefined else find_with_reference(image, **settings)
    for level in levels:
        for path in ("exact", "sieve"):
            try:
                found = kernel.find_maxima_many([image], level=level, path=path, **settings)[0]
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
    parser.add_argument("--level", choices=kernel.levels(), help="this one instead of all")
    args = parser.parse_args()
    levels = kernel.levels() if args.level is None else (args.level,)
    cases = range(args.cases) if args.only is None else [args.only]
    for case in cases:
        image, settings, has_nan = draw_case(np.random.default_rng([args.seed, case]), args.size)
        wrong = check(image, settings, has_nan, levels)
        if wrong:
            print(f"case {case} of seed {args.seed}: {wrong}")  # noqa: T201
            print(image.shape, image.dtype, image.strides, settings)  # noqa: T201
            return 1
    print(f"{len(cases)} cases of seed {args.seed}: all equal")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
