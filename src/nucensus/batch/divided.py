"""An image that is read part by part, and what its header says for those who have not its file."""

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..remote import is_remote
from ..values import PixelSize, PlannedImage
from ..values.parts import Parts

if TYPE_CHECKING:
    from ..detect import LevelsInParts


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
    written : (int, int) or None
        When its file was written then, in nanoseconds, and its size in bytes.
    """

    planned: PlannedImage
    compression: str
    content: str | None
    opened: Opened | None = None
    seen: "LevelsInParts | None" = None
    written: tuple[int, int] | None = None

    def with_seen(self, levels: "LevelsInParts") -> "Divided":
        """Keep what was seen of a file of this system."""
        return self._replace(seen=levels, written=_written(self.planned.path))

    def seen_in(self, parts: Parts) -> "LevelsInParts | None":
        """Return what was kept of the file, if it is as it was."""
        is_same = self.written is not None and self.written == _written(self.planned.path)
        return self.seen if self.seen and is_same and self.seen.extent == parts.shape else None


def _written(path: str) -> tuple[int, int] | None:
    if is_remote(path):
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
