"""Read what has no reader of ours through BioIO and the plug-in that the user installs for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..errors import MissingPackageError, ReadError
from ..remote import RemoteFile
from ..values.pixel_size import stated_size
from .scene import Index, Scene, Source, check_count, name_samples
from .vendor import explained, guarded

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
    with explained("an image of BioIO"):
        try:
            image = BioImage(path)
        except UnsupportedFileFormatError as error:
            raise ReadError(
                f"BioIO has no plug-in installed that reads this file ({error}); "
                f"install one, see https://bioio-devs.github.io/bioio"
            ) from error
        scenes = [_scene(image, number) for number in range(len(image.scenes))]
    yield [guarded(scene, "an image of BioIO") for scene in scenes]


def _scene(image: "BioImage", number: int) -> Scene:
    image.set_scene(number)
    size = image.physical_pixel_sizes
    samples = image.dims["S"][0] if "S" in image.dims.order else 1
    channels = image.dims["C"][0]
    sizes = {axis.lower(): image.dims[axis][0] for axis in "TZ"}
    sizes["c"] = channels * samples
    check_count(sizes["c"], "channels")
    return Scene(
        (image.dims["Y"][0], image.dims["X"][0]),
        str(image.dtype),
        sizes,
        lambda index: _read_plane(image, number, samples, index),
        channels=name_samples(image.channel_names or (), [samples] * channels),
        pixel_size=stated_size(y=size.Y, x=size.X, z=size.Z),
        name=image.scenes[number],
        is_colour=samples > 1 and channels == 1,
    )


def _read_plane(image: "BioImage", number: int, samples: int, index: Index) -> NDArray[Any]:
    image.set_scene(number)
    channel, sample = divmod(index["c"], samples)
    at = {"T": index["t"], "Z": index["z"], "C": channel} | ({"S": sample} if samples > 1 else {})
    plane = image.get_image_dask_data("YX", **at)
    pixels: NDArray[Any] = plane.compute(scheduler="synchronous")
    return pixels
