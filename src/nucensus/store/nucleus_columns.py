"""The columns of the tables of nuclei, one entry each: all that packs or writes them asks here."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..values import Centres, OtherChannels


class NucleusColumn(NamedTuple):
    """A column of the tables of nuclei.

    Attributes
    ----------
    name : str
    dtype : str
        The type of its numbers, in the run file and in Parquet.
    meaning, unit : str
        What the documentation says of it.
    only : str
        Which runs have it; "" is all of them.
    of : callable or None
        The numbers of an image's nuclei, None where it has none; without it the column is no field
        of the packed records and follows from others.
    is_refined : bool
        Whether it is a place to a fraction of a pixel, which the run file has apart.
    scale : str
        The column of images that pixels are multiplied with, if it is a length in micrometres.
    pixels : str
        The column in pixels that it follows from then, by default that of the place along its axis.
    power : int
        Of the scale: 2 of areas.
    missing : float
        What stands for it where other images of the run have it.
    group : str
        An image has all columns of a group, or none; "" is one by itself.
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""
    only: str = ""
    of: Callable[[Centres], NDArray[Any] | None] | None = None
    is_refined: bool = False
    scale: str = ""
    pixels: str = ""
    power: int = 1
    missing: float = np.nan
    group: str = ""

    @property
    def axis(self) -> str:
        """The axis along which it is a place, if it is one."""
        return self.name[0] if (self.is_refined or self.scale) and not self.pixels else ""

    @property
    def follows(self) -> str:
        """The column in pixels that it follows from, if it is in micrometres."""
        return self.pixels or self.axis

    @property
    def is_optional(self) -> bool:
        """Whether there are runs without it."""
        return bool(self.only)


_PIXELS, _MICROMETRES, _LEVELS = "pixels", "micrometres", "grey levels"
_REFINED = "with `--subpixel`"
_SCALED = "if an image of the run states its pixel size"
_OF_AUTO = "of the detector `auto`"


def _measured(
    name: str, meaning: str, unit: str = "", dtype: str = "<f4", missing: float = np.nan
) -> NucleusColumn:
    """Return a column of what is measured within outlines, or regions."""
    return NucleusColumn(
        name, dtype, meaning, unit, only=_OF_AUTO, group="measured", missing=missing,
        of=lambda each: None if each.measured is None else each.measured[name],
    )  # fmt: skip


def _scaled(name: str, pixels: str, meaning: str, power: int = 1) -> NucleusColumn:
    """Return a column of what is measured within them, in micrometres."""
    return NucleusColumn(
        name, "<f4", meaning, _MICROMETRES if power == 1 else "square micrometres",
        only=f"{_OF_AUTO}, if an image of the run states square pixels", scale="pixel_size_um",
        pixels=pixels, power=power,
    )  # fmt: skip


_IN_CHANNELS = "with `--measure`"


def channel_columns(others: OtherChannels) -> tuple[NucleusColumn, ...]:
    """Return the columns of what is measured in other channels."""
    return tuple(
        NucleusColumn(name, "<f4", meaning, _LEVELS, only=_IN_CHANNELS, group="channels",
                      of=partial(_in_channel, column))
        for column, (name, meaning) in enumerate(others.columns.items())
    )  # fmt: skip


def _in_channel(column: int, centres: Centres) -> NDArray[np.float32] | None:
    return None if centres.channels is None else centres.channels[:, column]


def _percent(centres: Centres) -> NDArray[np.int16] | None:
    known = centres.confidences
    return None if known is None else np.rint(100 * known).astype(np.int16)


