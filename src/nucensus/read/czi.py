"""Read CZI files of Zeiss ZEN."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..pixel_size import stated_size
from .czi_tiles import Tile, read_tiles
from .scene import Index, Scene, Source, name_samples, split_scenes
from .vendor import open_scenes_with

if TYPE_CHECKING:
    from czifile import CziFile

_AXES = {"T": "t", "Z": "z", "C": "c"}
_WORDS = {"H": "phase", "I": "illumination", "V": "view", "R": "rotation", "B": "block"}


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a CZI file; each of its scenes is one, put together from its tiles at full size.

    Phases of Airyscan, views and illuminations are scenes too.
    """
    with open_scenes_with(path, "CZI", "czifile", "CziFile", _scenes) as scenes:
        yield scenes


def _scenes(file: "CziFile") -> list[Scene]:
    metadata, claimed = _metadata(file)
    by_scene: dict[int, list[Tile]] = {}
    for tile in read_tiles(file):
        by_scene.setdefault(tile.scene, []).append(tile)
    return [
        each
        for number, tiles in sorted(by_scene.items())
        for each in split_scenes(_scene(tiles, f"scene {number}", metadata, claimed), _WORDS)
    ]


def _scene(
    tiles: list[Tile], name: str, metadata: dict[str, Any], claimed: dict[str, int]
) -> Scene:
    first = {axis: min(tile.at[axis] for tile in tiles) for axis in tiles[0].at}
    sizes = {
        axis: max(claimed.get(axis, 1), 1 + max(tile.at[axis] - first[axis] for tile in tiles))
        for axis in first
    }
    planes: dict[tuple[int, ...], list[Tile]] = {}
    for tile in tiles:
        place = tuple(tile.at[axis] - first[axis] for axis in first)
        planes.setdefault(place, []).append(tile)
    kinds = {tile.at.get("C", 0) - first.get("C", 0): tile for tile in tiles}
    of_channels = [kinds.get(channel, tiles[0]) for channel in range(sizes.get("C", 1))]
    samples = [(n, k) for n, tile in enumerate(of_channels) for k in range(tile.samples)]
    top, left = min(tile.y for tile in tiles), min(tile.x for tile in tiles)
    shape = (
        max(tile.y + tile.height for tile in tiles) - top,
        max(tile.x + tile.width for tile in tiles) - left,
    )
    names = name_samples(metadata["channels"], [tile.samples for tile in of_channels])
    return Scene(
        shape,
        tiles[0].dtype,
        {_AXES.get(axis, axis): size for axis, size in sizes.items()} | {"c": len(samples)},
        functools.partial(_read_plane, planes, list(first), (top, left), shape, samples),
        name=name,
        is_colour=len(samples) > 1 == len(of_channels),
        dtypes=tuple(of_channels[channel].dtype for channel, _ in samples),
        **metadata | {"channels": names},
    )


def _read_plane(
    planes: dict[tuple[int, ...], list[Tile]],
    axes: list[str],
    corner: tuple[int, int],
    shape: tuple[int, int],
    samples: list[tuple[int, int]],
    index: Index,
) -> NDArray[Any]:
    """Put the tiles of one plane in their places."""
    channel, sample = samples[index["c"]]
    at = {**index, "c": channel}
    tiles = planes.get(tuple(at[_AXES.get(axis, axis)] for axis in axes), [])
    _check_whole(tiles, planes)
    plane = np.zeros(shape, tiles[0].dtype)
    for tile in tiles:
        y, x = tile.y - corner[0], tile.x - corner[1]
        plane[y : y + tile.height, x : x + tile.width] = tile.read()[..., sample]
    return plane


def _check_whole(tiles: list[Tile], planes: dict[tuple[int, ...], list[Tile]]) -> None:
    """Refuse a plane that lacks tiles which other planes have, or whose numbers leave a gap."""
    if not tiles:
        raise ReadError(
            "the file holds no pixels for this plane: the recording was stopped, or they were "
            "lost; choose another plane"
        )
    if len({(tile.dtype, tile.samples) for tile in tiles}) > 1:
        raise ReadError("the tiles of this plane have pixels of unlike types; expected one type")
    numbers = {tile.number for each in planes.values() for tile in each}
    missing = set(range(min(numbers), max(numbers) + 1)) - {tile.number for tile in tiles}
    if missing:
        raise ReadError(
            f"{len(missing)} of the tiles 0 to {max(numbers)} of this plane are missing; expected "
            f"a whole plane; copy the file again, or stitch its tiles in ZEN and save it"
        )


def _metadata(file: "CziFile") -> tuple[dict[str, Any], dict[str, int]]:
    """Return channel names and pixel size, and how long the axes are said to be."""
    text = file.metadata() if file.header.metadata_position > 0 else None
    if text and "<!ENTITY" in text:
        raise ReadError(
            "the XML in the file declares entities; expected plain XML as ZEN writes it"
        )
    root = ElementTree.fromstring(text or "<none/>")
    lengths: dict[str, str | None] = {}
    for each in root.iterfind(".//Distance"):
        if each.get("Id") in ("X", "Y", "Z"):
            lengths[each.get("Id", "").lower()] = each.findtext("Value") or each.get("Value")
    claimed = {axis: root.findtext(f".//Information/Image/Size{axis}", "") for axis in "CZT"}
    return {
        "channels": _names(root),
        "pixel_size": stated_size("m", **lengths),
    }, {axis: int(size) for axis, size in claimed.items() if size.isdecimal()}


def _names(root: ElementTree.Element) -> tuple[str, ...]:
    """Return the names of the channels, those without one as they are called on display."""
    of_image, on_display = (
        {each.get("Id", str(number)): each for number, each in enumerate(root.iterfind(path))}
        for path in (
            ".//Information/Image/Dimensions/Channels/Channel",
            ".//DisplaySetting/Channels/Channel",
        )
    )
    return tuple(
        _first_name(each, on_display.get(key)) for key, each in (of_image or on_display).items()
    )


def _first_name(*elements: ElementTree.Element | None) -> str:
    """Return the first name that one of the elements gives, as an attribute or a text."""
    names = (
        each.get(name) or each.findtext(name)
        for each in elements
        if each is not None
        for name in ("Name", "ShortName", "DyeName")
    )
    return next((name for name in names if name), "")
