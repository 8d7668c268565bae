"""The compiled kernel: local maxima of smoothed images, exactly as scikit-image finds them."""

import ctypes
import functools
import operator
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..values import Intensities, Points
from .binding import call, constant, isa_number, packed, structure_dtype
from .image import described

Image: TypeAlias = NDArray[Any]
Path: TypeAlias = Literal["fastest", "exact", "sieve", "single"]


def find_maxima(
    image: Image,
    *,
    sigma: Sequence[float],
    min_distance: int,
    threshold_abs: float | None,
    exclude_border: int,
) -> tuple[Points, Intensities]:
    """Smooth `image` and return its local maxima, brightest first, with their smoothed values.

    The same points and the same intensities, to the last bit, as
    `reference.find_maxima`, which is scikit-image.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Grey levels: bool, any integer or float16 to float64, in any byte order
        and memory layout. Only an image whose rows are not contiguous (Fortran order)
        is copied.
    sigma : sequence of two floats
        Standard deviation of the Gaussian along rows and columns, in pixels.
    min_distance : int
        Half-width of the square window in which a centre is the maximum, in
        pixels; 0 returns every pixel above the threshold.
    threshold_abs : float or None
        Centres are above this smoothed value; None stands for the least smoothed value.
    exclude_border : int
        Centres closer than this to the edge are dropped, in pixels.

    Returns
    -------
    points : ndarray of int64, shape (N, 2)
        (row, column) of each centre.
    intensities : ndarray of float64, shape (N,)
        The smoothed value at each centre, in grey levels.

    Raises
    ------
    ValueError
        The image is not two-dimensional; or it is empty and `threshold_abs` is
        None; or its smoothed values hold a NaN and `min_distance` is above 0:
        SciPy leaves the maximum of a window with a NaN undefined, so there is
        no answer to be equal to. That happens where the image holds a NaN, and
        where plus and minus infinity lie in reach of one another. Infinities
        of one sign are maxima like any other value, and without a window
        (`min_distance` 0) a NaN is not above any threshold; both are answered
        as scikit-image does.

    Notes
    -----
    Where no smoothed value can be above the threshold, nothing is smoothed.
    Elsewhere 16-bit integer arithmetic with a proved error bound finds the few
    pixels that can be maxima, and only those, with the pixels they might tie
    with, are smoothed in double precision, in SciPy's order of operations.
    Where that would be too many (no threshold or one below the background, so
    that its noise is full of maxima; wide smoothing, which leaves flat tops),
    all of the image is smoothed in single precision first, whose error is
    bounded, too: about a 25th of the time scikit-image needs instead of a
    fiftieth. Where even that does not tell (wide plateaus; `min_distance` 0),
    all is done in double precision, in a seventh. The time grows in proportion
    to `sigma`.

    The memory used beside the result is a few rows, kept for the next image by
    each thread: for smoothing that reaches r pixels (four times sigma) and
    min_distance d, about 2 r + 64 rows of 16-bit and, on the slower ways,
    4 r + 4 d of 32-bit and 2 r + 3 d of 64-bit numbers.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((9, 9))
    >>> image[3, 5] = 100
    >>> points, intensities = find_maxima(
    ...     image, sigma=(1, 1), min_distance=2, threshold_abs=1, exclude_border=0
    ... )
    >>> points
    array([[3, 5]])
    """
    return find_maxima_many(
        [image],
        sigma=sigma,
        min_distance=min_distance,
        threshold_abs=threshold_abs,
        exclude_border=exclude_border,
    )[0]


