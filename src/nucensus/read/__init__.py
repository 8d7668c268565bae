"""Read one plane of one image file -> one array.

The ending of the name chooses the reader. A new format is one new module here
and one line in `_READERS`.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from ..errors import NotAPlaneError, ReadError
from ..model import Plane
from .scene import Scene, choose_scene, read_plane

Reader: TypeAlias = Callable[[str], AbstractContextManager[Sequence[Scene]]]

_READERS = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".btf": "tiff",
    ".tf8": "tiff",
    ".stk": "tiff",
    ".lsm": "tiff",
    ".png": "compressed",
    ".jpg": "compressed",
    ".jpeg": "compressed",
    ".zarr": "ome_zarr",
    ".nd2": "nd2",
    ".lif": "lif",
    ".czi": "czi",
    ".dv": "bioio",
    ".oib": "bioio",
    ".oir": "bioio",
    ".sldy": "bioio",
    ".vsi": "bioio",
}
"""The module of this room that reads files with that ending; its `open_scenes` does."""

SUFFIXES = tuple(_READERS)
"""The endings of file names that can be read, in lower case."""


@dataclass(frozen=True, slots=True)
class Image:
    """One plane that was read, with the side of its pixels in micrometres if the file states it."""

    pixels: NDArray[Any]
    pixel_size_um: float | None
    depth_um: float | None = None

    @property
    def spacing_um(self) -> tuple[float | None, ...]:
        """The size of a pixel along each axis, None where it is not known."""
        sides = (self.pixel_size_um, self.pixel_size_um)
        return (self.depth_um, *sides) if self.pixels.ndim == 3 else sides


def read(path: str | os.PathLike[str], plane: Plane | None = None) -> NDArray[Any]:
    """Read one two-dimensional plane of `path`.

    Parameters
    ----------
    path : path
        TIFF (classic, BigTIFF, OME, ImageJ, MetaMorph, LSM), PNG or JPEG; with
        the package of its format also OME-Zarr, ND2, LIF, CZI and what BioIO reads.
    plane : Plane, optional
        Which plane, of a file that holds more than one.

    Returns
    -------
    ndarray, shape (height, width)
        Grey levels, in the dtype of the file; (planes, height, width) of a volume.

    Raises
    ------
    NotAPlaneError
        The file holds more than one plane, or colours, and `plane` does not
        say which; the message lists them.
    ReadError
        The file cannot be opened or decoded.
    MissingPackageError
        The format needs a package that is not installed.
    """
    return read_image(path, plane or Plane()).pixels


def read_image(path: str | os.PathLike[str], plane: Plane) -> Image:
    """Read one plane of `path` and the size of its pixels."""
    with open_scenes(path) as scenes:
        scene = choose_scene(scenes, plane.scene)
        pixels = read_plane(scene, plane)
    if pixels.ndim != (3 if plane.z == "volume" else 2):
        size = " x ".join(map(str, pixels.shape))
        raise NotAPlaneError(f"the plane has the shape {size}; expected height x width")
    return Image(pixels, scene.pixel_um, scene.depth_um)


@contextmanager
def open_scenes(path: str | os.PathLike[str]) -> Iterator[Sequence[Scene]]:
    """Open a file and give its scenes, from its header; planes are read while it is open."""
    name = os.fspath(path)
    reader = _reader(name)
    _check_exists(name)
    with reader(name) as scenes:
        if not scenes:
            raise ReadError("the file holds no image; copy it again from its source")
        yield scenes


def _reader(name: str) -> Reader:
    suffix = ".zarr" if is_in_zarr(name) else os.path.splitext(name)[1].lower()
    try:
        module = _READERS[suffix]
    except KeyError:
        raise ReadError(
            f"the ending {suffix!r} is not one of an image that can be read; "
            f"expected {', '.join(SUFFIXES)}; rename or convert the file"
        ) from None
    reader: Reader = importlib.import_module(f".{module}", __name__).open_scenes
    return reader


def is_in_zarr(name: str) -> bool:
    """Tell whether `name` is a folder in an OME-Zarr, such as a field of a plate."""
    return any(part.lower().endswith(".zarr") for part in name.replace("\\", "/").split("/"))


def _check_exists(name: str) -> None:
    """Say what is wrong if there is no file with something in it."""
    try:
        size_bytes = os.stat(name).st_size
    except FileNotFoundError:
        what = "is a link to a file that" if os.path.islink(name) else "the file"
        raise ReadError(
            f"{what} does not exist; check that it was not moved or deleted since it was listed"
        ) from None
    except OSError as error:
        raise ReadError(f"the file cannot be opened: {error.strerror}") from error
    if os.path.isdir(name) and not is_in_zarr(name):
        raise ReadError("this is a folder with a name like an image's; expected a file")
    if size_bytes == 0:
        raise ReadError("the file is empty (0 bytes); copy it again from its source")
