"""Keys that obstore cannot spell: with an empty part, `.`, `..` or a control character.

A page of a listing that holds one comes out as an error, and not at all.
"""

import re

_ODD = re.compile(r"(?:^|/)(?:\.\.?)?(?:/|$)|[\0-\x1f\x7f]")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def odd_key(error: Exception) -> str | None:
    r"""Return the key that a listing failed at, or None if it failed for another reason.

    Examples
    --------
    >>> odd_key(ValueError('Debug source: EmptySegment { path: "p/x//1.tif" }'))
    'p/x//1.tif'
    """
    found = re.search(r'\bpath: "((?:[^"\\]|\\.)*)"', str(error))
    return found and re.sub(r"\\(u\{(\w+)\}|.)", _unescaped, found[1])


def is_odd(key: str) -> bool:
    r"""Tell whether obstore cannot spell `key`.

    Examples
    --------
    >>> is_odd("p/x//1.tif"), is_odd("p/\n.tif"), is_odd("p/x/"), is_odd("p/x..tif")
    (True, True, True, False)
    """
    return _ODD.search(key) is not None


def key_behind(key: str) -> str:
    r"""Return a key that can be spelt, and is sorted behind all that are odd for the same reason.

    Examples
    --------
    >>> key_behind("p/x//1.tif"), key_behind("p/../1.tif"), key_behind("p/a\x01b.tif")
    ('p/x/0', 'p/..0', 'p/a ')
    """
    parts = key.split("/")
    for i, part in enumerate(parts):
        if part in ("", ".", "..") and i:
            return "/".join([*parts[:i], f"{part}0"])
        if control := _CONTROL.search(part):
            behind = "\x80" if control.group() == "\x7f" else " "
            return "/".join([*parts[:i], part[: control.start()] + behind])
    return key


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[2], 16)) if match[2] else _ESCAPED.get(match[1], match[1])
