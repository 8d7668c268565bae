"""A detector as a value: how it finds nuclei, and what others need to know of it."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..values import Centres, Settings
from .parameters import Parameters, parameters, radius_for
from .pooled import Resolved

Find: TypeAlias = Callable[[NDArray[Any], Settings, Resolved | None], Centres]
"""Finds the nuclei of an image; the third argument is what the set of images looks like,
or None if the settings leave nothing to be estimated."""


@dataclass(frozen=True, slots=True)
class Control:
    """A number of a detector that a slider sets.

    Attributes
    ----------
    name : str
        Of the control, unlike those of the others of the detector.
    setting : str
        The number of `Settings` that it sets: sigma, min_distance or threshold.
    label, unit : str
        As a reader sees them.
    low, high, step : float or None
        The ends of the slider, and how far it moves at once. Without ends it
        goes over the grey levels, or the contrasts, of the image.
    least, most : float or None
        What can be typed at the utmost; by default anything.
    end : {"least", "most"} or None
        Which number of the setting it is, if that is a range of two.
    """

    name: str
    setting: Literal["sigma", "min_distance", "threshold"]
    label: str
    unit: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    least: float | None = None
    most: float | None = None
    end: Literal["least", "most"] | None = None


def radius_of_numbers(settings: Settings, resolved: Resolved | None) -> float:
    """Return the radius of nuclei that the numbers of the published detector are for."""
    return radius_for(parameters(settings, resolved))


def ring_around_smoothed(settings: Settings) -> float:
    """Return the radius of a ring around a nucleus smoothed with sigma, in pixels."""
    return 3 * float(np.max(settings.sigma))


def no_bytes(_settings: Settings, _resolved: Resolved | None, _dtype: np.dtype[Any]) -> float:
    """Return what a detector takes that needs but a few rows beside an image."""
    return 0


@dataclass(frozen=True, slots=True)
class Detector:
    """A way to find nuclei.

    Attributes
    ----------
    find : callable
        `find(image, settings, resolved) -> Centres`.
    summary : str
        How it finds nuclei, in a few words.
    about : str
        The same as a sentence.
    name : str
        Given by the table, or the entry point, that it is found in.
    finds : {"centres", "regions", "blobs"}
        What it looks for.
    takes_volumes : bool
        It finds nuclei in volumes, too.
    controls : tuple of Control
        The numbers that it goes by; none for a detector without parameters.
    needs_estimates : bool
        It always has to know what the images look like.
    divides_mixed_sets : bool
        Where nuclei have several sizes, clearly apart, it counts each image by itself.
    drops_at_edge : bool
        It leaves out itself what the border "drop" does not count; else its
        centres are looked through.
    has_outlines : bool
        It finds the outlines of nuclei where settings ask for them.
    takes_sigma_per_axis : bool
        Several numbers as sigma are one for each axis of the image.
    threshold : {"level", "contrast"} or None
        What centres are above; None where that is not known, so that no image is
        refused for it.
    numbers : callable
        `numbers(settings, resolved) -> Parameters`: none of them left open.
    radius_px : callable
        `radius_px(settings, resolved)`: the radius of nuclei that the numbers
        are for, in pixels.
    ring_px : callable
        `ring_px(settings)`: the radius of a ring around a nucleus, in pixels,
        where nothing was learned.
    bytes_a_pixel : callable
        `bytes_a_pixel(settings, resolved, dtype)`: the memory that it takes beside an image of
        that type, for each pixel, without that for outlines.
    """

    find: Find
    summary: str
    about: str = ""
    name: str = ""
    finds: Literal["centres", "regions", "blobs"] = "centres"
    takes_volumes: bool = False
    controls: tuple[Control, ...] = ()
    needs_estimates: bool = False
    divides_mixed_sets: bool = False
    drops_at_edge: bool = False
    has_outlines: bool = False
    takes_sigma_per_axis: bool = False
    threshold: Literal["level", "contrast"] | None = None
    numbers: Callable[[Settings, Resolved | None], Parameters] = parameters
    radius_px: Callable[[Settings, Resolved | None], float] = radius_of_numbers
    ring_px: Callable[[Settings], float] = ring_around_smoothed
    bytes_a_pixel: Callable[[Settings, Resolved | None, np.dtype[Any]], float] = no_bytes

    def settings(self, values: dict[str, Any], **others: Any) -> Settings:
        """Return the settings that controls of these values make, by the controls' names."""
        numbers: dict[str, Any] = {}
        for control in self.controls:
            value = values[control.name]
            if control.end == "most":
                value = (numbers[control.setting], max(numbers[control.setting], value))
            numbers[control.setting] = value
        return Settings(self.name, **numbers, **others)

    def values(self, settings: Settings) -> dict[str, float | None]:
        """Return the values that controls have for `settings`, which are numbers."""
        ends: dict[str | None, Callable[[Any], Any]] = {None: max, "least": min, "most": max}
        shown = {}
        for control in self.controls:
            value = getattr(settings, control.setting)
            shown[control.name] = ends[control.end](value) if isinstance(value, tuple) else value
        return shown
