"""Let nothing from a file, a library or an error reach the terminal that it would obey."""

import re
import sys
from typing import Any

from ..text.printable import printable

_QUERY = re.compile(r"(https?:/+[^\s?'\"]+)\?[^\s'\"]*", re.IGNORECASE)
"""Of an address in a text, as of one that is no path where a command wants a path."""


class PrintableStream:
    """Standard output or error: what is written there becomes `printable`, whoever writes it.

    Queries of web addresses are left out: they may be signatures.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str | bytes) -> int:
        """Write text; the completion of shells writes it as bytes."""
        if isinstance(text, bytes):
            if not text:  # click asks so whether this is a stream of bytes, and would spoil names
                raise TypeError("expected a text, got bytes")
            text = text.decode()
        written: int = self.stream.write(_QUERY.sub(r"\1", printable(text)))
        return written

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would go around this
            raise AttributeError(name)
        return getattr(self.stream, name)


def guard_streams() -> None:
    """Make printable what goes to standard output and error from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:
            setattr(sys, name, PrintableStream(stream))


def unguarded(stream: Any) -> Any:
    """Return what is behind, for a progress bar: that moves the cursor itself."""
    while isinstance(stream, PrintableStream):
        stream = stream.stream
    return stream
