"""What a reader makes of a file: its scenes, each of which reads one plane at a time."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..channels import find_channel, list_channels, nuclear_channel
from ..errors import NotAPlaneError
from ..model import Header, Plane
from ..remote import RemoteFile

Source: TypeAlias = str | RemoteFile
"""What a reader opens: a path, or an object; an OME-Zarr is named, by its path or address."""

Index: TypeAlias = dict[str, int]
"""One position on each axis of a scene, from 0."""

_AXES = {"s": "scene", "c": "channel", "z": "z plane", "t": "time point"}


@dataclass(frozen=True, slots=True)
class Scene:
    """One image of a file, of any number of planes, none of them read yet.

    Attributes
    ----------
    shape : (int, int)
        Height and width of a plane, in pixels.
    dtype : str
        Of a pixel.
    sizes : dict of str to int
        The length of each axis beside row and column: "c" (channels, or the
        samples of a colour image), "z", "t", and any other the file has.
    read : callable
        `read(index) -> ndarray of shape (height, width)`, where the index has a
        position for every axis in `sizes`.
    channels : tuple of str
        Names; "" where there is none. Empty if the file names no channel.
    pixel_um : float or None
        Side of a pixel in micrometres, if the file states it and it is a square.
    depth_um : float or None
        Distance of z planes in micrometres, if the file states it.
    name : str
    is_colour : bool
        Whether the channels are the samples (red, green, blue) of a colour image.
    compression : str
        Its name; "" for none, or not known.
    """

    shape: tuple[int, int]
    dtype: str
    sizes: Mapping[str, int]
    read: Callable[[Index], NDArray[Any]]
    channels: tuple[str, ...] = ()
    pixel_um: float | None = None
    depth_um: float | None = None
    name: str = ""
    is_colour: bool = False
    compression: str = ""

    def header(self, plane: Plane) -> Header:
        """Return what it takes to decode `plane`."""
        samples = self.sizes.get("c", 1) if self.is_colour else 1
        planes = self.sizes.get("z", 1) if plane.z == "volume" else 1
        pixels = math.prod(self.shape) * samples * planes
        return Header(pixels, pixels * np.dtype(self.dtype).itemsize, self.compression)

    @property
    def channel_names(self) -> dict[str, str]:
        """The names of the channels by their index."""
        count = self.sizes.get("c", 1)
        return {str(i): self.channels[i] if i < len(self.channels) else "" for i in range(count)}


def side_um(y: float | None, x: float | None) -> float | None:
    """Return the side of a pixel of that height and width, if both are known and alike."""
    return y if y and x and math.isclose(y, x, rel_tol=1e-3) else None


def choose_scene(scenes: Sequence[Scene], wanted: int | str | None) -> Scene:
    """Return the scene that is meant, or say which there are."""
    if wanted is None and len(scenes) == 1:
        return scenes[0]
    names = {str(index): scene.name for index, scene in enumerate(scenes)}
    found = None if wanted is None else find_channel(wanted, names)
    if found is None:
        given = "more than one scene" if wanted is None else f"no one scene {wanted!r}"
        sizes = [f"{scene.name} {scene.shape[0]} x {scene.shape[1]}".strip() for scene in scenes]
        there = list_channels(dict(zip(names, sizes, strict=True)))
        raise NotAPlaneError(f"the file holds {given}; there are {there}; choose with --scene")
    return scenes[int(found)]


def read_plane(scene: Scene, plane: Plane) -> NDArray[Any]:
    """Read the one plane of `scene` that is meant; planes of a stack one after the other."""
    index = choose_index(scene, plane)
    if plane.z == "volume":
        volume = np.empty((scene.sizes.get("z", 1), *scene.shape), scene.dtype)
        for z in range(len(volume)):
            volume[z] = scene.read({**index, "z": z})
        return volume
    if plane.z != "max":
        return scene.read(index)
    projection = np.array(scene.read(index))
    for z in range(1, scene.sizes.get("z", 1)):
        np.maximum(projection, scene.read({**index, "z": z}), out=projection)
    return projection


def choose_index(scene: Scene, plane: Plane) -> Index:
    """Return the position of `plane` on each axis, or say what the scene holds."""
    wanted: dict[str, Any] = {
        "c": _channel_index(scene, plane.channel),
        "z": 0 if plane.z in ("max", "volume") else plane.z,
        "t": plane.time,
    }
    index = {}
    for axis, size in scene.sizes.items():
        position = wanted.get(axis)
        if position is None and size != 1:
            raise NotAPlaneError(_describe(scene, plane))
        index[axis] = position or 0
    for axis, position in wanted.items():
        if position is not None and not 0 <= position < scene.sizes.get(axis, 1):
            raise NotAPlaneError(
                f"{_AXES[axis]} {position} was asked for; {_describe(scene, plane)}"
            )
    return index


def _channel_index(scene: Scene, wanted: int | str | None) -> int | None:
    if wanted is None:
        return None
    found = find_channel(wanted, scene.channel_names)
    if found is None:
        raise NotAPlaneError(f"{wanted!r} does not name one channel; {_describe(scene, Plane())}")
    return int(found)


def _describe(scene: Scene, plane: Plane) -> str:
    """Say what the scene holds, and which options choose one plane of it."""
    options, parts = [], []
    chosen = {"c": plane.channel, "z": plane.z, "t": plane.time}
    for axis, size in scene.sizes.items():
        what = f"{size} {_AXES.get(axis, f'positions of axis {axis}')}{'s' * (size > 1)}"
        if axis == "c":
            named = any(scene.channels)
            what = "colours (0 red, 1 green, 2 blue)" if scene.is_colour else what
            what += f": {list_channels(scene.channel_names)}" if named else ""
        elif size > 1:
            what += f" (0 to {size - 1})"
        parts.append(what)
        option = {"c": "--channel", "z": "--z", "t": "--time"}.get(axis)
        if size > 1 and chosen.get(axis) is None and option:
            options.append(option)
    proposed = nuclear_channel(scene.channel_names)
    if "--channel" in options and proposed is not None:
        options[options.index("--channel")] = f"--channel {shlex.quote(proposed)}"
    how = f"choose with {', '.join(options)}" if options else "save the plane as a file of its own"
    return f"the file holds {', '.join(parts) or 'one plane'}; expected one plane; {how}"
