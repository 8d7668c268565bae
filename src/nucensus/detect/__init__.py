"""Find the nuclei of one array -> `Centres`.

The name in the settings chooses the detector. A new one is one module here, with
a `Detector`, and one line in `values.check_settings.DETECTOR_TABLE`; others can
register theirs under the entry point `nucensus.detectors`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import replace
from .._lazy import names_of
from ..values import Centres, Settings
from .alone import counts_alone, looks_of
from .border import reach_px, within_border
from .check_centres import check_centres
from .detector import Control, Detector
from .frame import counting_box
from .given import as_image
from .keywords import settings_of, warn_of_published
from .masks import note_on_mask, refuse_mask
from .maxima import detect_nuclei
from .padding import size_seen
from .parameters import Parameters, parameters
from .pooled import BLANK, Estimate, Resolved, is_settled, pool
from .refine import refine_centres
from .rings import ring_radius
from .rules import rules_of
from .suits import check_axes, check_in_pixels, check_reach, suited
from .table import (
    DETECTORS,
    describe_detectors,
    detector_named,
    detector_names,
    detector_of_run,
    why_no_detector,
)
from .upright import upright

if TYPE_CHECKING:
    from .estimate_image import estimate
    from .in_parts import find_nuclei_in_parts, parts_bytes, takes_parts
    from .laplacian import blob_parameters
    from .levels_in_parts import LevelsInParts
    from .regions_in_parts import SeenInParts, estimate_in_parts, picture_bytes
else:
    __getattr__ = names_of(
        __name__,
        {
            "estimate_image": "estimate",
            "in_parts": "find_nuclei_in_parts parts_bytes takes_parts",
            "laplacian": "blob_parameters",
            "levels_in_parts": "LevelsInParts",
            "regions_in_parts": "SeenInParts estimate_in_parts picture_bytes",
        },
    )

__all__ = [
    "BLANK", "DETECTORS", "Control", "Detector", "Estimate", "LevelsInParts", "Parameters",
    "Resolved", "SeenInParts",
    "blob_parameters", "check_axes", "counts_alone", "describe_detectors", "detect_nuclei",
    "detector_named", "detector_names", "detector_of_run", "estimate", "estimate_in_parts",
    "find_nuclei", "find_nuclei_in_parts", "is_settled",
    "label_nuclei", "note_on_mask", "parameters", "parts_bytes", "picture_bytes", "pool",
    "ring_radius", "settings_of", "suited", "takes_parts", "why_no_detector", "with_numbers",
]  # fmt: skip


def find_nuclei(
    image: NDArray[Any],
    settings: Settings | None = None,
    resolved: Resolved | None = None,
    *,
    outlines: bool | None = None,
    **numbers: Any,
) -> Centres:
    """Find the nuclei of one image; without settings, whatever their size, brightness and noise.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Grey levels of any real dtype: bright nuclei on a dark ground. A volume of
        shape (planes, height, width), too: nuclei are found there by `maxima`.
    settings : Settings, optional
        By default nothing is given and all is estimated.
    resolved : Resolved, optional
        What the images of the set look like. By default the image is a set of
        its own; images of one plate are better found by `census`, which learns
        from all of them.
    outlines : bool, optional
        Whether to find the outlines of nuclei, too; by default what the settings
        say. Only the detector `auto` has them.
    **numbers
        The fields of `Settings`, instead of `settings`, as in
        `find_nuclei(image, sigma=4, threshold=300)`. A number for one brings the
        published ones for the others; a threshold that came so and finds nothing is
        warned about.

    Returns
    -------
    Centres
        `points`, an array of shape (N, 2): row and column of each nucleus, in
        pixels, brightest first, which it is to NumPy; their `intensities`; their
        `outlines`, where they are asked for; and a `flag` if the image is odd
        ("blank", "crowded", ...).

    Raises
    ------
    ValueError
        The image holds no number, or a registered detector puts a nucleus beside it.
    TypeError
        The image is not one of real numbers, or a registered detector returns no centres; or
        a keyword is no setting.
    SettingsError
        The settings do not suit the axes of the image, or sigma is in micrometres; no grey level
        that it can have is above the threshold; or the image is of bool, a mask, and the
        settings are not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> image = 100 + 900.0 * ((y % 50 - 25) ** 2 + (x % 50 - 25) ** 2 < 12**2)
    >>> len(find_nuclei(image))
    16
    """
    settings = settings_of(settings, numbers)
    if outlines is not None:
        settings = replace(settings, outlines=outlines)
    image = upright(as_image(image), settings)
    settings = suited(settings, image.ndim)
    check_in_pixels(settings)
    check_axes(settings, image.ndim)
    if image.dtype.kind == "f" and image.size and not np.isfinite(image).any():
        raise ValueError("the image holds no number, only NaN or infinities; check its source")
    if settings.are_numbers:
        resolved = None
    else:
        refuse_mask(image)
        if resolved is None or counts_alone(settings, resolved):
            resolved = looks_of(_estimated(image, settings))
    detector = detector_named(settings.detector)
    centres = detector.find(image, settings, resolved)
    check_centres(settings.detector, centres, image.shape)
    if settings.outlines and centres.outlines is None:
        raise ValueError(
            f"the detector {settings.detector!r} returned no outlines, which it says it has; "
            f"expected them; leave the outlines out"
        )
    if not len(centres):
        check_reach(settings, image)
        warn_of_published(settings, numbers)
    centres = within_border(centres, image.shape, settings, resolved)
    if centres.area_px is None:
        box = counting_box(image.shape[-2:], settings.border, reach_px(settings, resolved))
        centres = replace(centres, area_px=size_seen(image, box))
    if settings.subpixel == (centres.subpixel is not None):
        return centres
    return replace(centres, subpixel=_refined(image, centres, settings, resolved))


def _refined(
    image: NDArray[Any], centres: Centres, settings: Settings, resolved: Resolved | None
) -> NDArray[np.float64] | None:
    """Return the centres to a fraction of a pixel, where they are asked for."""
    if not settings.subpixel:
        return None
    sigma = float(np.mean(parameters(settings, resolved).sigma))
    return refine_centres(image, centres.points, sigma=sigma)


def label_nuclei(
    image: NDArray[Any], settings: Settings | None = None, resolved: Resolved | None = None
) -> NDArray[np.int32]:
    """Return the label image of the nuclei of one image.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Grey levels of any real dtype: bright nuclei on a dark ground.
    settings : Settings, optional
        By default nothing is given and all is estimated.
    resolved : Resolved, optional
        What the images of the set look like, as for `find_nuclei`.

    Returns
    -------
    ndarray of int32, shape (height, width)
        0 where no nucleus is, else the place of the nucleus among those that
        `find_nuclei` returns, from 1 on. The pixels of a nucleus are one body
        without holes, higher above the background than half of its mean height;
        nuclei that touch meet in the valley between them.

    Raises
    ------
    ValueError, TypeError, SettingsError
        As of `find_nuclei`, or the detector of the settings has no outlines.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> image = 100 + 900.0 * ((y % 50 - 25) ** 2 + (x % 50 - 25) ** 2 < 12**2)
    >>> labels = label_nuclei(image)
    >>> int(labels.max()), bool(((labels > 0) == (image > 550)).all())
    (16, True)
    """
    found = find_nuclei(image, settings, resolved, outlines=True).outlines
    return np.zeros(np.shape(image), np.int32) if found is None else found.labels()


def with_numbers(settings: Settings, resolved: Resolved | None) -> Settings:
    """Return `settings` with numbers, rounded, for what they leave open; `auto` needs none."""
    detector = detector_named(settings.detector)
    if resolved is None or detector.needs_estimates:
        return settings
    if resolved.is_blank:
        published = Settings.published()
        return replace(settings, sigma=published.sigma, threshold=published.threshold,
                       min_distance=published.min_distance)  # fmt: skip
    known = detector.numbers(settings, resolved)
    threshold = known.threshold if known.threshold is None else float(f"{known.threshold:.4g}")
    return replace(
        settings, sigma=known.sigma, min_distance=known.min_distance, threshold=threshold
    )


def estimate_as(image: NDArray[Any], settings: Settings) -> Estimate:
    """Estimate what the nuclei of `image` are like, as `settings` look at it."""
    return _estimated(upright(image, settings), settings)


def _estimated(image: NDArray[Any], settings: Settings) -> Estimate:
    refuse_mask(image)
    if image.ndim == 3:
        from .estimate_volume import estimate_volume

        return estimate_volume(image, rules_of(settings.detector))
    from .fields import estimate_levels
    from .pictures import levels_of

    rules = rules_of(settings.detector)
    return estimate_levels(levels_of(image, rules), rules)
