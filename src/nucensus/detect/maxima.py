"""The published detector: local maxima of the smoothed image above a threshold."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import kernel
from ..values import Centres, Points, Settings
from . import reference
from .detector import Control, Detector
from .given import as_image
from .parameters import parameters
from .pooled import Resolved


def detect_nuclei(
    image: ArrayLike,
    sigma: float | Sequence[float] = 4,
    min_distance: int = 6,
    threshold_abs: float | None = 1000,
    *,
    exclude_border: bool | int = True,
) -> Points:
    """Return the centres of the nuclei in `image`, brightest first.

    The image is smoothed with a Gaussian; the centres are its local maxima
    above a threshold. The result equals that of scikit-image 0.26, point for
    point and in the same order:

        peak_local_max(gaussian(image, sigma, preserve_range=True),
                       min_distance, threshold_abs)

    Parameters
    ----------
    image : array_like, shape (height, width) or any other number of axes
        Grey levels: bool, integers, float16, float32 or float64, in any byte
        order and memory layout. Images of two axes and stacks of three go
        through the compiled kernel, all others through scikit-image.
    sigma : float or sequence of float
        Standard deviation of the Gaussian, in pixels: one number, or one per
        axis. 0 does not smooth.
    min_distance : int
        Half-width of the square window in which a centre is the maximum, in
        pixels.
    threshold_abs : float or None
        Centres are above this smoothed value, in grey levels. None stands for
        the least smoothed value of the image.
    exclude_border : bool or int
        Centres closer than this to the edge are dropped, in pixels. True stands
        for `min_distance`, False for 0.

    Returns
    -------
    ndarray of int64, shape (N, ndim)
        (row, column) of each centre.

    Raises
    ------
    TypeError
        The image is not one of real numbers.
    ValueError
        A parameter has no meaning, or the image holds NaN or infinities where
        scikit-image has no defined answer.

    Warns
    -----
    UserWarning
        The image is of bool, a mask, and no pixel of one can be above the threshold.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((40, 60), np.uint16)
    >>> image[20, 30] = 60_000
    >>> detect_nuclei(image, sigma=2, threshold_abs=100)
    array([[20, 30]])
    """
    image = as_image(image)
    if image.dtype == bool and threshold_abs is not None and threshold_abs >= 1:
        warnings.warn(
            f"the image is a mask of False and True, and nothing in it can be above the threshold "
            f"{threshold_abs:g}; give the picture that it was made of, or a threshold_abs below 1",
            stacklevel=2,
        )
    points, _ = _find_maxima(
        image,
        sigma=sigma,
        min_distance=min_distance,
        threshold_abs=threshold_abs,
        exclude_border=_border_px(exclude_border, min_distance),
    )
    return points


def find_maxima(image: NDArray[Any], settings: Settings, resolved: Resolved | None) -> Centres:
    """Find nuclei as first published: the detector `maxima`."""
    if isinstance(settings.threshold, str) and resolved is not None and resolved.is_blank:
        return Centres(np.empty((0, image.ndim), np.int64), np.empty(0), flag="blank")
    numbers = parameters(settings, resolved)
    points, intensities = _find_maxima(
        image,
        sigma=numbers.sigma,
        min_distance=numbers.min_distance,
        threshold_abs=numbers.threshold,
        exclude_border=numbers.min_distance if settings.border == "drop" else 0,
    )
    return Centres(points, intensities)


def _find_maxima(
    image: NDArray[Any],
    *,
    sigma: float | Sequence[float],
    min_distance: int,
    threshold_abs: float | None,
    exclude_border: int,
) -> tuple[Points, NDArray[np.float64]]:
    check_pixels(image.dtype)
    if image.ndim == 0:
        raise ValueError("the image is a single number; expected an array of height x width")
    _check_whole("min_distance", min_distance)
    if isinstance(threshold_abs, str) or threshold_abs != threshold_abs:
        raise ValueError(f"threshold_abs is {threshold_abs!r}; expected a grey level, or None")
    find: _Finder = _FINDERS.get(image.ndim, reference.find_maxima)
    return find(
        image,
        sigma=sigma_per_axis(sigma, image.ndim),
        min_distance=int(min_distance),
        threshold_abs=threshold_abs,
        exclude_border=exclude_border,
    )


def check_pixels(dtype: np.dtype[Any]) -> None:
    """Raise a TypeError unless pixels are of a type that images have."""
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise TypeError(
            f"the image has dtype {dtype}; expected bool, integers or floating point "
            f"numbers of at most 64 bits; convert it with image.astype(...)"
        )


_Finder: TypeAlias = Callable[..., tuple[Points, NDArray[np.float64]]]

_FINDERS: dict[int, _Finder] = {
    2: kernel.find_maxima,
    3: kernel.find_maxima_in_volume,
}
"""The compiled kernel, by the number of axes; the reference does all others."""


def sigma_per_axis(sigma: float | Sequence[float], ndim: int) -> tuple[float, ...]:
    """Return the sigma of each axis of an image, in pixels."""
    numbers = tuple(sigma) if isinstance(sigma, Iterable) else (sigma,) * ndim
    if not all(isinstance(each, Real) for each in numbers):
        raise TypeError(f"sigma is {sigma!r}; expected a number of pixels, or one per axis")
    sigmas = tuple(map(float, numbers))
    if len(sigmas) != ndim:
        raise ValueError(f"sigma has {len(sigmas)} values; expected 1 or {ndim}, one per axis")
    if not all(np.isfinite(each) and each >= 0 for each in sigmas):
        raise ValueError(f"sigma is {sigma}; expected finite numbers of pixels, 0 or more")
    return sigmas


def _border_px(exclude_border: bool | int, min_distance: int) -> int:
    if isinstance(exclude_border, bool | np.bool):
        return int(min_distance) if exclude_border else 0
    _check_whole("exclude_border", exclude_border)
    return int(exclude_border)


def _check_whole(name: str, number: Any) -> None:
    if not isinstance(number, Real) or float(number) < 0 or float(number) % 1:
        raise ValueError(f"{name} is {number!r}; expected a whole number, 0 or more")


DETECTOR = Detector(
    find_maxima,
    summary="as published",
    about="Smoothed, then the local maxima above a threshold, as published.",
    takes_volumes=True,
    controls=(
        Control("sigma", "sigma", "Smoothing", "sigma, px", low=0, high=20, step=0.1,
                least=0, most=100),
        Control(
            "distance", "min_distance", "Least distance", "px",
            low=1, high=50, step=1, least=1, most=1000,
        ),
        Control("threshold", "threshold", "Threshold", "smoothed level"),
    ),
    drops_at_edge=True,
    takes_sigma_per_axis=True,
    threshold="level",
)  # fmt: skip
