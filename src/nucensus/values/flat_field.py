"""Uneven light of a microscope over its field, and what is asked to be done about it."""

import functools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import InputError, ReadError

LEARN = "learn"
"""Asks for a flat field that is learned from the images themselves."""

_LEAST_GAIN = 0.02
"""Of the mean light: where there is less, dividing by it shows noise alone. Larger: more images of
the light are refused."""
_PLACES, _MOST_STEP, _DUST = 32, 0.2, 0.01
"""Places along the shorter side that are compared, how much brighter one is than the next at most,
and the share of them that may differ more. Larger: dust counts less, cells too; pictures of few
dim cells are taken for light."""


@dataclass(frozen=True, slots=True)
class FlatField:
    """How bright the light is over the field, by which images are divided.

    Attributes
    ----------
    height, width : int
        Of the images it is for, in pixels.
    channel : str
        The channel it is for; "" is that of the nuclei.
    plate : str or None
        The plate it was learned for; None if it was given, and is for all.
    path : str
        The image of the light; "" if it was learned.
    digest : str
        The hash of that file, or "".
    terms : tuple of float
        Of a learned one, the weights in its logarithm of the first `polynomials`.
    images, nuclei : int
        How many it was learned from.
    error : float
        Standard error of the light where it is least certain, in parts of it.
    darkest : float
        Where there is least light, in parts of where there is most.
    sample : str
        A digest of the images it was learned from; "" if some of them could not be used.
    why : str
        Why it was not learned from its plate alone, but from all plates; or from none.
    """

    height: int
    width: int
    channel: str = ""
    plate: str | None = None
    path: str = ""
    digest: str = ""
    terms: tuple[float, ...] = ()
    images: int = 0
    nuclei: int = 0
    error: float = 0.0
    darkest: float = 1.0
    sample: str = ""
    why: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is light to divide by."""
        return bool(self.path or self.terms)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def learned_gain(self) -> NDArray[np.float32]:
        """Return the light of each pixel of a learned one, shape (height, width); its mean is 1."""
        y, x = np.ogrid[: self.height, : self.width]
        weighted = zip(self.terms, polynomials(y, x, self.shape), strict=False)
        logs = functools.reduce(np.add, (term * each for term, each in weighted))
        return np.exp(logs).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return {**asdict(self), "terms": list(self.terms)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FlatField":
        """Return the value that `as_dict` turned into a dictionary."""
        return cls(**{**values, "terms": tuple(values["terms"])})

    def __str__(self) -> str:
        """Say it in a line, as a sentence goes on."""
        falls = f"at its darkest {100 * self.darkest:.0f} % of its brightest"
        if self.path:
            return f"the light of {self.path!r}: {falls}"
        if not self.is_known:
            return f"not known, and such images fail: {self.why}"
        instead = f"that of all plates, because {self.why}; " if self.why else ""
        return (
            f"{instead}learned from {self.nuclei:,} nuclei in {self.images} images: {falls}, known "
            f"to {100 * self.error:.1f} % where least certain"
        )

    def whose(self, is_one_of_several: bool) -> str:
        """Say which images it is for, as the words go on; "" if for all nuclei."""
        plate = f" of plate {self.plate!r}, {_size(self.shape)} pixels"
        if self.plate is not None and is_one_of_several:
            return plate if self.plate else plate.replace("plate ''", "images without a plate")
        return f" of {self.channel}" if self.channel else ""


@dataclass(frozen=True, slots=True)
class FlatFields:
    """The light of all images of a run: given for a channel, or learned for plate and size.

    Attributes
    ----------
    lights : tuple of FlatField
    """

    lights: tuple[FlatField, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether any channel is corrected."""
        return bool(self.lights)

    def of(self, channel: str, plate: str, shape: tuple[int, ...]) -> FlatField | None:
        """Return the light of an image of this shape; None if its channel is not corrected.

        Raises
        ------
        ReadError
            None was learned of such images.
        """
        if not self.lights:
            return None
        for each in self.lights:
            is_its = each.plate is None or (each.plate == plate and each.shape == shape)
            if each.channel == channel and is_its and each.is_known:
                return each
        mine = [each for each in self.lights if (each.channel, each.plate) == (channel, plate)]
        if channel not in {each.channel for each in self.lights}:
            return None
        if why := next((each.why for each in mine if each.shape == shape), ""):
            raise ReadError(f"{why}; {GIVE_LIGHT}")
        learned = " and ".join(sorted({_size(each.shape) for each in mine if each.is_known}))
        raise ReadError(
            f"its size is {_size(shape)} pixels, and the flat field was learned for "
            f"{learned or 'no size'} on its plate; expected one size; count images of other sizes "
            f"in a run of their own"
        )

    def identity(self, plate: str | None = None) -> str:
        """Return what tells the light of a plate, or of all, from others; "" if there is none."""
        tells = [
            [each.channel, each.plate, each.shape, each.digest, each.terms]
            for each in self.lights
            if plate is None or each.plate in (None, plate)
        ]
        return json.dumps(tells) if tells else ""

    def lines(self) -> list[str]:
        """Say what the light is like, in a line each; of many plates what they have in common."""
        learned = [each for each in self.lights if each.plate is not None]
        own = [each for each in learned if not each.why]
        shown = [each for each in self.lights if each.plate is None]
        shown += own if len(own) <= _MOST_SHOWN else []
        lines = [f"Flat field{each.whose(len(learned) > 1)}: {each}" for each in shown]
        if len(own) > _MOST_SHOWN:
            lines.append(f"Flat fields of {len(own)} plates: {_in_common(own)}")
        short = [each for each in learned if each.why]
        lines += [f"Flat field{each.whose(True)}: {each}" for each in short[:_MOST_SHOWN]]
        if len(short) > _MOST_SHOWN:
            more = len(short) - _MOST_SHOWN
            plates, whose = ("plate", "its") if more == 1 else ("plates", "their")
            lines.append(f"Flat field of {more} more {plates}: not learned from {whose} own images")
        return lines


