"""Scenes of a file, as every reader returns them; each reads one plane at a time."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from .._shell import spell_word
from ..errors import NotAPlaneError, ReadError
from ..remote import RemoteFile
from ..values import PROJECTIONS, Header, Plane
from ..values.channels import find_channel, list_channels, nuclear_channel
from ..values.parts import Parts
from ..values.pixel_size import NO_SIZE, PixelSize
from .projection import Projection

Source: TypeAlias = str | RemoteFile
"""The input of a reader: a path, or an object; of an OME-Zarr its path or address."""

Index: TypeAlias = dict[str, int]
"""One position on each axis of a scene, from 0."""

_MOST = {
    "channels": 10_000, "z planes": 20_000, "images beside each other": 10_000,
    "images of several sizes": 1_000,
}  # fmt: skip
"""More than a file can be believed to have where each is listed, or read for one image."""

_COLOURS = ("red", "green", "blue", "alpha")
_GREY = ("grey levels", "transparency")
"""The samples of a picture in colour, and of a grey one of which parts are transparent."""

_SAMPLES = {
    2: "grey levels (0) and transparency (1)", 3: "colours (0 red, 1 green, 2 blue)",
    4: "colours (0 red, 1 green, 2 blue) and transparency (3)",
}  # fmt: skip
"""The samples of a colour image, by how many there are."""

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
    pixel_size : PixelSize
        As far as the file states it.
    name : str
    is_colour : bool
        Whether the channels are the samples (red, green, blue) of a colour image.
    is_aside : bool
        Whether the image is a thumbnail, a label or a macro, which is meant by its name only.
    compression : str
        Its name; "" for none, or not known.
    dtypes : tuple of str
        Of the channels in their order, where they are not all `dtype`.
    block_pixels : int
        Samples that are decoded at a time, where they are more than a plane: of a
        chunk, or of all channels.
    left_out : str
        Why it is no image that can be counted; "" of one that can.
    describe : callable or None
        `describe(index) -> Header` of one plane, where planes are unlike, or take more to decode
        than their pixels.
    divide : callable or None
        `divide(index) -> Parts or None`: one plane as its parts, where it can be read by them.
    reduce : callable
        `reduce() -> sequence of Scene`: the same image at lower resolutions, in any order.
    downsample : (float, float)
        How many rows and columns of the image at full size are one of this level.
    doubts : callable
        `doubts() -> str`: what is doubtful about the planes that were read so far.
    """

    shape: tuple[int, int]
    dtype: str
    sizes: Mapping[str, int]
    read: Callable[[Index], NDArray[Any]]
    channels: tuple[str, ...] = ()
    pixel_size: PixelSize = NO_SIZE
    name: str = ""
    is_colour: bool = False
    is_aside: bool = False
    compression: str = ""
    dtypes: tuple[str, ...] = ()
    block_pixels: int = 0
    left_out: str = ""
    describe: Callable[[Index], Header] | None = None
    divide: Callable[[Index], Parts | None] | None = None
    reduce: Callable[[], Sequence["Scene"]] = tuple
    downsample: tuple[float, float] = (1.0, 1.0)
    doubts: Callable[[], str] = str

    def __post_init__(self) -> None:
        check_count(self.sizes.get("c", 1), "channels")

    def header(self, plane: Plane) -> Header:
        """Return what it takes to decode `plane`."""
        if self.describe is not None:
            one = self.describe(choose_index(self, plane))
            if plane.z != "volume":
                return one
            pixels = (self.sizes.get("z", 1) - 1) * math.prod(self.shape)
            size_bytes = one.size_bytes + pixels * np.dtype(self.dtype).itemsize
            return replace(one, pixels=one.pixels + pixels, size_bytes=size_bytes)
        samples = self.sizes.get("c", 1) if self.is_colour else 1
        planes = self.sizes.get("z", 1) if plane.z == "volume" else 1
        pixels = max(math.prod(self.shape) * samples * planes, self.block_pixels)
        size_bytes = pixels * np.dtype(self.dtype_of(plane)).itemsize
        return Header(pixels, size_bytes, self.compression)

    def dtype_of(self, plane: Plane) -> str:
        """Return the type of a sample of `plane`."""
        return self.dtypes[_channel_index(self, plane.channel) or 0] if self.dtypes else self.dtype

    @property
    def channel_names(self) -> dict[str, str]:
        """The names of the channels by their index."""
        count = self.sizes.get("c", 1)
        return {str(i): self.channels[i] if i < len(self.channels) else "" for i in range(count)}

    @property
    def sample_names(self) -> dict[str, str]:
        """The names of the channels by their index; of a colour image its colours."""
        if not self.is_colour:
            return self.channel_names
        names = _GREY if self.sizes.get("c") == len(_GREY) else _COLOURS
        return {str(number): name for number, name in enumerate(names)}


