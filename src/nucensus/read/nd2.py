"""Read ND2 files of Nikon NIS-Elements."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .scene import Index, Scene, Source, side_um
from .vendor import open_file

if TYPE_CHECKING:
    from nd2 import ND2File

_AXES = {"T": "t", "Z": "z", "C": "c", "S": "c"}


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open an ND2 file; each of its stage positions is a scene."""
    with open_file(path, "ND2", "nd2", "ND2File") as file:
        yield [_scene(file, position) for position in range(file.sizes.get("P", 1))]


def _scene(file: "ND2File", position: int) -> Scene:
    sizes = {
        _AXES.get(axis, axis): n for axis, n in file.sizes.items() if axis not in ("P", "Y", "X")
    }
    voxel = file.voxel_size()
    is_calibrated = all(channel.volume.axesCalibrated[0] for channel in file.metadata.channels)
    return Scene(
        (file.sizes["Y"], file.sizes["X"]),
        str(file.dtype),
        sizes,
        lambda index: _read_plane(file, position, index),
        channels=tuple(channel.channel.name for channel in file.metadata.channels or ()),
        pixel_um=side_um(voxel.y, voxel.x) if is_calibrated else None,
        depth_um=voxel.z if is_calibrated and "z" in sizes else None,
        name=f"position {position}",
        is_colour=file.is_rgb,
    )


def _read_plane(file: "ND2File", position: int, index: Index) -> NDArray[Any]:
    """Read one frame; a frame holds all channels of a plane."""
    wanted = {_AXES.get(axis, axis): axis for axis in file.sizes}
    at = {wanted[axis]: place for axis, place in index.items()} | {"P": position}
    number = next(
        number
        for number, place in enumerate(file.loop_indices)
        if all(at[axis] == place[axis] for axis in place)
    )
    frame = file.read_frame(number)
    if frame.ndim == 3:
        frame = frame[..., index["c"]] if file.is_rgb else frame[index["c"]]
    # The frame is the mapped file itself: after the file is closed, a look at it is a crash.
    return np.array(frame)
