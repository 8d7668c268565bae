"""Read what has no reader of ours through BioIO and the plug-in that the user installs for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..errors import MissingPackageError, ReadError
from ..remote import RemoteFile
from .scene import Index, Scene, Source, side_um

if TYPE_CHECKING:
    from bioio import BioImage


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a file through BioIO, which has the axes T, C, Z, Y and X and scenes."""
    if isinstance(path, RemoteFile):
        raise ReadError(
            "files of this format are read from folders only; copy it to one, or convert it to "
            "OME-TIFF or OME-Zarr"
        )
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise MissingPackageError("bioio", "Reading this format", "bioio") from error
    try:
        image = BioImage(path)
        yield [_scene(image, number) for number in range(len(image.scenes))]
    except UnsupportedFileFormatError as error:
        raise ReadError(
            f"BioIO has no plug-in installed that reads this file ({error}); "
            f"install one, see https://bioio-devs.github.io/bioio"
        ) from error
    except (OSError, ValueError, LookupError) as error:
        raise ReadError(f"the file cannot be read through BioIO ({error})") from error


def _scene(image: "BioImage", number: int) -> Scene:
    image.set_scene(number)
    size = image.physical_pixel_sizes
    has_samples = "S" in image.dims.order
    sizes = {axis.lower(): image.dims[axis][0] for axis in "TZ"}
    sizes["c"] = image.dims["S"][0] if has_samples else image.dims["C"][0]
    return Scene(
        (image.dims["Y"][0], image.dims["X"][0]),
        str(image.dtype),
        sizes,
        lambda index: _read_plane(image, number, has_samples, index),
        channels=() if has_samples else tuple(image.channel_names or ()),
        pixel_um=side_um(size.Y, size.X),
        depth_um=size.Z,
        name=image.scenes[number],
        is_colour=has_samples,
    )


def _read_plane(image: "BioImage", number: int, has_samples: bool, index: Index) -> NDArray[Any]:
    image.set_scene(number)
    channel = {"S" if has_samples else "C": index["c"]}
    plane = image.get_image_dask_data("YX", T=index["t"], Z=index["z"], **channel)
    pixels: NDArray[Any] = plane.compute(scheduler="synchronous")
    return pixels
