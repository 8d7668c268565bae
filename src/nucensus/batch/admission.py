"""Let an image be read whole, refuse it, or have it read part by part, as its header says."""

from collections.abc import Callable

from ..errors import TooLargeError
from ..values import Header
from .budget import Budget, beyond_memory

_PARTNER_BYTES = 32
"""Bytes for each pixel and other channel: its grey level, its label, its ring, its neighbours."""
_WHOLE_BYTES = 128 << 20
"""Bytes of an image up to which it is always read whole. Larger: more memory; smaller: slower, for
parts overlap."""
_MORE_IN_PARTS = 100
"""Factor by which an image that is read in parts may have more pixels than one read whole."""


class DividedError(Exception):
    """Said of an image that is not read whole."""


class Admission:
    """Look at the header of an image, and refuse it or take the memory it needs.

    With it is taken what so many other channels need that are read `beside` it: who waits for
    memory must hold none.

    Parameters
    ----------
    max_pixels, most_bytes : int
        A larger image is refused.
    budget : Budget or None
        What the memory is taken from.
    bytes_of : callable
        Gives the memory that an image with a header needs beside its pixels.
    why_whole : callable
        Says why no image can be read part by part; nothing if they can.
    beside : int
    """

    def __init__(
        self, max_pixels: int, most_bytes: int, budget: Budget | None, *,
        bytes_of: Callable[[Header], int], why_whole: Callable[[], str], beside: int,
    ) -> None:  # fmt: skip
        self._most_pixels, self._most_bytes, self._budget = max_pixels, most_bytes, budget
        self._bytes_of, self._why_whole, self._beside = bytes_of, why_whole, beside
        self.compression = ""
        self.taken_bytes = 0

    def __call__(self, header: Header) -> None:
        """Take memory for an image with such a header, or raise why not."""
        self.give_back()  # of an object that changed, and is read again
        self.compression = header.compression
        most_bytes, most_pixels, why = self._most_bytes, self._most_pixels, ""
        size_bytes = header.size_bytes + self._bytes_of(header)
        size_bytes += self._beside * _PARTNER_BYTES * header.pixels
        is_large = header.size_bytes > _WHOLE_BYTES or size_bytes > most_bytes
        if is_large and header.has_parts():
            why = self._why_whole()
            if not why and header.pixels <= _MORE_IN_PARTS * most_pixels:
                raise DividedError
        if header.pixels > most_pixels:
            raise TooLargeError(
                f"the file claims {header.pixels:,} pixels; expected at most "
                f"{most_pixels:,}; check the file, or raise --max-pixels{why}"
            )
        if size_bytes > most_bytes:
            raise beyond_memory(size_bytes, most_bytes, why)
        if self._budget is not None:
            self._budget.take(size_bytes)
            self.taken_bytes = size_bytes
        self._pixels = header.pixels

    def of_partner(self, header: Header) -> None:
        """Refuse another channel that needs more memory than was taken for it."""
        if header.size_bytes > _PARTNER_BYTES * self._pixels:
            raise TooLargeError(
                f"it has {header.pixels:,} pixels, and the image of the nuclei {self._pixels:,}; "
                f"expected as many; leave this channel out, or export it in the size of the others"
            )

    def give_back(self) -> None:
        """Give back what was taken for an image that was not read."""
        if self._budget is not None and self.taken_bytes:
            self._budget.give_back(self.taken_bytes)
        self.taken_bytes = 0
