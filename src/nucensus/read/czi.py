"""Read CZI files of Zeiss ZEN."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..markup import read_records
from .scene import Index, Scene, Source, side_um
from .vendor import open_file

if TYPE_CHECKING:
    from czifile import CziFile

_AXES = {"T": "t", "Z": "z", "C": "c"}
_PLACES = "YXM0A"
"""Axes along which the tiles of one plane differ, or the samples of one pixel."""


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a CZI file; each of its scenes is one, put together from its tiles at full size."""
    with open_file(path, "CZI", "czifile", "CziFile") as file:
        yield _scenes(file)


def _scenes(file: "CziFile") -> list[Scene]:
    metadata = _metadata(file)
    by_scene: dict[int, list[Any]] = {}
    for entry in file.filtered_subblock_directory:
        by_scene.setdefault(_scene_number(entry), []).append(entry)
    return [
        _scene(file, entries, f"scene {number}", metadata)
        for number, entries in sorted(by_scene.items())
    ]


def _scene(file: "CziFile", entries: list[Any], name: str, metadata: dict[str, Any]) -> Scene:
    positions: dict[str, set[int]] = {}
    for entry in entries:
        for axis, start in _starts(entry).items():
            if axis not in _PLACES and axis != "S":
                positions.setdefault(_AXES.get(axis, axis), set()).add(start)
    places = {axis: sorted(found) for axis, found in positions.items()}
    sizes = {axis: len(found) for axis, found in places.items() if len(found) > 1 or axis in "czt"}
    samples = max(entry.shape[-1] for entry in entries)
    is_colour = samples > 1
    if is_colour:
        sizes["c"] = samples
    read = functools.partial(_read_plane, file, entries, places, is_colour)
    top, left, bottom, right = _extent(entries)
    shape = (bottom - top, right - left)
    dtype = str(entries[0].dtype)
    return Scene(shape, dtype, sizes, read, name=name, is_colour=is_colour, **metadata)


def _read_plane(
    file: "CziFile",
    entries: Sequence[Any],
    places: dict[str, list[int]],
    is_colour: bool,
    index: Index,
) -> NDArray[Any]:
    """Put the tiles of one plane in their places."""
    tiles = [each for each in entries if _is_of_plane(each, places, index, is_colour)]
    if not tiles:
        raise ReadError("the file holds no pixels for this plane; choose another")
    top, left, bottom, right = _extent(entries)
    plane = np.zeros((bottom - top, right - left), tiles[0].dtype)
    for tile in tiles:
        starts, lengths = _starts(tile), _lengths(tile)
        y, x = starts["Y"] - top, starts["X"] - left
        pixels = _pixels(file, tile).reshape(lengths["Y"], lengths["X"], -1)
        plane[y : y + lengths["Y"], x : x + lengths["X"]] = pixels[
            ..., index["c"] if is_colour else 0
        ]
    return plane


def _is_of_plane(entry: Any, places: dict[str, list[int]], index: Index, is_colour: bool) -> bool:
    starts = _starts(entry)
    return all(
        starts.get(axis.upper() if axis in "czt" else axis, found[0]) == found[index.get(axis, 0)]
        for axis, found in places.items()
        if not (is_colour and axis == "c")
    )


def _extent(entries: Sequence[Any]) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of all tiles, in pixels."""
    top, left = (min(_starts(each)[axis] for each in entries) for axis in "YX")
    bottom, right = (
        max(_starts(each)[axis] + _lengths(each)[axis] for each in entries) for axis in "YX"
    )
    return top, left, bottom, right


def _scene_number(entry: Any) -> int:
    """Return which scene a tile is of; czifile of 2026 keeps it apart from the axes."""
    if hasattr(entry, "scene_index"):
        return max(0, entry.scene_index or 0)
    return _starts(entry).get("S", 0)


def _starts(entry: Any) -> dict[str, int]:
    return dict(zip(_axes(entry), map(int, entry.start), strict=True))


def _lengths(entry: Any) -> dict[str, int]:
    return dict(zip(_axes(entry), map(int, entry.shape), strict=True))


def _axes(entry: Any) -> str:
    """Return the letters of the axes; czifile of 2026 has them in a tuple, S for samples last."""
    if hasattr(entry, "axes"):
        axes: str = entry.axes
        return axes
    dims = tuple(entry.dims)
    return "".join(dims[:-1]) + ("0" if dims[-1] == "S" else dims[-1])


def _pixels(file: "CziFile", entry: Any) -> NDArray[Any]:
    """Decode one tile, with czifile of 2019 (Python 3.11) or of 2026 (Python 3.12 on)."""
    if hasattr(entry, "data_segment"):
        old: NDArray[Any] = entry.data_segment().data(resize=False)
        return old
    new: NDArray[Any] = entry.read_segment_data(file).data()
    return new


def _metadata(file: "CziFile") -> dict[str, Any]:
    """Return channel names and pixel size."""
    names: dict[str, str] = {}
    lengths: dict[str, float] = {}
    for tag, fields in read_records(file.metadata().encode(), ("Channel", "Distance")):
        if tag == "Distance" and fields.get("Value") and fields.get("Id"):
            lengths[fields["Id"]] = float(fields["Value"]) * 1e6
        elif tag == "Channel" and fields.get("Id"):
            names.setdefault(fields["Id"], fields.get("Name", ""))
    return {
        "channels": tuple(names.values()),
        "pixel_um": side_um(lengths.get("Y"), lengths.get("X")),
        "depth_um": lengths.get("Z"),
    }
