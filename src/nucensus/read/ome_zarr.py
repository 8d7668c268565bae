"""Read OME-Zarr images, version 0.4 (Zarr 2) and 0.5 (Zarr 3), at full size; labels are ignored."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingPackageError, NotAPlaneError, ReadError
from ..remote import is_remote, zarr_store
from ..values.pixel_size import PixelSize, stated_size
from .scene import Index, Scene, check_count, split_scenes
from .vendor import explained, guarded
from .zarr_parts import Lost, divide_array

if TYPE_CHECKING:
    from zarr import Array, Group


@contextmanager
def open_scenes(path: str) -> Iterator[list[Scene]]:
    """Open an OME-Zarr image, or the series of images that bioformats2raw writes."""
    try:
        import zarr

        from .zarr_folder import ZarrFolder
    except ImportError as error:
        raise MissingPackageError("zarr 3", "Reading OME-Zarr", "ome-zarr") from error
    where = zarr_store(path) if is_remote(path) else ZarrFolder(path, read_only=True)
    with explained("OME-Zarr"):
        scenes = [
            guarded(scene, "OME-Zarr")
            for group in _images(_opened(zarr, where))
            for scene in _scenes(group)
        ]
    yield scenes
    if isinstance(where, ZarrFolder):
        where.check_unchanged()


def _opened(zarr: Any, where: Any) -> "Group":
    try:
        group: Group = zarr.open_group(where, mode="r")
    except (zarr.errors.ContainsArrayError, FileNotFoundError):
        with suppress(FileNotFoundError, ValueError):
            zarr.open_array(where, mode="r")
            raise ReadError(
                "the folder is one array of Zarr, of which nothing says what its axes are; "
                "expected an OME-Zarr image; save it as one"
            ) from None
        raise
    return group


def _metadata(group: "Group") -> Mapping[str, Any]:
    """Return the OME metadata: under "ome" from version 0.5 on."""
    attributes: Mapping[str, Any] = group.attrs.asdict()
    ome: Mapping[str, Any] = attributes.get("ome", attributes)
    return ome


def _images(group: "Group") -> list["Group"]:
    metadata = _metadata(group)
    if "multiscales" in metadata:
        return [group]
    if "plate" in metadata or "well" in metadata:
        what = "plate" if "plate" in metadata else "well"
        raise NotAPlaneError(f"this is a {what}; expected one image; name one of its fields")
    series = _metadata(group["OME"]).get("series", []) if "OME" in group else []
    numbered = [name for name in sorted(group.group_keys()) if name.isdecimal()]
    return [_group(group, name) for name in series or sorted(numbered, key=int)]


def _group(group: "Group", name: str) -> "Group":
    import zarr

    image = group[name]
    if not isinstance(image, zarr.Group):
        raise ReadError(f"the series {name!r} is not an image; copy the folder again")
    return image


def _scenes(group: "Group") -> list[Scene]:
    metadata = _metadata(group)
    check_count(len(metadata["multiscales"]), "images of several sizes")
    return [
        each
        for multiscale in metadata["multiscales"]
        for each in split_scenes(_scene(group, multiscale, metadata), {})
    ]


def _scene(group: "Group", multiscale: Mapping[str, Any], metadata: Mapping[str, Any]) -> Scene:
    described = [
        axis if isinstance(axis, dict) else {"name": axis} for axis in multiscale.get("axes") or ()
    ] or [{"name": name} for name in "tczyx"]
    axes = [str(axis["name"]).lower() for axis in described]
    datasets, dataset, array = _full_size(group, multiscale, axes)
    channels = (metadata.get("omero") or {}).get("channels") or ()

    def level(dataset: Mapping[str, Any], array: "Array[Any]") -> Scene:
        lengths_px = dict(zip(axes, array.shape, strict=True))
        lost = Lost(array, axes)
        return Scene(
            (lengths_px["y"], lengths_px["x"]),
            str(array.dtype),
            {axis: length for axis, length in lengths_px.items() if axis not in ("y", "x")},
            lambda index: lost.checked(_read_plane(array, axes, index), index),
            channels=tuple(str(channel.get("label") or "") for channel in channels),
            pixel_size=_pixel_size(described, multiscale, dataset),
            name=multiscale.get("name") or group.basename,
            block_pixels=_pixels_at_a_time(array, axes),
            divide=partial(divide_array, array, axes),
            doubts=lost.note,
        )

    def reduce() -> list[Scene]:
        others = (each for each in datasets if each is not dataset)
        return [level(each, _array(group, each["path"], axes)) for each in others]

    return replace(level(dataset, array), reduce=reduce)


def _full_size(
    group: "Group", multiscale: Mapping[str, Any], axes: list[str]
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any], "Array[Any]"]:
    """Return all datasets, and that of full resolution: the first, or the largest.

    The largest is looked for where scales tell none.
    """
    datasets = list(multiscale["datasets"])
    scales = [
        each["scale"][axes.index("y")] * each["scale"][axes.index("x")]
        for dataset in datasets
        for each in dataset.get("coordinateTransformations") or ()
        if each.get("type") == "scale" and "scale" in each
    ]
    is_sorted = len(scales) == len(datasets) and scales[0] < min(scales[1:], default=math.inf)
    arrays = [_array(group, each["path"], axes) for each in datasets[: 1 if is_sorted else None]]
    sizes = [array.shape[axes.index("y")] * array.shape[axes.index("x")] for array in arrays]
    largest = sizes.index(max(sizes))
    return datasets, datasets[largest], arrays[largest]


def _array(group: "Group", path: str, axes: list[str]) -> "Array[Any]":
    import zarr

    from .zarr_chunks import bounded, most_encoded_bytes

    array = group[path]
    if not isinstance(array, zarr.Array):
        raise ReadError(f"{path!r} is not an array; copy the folder again")
    if array.ndim != len(axes) or not {"y", "x"} <= set(axes) or len(set(axes)) < len(axes):
        raise ReadError(
            f"the array {path!r} has {array.ndim} axes, and its metadata name "
            f"{', '.join(axes)}; expected as many, with y and x"
        )
    if hasattr(array.store, "most_bytes"):
        array.store.most_bytes = max(array.store.most_bytes, most_encoded_bytes(array))
    return bounded(array)


def _pixels_at_a_time(array: "Array[Any]", axes: list[str]) -> int:
    """Return how many pixels the chunks have that are decoded together for a plane."""
    import zarr

    over_plane = math.prod(
        -(-array.shape[axes.index(axis)] // array.chunks[axes.index(axis)]) for axis in "yx"
    )
    together = min(over_plane, zarr.config.get("async.concurrency", 10))
    pixels: int = together * math.prod(array.chunks)
    return pixels


def _read_plane(array: "Array[Any]", axes: list[str], index: Index) -> NDArray[Any]:
    """Read the chunks of one plane."""
    cut = tuple(slice(None) if axis in ("y", "x") else index[axis] for axis in axes)
    plane = np.asarray(array[cut])
    return plane if axes.index("y") < axes.index("x") else plane.T


def _pixel_size(
    axes: list[dict[str, str]], multiscale: Mapping[str, Any], dataset: Mapping[str, Any]
) -> PixelSize:
    """Return the spacing along each axis, in its unit."""
    scale = np.ones(len(axes))
    for each in (dataset, multiscale):
        for transform in each.get("coordinateTransformations", ()):
            if transform.get("type") == "scale" and "scale" in transform:
                scale = scale * transform["scale"]
    names = [str(axis["name"]).lower() for axis in axes]
    units = {name: str(axis.get("unit") or "") for name, axis in zip(names, axes, strict=True)}
    lengths = dict(zip(names, scale.tolist(), strict=True))
    return stated_size(units, **{axis: lengths.get(axis) for axis in "yxz"})
