"""Know channels by name: which one was asked for, which one shows nuclei."""

import re
from collections.abc import Mapping

_NUCLEAR = re.compile(
    r"dapi|hoechst|h33[23]42|draq ?[57]|sytox|nuc(?:lei|leus|lear|blue|red)|(?<![a-z])dna(?![a-z])"
    r"|h2b|\b405\b",
    re.IGNORECASE,
)


def find_channel(wanted: int | str, channels: Mapping[str, str]) -> str | None:
    """Return the key of the channel that is meant, or None if that is not clear.

    Parameters
    ----------
    wanted : int or str
        A name, a part of one name only, a key, or a number as in w1, ch1, C01.
    channels : mapping of str to str
        The names by key; keys are numbers as text, or names.

    Examples
    --------
    >>> find_channel("hoechst", {"1": "Alexa 647", "5": "HOECHST 33342"})
    '5'
    >>> find_channel("w1", {"1": "DAPI", "2": "FITC"})
    '1'
    >>> find_channel("DAPI", {"UV - DAPI": "", "Blue - FITC": ""})
    'UV - DAPI'
    """
    text = str(wanted).casefold()
    number = re.fullmatch(r"(?:wv?|ch?|d)?([0-9]+)", text)
    for found in (
        [key for key, name in channels.items() if text in (key.casefold(), name.casefold())],
        [key for key in channels if number and key.isdecimal() and int(key) == int(number[1])],
        [key for key, name in channels.items() if text in _name(key, name).casefold()],
    ):
        if len(found) == 1:
            return found[0]
    return None


def _name(key: str, name: str) -> str:
    """Return what a channel is called: its key too, unless that is a number."""
    return name or ("" if key.isdecimal() else key)


def nuclear_channel(channels: Mapping[str, str]) -> str | None:
    """Return the key of the one channel whose name says that it shows nuclei.

    Examples
    --------
    >>> nuclear_channel({"1": "Alexa 647", "5": "HOECHST 33342", "6": "Brightfield"})
    '5'
    """
    found = [key for key, name in channels.items() if _NUCLEAR.search(name or key)]
    return found[0] if len(found) == 1 else None


def list_channels(channels: Mapping[str, str]) -> str:
    """Return the channels as a message lists them: 0 (DAPI), 1 (FITC)."""
    return ", ".join(
        f"{key} ({name})" if name and name != key else key for key, name in channels.items()
    )
