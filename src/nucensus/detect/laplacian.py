"""The Laplacian of Gaussian over scales: blobs, each at the scale where it stands out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Centres, Intensities, Points, Settings
from .estimate import Resolved

_SCALES_PER_OCTAVE = 3
_LEAST_RADIUS, _MOST_RADIUS = 0.6, 1.5
"""Of the nuclei that are looked for, in radii of a typical one."""
_LEAST_CONTRAST = 0.25
"""In contrasts of a typical nucleus."""


def find_blobs(image: NDArray[Any], settings: Settings, resolved: Resolved | None) -> Centres:
    """Find nuclei as blobs over scales: the detector `log`.

    A pair of numbers as sigma is the range of scales, one number is the only
    scale; the threshold is the least contrast.
    """
    if isinstance(settings.sigma, str) and resolved is not None and resolved.is_blank:
        return Centres(np.empty((0, 2), np.int64), np.empty(0), flag="blank")
    scales, threshold = blob_parameters(settings, resolved)
    points, contrasts, _ = detect_log(image, sigma_range=scales, threshold=threshold)
    return Centres(points, contrasts)


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
    count = 1 + round(_SCALES_PER_OCTAVE * np.log2(greatest / least))
    sigmas = np.geomspace(least, greatest, count)
    answers = _answers(image, sigmas)
    scale, row, column = np.nonzero(_is_maximum(answers) & (answers > threshold))
    strength = answers[scale, row, column]
    order = np.lexsort((column, row, -strength))
    points = np.stack([row, column], axis=1)[order]
    kept = _apart(points, np.sqrt(2) * sigmas[scale][order])
    return points[kept], strength[order][kept], sigmas[scale][order][kept]


def _answers(image: NDArray[Any], sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the answer at each scale, to a disc of matching size equal to its contrast."""
    margin = min(int(4 * sigmas[-1]), *(size - 1 for size in image.shape))
    padded = np.pad(image.astype(np.float64), margin, mode="symmetric") if margin else image
    spectrum = np.fft.rfft2(padded)
    rows, columns = np.fft.fftfreq(padded.shape[0]), np.fft.rfftfreq(padded.shape[1])
    square = (2 * np.pi) ** 2 * (rows[:, None] ** 2 + columns[None, :] ** 2)
    answers = np.empty((len(sigmas), *image.shape))
    for place, sigma in enumerate(sigmas):
        # At its own scale a disc of contrast 1 answers 2 / e.
        gain = np.e / 2 * sigma**2 * square * np.exp(-(sigma**2) * square / 2)
        whole = np.fft.irfft2(spectrum * gain, padded.shape)
        answers[place] = whole[margin : margin + image.shape[0], margin : margin + image.shape[1]]
    return answers


def _is_maximum(answers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say where no neighbour in space or scale is greater."""
    greatest = answers
    for axis in range(3):
        padded = np.pad(greatest, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        size = answers.shape[axis]
        slices = [padded.take(range(start, start + size), axis=axis) for start in range(3)]
        greatest = np.maximum.reduce(slices)
    equal: NDArray[np.bool_] = answers == greatest
    return equal


def _apart(points: Points, radii: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which blobs stay: none has its centre in a stronger one, nor holds that one's."""
    kept: list[int] = []
    for place, (point, radius) in enumerate(zip(points, radii, strict=True)):
        distance = np.hypot(*(points[kept] - point).T) if kept else np.empty(0)
        if (distance >= np.maximum(radii[kept], radius)).all():
            kept.append(place)
    return np.array(kept, np.intp)
