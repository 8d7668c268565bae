"""The process that times one strategy: a job as JSON on stdin, what it measured on stdout."""

import functools
import hashlib
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ..batch import process_images
from ..detect import detect_nuclei
from ..errors import MissingPackageError, NucensusError
from ..execute import STRATEGIES
from ..read import read
from ..values import Settings

_LIBRARIES = ("numpy", "scipy", "scikit-image", "tifffile", "imagecodecs")


def published_nuclei(
    image: Any, sigma: Any, min_distance: int, threshold_abs: float | None, exclude_border: bool
) -> Any:
    """Find nuclei as first published, through scikit-image."""
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian

    smooth = gaussian(image, sigma=sigma, preserve_range=True)
    return peak_local_max(
        smooth,
        min_distance=min_distance,
        threshold_abs=threshold_abs,
        exclude_border=exclude_border,
    )


def main() -> None:
    """Run one job and print its result as one line of JSON."""
    job = json.load(sys.stdin)
    function = _function(job["detector"], Settings.from_dict(job["settings"]))
    read(job["paths"][0])  # what reading imports is no part of any method
    images, load_s = job["paths"], 0.0
    if STRATEGIES[job["strategy"]].loads_first:
        start = time.perf_counter()
        images = [read(path) for path in images]
        load_s = time.perf_counter() - start
    samples: list[float] = []
    points: Any = []
    for _ in range(job["repeat"]):
        start = time.perf_counter()
        for _ in range(job["number"]):
            points = process_images(
                images, function, strategy=job["strategy"], workers=job["workers"]
            )
        samples.append((time.perf_counter() - start) / job["number"])
    reply = {
        "samples_s": samples,
        "load_s": load_s,
        "digests": [hashlib.sha256(each.tobytes()).hexdigest() for each in points],
        "nuclei": sum(map(len, points)),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }
    print(json.dumps(reply))  # noqa: T201 the reply to the parent process


def _function(detector: str, settings: Settings) -> Callable[[Any], Any]:
    parameters: dict[str, Any] = {
        "sigma": settings.sigma,
        "min_distance": settings.min_distance,
        "threshold_abs": settings.threshold,
        "exclude_border": settings.border == "drop",
    }
    if detector == "native":
        return functools.partial(detect_nuclei, **parameters)
    try:
        import skimage.feature
        import skimage.filters  # noqa: F401 both lazy: loaded before the clock starts
    except ImportError as error:
        raise MissingPackageError("scikit-image", "The comparison", "bench") from error
    return functools.partial(published_nuclei, **parameters)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    try:
        main()
    except NucensusError as error:
        sys.exit(str(error))