def find_maxima_many(
    images: Sequence[Image],
    *,
    sigma: Sequence[float],
    min_distance: int,
    threshold_abs: float | None,
    exclude_border: int,
    level: str | None = None,
    path: Path = "fastest",
    is_part: bool = False,
) -> list[tuple[Points, Intensities]]:
    """Do what `find_maxima` does for many images in one call, without the interpreter.

    Parameters
    ----------
    images : sequence of ndarray, or ndarray of shape (images, rows, columns)
        Images of one dtype; their shapes may differ.
    sigma, min_distance, threshold_abs, exclude_border
        As for `find_maxima`.
    level : str, optional
        The instruction set level to run, one of `levels()`; the best one, or
        the one named in the environment variable NUCENSUS_SIMD, if None.
    path : {"fastest", "exact", "sieve", "single"}
        What the tests use to run one way through the kernel: all of them give
        the same answer.
    is_part : bool
        The images are parts of larger ones: all maxima of their windows above the
        threshold are returned, which `space_maxima` spaces once they are together.

    Returns
    -------
    list of (points, intensities)
        One pair for each image, in order.

    Raises
    ------
    ValueError
        As for `find_maxima`, naming the place of the image in the sequence.
    """
    arrays = [np.asarray(image) for image in images]
    if not arrays:
        return []
    arrays = _checked(arrays, threshold_abs is None)
    vertical, horizontal = _filters(sigma)
    settings = packed(
        "MaximaSettings",
        vertical=vertical.ctypes.data,
        horizontal=horizontal.ctypes.data,
        vertical_radius=len(vertical) - 1,
        horizontal_radius=len(horizontal) - 1,
        **_shared_settings(
            min_distance, exclude_border, threshold_abs, arrays[0].dtype, level=level, path=path
        ),
        is_part=is_part,
    )
    known = [described(array) for array in arrays]
    return _call(
        "nucensus_find_maxima", f"find the maxima of {len(arrays)} images",
        b"".join(known), len(arrays), settings, image_count=len(arrays), axes=2,
    )  # fmt: skip


def find_maxima_in_volume(
    volume: Image,
    *,
    sigma: Sequence[float],
    min_distance: int,
    threshold_abs: float | None,
    exclude_border: int,
    level: str | None = None,
    path: Path = "fastest",
) -> tuple[Points, Intensities]:
    """Do what `find_maxima` does for a stack of planes, smoothed along all three axes.

    Parameters
    ----------
    volume : ndarray, shape (planes, rows, columns)
        Grey levels, as for `find_maxima`. `8 * sigma + 2 * min_distance + 33` rows
        of all planes are held in float32; where the sieve does not help, a copy in
        float64 (float32 where the volume is) and the maxima of
        `2 * min_distance + 1` planes.
    sigma : sequence of three floats
        Standard deviation of the Gaussian along planes, rows and columns.
    min_distance, threshold_abs, exclude_border
        As for `find_maxima`, along all three axes.
    level, path
        As for `find_maxima_many`.

    Returns
    -------
    points : ndarray of int64, shape (N, 3)
        (plane, row, column) of each centre.
    intensities : ndarray of float64, shape (N,)

    Raises
    ------
    ValueError
        As for `find_maxima`.
    """
    _check_grey_levels(volume, threshold_abs is None)
    if volume.dtype.kind == "f" and volume.dtype.itemsize > 8:
        volume = volume.astype(np.float64)
    if volume.ndim != 3 or len(sigma) != 3:
        raise ValueError(
            f"the volume has {volume.ndim} axes and sigma {len(sigma)} values; expected three of "
            "each (plane, row, column)"
        )
    weights = [_half_gaussian(float(each)) for each in sigma]
    settings = packed(
        "VolumeSettings",
        weights=[each.ctypes.data for each in weights],
        radius=[len(each) - 1 for each in weights],
        **_shared_settings(
            min_distance, exclude_border, threshold_abs, volume.dtype, level=level, path=path
        ),
    )
    return _call(
        "nucensus_find_maxima_in_volume", f"find the maxima of a volume of shape {volume.shape}",
        described(volume), settings, image_count=1, axes=3,
    )[0]  # fmt: skip


def _shared_settings(
    min_distance: int,
    exclude_border: int,
    threshold_abs: float | None,
    dtype: np.dtype[Any],
    *,
    level: str | None,
    path: Path,
) -> dict[str, Any]:
    return {
        "min_distance": _whole("min_distance", min_distance),
        "exclude_border": _whole("exclude_border", exclude_border),
        "threshold": _comparable(threshold_abs, dtype),
        "has_threshold": threshold_abs is not None,
        "isa": isa_number(level),
        "path": constant(f"path_{path}"),
    }


def _check_grey_levels(volume: Image, needs_pixels: bool) -> None:
    if volume.dtype.kind not in "biuf":
        raise TypeError(
            f"the volume has dtype {volume.dtype}; expected grey levels: bool, integers "
            "or real floating point; convert it first"
        )
    if needs_pixels and volume.size == 0:
        raise ValueError(
            f"the volume has no pixels (shape {volume.shape}) and there is no threshold; "
            "expected pixels to take the least value of; give a threshold"
        )


