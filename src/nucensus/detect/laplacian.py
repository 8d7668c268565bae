"""The Laplacian of Gaussian over scales: blobs, each at the scale where it stands out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..values import Centres, Intensities, Points, Settings
from ..values.neighbours import pairs_within
from .detector import Control, Detector
from .parameters import Parameters, parameters
from .pooled import Resolved
from .refine import smoothed_at

_SCALES_PER_OCTAVE = 3
"""Scales from one to its double. Larger: slower, and sizes are told apart more finely."""
_LEAST_RADIUS, _MOST_RADIUS = 0.6, 1.5
"""Of the nuclei that are looked for, in radii of a typical one. Larger: fewer small, more large."""
_LEAST_CONTRAST = 0.25
"""In contrasts of a typical nucleus. Larger: dim nuclei are lost."""
_LEAST_GRID_SIGMA = 2.0
"""The image is averaged to a grid on which the least scale is at least this, in pixels. Larger:
slower, and centres are placed more finely."""
_BYTES_CONVERTED, _BYTES_A_SCALE = 14, 12
"""Of memory for each pixel of the image, and of its grid: the answers, and their neighbours."""


def find_blobs(image: NDArray[Any], settings: Settings, resolved: Resolved | None) -> Centres:
    """Find nuclei as blobs over scales: the detector `log`.

    A pair of numbers as sigma is the range of scales, one number is the only
    scale; the threshold is the least contrast. The intensity of a blob is the grey
    level smoothed at its own scale. What is not finite counts as the median, as
    for `auto`.
    """
    if _is_blank(settings, resolved):
        return Centres(np.empty((0, 2), np.int64), np.empty(0), flag="blank")
    scales, threshold = blob_parameters(settings, resolved)
    usable = _finite(image)
    points, contrasts, sigmas = detect_log(usable, sigma_range=scales, threshold=threshold)
    grey_levels = np.empty(len(points))
    for sigma in np.unique(sigmas):
        alike = sigmas == sigma
        grey_levels[alike] = smoothed_at(usable, points[alike], float(sigma))
    order = np.lexsort((points[:, 1], points[:, 0], -grey_levels))
    return Centres(points[order], grey_levels[order], contrasts=contrasts[order])


def _is_blank(settings: Settings, resolved: Resolved | None) -> bool:
    """Tell whether scales are to be estimated of images in which nothing was seen."""
    return isinstance(settings.sigma, str) and resolved is not None and resolved.is_blank


def _finite(image: NDArray[Any]) -> NDArray[Any]:
    usable = np.isfinite(image)
    return image if usable.all() else np.where(usable, image, np.median(image[usable]))


def blob_parameters(
    settings: Settings, resolved: Resolved | None
) -> tuple[tuple[float, float], float]:
    """Return the range of scales and the least contrast; what is left open is estimated."""
    if isinstance(settings.sigma, str) and resolved is not None:
        least, most = (r * resolved.radius_px / np.sqrt(2) for r in (_LEAST_RADIUS, _MOST_RADIUS))
    else:
        least, *_, most = np.atleast_1d(settings.sigma)[[0, -1]]
    threshold = settings.threshold or 0.0
    if isinstance(threshold, str):
        threshold = _LEAST_CONTRAST * resolved.contrast if resolved is not None else 0.0
    return (float(least), float(most)), float(threshold)


def _scales(sigma_range: tuple[float, float]) -> tuple[NDArray[np.float64], int]:
    """Return the scales of a range, and of how many pixels a side is one of the grid."""
    least, greatest = sigma_range
    count = 1 + round(_SCALES_PER_OCTAVE * np.log2(greatest / least))
    return np.geomspace(least, greatest, count), max(1, int(least / _LEAST_GRID_SIGMA))


def _bytes_a_pixel(settings: Settings, resolved: Resolved | None, _dtype: np.dtype[Any]) -> float:
    """Return what it takes: answers at all scales, and the maxima around them, on the grid."""
    if _is_blank(settings, resolved):
        return 0
    is_known = resolved is not None or not isinstance(settings.sigma, str)
    scales = blob_parameters(settings, resolved)[0] if is_known else (_LEAST_RADIUS, _MOST_RADIUS)
    sigmas, step = _scales(scales)
    return max(_BYTES_CONVERTED, 4 + (8 + _BYTES_A_SCALE * len(sigmas)) / step**2)


def _numbers(settings: Settings, resolved: Resolved | None) -> Parameters:
    """Return the range of scales and the least contrast, as numbers of `Settings`."""
    scales, threshold = blob_parameters(settings, resolved)
    sigma = tuple(round(scale, 2) for scale in scales)
    return Parameters(sigma, parameters(settings, resolved).min_distance, threshold)


def _mean_radius_px(settings: Settings, resolved: Resolved | None = None) -> float:
    """Return the radius of a disc that answers most in the middle of the scales."""
    return float(np.sqrt(2) * np.mean(blob_parameters(settings, resolved)[0]))


def detect_log(
    image: NDArray[Any],
    *,
    sigma_range: tuple[float, float],
    threshold: float,
) -> tuple[Points, Intensities, NDArray[np.float64]]:
    """Find bright blobs with the scale-normalised Laplacian of Gaussian.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Grey levels, all finite.
    sigma_range : tuple of two floats
        Least and greatest standard deviation of the Gaussian, in pixels. A disc
        of radius r answers most at sigma = r / sqrt(2).
    threshold : float
        Least contrast of a blob, in grey levels: that of a disc which answers as much.

    Returns
    -------
    points : ndarray of int64, shape (N, 2)
        (row, column) of each blob, the strongest first.
    intensities : ndarray of float64, shape (N,)
        The contrast of a disc that answers as much, in grey levels.
    sigmas : ndarray of float64, shape (N,)
        The scale of each, in pixels.

    References
    ----------
    Lindeberg, "Feature detection with automatic scale selection",
    International Journal of Computer Vision 30, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:80, :80]
    >>> image = 100.0 * ((y - 40) ** 2 + (x - 30) ** 2 < 10**2)
    >>> points, contrasts, sigmas = detect_log(image, sigma_range=(3, 12), threshold=50)
    >>> points
    array([[40, 30]])
    """
    least, greatest = sigma_range
    if not 0 < least <= greatest:
        raise ValueError(
            f"sigma_range is {sigma_range}; expected two positive numbers of "
            "pixels, the least first"
        )
    if image.size == 0:
        return np.empty((0, 2), np.int64), np.empty(0), np.empty(0)
    sigmas, step = _scales(sigma_range)
    answers = _answers(_averaged(image, step), np.sqrt(sigmas**2 - (step**2 - 1) / 12) / step)
    scale, row, column = np.nonzero(_is_maximum(answers) & (answers > threshold))
    strength = answers[scale, row, column].astype(np.float64)
    found = np.stack([row, column], axis=1).astype(np.float64)
    if step > 1:
        found = (found + _summits(answers, scale, row, column)) * step + (step - 1) / 2
    points = np.rint(found).astype(np.int64).clip(0, np.array(image.shape) - 1)
    order = np.lexsort((points[:, 1], points[:, 0], -strength))
    kept = order[_apart(points[order], np.sqrt(2) * sigmas[scale][order])]
    return points[kept], strength[kept], sigmas[scale][kept]


def _averaged(image: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Return the heights above the median, averaged over squares of pixels."""
    heights = (image - np.median(image[::step, ::step]).astype(np.float64)).astype(np.float32)
    whole = np.pad(heights, [(0, -size % step) for size in image.shape], mode="edge")
    rows = whole.reshape(-1, step, whole.shape[1]).mean(axis=1)
    averaged: NDArray[np.float32] = rows.reshape(len(rows), -1, step).mean(axis=2)
    return averaged


