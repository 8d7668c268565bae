"""An image that is read part by part, and what its header says for those who have not its file."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import ReadError
from ..values import PixelSize, PlannedImage
from ..values.parts import Parts
from .content import state_of

if TYPE_CHECKING:
    from ..detect import LevelsInParts

_CHANGED = (
    "the file was written while its parts were read; expected it to stay as it is; wait until it "
    "is whole, and do the image again with nucensus retry"
)
_UNLIKE = (
    "the file was written while its parts were read, or workers have copies of it with unlike "
    "times; expected one file that stays as it is, or copies that keep its time (cp -p); do the "
    "image again with nucensus retry"
)

_UNKNOWN = (-1, -1)
"""The state of a file of which neither size nor time can be told."""


class Opened(NamedTuple):
    """What the header says; the attributes are those of `Parts` and of the image.

    `state` is that of its files, as the worker sees them that opened it.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    step: tuple[int, int]
    is_decoded: bool
    pixel_size: PixelSize
    downsample: tuple[float, float]
    state: list[Any]

    def check_state(self, planned: PlannedImage) -> None:
        """Raise `ReadError` if the files of the image are others now, on another worker."""
        if state_of(planned.path, planned.plane) != self.state:
            raise ReadError(_UNLIKE)


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
    written : list
        The state of its files before that, as `state_of` tells.
    """

    planned: PlannedImage
    compression: str
    content: str | None
    opened: Opened | None = None
    seen: "LevelsInParts | None" = None
    written: Sequence[Any] = ()

    def dated(self) -> "Divided":
        """Return the same with the state of its files, before they are read."""
        return self._replace(written=self.state())

    def seen_in(self, parts: Parts) -> "LevelsInParts | None":
        """Return what was kept of the files, if they are as they were."""
        is_same = _UNKNOWN not in self.written and self.written == self.state()
        return self.seen if self.seen and is_same and self.seen.extent == parts.shape else None

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Raise `ReadError` if its files were written while a block of code read their parts."""
        before = self.state()
        yield
        if self.state() != before:
            raise ReadError(_CHANGED)

    def state(self) -> list[Any]:
        """Return what tells its files from what they may be overwritten with."""
        return state_of(self.planned.path, self.planned.plane)
