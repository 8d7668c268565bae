"""Measure the kernel for volumes against scikit-image, and save every sample as JSON.

    python benchmarks/volume.py -o volume.json [--shape 64 512 512] [--repeat 3]

The volumes are synthetic nuclei on camera noise. scikit-image and each
instruction set level take turns on each case, one sample each; what they find
must be the same. One core: none of them starts threads.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from kernel import Case, machine_facts, measure, summarize
from nucensus import kernel
from nucensus.detect import reference


class VolumeCase(Case):
    """One volume and what to do with it."""

    @property
    def settings(self):
        """What the kernel and the reference are asked."""
        sigma = (self.sigma,) * 3 if np.isscalar(self.sigma) else self.sigma
        return {
            "sigma": sigma,
            "min_distance": 6,
            "exclude_border": 6,
            "threshold_abs": self.threshold,
        }


def nuclei(shape, *, per_megavoxel=30, seed=0):
    """Return nuclei of 100 to 3000 grey levels on a background of 160, with noise, uint16."""
    rng = np.random.default_rng(seed)
    volume = np.full(shape, 160, np.float32)
    reach = np.array((9, 15, 15))
    z, y, x = np.mgrid[-9:10, -15:16, -15:16]
    for _ in range(int(np.prod(shape) * per_megavoxel / 1e6)):
        centre = rng.integers(0, shape)
        radius = rng.uniform(7, 13)
        shown = (z * 1.7) ** 2 + y**2 + x**2 < radius**2
        low = np.maximum(centre - reach, 0)
        high = np.minimum(centre + reach + 1, shape)
        inside = tuple(map(slice, low, high))
        cut = tuple(map(slice, low - centre + reach, high - centre + reach))
        volume[inside] += shown[cut] * rng.lognormal(6, 0.7)
    volume += rng.normal(0, 6, shape) + rng.normal(0, 0.5, shape) * np.sqrt(volume)
    return np.clip(volume, 0, 4095).astype(np.uint16)


def make_cases(shape):
    """Return the cases."""
    volume = nuclei(shape)
    return [
        VolumeCase("volume", "threshold 300", volume, 300),
        VolumeCase("volume", "threshold 1000", volume, 1000),
        VolumeCase("volume", "no threshold", volume, None),
        VolumeCase("volume", "sigma 2, 4, 4", volume, 300, (2, 4, 4)),
        VolumeCase("volume", "sigma 8", volume, 300, 8),
        VolumeCase("volume", "uint8", (volume // 16).astype("u1"), 300 / 16),
        VolumeCase("volume", "float32", volume.astype("f4"), 300),
    ]


def competitors():
    """Return name -> function of a case."""
    runs = {"scikit-image": lambda case: reference.find_maxima(case.image, **case.settings)[0]}
    for level in kernel.levels():
        runs[level] = lambda case, level=level: kernel.find_maxima_in_volume(
            case.image, level=level, **case.settings
        )[0]
    return runs


def main():
    """Run all cases and save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("volume.json"))
    parser.add_argument("--shape", type=int, nargs=3, default=(64, 512, 512))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cases", type=int, help="the first few only")
    args = parser.parse_args()
    runs = competitors()
    results = []
    for case in make_cases(tuple(args.shape))[: args.cases]:
        seconds, points = measure(case, runs, args.repeat)
        results.append(
            {
                "group": f"{case.group}: {case.name}",
                "name": case.name,
                "sigma": case.settings["sigma"],
                "threshold": case.threshold,
                "shape": case.image.shape,
                "dtype": case.image.dtype.str,
                "points": points,
                "seconds": seconds,
            }
        )
    written = {"schema": 1, "machine": machine_facts(), "cases": results}
    args.output.write_text(json.dumps(written, indent=1))
    summarize(results, [name for name in runs if name != "scikit-image"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
