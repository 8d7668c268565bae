"""Scenes of round nuclei of any size, with known centres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

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
        draw_nucleus(image, centre, radius, contrast * rng.uniform(0.6, 1.4), texture, rng)
    y, x = np.mgrid[: shape[0], : shape[1]]
    off = (2 * y / shape[0] - 1) ** 2 + (2 * x / shape[1] - 1) ** 2
    image = (image + background) * (1 - vignetting * off / 2)
    return Scene(np.clip(rng.normal(image, noise), 0, None), centres[:placed], radius)


def draw_nucleus(image, centre, radius, height, texture, rng):
    """Draw a soft-edged ellipse into an image, where it is higher than what is there."""
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


def draw_section(seed, *, radius=11.0, shape=(420, 460), cover=0.6):
    """Draw a tissue of nuclei that touch, blurred, in uneven light; each pixel is the nearest's."""
    rng = np.random.default_rng(seed)
    apart = radius * np.sqrt(np.pi / cover / np.sqrt(0.75))
    rows = np.arange(-apart, shape[0] + apart, apart * np.sqrt(0.75))
    columns = np.arange(-apart, shape[1] + apart, apart)
    places = [(y, x + (i % 2) * apart / 2) for i, y in enumerate(rows) for x in columns]
    centres = np.array(places) + rng.normal(0, 0.25 * radius, (len(places), 2))
    y, x = np.indices(shape)
    away, nearest = KDTree(centres).query(np.stack([y, x], axis=-1))
    sizes = radius * 1.06 * np.exp(rng.normal(0, 0.1, len(centres)))
    body = np.clip(1 - (away / sizes[nearest]) ** 2, 0, None) ** 0.25
    image = body * np.exp(rng.normal(0, 0.2, len(centres)))[nearest]
    image = ndimage.gaussian_filter(image, 0.18 * radius) + 0.1
    image *= 1 - 0.4 * (y / shape[0] + x / shape[1]) / 2
    inside = ((centres >= 0) & (centres < shape)).all(axis=1)
    return Scene(rng.poisson(image * 60) * 3.0, centres[inside], radius)


def draw_spotted(seed, *, radius=58.0, count=12, shape=(640, 760)):
    """Draw few large nuclei with a dozen bright spots in each."""
    scene = make_scene(
        radius=radius, count=count, shape=shape, contrast=300, gap=1.1, noise=8, seed=seed
    )
    rng = np.random.default_rng(seed)
    image = scene.image.copy()
    for centre in scene.centres:
        for _ in range(12):
            away, angle = 0.7 * radius * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
            at = centre + away * np.array([np.sin(angle), np.cos(angle)])
            draw_nucleus(
                image, at, rng.uniform(0.1, 0.18) * radius, 600 * rng.uniform(0.8, 1.2), 0, rng
            )
    return Scene(np.rint(image), scene.centres, radius)


def draw_nucleoli(seed, *, radius, depth, dtype, count=20):
    """Draw nuclei with one to three dark holes in each, a third as wide."""
    shape = (int(16 * radius), int(18 * radius))
    scene = make_scene(
        radius=radius, count=count, shape=shape, contrast=120, noise=3, background=20, seed=seed
    )
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    image = scene.image.copy()
    for number, centre in enumerate(scene.centres):
        first = rng.uniform(0, 2 * np.pi)
        for hole in range(1 + number % 3):
            angle = first + hole * 2 * np.pi / (1 + number % 3)
            at = centre + 0.45 * radius * np.array([np.sin(angle), np.cos(angle)])
            away = np.hypot(y - at[0], x - at[1]) - radius / 3
            image -= depth * (image - 20) * np.clip(0.5 - away / 2, 0, 1)
    scale = 1 if dtype == np.uint8 else 40
    return Scene(np.rint(np.clip(image, 0, 255) * scale).astype(dtype), scene.centres, radius)


def draw_stained(seed, *, share, radius=14.0):
    """Draw nuclei in cells the body of which is stained by a share of their contrast, in grains."""
    scene = make_scene(
        radius=radius, count=16, shape=(420, 460), contrast=1000, noise=15, gap=1.7, seed=seed
    )
    rng, image = np.random.default_rng(seed), scene.image.copy()
    cells = np.zeros(image.shape)
    for centre in scene.centres:
        at = centre + rng.normal(0, 0.3 * radius, 2)
        draw_nucleus(cells, at, 2.3 * radius, 1000 * share * rng.uniform(0.7, 1.3), 0.3, rng)
    return Scene(np.rint(image + cells), scene.centres, radius)


def draw_lobed(seed, *, radius=16.0, whole=16, lobed=10, lobes=7):
    """Draw nuclei of which some came apart into lobes, half as wide, that touch each other."""
    scene = make_scene(
        radius=radius, count=whole + lobed, shape=(640, 700), gap=2.0, noise=5, seed=seed
    )
    rng, image = np.random.default_rng(seed), np.full(scene.image.shape, 150.0)
    centres, edge = list(scene.centres[:whole]), np.array(image.shape) - radius
    for centre in centres:
        draw_nucleus(image, centre, radius, 600, 0.1, rng)
    for centre in scene.centres[whole:]:
        placed = np.empty((0, 3))
        while len(placed) < lobes:
            at, wide = centre + rng.normal(0, 0.8 * radius, 2), radius * rng.uniform(0.35, 0.55)
            away = np.hypot(*(placed[:, :2] - at).T)
            is_free = (away > 0.85 * (placed[:, 2] + wide)).all()
            if is_free and (at > radius).all() and (at < edge).all():
                placed = np.vstack([placed, [*at, wide]])
                draw_nucleus(image, at, wide, 600 * rng.uniform(0.4, 1.2), 0.1, rng)
        centres += list(placed[:, :2])
    return Scene(np.rint(rng.normal(image, 5)), np.array(centres), radius)
