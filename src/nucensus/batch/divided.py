"""An image that is read part by part, and what its header says for those who have not its file."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import ReadError
from ..values import PixelSize, PlannedImage
from ..values.parts import Parts
from .content import sizes_and_times

if TYPE_CHECKING:
    from ..detect import LevelsInParts

_CHANGED = (
    "the file was written while its parts were read; expected it to stay as it is; wait until it "
    "is whole, and do the image again with nucensus retry"
)


class Opened(NamedTuple):
    """What the header says; the attributes are those of `Parts` and of the image."""

    shape: tuple[int, int]
    dtype: np.dtype
    step: tuple[int, int]
    is_decoded: bool
    pixel_size: PixelSize
    downsample: tuple[float, float]


class Divided(NamedTuple):
    """An image that is read while its nuclei are found.

    Attributes
    ----------
    planned : PlannedImage
    compression : str
    content : str or None
    opened : Opened or None
        Where its parts are to be spread over workers.
    seen : LevelsInParts or None
        What was kept of it when its nuclei were estimated.
    written : list of (int, int)
        How large and old its files were before that, of which `sizes_and_times` tells.
    """

    planned: PlannedImage
    compression: str
    content: str | None
    opened: Opened | None = None
    seen: "LevelsInParts | None" = None
    written: Sequence[tuple[int, int]] = ()

    def dated(self) -> "Divided":
        """Return the same with how large and old its files are; before they are read."""
        return self._replace(written=self._files())

    def seen_in(self, parts: Parts) -> "LevelsInParts | None":
        """Return what was kept of the files, if they are as they were."""
        is_same = self.written and self.written == self._files()
        return self.seen if self.seen and is_same and self.seen.extent == parts.shape else None

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Raise `ReadError` if its files were written while a block of code read their parts."""
        before = self._files()
        yield
        if self._files() != before:
            raise ReadError(_CHANGED)

    def _files(self) -> list[tuple[int, int]]:
        return sizes_and_times(self.planned.path, self.planned.plane)