def check_count(count: int, what: str) -> None:
    """Raise a ReadError if a file claims more of something than any has."""
    if count > _MOST[what]:
        raise ReadError(
            f"the file claims {count:,} {what}; expected at most {_MOST[what]:,}; check the file"
        )


def name_samples(names: Sequence[str], samples: Sequence[int]) -> tuple[str, ...]:
    """Return the names of channels of so many samples: those in colour as "Pol 0 red".

    Of one channel in colour there are none: its samples are the channels of a colour image.

    Examples
    --------
    >>> name_samples(["Pol 0", "DAPI"], [3, 1])
    ('Pol 0 red', 'Pol 0 green', 'Pol 0 blue', 'DAPI')
    """
    if max(samples) == 1:
        return tuple(names)
    if len(samples) == 1:
        return ()
    given = [*names, *map(str, range(len(names), len(samples)))]
    return tuple(
        f"{name} {_COLOURS[sample] if count > 2 else sample}" if count > 1 else name
        for name, count in zip(given, samples, strict=False)
        for sample in range(count)
    )


def main_scenes(scenes: Sequence[Scene]) -> Sequence[Scene]:
    """Return the scenes that are no thumbnails, labels or macros; all, if there is nothing else."""
    return [scene for scene in scenes if not scene.is_aside] or scenes


def _tell_left_out(scenes: Iterable[Scene]) -> None:
    for scene in scenes:
        import logging

        logging.getLogger(__name__).warning("%r is left out: %s", scene.name, scene.left_out)


def choose_scene(scenes: Sequence[Scene], wanted: int | str | None) -> Scene:
    """Return the scene that is meant, or say which there are."""
    name = str(wanted).casefold()
    aside = [scene for scene in scenes if scene.is_aside and scene.name.casefold() == name]
    scenes = aside or main_scenes(scenes)
    images = [scene for scene in scenes if not scene.left_out]
    if wanted is None and len(images) == 1:
        _tell_left_out(scene for scene in scenes if scene.left_out)
        return images[0]
    names = {str(index): scene.name for index, scene in enumerate(scenes)}
    found = None if wanted is None else find_channel(wanted, names)
    if found is None:
        given = "more than one scene" if wanted is None else f"no one scene {wanted!r}"
        there = list_channels(dict(zip(names, map(_sketch, scenes), strict=True)))
        raise NotAPlaneError(f"the file holds {given}; there are {there}; choose with --scene")
    scene = scenes[int(found)]
    if scene.left_out:
        raise NotAPlaneError(f"{scene.name!r} is left out: {scene.left_out}")
    return scene


def _sketch(scene: Scene) -> str:
    size = scene.left_out and f"left out: {scene.left_out}"
    return f"{scene.name} {size or ' x '.join(map(str, scene.shape))}".strip()


def split_scenes(scene: Scene, words: Mapping[str, str]) -> list[Scene]:
    """Return a scene for each position on the axes that no option chooses, named "phase 2".

    Parameters
    ----------
    scene : Scene
    words : mapping of str to str
        What a position on an axis is called.

    Raises
    ------
    ReadError
        There are more positions than a file can be believed to have.
    """
    others = {axis: size for axis, size in scene.sizes.items() if axis not in ("c", "z", "t")}
    check_count(math.prod(others.values()), "images beside each other")
    sizes = {axis: size for axis, size in scene.sizes.items() if axis not in others}
    describe, divide = scene.describe, scene.divide
    return [
        replace(
            scene,
            sizes=sizes,
            read=functools.partial(_at, scene.read, dict(zip(others, position, strict=True))),
            describe=describe
            and functools.partial(_at, describe, dict(zip(others, position, strict=True))),
            divide=divide
            and functools.partial(_at, divide, dict(zip(others, position, strict=True))),
            reduce=functools.partial(_split_levels, scene, words, number),
            name=", ".join(
                [scene.name] * bool(scene.name)
                + [
                    f"{words.get(axis, f'axis {axis}')} {place}"
                    for axis, place in zip(others, position, strict=True)
                    if others[axis] > 1
                ]
            ),
        )
        for number, position in enumerate(itertools.product(*map(range, others.values())))
    ]


