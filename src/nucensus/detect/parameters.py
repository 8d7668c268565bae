"""The numbers that settings leave open, from what the images look like."""

import numpy as np

from .._dataclass import dataclass
from ..values import Settings
from .pooled import BLANK, Resolved

_SIGMA, _MIN_DISTANCE = 0.28, 0.42
"""In radii of a nucleus. Larger: one ring for two that touch; smaller: two rings in one nucleus."""
_THRESHOLD = 0.23
"""In contrasts of a nucleus above the background. Larger: dim nuclei are lost."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers of the published detector, as `Settings` name them, none left open."""

    sigma: float | tuple[float, ...]
    min_distance: int
    threshold: float | None


def parameters(settings: Settings, resolved: Resolved | None) -> Parameters:
    """Return the numbers for the published detector; what `settings` leave open is estimated.

    On BBBC039, where a nucleus has a radius of about 14 pixels, the estimates
    are the sigma and the min_distance that were published, and a threshold like
    the one tuned by hand.
    """
    sigma, min_distance, threshold = settings.sigma, settings.min_distance, settings.threshold
    known = resolved or BLANK
    return Parameters(
        _sigma(known) if isinstance(sigma, str) else sigma,
        max(1, round(_MIN_DISTANCE * known.radius_px * min(1, known.axial)))
        if isinstance(min_distance, str)
        else min_distance,
        known.background + _THRESHOLD * known.contrast if isinstance(threshold, str) else threshold,
    )


def _sigma(known: Resolved) -> float | tuple[float, ...]:
    """Return how much to smooth, in pixels; in volumes, along each axis as far as nuclei reach."""
    sigma = round(_SIGMA * known.radius_px, 2)
    return sigma if known.axial == 1 else (round(known.axial * sigma, 2), sigma, sigma)


def radius_for(numbers: Parameters) -> float:
    """Return the radius of the nuclei that such numbers are for, in pixels."""
    return max(numbers.min_distance, float(np.mean(numbers.sigma)) / _SIGMA)
