"""The names of images as Unicode text, and as paths below a folder.

A name may hold bytes that are not UTF-8 (`os.fsdecode` keeps them as lone
surrogates), which formats that only know Unicode cannot hold.
"""

import hashlib
import os
import re
import sys

from .patterns import late

_LONGEST_BYTES = 200
"""Bytes of a part of a path: file systems take 255, and an ending follows."""


def escape(text: str, *, also: str = "") -> str:
    r"""Return `text` as plain Unicode: bytes that are not UTF-8 as `\xff`, a backslash as `\\`.

    `also` names further characters, as in a regular expression's class.
    `unescape` gives back the original.

    Examples
    --------
    >>> import os
    >>> print(escape(os.fsdecode(b"caf\xe9.tif")), escape("plain \U0001f52c.tif"))
    caf\xe9.tif plain 🔬.tif
    """
    if not also and text.isascii() and "\\" not in text:
        return text
    return re.sub(rf"[\\\udc80-\udcff{also}]", _escaped, text)


def unescape(text: str) -> str:
    r"""Return what `escape` was given.

    Examples
    --------
    >>> import os
    >>> os.fsencode(unescape(r"caf\xe9.tif"))
    b'caf\xe9.tif'
    """
    return re.sub(r"\\(\\|x[0-9a-f]{2})", _unescaped, text)


_WINDOWS = sys.platform == "win32"
_NOT_ON_WINDOWS = late(
    r'[\x00-\x1f<>:"\\|?*]|[. ]$|^(?=(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)).',
    re.IGNORECASE,
)
"""No name may have these there: some characters, a last dot or blank, the start of a device."""


def safe_path(name: str, *, on_windows: bool = _WINDOWS) -> str:
    """Return `name` as a relative path that stays below the folder it is joined to.

    Of an address the scheme is the first folder. Empty parts, `.`, `..` and `%`
    come out percent-encoded, and on Windows what it takes in no name; a part
    too long for a file system is cut and told apart by its hash; other names
    are as they are.
    """
    parts = [_part(each) for each in name.replace("://", "/").split("/")]
    return "/".join(_NOT_ON_WINDOWS.sub(_percent, each) if on_windows else each for each in parts)


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match.group()):02X}"


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return "\\\\" if character == "\\" else f"\\x{ord(character) & 0xFF:02x}"


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    return "\\" if code == "\\" else _character(int(code[1:], 16))


def _character(byte: int) -> str:
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)


def _part(part: str) -> str:
    if part in ("", ".", ".."):
        return part.replace(".", "%2E") or "%"
    quoted = part.replace("%", "%25")
    as_bytes = os.fsencode(quoted)
    if len(as_bytes) <= _LONGEST_BYTES:
        return quoted
    digest = hashlib.sha256(as_bytes).hexdigest()[:16]
    return f"{os.fsdecode(as_bytes[:150])}~{digest}"
