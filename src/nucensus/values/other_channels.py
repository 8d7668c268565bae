"""Which other channels of fields are measured, and the columns that they make."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._dataclass import dataclass
from ..errors import InputError

_OF_NUCLEUS = {
    "mean": "mean above the background",
    "integrated": "sum above the background",
    "std": "standard deviation of the pixels",
}
"""What is measured of another channel in each nucleus, and in the ring around it."""

_MOST_RING_PX = 1000


@dataclass(frozen=True, slots=True)
class OtherChannels:
    """Which other channels of each field are measured, in its nuclei and in rings around them.

    Attributes
    ----------
    channels : tuple of str
        By name or number, as `Plane.channel` takes them.
    ring_px : int
        How wide the ring around a nucleus is, in pixels; 0 is none.

    Examples
    --------
    >>> list(OtherChannels(("GFP",)).columns)
    ['GFP_mean', 'GFP_integrated', 'GFP_std']
    >>> list(OtherChannels(("2",), ring_px=5).columns)[3:]
    ['channel2_ring_mean', 'channel2_ring_integrated', 'channel2_ring_std']
    """

    channels: tuple[str, ...] = ()
    ring_px: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.ring_px <= _MOST_RING_PX:
            raise InputError(
                f"the ring is {self.ring_px} pixels wide; expected 0 (none) to {_MOST_RING_PX:,}"
            )
        if self.ring_px and not self.channels:
            raise InputError(
                "a ring was asked for, and no channel to measure in it; name the channels with "
                "--measure"
            )
        names = {each.casefold() for each in self.columns}
        expected = len(self.channels) * len(self.places) * len(_OF_NUCLEUS)
        if len(names) < expected or {"", "each"} & set(self.channels):
            raise InputError(
                f"the channels to measure are {', '.join(map(repr, self.channels))}; expected "
                f"names or numbers that are told apart by letters and digits, each once"
            )

    @classmethod
    def of_selection(cls, selection: Mapping[str, Any]) -> "OtherChannels":
        """Return those of a selection as a run records it."""
        ring_px = selection.get("ring_px", 0)
        return cls(as_channels(selection.get("measure", ())), int(ring_px))

    @property
    def places(self) -> tuple[str, ...]:
        """What stands before the name of a measurement: of the nucleus nothing."""
        return ("", "ring_") if self.ring_px else ("",)

    @property
    def columns(self) -> dict[str, str]:
        """The columns of nuclei that they make, and what each means."""
        return {
            f"{column_of(channel)}_{place}{name}": f"channel {channel}"
            f"{', in the ring around the nucleus' if place else ''}: {meaning}"
            for channel in self.channels
            for place in self.places
            for name, meaning in _OF_NUCLEUS.items()
        }


def column_of(channel: str) -> str:
    """Return what the columns of a channel begin with.

    Examples
    --------
    >>> column_of("Alexa 488"), column_of("488")
    ('Alexa_488', 'channel488')
    """
    name = re.sub(r"\W+", "_", channel).strip("_")
    return f"channel{name}" if not name or name[0].isdecimal() else name


def as_channels(names: str | int | Iterable[str | int]) -> tuple[str, ...]:
    """Return channels as texts, of one or of several."""
    several: Sequence[str | int] = [names] if isinstance(names, str | int) else list(names)
    return tuple(map(str, several))
