"""Refuse settings that do not suit an image: its axes, or grey levels that it cannot have."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..text.plurals import pluralize
from ..values import PUBLISHED_THRESHOLD, Settings
from ..values.check_settings import DEFAULT_DETECTOR, PUBLISHED_DETECTOR
from .table import detector_named

_PLANE, _VOLUME = 2, 3


def suited(settings: Settings, ndim: int) -> Settings:
    """Return the settings for images of so many axes: nothing given is `maxima` in volumes."""
    is_open = settings.detector == DEFAULT_DETECTOR and not settings.outlines
    return replace(settings, detector=PUBLISHED_DETECTOR) if ndim > _PLANE and is_open else settings


def check_in_pixels(settings: Settings) -> None:
    """Raise if sigma is in micrometres, where the size of a pixel is not known."""
    if settings.sigma_um is not None:
        raise SettingsError(
            f"sigma is {settings.sigma_um} micrometres, and the size of a pixel is not known here; "
            f"give sigma in pixels, or count the file itself, which may state it"
        )


def check_axes(settings: Settings, ndim: int) -> None:
    """Raise unless nuclei can be found in an image of so many axes with these settings."""
    _check_outlines(settings)
    why = _unsuited(settings, ndim)
    if why:
        raise SettingsError(f"the image has {pluralize(ndim, 'axis')}, and {why}")


def _check_outlines(settings: Settings) -> None:
    """Raise if outlines are asked of a detector that has none."""
    detector = detector_named(settings.detector)
    if settings.outlines and not detector.has_outlines:
        raise SettingsError(
            f"outlines were asked for (--measure and --positive need them), and the detector "
            f"{detector.name} finds {detector.finds}, which have none; expected a detector that "
            f"has outlines; choose {DEFAULT_DETECTOR}, or leave the outlines out"
        )


def _unsuited(settings: Settings, ndim: int) -> str:
    sigma, detector = settings.sigma, detector_named(settings.detector)
    if isinstance(sigma, tuple) and detector.takes_sigma_per_axis and len(sigma) != ndim:
        return f"sigma has {len(sigma)} numbers; give one number, or one for each axis"
    if ndim == _PLANE:
        return ""
    if ndim < _PLANE and not detector.takes_volumes:
        return "two are expected, the height and the width; give an image of them"
    if settings.border == "count":
        return (
            "only in planes nuclei can be counted on two of four edges; give --border keep or drop"
        )
    if settings.subpixel:
        return "only centres in planes can be refined; leave --subpixel out"
    if not detector.takes_volumes:
        return (
            f"the detector {detector.name} finds nuclei in planes only; choose a plane, or the "
            f"detector {PUBLISHED_DETECTOR}"
        )
    if not settings.are_numbers and ndim != _VOLUME:
        return (
            "without numbers for sigma, min_distance and threshold only planes (row, column) and "
            "volumes (plane, row, column) are counted; pick one of them, or give numbers "
            "(--as-published brings the published ones)"
        )
    return ""


def check_reach(settings: Settings, image: NDArray[Any]) -> None:
    """Raise if the threshold is one that pixels like those of `image` cannot be above.

    An image without nuclei is no error; one of 8 bits under a threshold of 1000 is.
    """
    threshold, measure = settings.threshold, detector_named(settings.detector).threshold
    if threshold is None or isinstance(threshold, str) or measure is None:
        return
    least, most = _grey_levels(image)
    if measure == "contrast":
        most -= min(least, 0)
    if threshold >= most:
        raise SettingsError(
            f"the threshold is {threshold:g} grey levels, and in such an image ({image.dtype}, "
            f"grey levels from {least:g} to {most:g}) nothing can be above it; give a threshold "
            f"below {most:g} (a number for sigma or min_distance alone brings the published "
            f"{PUBLISHED_THRESHOLD}), or --detector {PUBLISHED_DETECTOR}, which estimates "
            f"what is left out"
        )


def _grey_levels(image: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the greatest grey level of the type, for floating point of 0 to 1."""
    if image.dtype.kind == "b":
        return 0, 1
    if image.dtype.kind != "f":
        return np.iinfo(image.dtype).min, np.iinfo(image.dtype).max
    finite = image[np.isfinite(image)]
    is_unit = finite.size and -1 <= finite.min() < finite.max() <= 1
    return (min(0.0, np.floor(finite.min())), 1.0) if is_unit else (-np.inf, np.inf)
