"""Read CZI files of Zeiss ZEN."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import ReadError
from ..values.parts import Area, Parts
from ..values.pixel_size import NO_SIZE, stated_size
from .czi_parts import Composed, check_covered, parts_of_tiles
from .czi_tiles import Tile, read_reduced, read_tiles
from .scene import Index, Scene, Source, check_count, name_samples, split_scenes
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

    def reduced_of(number: int) -> dict[int, list[Tile]]:
        reduced = read_reduced(file).items()
        own = {ratio: [each for each in tiles if each.scene == number] for ratio, tiles in reduced}
        return {ratio: tiles for ratio, tiles in own.items() if tiles}

    return [
        each
        for number, tiles in sorted(by_scene.items())
        for each in split_scenes(
            _scene(tiles, f"scene {number}", metadata, claimed, partial(reduced_of, number)), _WORDS
        )
    ]


@dataclass(frozen=True, slots=True)
class _Mosaic:
    """The tiles of a scene by their place on `axes`, and what a whole plane of them is."""

    axes: tuple[str, ...]
    planes: dict[tuple[int, ...], list[Tile]]
    corner: tuple[int, int]
    shape: tuple[int, int]
    tile_count: int
    samples: list[tuple[int, int]]
    """The channel, and the sample of its colours, of each channel of the scene."""
    start: dict[str, int]
    """Where each of the axes begins in the file."""
    full: "_Mosaic | None" = None
    ratio: int = 1
    """At a lower resolution the mosaic at full size, and how many of its pixels are one."""

    def at_level(self, ratio: int, tiles: list[Tile]) -> "_Mosaic":
        """Return the mosaic of a lower resolution, of its tiles."""
        (top, left), (height, width) = self.corner, self.shape
        placed = [
            replace(tile, y=round((tile.y - top) / ratio), x=round((tile.x - left) / ratio))
            for tile in tiles
        ]
        shape = -(-height // ratio), -(-width // ratio)
        planes = _by_plane(placed, self.start, self.axes)
        return replace(self, planes=planes, corner=(0, 0), shape=shape, full=self, ratio=ratio)

    def read(self, index: Index) -> NDArray[Any]:
        """Put the tiles of one plane in their places."""
        height, width = self.shape
        return self._composed(index).read(Area(0, height, 0, width))

    def divide(self, index: Index) -> Parts | None:
        """Return one plane as its parts, about as large as its tiles; None of too large ones."""
        return parts_of_tiles(self._composed(index), self.shape)

    def _composed(self, index: Index) -> Composed:
        """Return one plane as its tiles."""
        channel, sample = self.samples[index["c"]]
        at = {**index, "c": channel}
        place = tuple(at[_AXES.get(axis, axis)] for axis in self.axes)
        tiles = self.planes.get(place, [])
        self._check_alike(tiles)
        if self.full is None:
            self._check_whole(tiles)
        else:
            full = self.full.planes.get(place, [])
            check_covered(full, self.full.corner, tiles, self.ratio)
        return Composed(tiles, self.corner, sample)

    def _check_alike(self, tiles: list[Tile]) -> None:
        """Refuse a plane without tiles, and tiles of unlike types."""
        if not tiles:
            raise ReadError(
                "the file holds no pixels for this plane: the recording was stopped, or they were "
                "lost; choose another plane"
            )
        if len({(tile.dtype, tile.samples) for tile in tiles}) > 1:
            raise ReadError(
                "the tiles of this plane have pixels of unlike types; expected one type; stitch "
                "its tiles in ZEN and save it"
            )

    def _check_whole(self, tiles: list[Tile]) -> None:
        """Refuse a plane that lacks tiles which others have, or whose numbers leave a gap."""
        missing = self.tile_count - len({tile.number for tile in tiles})
        if missing:
            raise ReadError(
                f"{missing} of the {self.tile_count} tiles of this plane are missing; expected "
                f"a whole plane; copy the file again, or stitch its tiles in ZEN and save it"
            )


def _scene(
    tiles: list[Tile], name: str, metadata: dict[str, Any], claimed: dict[str, int],
    reduced_of: Callable[[], dict[int, list[Tile]]],
) -> Scene:  # fmt: skip
    start, sizes = _axes(tiles, claimed)
    check_count(sizes["C"], "channels")
    planes = _by_plane(tiles, start, tuple(sizes))
    kinds = {tile.at.get("C", 0) - start["C"]: tile for tile in tiles}
    of_channels = [kinds.get(channel, tiles[0]) for channel in range(sizes["C"])]
    samples = [(n, k) for n, tile in enumerate(of_channels) for k in range(tile.samples)]
    corner, shape = _extent(tiles)
    numbers = [tile.number for tile in tiles]
    count = 1 + max(numbers) - min(numbers)
    mosaic = _Mosaic(tuple(sizes), planes, corner, shape, count, samples, start)
    names = name_samples(metadata["channels"], [tile.samples for tile in of_channels])
    scene = Scene(
        shape,
        tiles[0].dtype,
        {_AXES.get(axis, axis): size for axis, size in sizes.items()} | {"c": len(samples)},
        mosaic.read,
        divide=mosaic.divide,
        name=name,
        is_colour=len(samples) > 1 == len(of_channels),
        dtypes=tuple(of_channels[channel].dtype for channel, _ in samples),
        **metadata | {"channels": names},
    )

    def reduce() -> list[Scene]:
        levels = [mosaic.at_level(ratio, low) for ratio, low in reduced_of().items()]
        return [
            replace(
                scene, shape=level.shape, read=level.read, divide=level.divide, pixel_size=NO_SIZE
            )
            for level in levels
        ]

    return replace(scene, reduce=reduce)


def _extent(tiles: list[Tile]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first row and column of the rectangle that holds all tiles, and its shape."""
    top, left = min(tile.y for tile in tiles), min(tile.x for tile in tiles)
    bottom = max(tile.y + tile.height for tile in tiles)
    right = max(tile.x + tile.width for tile in tiles)
    return (top, left), (bottom - top, right - left)


def _by_plane(
    tiles: list[Tile], start: dict[str, int], axes: tuple[str, ...]
) -> dict[tuple[int, ...], list[Tile]]:
    """Return the tiles of each plane, by its place on the axes."""
    planes: dict[tuple[int, ...], list[Tile]] = {}
    for tile in tiles:
        place = tuple(tile.at.get(axis, 0) - start[axis] for axis in axes)
        planes.setdefault(place, []).append(tile)
    return planes


def _axes(tiles: list[Tile], claimed: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Return where each axis starts and how long it is, with what was lost at either end."""
    start, sizes = {}, {}
    for axis in dict.fromkeys([axis for tile in tiles for axis in tile.at] + [*claimed, "C"]):
        places = [tile.at.get(axis, 0) for tile in tiles]
        said = claimed.get(axis, 1)
        start[axis] = 0 if max(places) < said else min(places)
        sizes[axis] = max(said, 1 + max(places) - start[axis])
    return start, sizes


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
