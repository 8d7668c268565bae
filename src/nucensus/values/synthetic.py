"""Make synthetic fields of nuclei whose centres are known."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import InputError

_MOST_FAILURES = 10_000
"""Places that are tried for one nucleus."""


@dataclass(frozen=True, slots=True)
class Field:
    """One synthetic image with its truth.

    Attributes
    ----------
    image : ndarray of uint16, shape (height, width)
        Grey levels of a 12-bit camera.
    centres : ndarray of float64, shape (N, 2)
        (row, column) of each nucleus, in pixels.
    """

    image: NDArray[np.uint16]
    centres: NDArray[np.float64]


def make_field(
    seed: int,
    *,
    shape: tuple[int, int] = (1024, 1280),
    nuclei: int = 120,
    radius_px: float = 11,
    brightness: float = 2200,
    background: float = 160,
    touching: float = 0.2,
) -> Field:
    """Draw one field: round to oval nuclei on uneven ground, with camera noise.

    Parameters
    ----------
    seed : int
        The same seed gives the same field.
    shape : (int, int)
        (height, width), in pixels.
    nuclei : int
        How many nuclei; 0 makes a blank field.
    radius_px : float
        Mean radius of a nucleus, in pixels.
    brightness : float
        Mean grey level of a nucleus above the ground.
    background : float
        Mean grey level of the ground.
    touching : float
        Part of the nuclei that touch the one drawn before.

    Returns
    -------
    Field

    Raises
    ------
    InputError
        So many nuclei do not fit into the image.

    Examples
    --------
    >>> field = make_field(1, shape=(128, 128), nuclei=5)
    >>> field.image.dtype, field.centres.shape
    (dtype('uint16'), (5, 2))
    """
    rng = np.random.default_rng(seed)
    light = _uneven_light(shape, rng)
    signal = np.zeros(shape)
    centres = list(_place(nuclei, shape, radius_px, touching, rng))
    for y, x in centres:
        _draw_nucleus(signal, y, x, radius_px, brightness, rng)
    photons = rng.poisson((background + signal) * light)
    image = photons + rng.normal(0, 4, shape)
    return Field(
        np.clip(np.rint(image), 0, 4095).astype(np.uint16),
        np.array(centres, np.float64).reshape(-1, 2),
    )


def write_plate(
    folder: str | os.PathLike[str], *, fields: int = 24, seed: int = 0, corrupt: bool = True
) -> list[Path]:
    """Write a small plate of 1024 x 1280 TIFF files with known centres.

    Field 5 is blank, and one more file is cut off in the middle if `corrupt`.
    `truth.csv` (`image,y,x`) beside the images holds the centres.

    Parameters
    ----------
    folder : path
        Where to write; made if it is not there.
    fields : int
        How many images, four sites to a well.
    seed : int
        The same seed gives the same plate.
    corrupt : bool
        Whether a damaged file is added, as real plates have them.

    Returns
    -------
    list of Path
        The image files.
    """
    import tifffile

    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {str(target)!r} cannot be made: {error.strerror}") from error
    paths = []
    with open(target / "truth.csv", "w", newline="") as file:
        truth = csv.writer(file, lineterminator="\n")
        truth.writerow(("image", "y", "x"))
        for index in range(fields):
            path = target / f"demo_{_well(index)}_s{index % 4 + 1}_w1.tif"
            field = make_field(seed * 1_000_003 + index, nuclei=0 if index == 5 else 120)
            tifffile.imwrite(path, field.image)
            truth.writerows((path.name, f"{y:.2f}", f"{x:.2f}") for y, x in field.centres)
            paths.append(path)
    if corrupt:
        path = target / f"demo_{_well(fields)}_s{fields % 4 + 1}_w1.tif"
        path.write_bytes(paths[0].read_bytes()[: 1024 * 1280])
        paths.append(path)
    return paths


def _well(index: int) -> str:
    return f"{'ABCDEFGH'[index // 4 // 12 % 8]}{index // 4 % 12 + 1:02d}"


def _place(
    count: int,
    shape: tuple[int, int],
    radius_px: float,
    touching: float,
    rng: np.random.Generator,
) -> Iterator[tuple[float, float]]:
    """Yield centres that keep their distance, but for those that touch another."""
    placed: list[tuple[float, float]] = []
    failures = 0
    while len(placed) < count:
        if failures > _MOST_FAILURES:
            raise InputError(
                f"{count} nuclei of radius {radius_px:g} px do not fit into {shape[0]} x "
                f"{shape[1]} pixels: there is room for about {len(placed)}; give fewer or smaller "
                f"nuclei, or a larger shape"
            )
        failures += 1
        touches = bool(placed) and rng.random() < touching
        if touches:
            angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(1.75, 1.95) * radius_px
            y = placed[-1][0] + distance * np.sin(angle)
            x = placed[-1][1] + distance * np.cos(angle)
        else:
            y, x = rng.uniform(0, shape[0] - 1), rng.uniform(0, shape[1] - 1)
        inside = 0 <= y <= shape[0] - 1 and 0 <= x <= shape[1] - 1
        least = (1.7 if touches else 2.4) * radius_px
        if inside and all((y - v) ** 2 + (x - u) ** 2 >= least**2 for v, u in placed):
            placed.append((y, x))
            failures = 0
            yield y, x


def _draw_nucleus(
    signal: NDArray[np.float64],
    y: float,
    x: float,
    radius_px: float,
    brightness: float,
    rng: np.random.Generator,
) -> None:
    """Add an oval with a soft edge and a gently domed inside."""
    radius = radius_px * rng.normal(1, 0.08)
    ratio, angle = rng.uniform(0.8, 1.0), rng.uniform(0, np.pi)
    reach = int(2 * radius_px) + 2
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    rows, columns = np.mgrid[
        top : min(signal.shape[0], int(y) + reach + 1),
        left : min(signal.shape[1], int(x) + reach + 1),
    ]
    along = (rows - y) * np.sin(angle) + (columns - x) * np.cos(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    distance = np.hypot(along * np.sqrt(ratio), across / np.sqrt(ratio)) / radius
    dome = 1 - 0.35 * np.minimum(distance, 1) ** 2
    edge = 1 / (1 + np.exp(np.clip((distance - 1) * radius / 0.9, -50, 50)))
    nucleus = brightness * rng.uniform(0.7, 1.2) * dome * edge
    patch = signal[top : rows[-1, 0] + 1, left : columns[0, -1] + 1]
    np.maximum(patch, nucleus, out=patch)


def _uneven_light(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the light in each pixel: bright near the middle, three quarters in the corners."""
    rows = np.linspace(-1, 1, shape[0])[:, None] - rng.uniform(-0.2, 0.2)
    columns = np.linspace(-1, 1, shape[1])[None, :] - rng.uniform(-0.2, 0.2)
    return 1 - 0.12 * (rows**2 + columns**2)
