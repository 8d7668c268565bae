"""Read LIF files of Leica LAS X."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotAPlaneError
from ..remote import RemoteFile
from ..values.pixel_size import stated_size
from .scene import Index, Scene, Source, check_count, name_samples, split_scenes
from .vendor import open_scenes_with

if TYPE_CHECKING:
    from liffile import LifFile, LifImage

_AXES = {"T": "t", "Z": "z"}
_WORDS = {
    "λ": "wavelength", "Λ": "excitation", "A": "rotation", "M": "tile", "L": "loop", "H": "bin",
}  # fmt: skip


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a LIF file; each of its images is a scene, and so is each wavelength and tile of one.

    Scans that are no images, as of a line over time, are scenes that are left out.
    """
    with open_scenes_with(path, "LIF", "liffile", "LifFile", _scenes) as scenes:
        yield scenes


def _scenes(file: "LifFile") -> list[Scene]:
    return [each for image in file.images for each in _scenes_of(image)]


def _scenes_of(image: "LifImage") -> list[Scene]:
    try:
        sizes, dtype = dict(image.sizes), np.dtype(image.dtype)
    except (ValueError, LookupError) as error:
        return [_left_out(image, f"it cannot be read: {error}")]
    held = ", ".join(f"{axis} {size}" for axis, size in sizes.items())
    if image.is_flim or not {"Y", "X"} <= sizes.keys():
        return [_left_out(image, f"a scan of {held}; expected height x width")]
    end = image.parent.filehandle.seek(0, 2)
    if math.prod(sizes.values()) * dtype.itemsize > end - image.memory_block.offset:
        return [_left_out(image, f"it claims {held}, more than the file holds; copy it again")]
    check_count(sizes.get("C", 1) * sizes.get("S", 1), "channels")
    return split_scenes(_scene(image, sizes), _WORDS)


def _left_out(image: "LifImage", problem: str) -> Scene:
    def refuse(_: Index) -> NDArray[Any]:
        raise NotAPlaneError(f"{image.path!r} is left out: {problem}")

    return Scene((0, 0), "uint8", {}, refuse, name=image.path, left_out=problem)


def _scene(image: "LifImage", sizes: dict[str, int]) -> Scene:
    channels, samples = sizes.get("C", 1), sizes.get("S", 1)
    spacing_m = {axis: _spacing_m(image, axis.upper()) for axis in "yxz"}
    others = {_AXES.get(axis, axis): n for axis, n in sizes.items() if axis not in "YXCS"}
    names = () if "C0" in sizes else _channel_names(image)[::samples]
    return Scene(
        (sizes["Y"], sizes["X"]),
        str(image.dtype),
        {**others, "c": channels * samples},
        lambda index: _read_plane(image, samples, index),
        channels=name_samples(names, [samples] * channels),
        pixel_size=stated_size("m", **spacing_m),
        name=image.path,
        is_colour=samples > 1 and channels == 1,
        block_pixels=0 if _is_framed(image) or _is_local(image) else math.prod(sizes.values()),
    )


def _is_framed(image: "LifImage") -> bool:
    """Tell whether the rows of a plane lie together in the file."""
    return {"Y", "X"} <= set(image.frames.frame_dims) <= {"Y", "X", "S"} and "C0" not in image.sizes


def _read_plane(image: "LifImage", samples: int, index: Index) -> NDArray[Any]:
    channel, sample = divmod(index["c"], samples)
    at = {"C": channel, "S": sample}
    at |= {axis: index[_AXES.get(axis, axis)] for axis in image.sizes if axis not in "YXCS"}
    if _is_framed(image):
        axes = image.frames.frame_dims
        pixels = image.frame(**{axis: at[axis] for axis in image.sizes if axis not in axes})
    else:
        axes = image.dims
        pixels = image.asarray(out="memmap" if _is_local(image) else None)
    cut = tuple(slice(None) if axis in "YX" else at[axis] for axis in axes)
    # An array that is mapped must not outlive the file; a frame is memory of its own.
    plane: NDArray[Any] = np.array(pixels[cut]) if isinstance(pixels, np.memmap) else pixels[cut]
    return plane if axes.index("Y") < axes.index("X") else plane.T


def _is_local(image: "LifImage") -> bool:
    """Tell whether the pixels can be mapped from the file."""
    return not isinstance(image.parent.filehandle, RemoteFile)


def _spacing_m(image: "LifImage", axis: str) -> float | None:
    """Return the distance of neighbours; LIF states the length from the first to the last."""
    coordinates = image.coords.get(axis)
    if coordinates is None or len(coordinates) < 2:
        return None
    return abs(float(coordinates[1] - coordinates[0])) or None


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
