"""Count the nuclei of fields with other finders of spots, and score all alike.

python benchmarks/rivals.py IMAGES TRUTH [--every N] [--points NAME=FILE.csv ...] [-o rivals.json]

TRUTH holds a label image for each image, by the same name. Every eighth field is for tuning: each
finder with numbers gets those of its grid that have the best F1 there. All are scored on the other
fields: a detection in a nucleus that no other has claimed is a hit. Seconds are of the processor,
the least of three, over the first two fields; only ratios of one run mean something. `--points`
scores what another program found elsewhere (a table `image,y,x`). Needs trackpy, OpenCV and
scikit-image.
"""

import argparse
import csv
import itertools
import json
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import tifffile
import trackpy
from skimage.feature import blob_dog, blob_doh, blob_log
from skimage.filters import gaussian
from skimage.measure import label
from skimage.morphology import h_maxima

import nucensus
from nucensus.detect import estimate, pool

cv2.setNumThreads(1)
TUNED_ON = 8
PACKAGES = ("nucensus", "numpy", "opencv-python-headless", "scikit-image", "trackpy")


def trackpy_locate(image, diameter, minmass):
    """Return the particles of trackpy."""
    found = trackpy.locate(image, diameter, minmass=minmass * diameter**2, engine="numba")
    return found[["y", "x"]].to_numpy()


def blobs(function):
    """Return a blob detector of scikit-image as a finder of scales around one radius."""

    def find(image, radius, threshold):
        sigma = radius / np.sqrt(2)
        scales = {"min_sigma": 0.6 * sigma, "max_sigma": 1.5 * sigma}
        return function(image / np.float64(4095), threshold=threshold, **scales)[:, :2]

    return find


def simple_blob_detector(image, radius, threshold):
    """Return the blobs of OpenCV, which takes 8 bits: the darkest to the 99.8th percentile."""
    low, high = np.percentile(image, (0.1, 99.8))
    grey = np.clip((image - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    options = cv2.SimpleBlobDetector_Params()
    options.filterByColor, options.blobColor = True, 255
    options.minThreshold, options.maxThreshold, options.thresholdStep = threshold, 250, 10
    options.filterByArea = True
    options.minArea, options.maxArea = 0.2 * np.pi * radius**2, 5 * np.pi * radius**2
    options.filterByCircularity = options.filterByInertia = options.filterByConvexity = False
    options.minDistBetweenBlobs = radius
    keypoints = cv2.SimpleBlobDetector_create(options).detect(grey)
    return np.array([point.pt[::-1] for point in keypoints]).reshape(-1, 2)


def find_maxima(image, sigma, prominence):
    """Return maxima of a prominence after a Gaussian, as Fiji's Find Maxima defines them."""
    smooth = np.rint(gaussian(image, sigma, preserve_range=True)).astype(np.int32)
    tops = label(h_maxima(smooth, prominence))
    _, first = np.unique(tops, return_index=True)
    return np.column_stack(np.unravel_index(first[1:], tops.shape))


def published(image, sigma, threshold):
    """Return the maxima of nucensus with numbers, to the border."""
    return nucensus.detect_nuclei(
        image, sigma=sigma, min_distance=6, threshold_abs=threshold, exclude_border=False
    )


RADII, DARK = (8, 11), (0.01, 0.02, 0.05)
FINDERS = {
    "nucensus, with numbers": (published, (3, 4, 5), (250, 300, 400)),
    "Find Maxima (as Fiji defines it)": (find_maxima, (2, 4), (20, 40, 80, 160)),
    "trackpy.locate": (trackpy_locate, (21, 27, 33), (2, 5, 10, 20)),
    "skimage blob_log": (blobs(blob_log), RADII, DARK),
    "skimage blob_dog": (blobs(blob_dog), RADII, DARK),
    "skimage blob_doh": (blobs(blob_doh), RADII, (0.0002, 0.0005, 0.001)),
    "OpenCV SimpleBlobDetector": (simple_blob_detector, RADII, (10, 20, 40)),
}


def score(points, truth):
    """Return hits, detections and nuclei of a field."""
    points = np.rint(np.reshape(points, (-1, 2)))
    y, x = np.clip(points, 0, np.array(truth.shape) - 1).astype(int).T
    hit = set(truth[y, x].tolist()) - {0}
    return len(hit), len(y), len(np.unique(truth)) - 1


def summary(scores):
    """Return F1 over all fields, and by how much their counts are off on average."""
    hits, found, nuclei = np.transpose(scores)
    f1 = 2 * hits.sum() / (found.sum() + nuclei.sum())
    return {"f1": round(float(f1), 4), "off": round(float(np.abs(found - nuclei).mean()), 2)}


def tuned(finder, fields):
    """Return the numbers of a grid with the best F1."""
    find, *grid = finder
    tried = {
        numbers: summary([score(find(image, *numbers), truth) for image, truth in fields])["f1"]
        for numbers in itertools.product(*grid)
    }
    return max(tried, key=tried.get)


def seconds(find, images):
    """Return the least seconds for an image, in this thread."""
    samples = []
    for _ in range(3):
        start = time.process_time()
        for image in images:
            find(image)
        samples.append((time.process_time() - start) / len(images))
    return min(samples)


def points_of(path):
    """Return image -> points of a table."""
    points = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            points[row["image"]].append((float(row["y"]), float(row["x"])))
    return points


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--points", nargs="*", default=[], metavar="NAME=FILE.csv")
    parser.add_argument("--only", default="", metavar="PART", help="finders with this in the name")
    parser.add_argument("--every", type=int, default=1, help="take each N-th field only")
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    names = sorted(path.name for path in options.images.iterdir())[:: options.every]
    fields = {
        name: (tifffile.imread(options.images / name), tifffile.imread(options.truth / name))
        for name in names
    }
    tuning = [fields[name] for name in names[::TUNED_ON]]
    scored = {name: fields[name] for name in names if name not in names[::TUNED_ON]}
    resolved = pool([estimate(image) for image, _ in fields.values()])
    rows = {}

    def add(name, find, numbers=()):
        found = [score(find(image), truth) for image, truth in scored.values()]
        taken = seconds(find, [image for image, _ in tuning[:2]])
        rows[name] = {**summary(found), "seconds": round(taken, 5), "numbers": list(numbers)}
        print(f"{name:34} {rows[name]}", flush=True)

    add(
        "nucensus, no parameter",
        lambda image: nucensus.find_nuclei(image, resolved=resolved).points,
    )
    for name, finder in ((n, f) for n, f in FINDERS.items() if options.only in n):
        numbers = tuned(finder, tuning)
        add(name, lambda image, find=finder[0], numbers=numbers: find(image, *numbers), numbers)
    for pair in options.points:
        name, _, path = pair.partition("=")
        points = points_of(path)
        rows[name] = summary([score(points[each], truth) for each, (_, truth) in scored.items()])
        print(f"{name:34} {rows[name]}")
    if options.out:
        versions = {package: version(package) for package in PACKAGES}
        options.out.write_text(json.dumps({"versions": versions, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