def _answers(image: NDArray[np.float32], sigmas: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the answer at each scale, to a disc of matching size equal to its contrast."""
    margin = min(int(4 * sigmas[-1]), *(size - 1 for size in image.shape))
    shape = tuple(_fast_size(size + 2 * margin) for size in image.shape)
    ends = [(margin, whole - size - margin) for whole, size in zip(shape, image.shape, strict=True)]
    spectrum = np.fft.rfft2(np.pad(image, ends, mode="symmetric"))
    rows = (2 * np.pi * np.fft.fftfreq(shape[0])[:, None]).astype(np.float32) ** 2
    columns = (2 * np.pi * np.fft.rfftfreq(shape[1])[None, :]).astype(np.float32) ** 2
    answers = np.empty((len(sigmas), *image.shape), np.float32)
    for place, sigma in enumerate(sigmas.astype(np.float32)):
        # At its own scale a disc of contrast 1 answers 2 / e.
        gain = np.exp(-(sigma**2) * rows / 2) * np.exp(-(sigma**2) * columns / 2)
        gain *= np.float32(np.e / 2) * sigma**2 * (rows + columns)
        whole = np.fft.irfft2(spectrum * gain, shape)
        answers[place] = whole[margin : margin + image.shape[0], margin : margin + image.shape[1]]
    return answers


def _fast_size(least: int) -> int:
    """Return the next size without prime factors above 5, which the transform is fast for."""
    size = least
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1


def _is_maximum(answers: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say where no neighbour in space or scale is greater."""
    greatest = answers
    for axis in range(3):
        before = np.moveaxis(greatest, axis, 0)
        after = before.copy()
        np.maximum(after[1:], before[:-1], out=after[1:])
        np.maximum(after[:-1], before[1:], out=after[:-1])
        greatest = np.moveaxis(after, 0, axis)
    equal: NDArray[np.bool_] = answers == greatest
    return equal


def _summits(
    answers: NDArray[np.float32],
    scale: NDArray[np.intp],
    row: NDArray[np.intp],
    column: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return how far the summit of a parabola through each maximum is off, along both axes."""
    offsets = np.zeros((len(row), 2))
    middle = answers[scale, row, column]
    for axis, (at, size) in enumerate(zip((row, column), answers.shape[1:], strict=True)):
        inside = (at > 0) & (at < size - 1)
        step = inside.astype(np.intp)
        places = (row - step, row + step) if axis == 0 else (column - step, column + step)
        before, after = (
            answers[scale, place, column] if axis == 0 else answers[scale, row, place]
            for place in places
        )
        bend = before - 2 * middle + after
        np.divide(before - after, 2 * bend, out=offsets[:, axis], where=bend < 0, casting="unsafe")
    return offsets


def _apart(points: Points, radii: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which blobs stay: none has its centre in a stronger one, nor holds that one's."""
    if not len(points):
        return np.empty(0, np.intp)
    strong, weak, distance = pairs_within(points, points, float(radii.max()))
    near = (strong < weak) & (distance < np.maximum(radii[strong], radii[weak]))
    order = np.argsort(weak[near], kind="stable")
    kept = np.ones(len(points), bool)
    for one, other in zip(strong[near][order].tolist(), weak[near][order].tolist(), strict=True):
        kept[other] &= not kept[one]
    return np.flatnonzero(kept)


DETECTOR = Detector(
    find_blobs,
    summary="blobs over scales",
    about="Blobs over a range of sizes (Laplacian of Gaussian).",
    finds="blobs",
    controls=(
        Control(
            "least", "sigma", "Least scale", "sigma, px",
            low=0.5, high=30, step=0.1, least=0.1, most=100, end="least",
        ),
        Control(
            "most", "sigma", "Greatest scale", "sigma, px",
            low=0.5, high=30, step=0.1, least=0.1, most=100, end="most",
        ),
        Control("threshold", "threshold", "Least contrast", "grey levels"),
    ),
    threshold="contrast",
    numbers=_numbers,
    radius_px=_mean_radius_px,
    ring_px=_mean_radius_px,
    bytes_a_pixel=_bytes_a_pixel,
)  # fmt: skip
