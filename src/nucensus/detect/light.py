"""Learn how uneven the light is from the nuclei that lie in it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..text.plurals import pluralize
from ..values.flat_field import FlatField, polynomials
from .flags import SATURATED_SHARE

Floats: TypeAlias = NDArray[np.float64]

_LEAST_IN_IMAGE = 5
"""Nuclei of an image whose brightness is compared with that of others. Larger: fewer are used."""
_LEAST_IMAGES = 8
"""With so many nuclei. Larger: small runs are refused."""
_MOST_ERROR = 0.05
"""Standard error of the light where it is least certain. Larger: it is learned from fewer."""
_MOST_SATURATED = 0.5
"""Of the images. Larger: more is learned where few images are not cut off."""
_ROUNDS, _STEADY, _HUBER = 20, 1e-6, 1.345
"""Of the fit at most; change of its weights that ends it; deviations from which a nucleus counts
less (Huber, Robust Statistics, 1981)."""
_COUNTS = 1, 6, 7, 15
"""Polynomials that are tried: even light, parabolas, with darker corners, all to the fourth
power."""
_GRID = 33


@dataclass(frozen=True, slots=True)
class Lit:
    """The nuclei of an image, and how bright each is: what it says of the light.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the image.
    points : ndarray of float64, shape (N, 2)
        Row and column of each nucleus.
    heights : ndarray of float64, shape (N,)
        The mean of each above the background, in grey levels.
    is_saturated : bool
        Whether nuclei are cut off at the greatest level.
    """

    shape: tuple[int, int]
    points: Floats
    heights: Floats
    is_saturated: bool


def is_saturated(image: NDArray[Any], points: NDArray[np.int64]) -> bool:
    """Tell whether nuclei of an image as it was taken are flat at its greatest level."""
    y, x = np.clip(points.T, 1, np.array(image.shape)[:, None] - 2)
    greatest, around = image.max(), range(-1, 2)
    flat = np.all([image[y + dy, x + dx] == greatest for dy in around for dx in around], axis=0)
    return int(np.count_nonzero(flat)) >= max(SATURATED_SHARE * len(points), 1)


def learn_lights(looks: Sequence[Lit]) -> list[FlatField]:
    """Learn the light over the field from the images of a plate, for each of their sizes."""
    return [learn_light([look for look in looks if look.shape == shape])
            for shape in sorted({look.shape for look in looks})]  # fmt: skip


def learn_light(looks: Sequence[Lit]) -> FlatField:
    """Learn the light over the field from the nuclei of many images of one size.

    A nucleus is as bright as the light where it lies, its own brightness aside, which has nothing
    to do with the place: so a sum of polynomials is fitted to the logarithms of the heights of
    nuclei over their background, with a level for each image. What a camera adds to every pixel
    has no part in it, as it has where the light is told from the background (BaSiC: Peng et al.,
    Nature Communications 8, 14836, 2017; CellProfiler's CorrectIlluminationCalculate).

    Returns
    -------
    FlatField
        Without terms, and with the reason, where images are saturated or have too few nuclei.
    """
    usable = [
        look for look in looks if not look.is_saturated and len(look.points) >= _LEAST_IN_IMAGE
    ]
    count = sum(len(look.points) for look in usable)
    shape = looks[0].shape
    saturated = sum(look.is_saturated for look in looks)
    if saturated > _MOST_SATURATED * len(looks):
        why = f"in {saturated} of {len(looks)} images nuclei are saturated"
        return FlatField(*shape, images=len(usable), nuclei=count, why=why)
    terms, error = _fitted(usable, shape) if usable else (np.zeros(0), math.inf)
    if len(usable) < _LEAST_IMAGES or not error <= _MOST_ERROR:
        known = f", which tell it to {100 * error:.0f} %" if math.isfinite(error) else ""
        verb = "is" if count == 1 else "are"
        why = (
            f"there {verb} {pluralize(count, 'nucleus')} in "
            f"{pluralize(len(usable), 'usable image')} of the sample{known}"
        )
        return FlatField(*shape, images=len(usable), nuclei=count, why=why)
    return _normalised(terms, shape, images=len(usable), nuclei=count, error=error)


EXPECTED = (
    f"expected {_LEAST_IMAGES} images or more that are not saturated, and nuclei enough to tell it "
    f"to {100 * _MOST_ERROR:.0f} % everywhere, some thousand"
)
"""Of the images of a plate and size."""


def _normalised(
    terms: Floats, shape: tuple[int, int], *, images: int, nuclei: int, error: float
) -> FlatField:
    """Return a light whose mean over the field is 1, its terms so short that machines agree."""
    light = FlatField(*shape, terms=tuple(terms)).learned_gain()
    terms[0] -= np.log(light.mean(dtype=np.float64))
    return FlatField(
        *shape, terms=tuple(round(float(each), 5) for each in terms), images=images,
        nuclei=nuclei, error=round(error, 4), darkest=round(float(light.min() / light.max()), 4),
    )  # fmt: skip


def _on_grid(shape: tuple[int, int], count: int) -> Floats:
    """Return the first polynomials at places all over the field, shape (places, count)."""
    y, x = (np.linspace(-0.5, side - 0.5, _GRID) for side in shape)
    known = polynomials(y[:, None], x, shape)[:count]
    return np.stack([each.ravel() for each in known], axis=1)


def _fitted(looks: Sequence[Lit], shape: tuple[int, int]) -> tuple[Floats, float]:
    """Return the weights of the polynomials, and the standard error where it is greatest.

    So many of them are taken as tell most (Akaike, IEEE Trans. Automatic Control 19, 1974), unless
    nuclei are too few for them; where the light is even, none.
    """
    y, x = np.concatenate([look.points for look in looks]).T
    logs = np.log(np.concatenate([look.heights for look in looks]))
    basis = np.stack(polynomials(y, x, shape), axis=1)
    counts = np.array([len(look.points) for look in looks])
    even, *fits = (_robust_fit(basis[:, :count], logs, counts) for count in _COUNTS)
    fits = [fit for fit in fits if fit.error_on(shape) <= _MOST_ERROR] or fits[:1]
    spread = fits[-1].spread
    best = min((even, *fits), key=lambda fit: fit.misfit(spread) + 2 * len(fit.terms))
    return best.terms, max(best.error_on(shape), fits[0].error_on(shape))


class _Fit(NamedTuple):
    """Weights of polynomials, their covariance, how far each nucleus is away, and their spread."""

    terms: Floats
    covariance: Floats
    away: Floats
    spread: float

    def misfit(self, spread: float) -> float:
        """Return twice the loss of Huber, in squares of a spread."""
        away = self.away / spread
        far = 2 * _HUBER * away - _HUBER**2
        return float(np.where(away < _HUBER, away**2, far).sum())

    def error_on(self, shape: tuple[int, int]) -> float:
        """Return the standard error of the light where it is greatest."""
        # The first term says how bright nuclei are, and nothing of the light.
        grid = _on_grid(shape, len(self.terms))[:, 1:]
        grid = grid - grid.mean(axis=0)
        errors = np.einsum("ij,jk,ik->i", grid, self.covariance[1:, 1:], grid)
        return float(np.sqrt(errors.max()))


def _robust_fit(basis: Floats, logs: Floats, counts: NDArray[np.int64]) -> _Fit:
    """Fit logarithms of heights by polynomials, and a level for each image.

    What is not known, as nuclei are too few, is infinite.
    """
    terms = np.zeros(basis.shape[1])
    if len(logs) <= 3 * len(terms):
        return _Fit(terms, np.full((len(terms),) * 2, np.inf), logs, np.inf)
    ends = np.cumsum(counts)[:-1]
    for _ in range(_ROUNDS):
        left = logs - basis @ terms
        levels = np.repeat([np.median(part) for part in np.split(left, ends)], counts)
        away = np.abs(left - levels)
        spread = max(1.4826 * float(np.median(away)), 1e-6)
        weights = np.sqrt(np.minimum(1, _HUBER * spread / np.maximum(away, 1e-12)))
        rows = basis * weights[:, None]
        before, terms = terms, np.linalg.lstsq(rows, (logs - levels) * weights, rcond=None)[0]
        if np.abs(terms - before)[1:].max(initial=0) < _STEADY:  # the first is a level
            break
    away = np.abs(logs - levels - basis @ terms)
    pulls = np.minimum(away, _HUBER * spread)
    variance = (pulls**2).mean() / (away < _HUBER * spread).mean() ** 2
    return _Fit(terms, variance * np.linalg.inv(basis.T @ basis), away, spread)
