"""Read one image file -> one array.

The ending of the name chooses the reader. A new format is one new module here
and one line in `_READERS`.
"""

import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from ..errors import NotAPlaneError, ReadError
from .compressed import read_jpeg, read_png
from .tiff import read_tiff

Reader = Callable[[str], NDArray[Any]]

_READERS: dict[str, Reader] = {
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".btf": read_tiff,
    ".tf8": read_tiff,
    ".png": read_png,
    ".jpg": read_jpeg,
    ".jpeg": read_jpeg,
}

SUFFIXES = tuple(_READERS)
"""The endings of file names that can be read, in lower case."""


def read(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the one two-dimensional plane that `path` holds.

    Parameters
    ----------
    path : path
        TIFF (classic, BigTIFF, OME, ImageJ, MetaMorph), PNG or JPEG.

    Returns
    -------
    ndarray, shape (height, width)
        Grey levels, in the dtype of the file.

    Raises
    ------
    NotAPlaneError
        The file holds more than one plane, or colours.
    ReadError
        The file cannot be opened or decoded.
    """
    name = os.fspath(path)
    image = _reader(name)(_existing_file(name))
    if image.ndim != 2:
        raise NotAPlaneError(_not_a_plane(image.shape))
    return image


def _reader(name: str) -> Reader:
    suffix = os.path.splitext(name)[1].lower()
    try:
        return _READERS[suffix]
    except KeyError:
        raise ReadError(
            f"the ending {suffix!r} is not one of an image that can be read; "
            f"expected {', '.join(SUFFIXES)}; rename or convert the file"
        ) from None


def _existing_file(name: str) -> str:
    """Return `name` if there is a file with something in it, else say what is wrong."""
    try:
        size_bytes = os.stat(name).st_size
    except FileNotFoundError:
        what = "is a link to a file that" if os.path.islink(name) else "the file"
        raise ReadError(
            f"{what} does not exist; check that it was not moved or deleted since it was listed"
        ) from None
    except OSError as error:
        raise ReadError(f"the file cannot be opened: {error.strerror}") from error
    if os.path.isdir(name):
        raise ReadError("this is a folder with a name like an image's; expected a file")
    if size_bytes == 0:
        raise ReadError("the file is empty (0 bytes); copy it again from its source")
    return name


def _not_a_plane(shape: tuple[int, ...]) -> str:
    size = " x ".join(map(str, shape))
    if len(shape) == 3 and shape[-1] in (3, 4):
        return (
            f"the image has colours (height x width x samples = {size}); expected one plane of "
            f"grey levels; save the channel with the nuclei as an image of its own"
        )
    return (
        f"the file holds more than one plane ({size}); expected one of height x width; "
        f"save the plane with the nuclei as an image of its own"
    )