def _split_levels(scene: Scene, words: Mapping[str, str], number: int) -> list[Scene]:
    return [split_scenes(each, words)[number] for each in scene.reduce()]


def _at(ask: Callable[[Index], Any], fixed: Index, index: Index) -> Any:
    return ask({**index, **fixed})


def read_plane(scene: Scene, plane: Plane) -> tuple[NDArray[Any], str]:
    """Read the one plane of `scene` that is meant; planes of a stack one after the other.

    Return the pixels, which plane they are if the file was to tell, and what is doubtful.
    """
    pixels, which = _read_plane(scene, plane)
    return pixels, "; ".join(filter(None, (which, scene.doubts())))


def _read_plane(scene: Scene, plane: Plane) -> tuple[NDArray[Any], str]:
    index = choose_index(scene, plane)
    if plane.z not in (*PROJECTIONS, "volume"):
        return scene.read(index), ""
    count = scene.sizes.get("z", 1)
    check_count(count, "z planes")
    if plane.z == "volume":
        return _read_volume(scene, index, count), ""
    projection = Projection(str(plane.z))
    for z in range(count):
        projection.add(scene.read({**index, "z": z}), f"z plane {z}")
    return projection.pixels, projection.note


def _read_volume(scene: Scene, index: Index, count: int) -> NDArray[Any]:
    first = scene.read(index)
    volume = np.empty((count, *first.shape), first.dtype)
    volume[0] = first
    for z in range(1, count):
        volume[z] = _read_like(first, scene, {**index, "z": z})
    return volume


def divide_plane(scene: Scene, plane: Plane) -> Parts | None:
    """Return the one plane of `scene` that is meant as its parts; None if it is read whole."""
    if scene.divide is None or plane.files or plane.z in (*PROJECTIONS, "volume"):
        return None
    return scene.divide(choose_index(scene, plane))


def _read_like(first: NDArray[Any], scene: Scene, index: Index) -> NDArray[Any]:
    """Read a plane of a stack, which has the shape and the type of the first."""
    pixels = scene.read(index)
    if (pixels.shape, pixels.dtype) != (first.shape, first.dtype):
        there, here = (
            f"{' x '.join(map(str, each.shape))} {each.dtype}" for each in (first, pixels)
        )
        raise NotAPlaneError(
            f"z plane {index['z']} is {here}, and the first is {there}; expected planes of one "
            f"kind; choose one with --z"
        )
    return pixels


def choose_index(scene: Scene, plane: Plane) -> Index:
    """Return the position of `plane` on each axis, or say what the scene holds."""
    wanted: dict[str, Any] = {
        "c": _channel_index(scene, plane.channel),
        "z": 0 if plane.z in (*PROJECTIONS, "volume") else plane.z,
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
    found = find_channel(wanted, scene.sample_names)
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
            what = _SAMPLES.get(size, what) if scene.is_colour else what
            what += f": {list_channels(scene.channel_names)}" if named else ""
        if size > 1 and not (axis == "c" and (scene.is_colour or named)):
            what += f" (0 to {size - 1})"
        parts.append(what)
        option = {"c": "--channel", "z": "--z", "t": "--time"}.get(axis)
        if size > 1 and chosen.get(axis) is None and option:
            options.append(option)
    proposed = nuclear_channel(scene.channel_names)
    if "--channel" in options and proposed is not None:
        options[options.index("--channel")] = f"--channel {spell_word(proposed)}"
    how = f"choose with {', '.join(options)}" if options else "save the plane as a file of its own"
    return f"the file holds {', '.join(parts) or 'one plane'}; expected one plane; {how}"