NO_LIGHTS = FlatFields()
_MOST_SHOWN = 4
GIVE_LIGHT = "give an image of the light: --flat-field FILE"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _in_common(lights: Sequence[FlatField]) -> str:
    """Say what the lights of many plates are like, in a line."""
    nuclei, darkest = [each.nuclei for each in lights], [each.darkest for each in lights]
    return (
        f"learned from {min(nuclei):,} to {max(nuclei):,} nuclei each: at their darkest "
        f"{100 * min(darkest):.0f} to {100 * max(darkest):.0f} % of their brightest, known to "
        f"{100 * max(each.error for each in lights):.1f} % where least certain"
    )


def polynomials(
    y: NDArray[Any], x: NDArray[Any], shape: tuple[int, int]
) -> tuple[NDArray[np.float64], ...]:
    """Return what the logarithm of light is a sum of, at places of a field.

    Parabolas; the fourth power of the distance from the middle, as lenses darken corners; and what
    else has the third or the fourth power.
    """
    half = max(shape) / 2
    v, u = np.broadcast_arrays((y + 0.5 - shape[0] / 2) / half, (x + 0.5 - shape[1] / 2) / half)
    squared = u * u + v * v
    return (
        np.ones_like(squared), v, u, v * v, u * v, u * u, squared * squared,
        v**3, v * v * u, v * u * u, u**3, v**4, v**3 * u, v * u**3, u**4,
    )  # fmt: skip


def checked_gain(light: NDArray[Any], where: str) -> NDArray[np.float32]:
    """Return the light of each pixel in parts of its mean, shape (height, width).

    Raises
    ------
    InputError
        There is no light somewhere, or what is there are no numbers.
    """
    mean = float(light.mean(dtype=np.float64)) if light.size else math.nan
    if not (math.isfinite(mean) and mean > 0 and light.min() >= _LEAST_GAIN * mean):
        raise InputError(
            f"the flat field {where} has pixels without light (0, negative, or no numbers); "
            f"expected the light of each pixel, all above {100 * _LEAST_GAIN:.0f} % of their mean; "
            f"give an image of an evenly bright sample, or --flat-field {LEARN}"
        )
    gain = (light / mean).astype(np.float32)
    if not _is_smooth(gain):
        raise InputError(
            f"the flat field {where} differs from place to place by more than light does, as a "
            f"picture of cells; expected an image of an evenly bright sample; give one, or "
            f"--flat-field {LEARN}"
        )
    return gain


def _is_smooth(gain: NDArray[np.float32]) -> bool:
    """Tell whether places beside each other are about as bright, but for some dust."""
    side = max(1, min(gain.shape) // _PLACES)
    rows, columns = (each // side for each in gain.shape)
    cut = gain[: rows * side, : columns * side].reshape(rows, side, columns, side)
    places = cut.mean(axis=(1, 3), dtype=np.float64)
    steps = [np.abs(np.diff(np.log(places), axis=axis)).ravel() for axis in (0, 1)]
    return float((np.concatenate(steps) > _MOST_STEP).mean()) <= _DUST


def divided(pixels: NDArray[Any], gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image as it would be in even light.

    Parameters
    ----------
    pixels : ndarray, shape (height, width) or (planes, height, width)
        Grey levels of any real dtype.
    gain : ndarray of float32, shape (height, width)

    Raises
    ------
    ReadError
        The sizes differ.
    """
    if pixels.shape[-2:] != gain.shape:
        raise ReadError(
            f"its size is {_size(pixels.shape[-2:])} pixels, and that of the flat field "
            f"{_size(gain.shape)}; expected one size; count images of other sizes in a run of "
            f"their own"
        )
    lit: NDArray[np.float32] = np.divide(pixels, gain, dtype=np.float32, casting="same_kind")
    return lit


def flat_fields_of(asked: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Return what is asked of the light of each channel: LEARN, or the path of an image.

    Parameters
    ----------
    asked : sequence of str
        Each LEARN or a path, for the channel of the nuclei, or CHANNEL=PATH.
    others : sequence of str
        The other channels that are measured.

    Examples
    --------
    >>> flat_fields_of(["learn", "GFP=light.tif"], ["GFP"])
    {'': 'learn', 'GFP': 'light.tif'}
    """
    found: dict[str, str] = {}
    for text in asked:
        channel, equals, path = text.partition("=")
        if not (equals and channel in others):
            if equals and not (os.path.dirname(channel) or os.path.lexists(text)):
                raise InputError(
                    f"a flat field of {channel!r} was given, and the channels that are measured "
                    f"are {', '.join(map(repr, others)) or 'none'}; expected one of them; name it "
                    f"with --measure"
                )
            channel, path = "", text
        if not path or channel in found:
            raise InputError(
                f"flat fields are {', '.join(map(repr, asked))}; expected one for the nuclei, and "
                f"at most one for each measured channel, as GFP=FILE"
            )
        if channel and path == LEARN:
            raise InputError(
                f"the flat field of {channel} was to be learned, and only that of the channel with "
                f"the nuclei can be; give an image of it: --flat-field {channel}=FILE"
            )
        found[channel] = path
    return found


def as_flat_fields(
    asked: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> tuple[str, ...]:
    """Return what is asked of the light as texts."""
    several = [asked] if isinstance(asked, str | os.PathLike) else list(asked)
    return tuple(os.fspath(each) for each in several)
