"""Check each setting where it is made: the value that its name promises, or what was expected."""

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import SettingsError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DEFAULT_DETECTOR, PUBLISHED_DETECTOR = "auto", "maxima"
"""The detector if nothing is said, and if a number is given without a detector."""


class OurDetector(NamedTuple):
    """Where a detector of ours is, and whether its sigma is a range of scales or one per axis."""

    module: str
    takes_scales: bool = False


DETECTOR_TABLE = {
    "auto": OurDetector("automatic"),
    "maxima": OurDetector("maxima"),
    "log": OurDetector("laplacian", takes_scales=True),
    "auto@1": OurDetector("automatic"),
    "auto@2": OurDetector("automatic"),
}
"""By name; each is the `DETECTOR` of its module in `detect`, which says all else of it. A number
behind @ is a version of the counts of `auto`, which stays as it is."""

OUR_DETECTORS = tuple(DETECTOR_TABLE)

_MOST_PX = 10**6


def registered_detectors() -> "dict[str, EntryPoint]":
    """Return the detectors that other packages register, by name."""
    from importlib.metadata import entry_points  # takes as long as twenty images

    found = {each.name: each for each in entry_points(group="nucensus.detectors")}
    _registered.update(found)
    return found


_registered = set[str]()
"""Names that were found: each image asks for its detector."""


def checked(name: str, value: Any) -> Any:
    """Return the value of the setting `name` as a plain one.

    Raises
    ------
    SettingsError
        The value is none of that setting.
    """
    take, expected = _RULES[name]
    try:
        return take(value)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{name} is {_shown(value)}; expected {expected}") from None


def check_detector(name: Any) -> None:
    """Raise unless there is a detector called `name`."""
    if name in OUR_DETECTORS or name in _registered:
        return
    there = [*OUR_DETECTORS, *registered_detectors()]
    if name not in there:
        raise SettingsError(
            f"there is no detector {_shown(name)}; expected one of {', '.join(there)}"
            f"{_near(name, there)}"
        )


def check_names(names: Iterable[Any]) -> None:
    """Raise unless all are names of settings."""
    for name in names:
        if name not in _RULES:
            raise SettingsError(
                f"{_shown(name)} is not a setting; expected some of {', '.join(_RULES)}"
                f"{_near(name, _RULES)}"
            )


def takes_scales(detector: str) -> bool:
    """Tell whether sigma is a scale, or a range of them, to the detector of that name."""
    return detector in DETECTOR_TABLE and DETECTOR_TABLE[detector].takes_scales


def check_scales(detector: str, sigma: Any) -> None:
    """Raise unless `sigma` is what such a detector takes: a scale, or a range of them."""
    scales = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    if sigma != "auto" and not (len(scales) == 2 and 0 < scales[0] <= scales[1]):
        raise SettingsError(
            f"sigma is {sigma}; for the detector {detector} expected a positive number of pixels, "
            f"or two, the least first; or auto"
        )


def _near(name: Any, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(str(name).lower(), names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return f"a {type(value).__name__} too long to be shown"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _or(word: str | None, take: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what takes a value or this word."""

    def take_either(value: Any) -> Any:
        if value is None or isinstance(value, str):
            if value != word:
                raise ValueError
            return value
        return take(value)

    return take_either


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError
    number = int(value) if isinstance(value, Integral) else float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _pixels(value: Any) -> int | float:
    if not 0 <= _number(value) <= _MOST_PX:
        raise ValueError
    return _number(value)


def _sigma(value: Any) -> int | float | tuple[int | float, ...]:
    if not isinstance(value, tuple | list | np.ndarray):
        return _pixels(value)
    if len(value) not in (2, 3):
        raise ValueError
    return tuple(map(_pixels, value))


def _whole_pixels(value: Any) -> int:
    number = _pixels(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _above_0(value: Any) -> int | float:
    if _pixels(value) == 0:
        raise ValueError
    return _number(value)


def _claim(value: Any) -> bool:
    if not isinstance(value, bool | np.bool):
        raise TypeError
    return bool(value)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _border(value: Any) -> str:
    if _name(value) not in ("drop", "keep", "count", "auto"):
        raise ValueError
    return _name(value)


_PIXELS = "pixels from 0 to 1,000,000"
_RULES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "detector": (_name, "the name of a detector, as auto, maxima or log"),
    "sigma": (_or("auto", _sigma), f"a number of {_PIXELS}, or 2 or 3, one per axis; or auto"),
    "min_distance": (_or("auto", _whole_pixels), f"a whole number of {_PIXELS}, or auto"),
    "threshold": (
        lambda value: value if value is None else _or("auto", _number)(value),
        "a finite number of grey levels, none or auto",
    ),
    "border": (_border, "drop, keep, count or auto"),
    "subpixel": (_claim, "true or false"),
    "sigma_um": (_or(None, _above_0), "a number of micrometres above 0, or none"),
    "invert": (_claim, "true or false"),
    "outlines": (_claim, "true or false"),
}
"""For each setting, a function that makes a plain value of it, and the words of what it expects;
in the order of `Settings`."""
