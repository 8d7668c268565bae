"""Keep the images of a listing on disk, to go through them again: a million need no memory."""

import os
import pickle
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cached_property
from operator import attrgetter
from typing import IO, Any

from ..values import ImageRef

_AT_ONCE = 256
"""Images that are written together, and in memory at a time. Larger: faster by little."""


class KeptImages:
    """Images in the order in which they came.

    Parameters
    ----------
    images : iterable of ImageRef
        Those that are kept at once; `add` and `keep` take more.
    """

    def __init__(self, images: Iterable[ImageRef] = ()) -> None:
        self._last: list[ImageRef] = []
        self._count = 0
        for each in images:
            self.add(each)

    @cached_property
    def _file(self) -> IO[bytes]:
        """Of more images than are in memory, which most plates have not."""
        import tempfile

        file = tempfile.TemporaryFile()  # noqa: SIM115 it is closed with the last reader
        weakref.finalize(self, file.close)
        return file

    def add(self, image: ImageRef) -> None:
        """Keep one more."""
        if len(self._last) == _AT_ONCE:
            self._file.seek(0, os.SEEK_END)
            pickle.dump(_columns_of(self._last), self._file, pickle.HIGHEST_PROTOCOL)
            self._last = []
        self._last.append(image)
        self._count += 1

    def keep(
        self, images: Iterable[ImageRef], on_image: Callable[[], object] = bool
    ) -> Iterator[ImageRef]:
        """Yield the images, each once it is kept, and call `on_image` for it."""
        for each in images:
            self.add(each)
            on_image()
            yield each

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ImageRef]:
        """Yield every image; none may be added meanwhile."""
        position, left = 0, self._count - len(self._last)
        while left:
            self._file.seek(position)
            columns = pickle.load(self._file)
            position = self._file.tell()
            left -= len(columns[0])
            yield from map(ImageRef, *columns)
        yield from self._last


def _columns_of(images: Iterable[ImageRef]) -> list[tuple[Any, ...]]:
    """Return the fields of images column by column: to pickle them takes half the time."""
    return list(zip(*map(_FIELDS, images), strict=True))


_FIELDS = attrgetter(*(each.name for each in fields(ImageRef)))
