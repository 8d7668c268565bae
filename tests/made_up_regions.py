"""Regions that are made up: typical nuclei, but for what a test says of them."""

import numpy as np

from nucensus.detect.regions import Measure, Regions

RADIUS_PX = 10.0
TYPICAL_PX = np.pi * RADIUS_PX**2
MEASURE = Measure(100, 5, 40, 80, 30, 0.2, 3, 8, smoothing=0.1)


def make_regions(count=None, measure=MEASURE, **columns):
    """Make regions of a typical nucleus each, far apart, but for the columns that are given."""
    count = count or len(next(iter(columns.values())))
    usual = {
        "y": 60 * np.arange(count), "x": 0, "area_px": TYPICAL_PX, "height": 100, "mean_height": 80,
        "intensity": 150, "stretch": 1, "touches_edge": 0, "second": 200, "plateau": -np.inf,
        "fall": 1, "free": 1,
    }  # fmt: skip
    known = {
        name: np.broadcast_to(np.array(value, np.float64), count).copy()
        for name, value in usual.items()
    }
    known |= {name: np.asarray(each, np.float64) for name, each in columns.items()}
    known["touches_edge"] = known["touches_edge"].astype(bool)
    return Regions(**known, measure=measure)
