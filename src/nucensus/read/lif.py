"""Read LIF files of Leica LAS X."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .scene import Index, Scene, Source, side_um
from .vendor import open_file

if TYPE_CHECKING:
    from liffile import LifImage

_AXES = {"T": "t", "Z": "z", "C": "c", "S": "c"}


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a LIF file; each of its images is a scene."""
    with open_file(path, "LIF", "liffile", "LifFile") as file:
        yield [_scene(image) for image in file.images if {"Y", "X"} <= set(image.sizes)]


def _scene(image: "LifImage") -> Scene:
    is_colour = "S" in image.sizes and "C" not in image.sizes
    sizes = {_AXES.get(a, a): n for a, n in image.sizes.items() if a not in "YX"}
    y, x, z = (_spacing_um(image, axis) for axis in "YXZ")
    return Scene(
        (image.sizes["Y"], image.sizes["X"]),
        str(image.dtype),
        sizes,
        lambda index: _read_plane(image, index),
        channels=() if is_colour else _channel_names(image),
        pixel_um=side_um(y, x),
        depth_um=z,
        name=image.path,
        is_colour=is_colour,
    )


def _read_plane(image: "LifImage", index: Index) -> NDArray[Any]:
    wanted = {axis: index[_AXES.get(axis, axis)] for axis in image.sizes if axis not in "YXS"}
    frame: NDArray[Any] = image.frame(**wanted)
    return frame[..., index["c"]] if frame.ndim == 3 else frame


def _spacing_um(image: "LifImage", axis: str) -> float | None:
    """Return the distance of neighbours; LIF states the length from the first to the last."""
    coordinates = image.coords.get(axis)
    if coordinates is None or len(coordinates) < 2:
        return None
    return abs(float(coordinates[1] - coordinates[0])) * 1e6 or None


def _channel_names(image: "LifImage") -> tuple[str, ...]:
    """Return the dye of each channel, or else the colour that it is shown in."""
    names = []
    for channel in image.xml_element.iterfind(".//ChannelDescription"):
        dyes = [
            each.findtext("Value", "")
            for each in channel.iterfind("ChannelProperty")
            if each.findtext("Key") == "DyeName"
        ]
        names.append(dyes[0] if dyes else channel.get("LUTName", ""))
    return tuple(names)
