"""Read OME-Zarr images, version 0.4 (Zarr 2) and 0.5 (Zarr 3), at full size; labels are ignored."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingPackageError, NotAPlaneError, ReadError
from ..remote import is_remote, zarr_store
from .scene import Index, Scene, side_um

if TYPE_CHECKING:
    from zarr import Array, Group

_UM = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3, "meter": 1e6}


@contextmanager
def open_scenes(path: str) -> Iterator[list[Scene]]:
    """Open an OME-Zarr image, or the series of images that bioformats2raw writes."""
    try:
        import zarr
        from zarr.errors import BaseZarrError
    except ImportError as error:
        raise MissingPackageError("zarr 3", "Reading OME-Zarr", "ome-zarr") from error
    where = zarr_store(path) if is_remote(path) else path
    try:
        yield [_scene(group) for group in _images(zarr.open_group(where, mode="r"))]
    except (OSError, ValueError, LookupError, BaseZarrError) as error:
        raise ReadError(
            f"the folder does not decode as OME-Zarr ({type(error).__name__}: {error}); "
            f"copy it again from its source"
        ) from error


def _metadata(group: "Group") -> Mapping[str, Any]:
    """Return the OME metadata: under "ome" from version 0.5 on."""
    attributes: Mapping[str, Any] = group.attrs.asdict()
    ome: Mapping[str, Any] = attributes.get("ome", attributes)
    return ome


def _images(group: "Group") -> list["Group"]:
    import zarr

    metadata = _metadata(group)
    if "multiscales" in metadata:
        return [group]
    if "plate" in metadata or "well" in metadata:
        what = "plate" if "plate" in metadata else "well"
        raise NotAPlaneError(f"this is a {what}; expected one image; name one of its fields")
    series = _metadata(group["OME"]).get("series", []) if "OME" in group else []
    numbered = [name for name in sorted(group.group_keys()) if name.isdecimal()]
    images = [group[name] for name in series or sorted(numbered, key=int)]
    return [image for image in images if isinstance(image, zarr.Group)]


def _scene(group: "Group") -> Scene:
    import zarr

    metadata = _metadata(group)
    multiscale = metadata["multiscales"][0]
    dataset = multiscale["datasets"][0]
    array = group[dataset["path"]]
    if not isinstance(array, zarr.Array):
        raise ReadError(f"{dataset['path']!r} is not an array; copy the folder again")
    described = [
        axis if isinstance(axis, dict) else {"name": axis} for axis in multiscale.get("axes", ())
    ] or [{"name": name} for name in "tczyx"]
    axes = [axis["name"].lower() for axis in described]
    sizes = {axis: n for axis, n in zip(axes, array.shape, strict=True) if axis not in ("y", "x")}
    lengths = _lengths_um(described, multiscale, dataset)
    channels = metadata.get("omero", {}).get("channels", [])
    lengths_px = dict(zip(axes, array.shape, strict=True))
    return Scene(
        (lengths_px["y"], lengths_px["x"]),
        str(array.dtype),
        sizes,
        lambda index: _read_plane(array, axes, index),
        channels=tuple(channel.get("label", "") for channel in channels),
        pixel_um=side_um(lengths.get("y"), lengths.get("x")),
        depth_um=lengths.get("z"),
        name=multiscale.get("name") or group.basename,
    )


def _read_plane(array: "Array[Any]", axes: list[str], index: Index) -> NDArray[Any]:
    """Read the chunks of one plane."""
    cut = tuple(slice(None) if axis in ("y", "x") else index[axis] for axis in axes)
    plane = np.asarray(array[cut])
    return plane if axes.index("y") < axes.index("x") else plane.T


def _lengths_um(
    axes: list[dict[str, str]], multiscale: Mapping[str, Any], dataset: Mapping[str, Any]
) -> dict[str, float]:
    """Return the spacing along each axis that has a unit of length."""
    scale = np.ones(len(axes))
    for each in (dataset, multiscale):
        for transform in each.get("coordinateTransformations", ()):
            if transform.get("type") == "scale" and "scale" in transform:
                scale = scale * transform["scale"]
    return {
        axis["name"].lower(): float(spacing) * _UM[axis["unit"]]
        for axis, spacing in zip(axes, scale, strict=True)
        if axis.get("unit") in _UM
    }
