"""Read from folders what names of instruments leave open: the stain, the plane, the time point."""

import functools
from dataclasses import replace

from ..values import Place
from .unknown_names import CHANNEL_FOLDER, channels_of, is_stain, position_word

_AXES = ("channel", "z", "time")
_LIGHTS = frozenset(("phase", "brightfield", "bf", "dic", "red", "green", "blue"))
"""Words that are channels where a folder is called so, and may be more in names."""


def with_folders(place: Place, name: str) -> Place:
    """Return a place with what the folders in the name of an image tell of it beside.

    Examples
    --------
    >>> with_folders(Place("P", "A01", "1"), "Phase/P_A01_1_00d00h00m.tif").channel
    'Phase'
    """
    folder = name.rpartition("/")[0]
    if not folder or (place.channel and place.z and place.time):
        return place
    told = _told(folder, place.plate)
    if not any(told):
        return place  # as of most folders
    said = zip(_AXES, told, strict=True)
    more = {axis: word for axis, word in said if word and not getattr(place, axis)}
    return replace(place, **more) if more else place


@functools.lru_cache(1024)
def _told(folder: str, plate: str) -> tuple[str, str, str]:
    """Return the channel, the plane and the time that folders tell; one may be the plate."""
    channels = [_channel(each) for each in folder.split("/") if each != plate]
    channel = next(filter(None, reversed(channels)), "")
    z, time = (position_word(f"{folder}/.", axis)[0] for axis in ("z", "time"))
    return channel, z and str(int(z)), time and str(int(time))


def _channel(folder: str) -> str:
    """Return the channel that a folder is called by, DAPI or the 2 of Channel 2; "" if by none."""
    is_number = CHANNEL_FOLDER.fullmatch(folder) is not None
    is_channel = is_number or is_stain(folder) or folder.lower() in _LIGHTS
    return channels_of([folder])[folder] if is_channel else ""
