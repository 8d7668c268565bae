"""StarDist as a detector of nucensus: `nucensus detect plate/ -o run --detector stardist`."""

import functools
import os
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucensus.values import Centres, Settings

_one_at_a_time = threading.Lock()


def find_stars(image: NDArray[Any], settings: Settings, resolved: Any) -> Centres:  # noqa: ARG001
    """Find nuclei as star-convex polygons.

    The model is the folder that NUCENSUS_STARDIST_MODEL names, or else the
    pretrained 2D_versatile_fluo, which StarDist downloads once.
    """
    low, high = np.percentile(image, (1, 99.8))
    normalised = ((image - low) / max(high - low, 1e-20)).astype(np.float32)
    with _one_at_a_time:  # the threads of nucensus share one model
        _, details = _model().predict_instances(normalised)
    points = np.asarray(details["points"], np.int64).reshape(-1, 2)
    intensities = image[points[:, 0], points[:, 1]].astype(np.float64)
    order = np.lexsort((points[:, 1], points[:, 0], -intensities))  # brightest first
    return Centres(points[order], intensities[order])


@functools.cache
def _model() -> Any:
    """Load the model once in each process."""
    from stardist.models import StarDist2D

    folder = os.environ.get("NUCENSUS_STARDIST_MODEL")
    if folder is None:
        return StarDist2D.from_pretrained("2D_versatile_fluo")
    parent, name = os.path.split(os.path.abspath(folder))
    return StarDist2D(None, name=name, basedir=parent)