NUCLEUS_COLUMNS = (
    NucleusColumn("y", "<i4", "row", _PIXELS, of=lambda each: each.points[:, -2]),
    NucleusColumn("x", "<i4", "column", _PIXELS, of=lambda each: each.points[:, -1]),
    NucleusColumn(
        "intensity", "<f8", "smoothed value at the centre", _LEVELS,
        of=lambda each: each.intensities,
    ),
    NucleusColumn(
        "z", "<i4", "plane; -1 in images of one plane", only="with `--volume`", missing=-1,
        of=lambda each: each.points[:, 0] if each.points.shape[1] == 3 else None,
    ),
    NucleusColumn(
        "contrast", "<f8", "how much brighter than its surroundings", _LEVELS,
        only="of the detector `log`", of=lambda each: each.contrasts,
    ),
    _measured("area_px", "area", _PIXELS, "<i4", -1),
    _measured("mean", "mean above the background", _LEVELS),
    _measured("integrated", "sum above the background", _LEVELS),
    _measured("std", "standard deviation of the pixels", _LEVELS),
    _measured("major_px", "long axis of the ellipse with the same second moments", _PIXELS),
    _measured("minor_px", "its short axis", _PIXELS),
    _measured("orientation", "of the long axis, from down (0) towards the right", "radians"),
    _measured("solidity", "area over that of the convex hull"),
    _measured("touches_edge", "1 if it touches the edge of the image, else 0", "",
              "<i1", -1),
    NucleusColumn(
        "confidence", "<i2", "how likely it is a nucleus, by the evidence that was learned",
        "percent", only=_OF_AUTO, missing=-1, of=_percent,
    ),
    NucleusColumn(
        "y_subpixel", "<f8", "row to a fraction of a pixel", _PIXELS, only=_REFINED, is_refined=True
    ),
    NucleusColumn(
        "x_subpixel", "<f8", "column to a fraction of a pixel", _PIXELS, only=_REFINED,
        is_refined=True,
    ),
    NucleusColumn("y_um", "<f8", "row", _MICROMETRES, only=_SCALED, scale="pixel_y_um"),
    NucleusColumn("x_um", "<f8", "column", _MICROMETRES, only=_SCALED, scale="pixel_x_um"),
    NucleusColumn(
        "z_um", "<f8", "plane", _MICROMETRES, scale="depth_um",
        only="if a volume of the run states the distance of its planes",
    ),
    _scaled("area_um2", "area_px", "area", power=2),
    _scaled("major_um", "major_px", "long axis"),
    _scaled("minor_um", "minor_px", "short axis"),
)  # fmt: skip
"""All columns beside the name of the image, in the order of the tables."""


def known_values(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the numbers of a column of nuclei that are known, all of them finite."""
    known = values[is_known(name, values)].astype(np.float64)
    return known[np.isfinite(known)]


def is_known(name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which numbers of a column of nuclei are known."""
    known: NDArray[np.bool_] = ~np.isnan(values) & (values != _MISSING.get(name, np.nan))
    return known


_MISSING = {each.name: each.missing for each in NUCLEUS_COLUMNS}


def in_micrometres(column: NucleusColumn, pixels: NDArray[Any], size_um: Any) -> NDArray[Any]:
    """Return a column that follows from one in pixels, of this size; NaN where that is not known.

    Areas and axes are not known of nuclei that were added by hand.
    """
    known = np.asarray(pixels, np.float64)
    if not column.axis:
        known = np.where(known > 0, known, np.nan)
    return np.asarray(known * size_um**column.power, column.dtype)


@dataclass(frozen=True, slots=True)
class Records:
    """The packed records that these columns make: those of every nucleus, and any of the others.

    An image's record is known by its size alone, so no two may be of one size.
    """

    fields: tuple[NucleusColumn, ...]
    by_size: dict[int, np.dtype[Any]]

    @classmethod
    def of(cls, columns: Sequence[NucleusColumn]) -> "Records":
        """Return the records that the columns in `columns` with numbers of their own make."""
        fields = tuple(each for each in columns if each.of is not None)
        groups = dict.fromkeys(each.group or each.name for each in fields if each.is_optional)
        chosen = itertools.chain.from_iterable(
            itertools.combinations(groups, count) for count in range(len(groups) + 1)
        )
        records = [
            np.dtype([
                (e.name, e.dtype) for e in fields
                if not e.is_optional or (e.group or e.name) in some
            ])
            for some in chosen
        ]  # fmt: skip
        by_size = {each.itemsize: each for each in records}
        if len(by_size) < len(records):
            raise ValueError("two records of nuclei have one size; expected a size for each")
        return cls(fields, by_size)


RECORDS = Records.of(NUCLEUS_COLUMNS)
