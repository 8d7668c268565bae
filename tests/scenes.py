"""Scenes of round nuclei of any size, with known centres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_MISSES = 5000
"""So often in a row no free place is found until there is none."""


@dataclass(frozen=True, slots=True)
class Scene:
    image: NDArray[np.float64]
    centres: NDArray[np.float64]
    radius: float


def make_scene(
    *,
    radius,
    count,
    shape=(400, 500),
    contrast=400.0,
    noise=10.0,
    background=150.0,
    vignetting=0.0,
    texture=0.0,
    gap=1.15,
    seed=0,
):
    """Draw soft-edged ellipses, `gap` mean diameters apart at least, under camera noise."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape)
    centres, placed, misses = np.empty((count, 2)), 0, 0
    while placed < count and misses < _MOST_MISSES:
        centre = rng.uniform((radius, radius), np.array(shape) - radius)
        if (np.hypot(*(centres[:placed] - centre).T) < 2 * radius * gap).any():
            misses += 1
            continue
        centres[placed], placed, misses = centre, placed + 1, 0
        _draw(image, centre, radius, contrast * rng.uniform(0.6, 1.4), texture, rng)
    y, x = np.mgrid[: shape[0], : shape[1]]
    off = (2 * y / shape[0] - 1) ** 2 + (2 * x / shape[1] - 1) ** 2
    image = (image + background) * (1 - vignetting * off / 2)
    return Scene(np.clip(rng.normal(image, noise), 0, None), centres[:placed], radius)


def _draw(image, centre, radius, height, texture, rng):
    reach = int(2 * radius) + 3
    low = np.maximum(centre.astype(int) - reach, 0)
    high = np.minimum(centre.astype(int) + reach + 1, image.shape)
    y, x = np.mgrid[low[0] : high[0], low[1] : high[1]]
    angle, long = rng.uniform(0, np.pi), rng.uniform(1, 1.2)
    dy, dx = y - centre[0], x - centre[1]
    along = (dy * np.cos(angle) + dx * np.sin(angle)) / (radius * long)
    across = (dx * np.cos(angle) - dy * np.sin(angle)) * long / radius
    body = height / (1 + np.exp((np.hypot(along, across) - 1) * radius / max(0.5, 0.06 * radius)))
    if texture:
        waves = rng.uniform(-1, 1, (6, 2)) * 4 / radius
        grain = sum(np.sin(y * a + x * b) for a, b in waves) / np.sqrt(3)
        body = body * (1 + texture * grain)
    part = image[low[0] : high[0], low[1] : high[1]]
    np.maximum(part, body, out=part)


def distances(points, centres):
    """Return how far each point, a row each, is from each centre."""
    return np.hypot(*(points[:, None] - centres).transpose(2, 0, 1))


def matched(points, scene):
    """Return how many centres have a detection within half a radius of them."""
    if not len(points):
        return 0
    return int((distances(points, scene.centres).min(axis=0) < scene.radius / 2).sum())