def _checked(arrays: list[Image], needs_pixels: bool) -> list[Image]:
    """Return the images in types the kernel knows, or say what is wrong with them."""
    for place, array in enumerate(arrays):
        if array.ndim != 2:
            raise ValueError(
                f"image {place} has shape {array.shape}; expected two axes (row, column); "
                "pick one plane, or use the reference detector for other dimensions"
            )
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"image {place} has dtype {array.dtype}; expected grey levels: bool, integers "
                "or real floating point; convert it first"
            )
        if array.dtype != arrays[0].dtype:
            raise ValueError(
                f"image {place} has dtype {array.dtype} and image 0 has {arrays[0].dtype}; "
                "expected one dtype; call once for each"
            )
        if needs_pixels and array.size == 0:
            raise ValueError(
                f"image {place} has no pixels (shape {array.shape}) and there is no threshold; "
                "expected pixels to take the least value of; give a threshold"
            )
    if arrays[0].dtype.kind == "f" and arrays[0].dtype.itemsize > 8:
        return [array.astype(np.float64) for array in arrays]
    return arrays


def _filters(sigma: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(sigma) != 2:
        raise ValueError(f"sigma has {len(sigma)} values; expected two, one per axis (row, column)")
    for value in sigma:
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(
                f"sigma is {tuple(sigma)}; expected finite numbers of pixels, 0 or more"
            )
    return _half_gaussian(float(sigma[0])), _half_gaussian(float(sigma[1]))


@functools.lru_cache(maxsize=64)
def _half_gaussian(sigma: float) -> NDArray[np.float64]:
    """Return the weights SciPy uses, from the centre outwards.

    The formula of `scipy.ndimage.gaussian_filter1d` with truncate 4, in the
    same NumPy operations, so that no weight differs in its last bit. SciPy
    skips an axis whose sigma is at most 1e-15, which a single weight of 1 does too.
    """
    if sigma <= 1e-15:
        return np.ones(1)
    radius = int(4.0 * sigma + 0.5)
    sigma2 = sigma * sigma
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 / sigma2 * x**2)
    weights = weights / weights.sum()
    # SciPy reverses the weights and adds up pairs by the weight before the centre.
    return np.ascontiguousarray(weights[radius:])


def _whole(name: str, value: int) -> int:
    number = operator.index(value)
    if number < 0:
        raise ValueError(f"{name} is {number}; expected a whole number of pixels, 0 or more")
    # Distances beyond any image are all alike, and sums of them must not overflow.
    return min(number, 2**40)


@functools.lru_cache(maxsize=64, typed=True)
def _comparable(threshold: float | None, dtype: np.dtype[Any]) -> float:
    """Return the threshold as NumPy compares it with smoothed values of an image of `dtype`."""
    if threshold is None:
        return 0.0
    # As in scikit-image, float16 of the other byte order is smoothed in float64.
    single = dtype == np.float16 or (dtype.kind, dtype.itemsize) == ("f", 4)
    smoothed = np.float32 if single else np.float64
    with np.errstate(over="ignore"):
        return float(np.result_type(smoothed, threshold).type(threshold))


def _call(
    function: str, purpose: str, *arguments: Any, image_count: int, axes: int
) -> list[tuple[Points, Intensities]]:
    """Return what the kernel found as one pair of arrays for each image."""
    maxima = np.zeros((), structure_dtype("Maxima"))
    call(function, purpose, *arguments, maxima)
    try:
        at_points, at_intensities, at_counts, total = maxima.item()
        counts = _copied(at_counts, np.empty(image_count, np.int64))
        if counts.min() < 0:
            _refuse_nan(int(counts.argmin()))
        points = _copied(at_points, np.empty((total, axes), np.int64))
        intensities = _copied(at_intensities, np.empty(total))
    finally:
        call("nucensus_release", "give memory back", maxima)
    if image_count == 1:
        return [(points, intensities)]
    ends = np.cumsum(counts)
    return [
        (points[start:end].copy(), intensities[start:end].copy())
        for start, end in zip(ends - counts, ends, strict=True)
    ]


def _copied(address: int, to: NDArray[Any]) -> NDArray[Any]:
    ctypes.memmove(to.ctypes.data, address, to.nbytes)
    return to


def _refuse_nan(place: int) -> NoReturn:
    raise ValueError(
        f"the smoothed values of image {place} hold a NaN, whose local maxima "
        "scikit-image leaves undefined; expected numbers; replace NaN in the image "
        "(and infinities of both signs) first, for example with numpy.nan_to_num"
    )
