"""Know channels by name: which one was asked for, which one shows nuclei."""

import re
from collections.abc import Mapping

_NUCLEAR = (  # few runs need it: to compile it takes as long as half an image
    r"dapi|hoechst|h33[23]42|h3342|h3258|hh3|draq ?[57]|sytox|nuc(?:lei|leus|lear|blue|red)"
    r"|(?<![a-z])(?:ds)?dna(?![a-z])|h2b|\b405\b"
)

_LISTED = 100
"""Channels that a message lists."""


def find_channel(wanted: int | str, channels: Mapping[str, str]) -> str | None:
    """Return the key of the channel that is meant, or None if that is not one channel.

    In this order: the name of a channel, as it is written or else with other capitals; a part of
    one name only, in which a number counts as a whole (48 is no part of 488, but 1 is one of 01);
    a bare number, as the key. A bare number that is a part of one channel's name and the key of
    another is not clear.

    Parameters
    ----------
    wanted : int or str
        An int is a key, or else the whole name of a channel.
    channels : mapping of str to str
        The names by key; keys are numbers as text, or names.

    Examples
    --------
    >>> find_channel("hoechst", {"1": "Alexa 647", "5": "HOECHST 33342"})
    '5'
    >>> find_channel("Ch1", {"0": "Ch1-T1", "1": "Ch2-T2"})
    '0'
    >>> find_channel("405", {"0": "488", "1": "405"})
    '1'
    >>> find_channel("DAPI", {"UV - DAPI": "", "Blue - FITC": ""})
    'UV - DAPI'
    """
    return _find(wanted, channels, str(wanted))


def find_token(wanted: int | str, channels: Mapping[str, str]) -> str | None:
    """Return the key that is meant among those of a plate: w1, ch1 and C01 are key 1 too.

    Names come first, as in `find_channel`. A key is meant though it is a part of other keys.

    Examples
    --------
    >>> find_token("w1", {"1": "DAPI", "2": "FITC"}), find_token("1", {"1": "", "D1": ""})
    ('1', '1')
    """
    key, names = str(wanted), map(_folded, channels.values())
    if key in channels and not any(_is_part(_folded(key), name) for name in names):
        return key
    marked = re.fullmatch(r"(?:wv?|ch?|d)([0-9]+)", str(wanted).casefold())
    return _find(wanted, channels, marked[1] if marked else str(wanted))


def _find(wanted: int | str, channels: Mapping[str, str], number: str) -> str | None:
    text = _folded(str(wanted))
    names = {key: _folded(_name(key, name)) for key, name in channels.items()}
    as_written = [key for key, name in channels.items() if str(wanted) == _name(key, name)]
    by_key = [key for key in channels if _is_number(key, number)]
    exact = as_written or [key for key in names if text in (names[key], _folded(_name(key, "")))]
    part = [key for key, name in names.items() if _is_part(text, name)]
    if isinstance(wanted, int):
        found = by_key or exact
    elif exact:
        found = exact
    elif len(part) == 1:
        found = part + [key for key in by_key if text.isdecimal() and key not in part]
    else:
        found = by_key
    return found[0] if len(found) == 1 else None


def _folded(name: str) -> str:
    """Return a name without what tells capitals apart, or ways to spell one letter."""
    import unicodedata

    return unicodedata.normalize("NFKC", name).casefold()


def _is_number(key: str, number: str) -> bool:
    """Tell whether both are the same number, with leading zeros or without."""
    return key.isdecimal() and number.isdecimal() and key.lstrip("0") == number.lstrip("0")


def _is_part(text: str, name: str) -> bool:
    """Tell whether a text is in a name, without cutting a number of it in two."""
    before = "(?<![0-9])" if text[:1].isdecimal() else ""
    before += "0*" if text.isdecimal() else ""
    after = "(?![0-9])" if text[-1:].isdecimal() else ""
    return bool(text) and re.search(before + re.escape(text) + after, name) is not None


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
    found = [key for key, name in channels.items() if shows_nuclei(name or key)]
    return found[0] if len(found) == 1 else None


def shows_nuclei(name: str) -> bool:
    """Tell whether the name of a channel says that it shows nuclei."""
    return re.search(_NUCLEAR, name, re.IGNORECASE) is not None


def list_channels(channels: Mapping[str, str]) -> str:
    """Return the channels as a message lists them: 0 (DAPI), 1 (FITC); of many the first."""
    listed = [f"{key} ({name})" if name and name != key else key for key, name in channels.items()]
    more = [f"... ({len(listed):,} in all)"] if len(listed) > _LISTED else []
    return ", ".join(listed[:_LISTED] + more)
