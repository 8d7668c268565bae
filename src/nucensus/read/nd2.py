"""Read ND2 files of Nikon NIS-Elements."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..values.parts import Area, Parts
from ..values.pixel_size import NO_SIZE, stated_size
from .ifd import fill_from
from .scene import Index, Scene, Source, check_count, name_samples, split_scenes
from .shared_file import SharedFile
from .vendor import explained, open_scenes_with

if TYPE_CHECKING:
    from nd2 import ND2File

_LOOPS = {"TimeLoop": "t", "NETimeLoop": "t", "ZStackLoop": "z", "XYPosLoop": "position"}


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open an ND2 file; each of its stage positions is a scene, and each turn of other loops."""
    with open_scenes_with(path, "ND2", "nd2", "ND2File", _scenes) as scenes:
        yield scenes


def _scenes(file: "ND2File") -> list[Scene]:
    loops = _loops(file)
    channels, samples = file.attributes.channelCount or 1, file.components_per_channel
    check_count(channels * samples, "channels")
    voxel = file.voxel_size()
    described = file.metadata.channels or ()
    is_calibrated = all(channel.volume.axesCalibrated[0] for channel in described)
    shape = (file.attributes.heightPx, file.attributes.widthPx or 1)
    is_packed = file.attributes.compressionType is not None
    distance = voxel.z if loops.get("z", 1) > 1 else None
    scene = Scene(
        shape,
        str(file.dtype),
        {**loops, "c": channels * samples},
        lambda index: _read_plane(file, loops, index),
        channels=name_samples([each.channel.name for each in described], [samples] * channels),
        pixel_size=stated_size(y=voxel.y, x=voxel.x, z=distance) if is_calibrated else NO_SIZE,
        name="" if loops.get("position", 1) > 1 else "position 0",
        is_colour=samples > 2 and channels == 1,
        block_pixels=math.prod(shape) * channels * samples if is_packed else 0,
        divide=lambda index: _divide(file, loops, index),
    )
    return split_scenes(scene, {axis: axis for axis in loops})


def _loops(file: "ND2File") -> dict[str, int]:
    """Return how often each loop turns, outermost first; of a second one of a kind as "loop"."""
    loops: dict[str, int] = {}
    for loop in file.experiment:
        axis = _LOOPS.get(loop.type, "loop")
        axis = axis if axis not in loops else "loop"
        while axis in loops:
            axis = f"inner {axis}"
        loops[axis] = loop.count
    held = max(getattr(file._rdr, "_frame_offsets", None) or [0]) + 1
    # More frames than turns: there is a loop that nd2 does not know.
    return loops if held <= math.prod(loops.values()) else {"frame": held}


def _frame_of(loops: dict[str, int], index: Index) -> int:
    """Return the number of a frame, which holds all channels of a plane."""
    number = 0
    for axis, count in loops.items():
        number = number * count + index[axis]
    return number


def _divide(file: "ND2File", loops: dict[str, int], index: Index) -> Parts | None:
    """Return a plane as its rows, which lie in the file as they do in memory; None of others."""
    attributes, number = file.attributes, _frame_of(loops, index)
    channels, samples = attributes.channelCount or 1, file.components_per_channel
    offsets, opened = (getattr(file._rdr, name, None) for name in ("_frame_offsets", "_fh"))
    is_packed = attributes.compressionType is not None or min(channels, samples) > 1
    if offsets is None or opened is None or is_packed or _is_dropped(file, number):
        return None  # of what is missing it is said when it is read whole
    together, width, dtype = channels * samples, attributes.widthPx or 1, file.dtype
    row_bytes = attributes.widthBytes or width * together * dtype.itemsize
    shared, offset = SharedFile(opened), offsets[number]

    def read(area: Area) -> NDArray[Any]:
        rows = np.empty((area.shape[0], row_bytes), np.uint8)
        with explained("ND2"):
            fill_from(shared.reader(), offset + area.top * row_bytes, rows.reshape(-1).data)
        pixels = rows[:, : width * together * dtype.itemsize].view(dtype)
        return np.ascontiguousarray(pixels[:, index["c"] :: together])

    shape = attributes.heightPx, width
    return Parts(shape, dtype, (1, width), read, is_decoded=together > 1)


def _read_plane(file: "ND2File", loops: dict[str, int], index: Index) -> NDArray[Any]:
    """Read one frame."""
    number = _frame_of(loops, index)
    if _is_dropped(file, number):
        raise ReadError(
            "the file holds no pixels for this plane: the frame was dropped when it was recorded, "
            "or the file was cut short; choose another plane, or copy the file again"
        )
    attributes = file.attributes
    samples = file.components_per_channel
    channel, sample = divmod(index["c"], samples)
    frame = file.read_frame(number).reshape(
        attributes.channelCount or 1, attributes.heightPx, attributes.widthPx or 1, samples
    )
    # The frame is the mapped file itself: to read it after the file is closed is a crash.
    return np.array(frame[channel, ..., sample])


def _is_dropped(file: "ND2File", number: int) -> bool:
    """Tell whether nd2 gives zeros for a frame because the file does not hold it."""
    offsets = getattr(file._rdr, "_frame_offsets", None)
    if offsets is None:
        return False
    if number not in offsets or file.attributes.compressionType is not None:
        return number not in offsets
    size_bytes = math.prod(file._rdr._raw_frame_shape()) * file.dtype.itemsize
    end: int = file._rdr._fh.seek(0, 2)
    return bool(offsets[number] + size_bytes > end)
