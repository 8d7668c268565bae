"""Measure the kernel against scikit-image and OpenCV, and save every sample as JSON.

python benchmarks/kernel.py -o kernel.json [--plate FOLDER] [--repeat 5] [--quick]

Every case is one image and one set of parameters. Its competitors take turns,
one sample each, so that a slow moment of the machine slows all of them; only
ratios of one run mean something. Images are those of FOLDER (TIFF), or synthetic
nuclei on camera noise.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from nucensus import __version__, kernel
from nucensus.detect import reference

PUBLISHED = {"sigma": (4, 4), "min_distance": 6, "exclude_border": 6}


@dataclass(frozen=True)
class Case:
    """One image and what to do with it."""

    group: str
    name: str
    image: np.ndarray = field(repr=False)
    threshold: float | None = 300
    sigma: float = 4

    @property
    def settings(self):
        """What the kernel and the reference are asked."""
        sigma = (self.sigma, self.sigma)
        return {**PUBLISHED, "sigma": sigma, "threshold_abs": self.threshold}


def nuclei(*, shape=(1024, 1280), count=400, seed=0):
    """Return nuclei of 100 to 3000 grey levels on a background of 160, with noise, uint16."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, 160.0)
    y, x = np.mgrid[-30:31, -30:31]
    for _ in range(count):
        cy, cx = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        top, bottom = max(cy - 30, 0), min(cy + 31, shape[0])
        left, right = max(cx - 30, 0), min(cx + 31, shape[1])
        radius = rng.uniform(7, 13)
        shown = np.hypot(y, x * rng.uniform(0.8, 1.2)) < radius
        patch = shown[top - cy + 30 : bottom - cy + 30, left - cx + 30 : right - cx + 30]
        image[top:bottom, left:right] += patch * rng.lognormal(6, 0.7)
    image += rng.normal(0, 6, shape) + rng.normal(0, 1, shape) * np.sqrt(image) * 0.5
    return np.clip(image, 0, 4095).astype(np.uint16)


def plate_images(folder, limit):
    """Return images of the folder, or synthetic ones."""
    if folder is None:
        return [nuclei(seed=seed) for seed in range(limit)]
    import tifffile

    return [tifffile.imread(path) for path in sorted(Path(folder).glob("*.tif"))[:limit]]


def make_cases(folder, quick):
    """Return all cases: the plate, and one image varied along each axis."""
    images = plate_images(folder, 4 if quick else 12)
    cases = [
        Case(f"plate, threshold {threshold}", f"image {i}", image, threshold)
        for threshold in (300, 1000)
        for i, image in enumerate(images)
    ]
    image = images[0]
    cases += [
        Case("dtype", np.dtype(dtype).str, image.astype(dtype), 300)
        for dtype in ("u2", ">u2", "i2", "u4", "f4", "f8")
    ]
    cases.append(Case("dtype", "|u1", (image // 16).astype("u1"), 300 / 16))
    cases += [
        Case("layout", "columns first", np.asfortranarray(image)),
        Case("layout", "reversed columns", image[:, ::-1]),
        Case("content", "plateaus", np.minimum(image, 400)),
    ]
    cases += [Case("sigma", f"sigma {sigma}", image, 300, sigma) for sigma in (1, 2, 8, 16, 30, 60)]
    cases += [Case("density", f"{n} nuclei", nuclei(count=n)) for n in (0, 50, 400, 1500)]
    cases += [
        Case("size", f"{n} x {n}", nuclei(shape=(n, n), count=n**2 // 3300 + 1))
        for n in (32, 64, 128, 256, 520, 1024, 2048, 4096)
    ]
    cases += [Case("background", f"threshold {level}", image, level) for level in (150, 100, None)]
    cases += [
        Case("background", f"no threshold, sigma {sigma}", image, None, sigma)
        for sigma in (8, 16, 32, 60)
    ]
    return cases


def with_opencv(case):
    """Return the points that OpenCV finds with the same parameters (float32, not exact)."""
    import cv2

    size = 2 * int(4 * case.sigma + 0.5) + 1
    smoothed = cv2.GaussianBlur(
        case.image.astype(np.float32), (size, size), case.sigma, borderType=cv2.BORDER_REPLICATE
    )
    highest = cv2.dilate(smoothed, np.ones((13, 13), np.uint8))
    threshold = smoothed.min() if case.threshold is None else case.threshold
    return np.argwhere((smoothed == highest) & (smoothed > threshold))


def competitors():
    """Return name -> function of a case."""
    runs = {"scikit-image": lambda case: reference.find_maxima(case.image, **case.settings)[0]}
    for level in kernel.levels():
        runs[level] = lambda case, level=level: kernel.find_maxima_many(
            [case.image], level=level, **case.settings
        )[0][0]
    runs["exact path"] = lambda case: kernel.find_maxima_many(
        [case.image], path="exact", **case.settings
    )[0][0]
    try:
        import cv2
    except ImportError:
        return runs
    cv2.setNumThreads(1)
    return {**runs, "opencv": with_opencv}


def measure(case, runs, repeat):
    """Return the samples of every competitor in seconds; all but OpenCV must agree."""
    samples = {name: [] for name in runs}
    expected = runs["scikit-image"](case)
    for name, run in runs.items():
        if name != "opencv" and not np.array_equal(run(case), expected):
            raise SystemExit(f"{case.group}, {case.name}: {name} differs from scikit-image")
    for _ in range(repeat):
        for name, run in runs.items():
            start = time.perf_counter()
            run(case)
            samples[name].append(time.perf_counter() - start)
    return samples, len(expected)


def machine_facts():
    """Return what the figures depend on."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    return {
        "processor": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "nucensus": __version__,
        "level": kernel.chosen_level(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def summarize(results, names):
    """Print the ratio to scikit-image of each group: of the medians, and of the minima."""
    groups = {}
    for result in results:
        groups.setdefault(result["group"], []).append(result)
    print(
        f"{'times as fast as scikit-image: median (minimum)':48}"
        + "".join(f"{n:>18}" for n in names)
    )
    for group, members in groups.items():
        rows = (
            [(group, members)]
            if group.startswith("plate")
            else [(f"{group}: {member['name']}", [member]) for member in members]
        )
        for title, row in rows:
            print(f"{title:48}" + "".join(f"{_ratio(row, name):>18}" for name in names))


def _ratio(members, name):
    def total(who, pick):
        return sum(pick(member["seconds"][who]) for member in members)

    medians = total("scikit-image", np.median) / total(name, np.median)
    minima = total("scikit-image", min) / total(name, min)
    return f"{medians:.1f} ({minima:.1f})"


def main():
    """Run all cases and save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("kernel.json"))
    parser.add_argument("--plate", type=Path, help="a folder of TIFF images")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the plate only, fewer images")
    args = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    runs = competitors()
    results = []
    for case in make_cases(args.plate, args.quick):
        if args.quick and not case.group.startswith("plate"):
            continue
        seconds, points = measure(case, runs, args.repeat)
        facts = {"shape": case.image.shape, "dtype": case.image.dtype.str, "points": points}
        described = {k: v for k, v in asdict(case).items() if k != "image"}
        results.append({**described, **facts, "seconds": seconds})
    written = {"schema": 1, "machine": machine_facts(), "settings": PUBLISHED, "cases": results}
    args.output.write_text(json.dumps(written, indent=1))
    summarize(results, [name for name in runs if name != "scikit-image"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
