"""The size of a pixel, as files state it in many units -> micrometres."""

import re
from collections.abc import Mapping
from dataclasses import field, replace

from .._dataclass import dataclass

_LEAST_UM, _MOST_UM = 1e-4, 1e4
"""From the size of an atom to a centimetre: no pixel of a microscope is smaller or larger."""

_PREFIXES = {
    "Y": ("yotta", 24), "Z": ("zetta", 21), "E": ("exa", 18), "P": ("peta", 15), "T": ("tera", 12),
    "G": ("giga", 9), "M": ("mega", 6), "k": ("kilo", 3), "h": ("hecto", 2), "da": ("deca", 1),
    "": ("", 0), "d": ("deci", -1), "c": ("centi", -2), "m": ("milli", -3), "u": ("micro", -6),
    "μ": ("micro", -6), "n": ("nano", -9), "p": ("pico", -12), "f": ("femto", -15),
    "a": ("atto", -18), "z": ("zepto", -21), "y": ("yocto", -24),
}  # fmt: skip
_SYMBOLS = {f"{prefix}m": 10.0 ** (power + 6) for prefix, (_, power) in _PREFIXES.items()}
_SYMBOLS["A"] = 1e-4  # ångström
_WORDS = {
    **{f"{long}{metre}": 10.0 ** (power + 6)
       for long, power in _PREFIXES.values() for metre in ("meter", "metre")},
    "micron": 1.0, "å": 1e-4, "angstrom": 1e-4, "ångström": 1e-4,
    "in": 25_400.0, "inch": 25_400.0, "inche": 25_400.0, '"': 25_400.0, "thou": 25.4, "mil": 25.4,
    "li": 25_400 / 12, "pt": 25_400 / 72, "ft": 304_800.0, "foot": 304_800.0, "feet": 304_800.0,
    "yd": 914_400.0, "yard": 914_400.0, "mi": 1.609344e9, "mile": 1.609344e9,
}  # fmt: skip
"""How many micrometres a unit is: by its symbol, of which the case matters, and by its name."""


@dataclass(frozen=True, slots=True)
class PixelSize:
    """The size of a pixel along each axis, in micrometres; None where it is not known.

    Attributes
    ----------
    y, x : float or None
        Height and width.
    z : float or None
        Distance of z planes.
    note : str
        What was stated and is left out, and why, or is odd about the pixels; "" is nothing.
    size_note : str
        The start of the note, as far as it is about the size.
    """

    y: float | None = None
    x: float | None = None
    z: float | None = None
    note: str = ""
    size_note: str = field(default="", repr=False)

    def with_note(self, note: str) -> "PixelSize":
        """Return the same size, with one more note."""
        return replace(self, note="; ".join(filter(None, (self.note, note)))) if note else self

    def scaled(self, y: float, x: float) -> "PixelSize":
        """Return the size of pixels that are so many high, and so many wide."""
        return replace(self, y=self.y and self.y * y, x=self.x and self.x * x)

    def outranked_by(self, y: float | None, x: float | None) -> "PixelSize":
        """Return the size with what an index states of it, in micrometres, in place of its own."""
        if y is None and x is None:
            return self
        note = self.note.removeprefix(self.size_note).removeprefix("; ")
        return PixelSize(self.y if y is None else y, self.x if x is None else x, self.z, note)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:  # in a third of the time
        return PixelSize, (self.y, self.x, self.z, self.note, self.size_note)


NO_SIZE = PixelSize()
"""That of an image that states none."""


def stated_size(units: str | Mapping[str, str] = "um", **lengths: float | str | None) -> PixelSize:
    """Return the size of a pixel that a file states.

    Parameters
    ----------
    units : str or mapping of str to str
        The unit of all lengths, or of each axis, as OME, NGFF, ImageJ and
        MetaMorph write it.
    **lengths : float, str or None
        Length along the axes y, x and z; None or "" is not stated. What is no
        length of a pixel (pixels as unit, 0, negative, infinite, absurd) is
        left out, and the note says so.

    Examples
    --------
    >>> stated_size("nm", y=400, x="600")
    PixelSize(y=0.4, x=0.6, z=None, note='')
    >>> stated_size("pixel", y=0.4, x=0.6).note
    'the stated pixel size (y 0.4 pixel, x 0.6 pixel) is no length from 0.1 nm to 1 cm: left out'
    """
    sizes, wrong = {}, []
    for axis, length in lengths.items():
        unit = units if isinstance(units, str) else units.get(axis, "")
        if length in (None, "") or (not unit and length == 1):
            continue
        sizes[axis] = _as_um(length, unit)
        if sizes[axis] is None:
            wrong.append(f"{axis} {_shown(length)} {_shown(unit) or 'without a unit'}")
    said = f"the stated pixel size ({', '.join(wrong)}) is no length from 0.1 nm to 1 cm: left out"
    note = said if wrong else ""
    return PixelSize(**sizes, note=note, size_note=note)


def _as_um(length: float | str | None, unit: str) -> float | None:
    try:
        size_um = round(float(length or 0) * _unit_um(unit), 15)
    except (LookupError, ValueError):
        return None
    return size_um if _LEAST_UM <= size_um <= _MOST_UM else None


def _unit_um(unit: str) -> float:
    """Return how many micrometres a unit is; ImageJ writes other letters than ASCII as escapes."""
    import unicodedata

    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), unit)
    plain = unicodedata.normalize("NFKC", plain).strip()
    if plain in _SYMBOLS:
        return _SYMBOLS[plain]
    word = plain.lower()
    return _WORDS[word] if word in _WORDS else _WORDS[word.removesuffix("s")]


def _shown(stated: float | str | None) -> str:
    """Return what a file states, cut and without what would steer a terminal."""
    text = f"{stated:g}" if isinstance(stated, float) else str(stated)
    return "".join(letter if letter.isprintable() else "?" for letter in text[:20])
