r"""Text from files and from other programs, as it may be shown on a terminal.

A name or a label may hold characters that a terminal obeys: they move the cursor, change its title,
or turn the order of a line around, so that it reads as something else.
"""

from .patterns import late

_OBEYED = late(
    "[\0-\x09\x0b-\x1f\x7f-\x9f"  # C0 but the line feed, delete, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the order around
    "\u2028\u2029\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    r"""Return `text` with what a terminal would obey as `\x1b`; line feeds stay.

    Examples
    --------
    >>> print(printable("DAPI\x1b[2J \u202egnp.\u2069 5 µm"))
    DAPI\x1b[2J \u202egnp.\u2069 5 µm
    """
    return _OBEYED.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
