"""Read one image file -> one array.

The ending of the name chooses the reader. A new format is one new module here
and one line in `_READERS`.
"""

import os
import stat
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from ..errors import NotAPlaneError, ReadError, TooLargeError
from ..model import Header
from .compressed import read_jpeg, read_png
from .tiff import read_tiff

OnHeader = Callable[[Header], None]
Reader = Callable[[str, OnHeader], NDArray[Any]]

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


_MAGIC = {
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"PK\3\4": "ZIP",
    b"%PDF": "PDF", b"\x1f\x8b": "gzip", b"\x89HDF": "HDF5",
}  # fmt: skip


def _accept(header: Header) -> None:
    """Let every image be decoded."""


def read(path: str | os.PathLike[str], on_header: OnHeader = _accept) -> NDArray[Any]:
    """Read the one two-dimensional plane that `path` holds.

    Parameters
    ----------
    path : path
        TIFF (classic, BigTIFF, OME, ImageJ, MetaMorph), PNG or JPEG.
    on_header : callable, optional
        Called with the `Header` before memory is taken for the pixels. What it
        raises comes through, and nothing is decoded.

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
    reader, file = _reader(name), _existing_file(name)
    try:
        image = reader(file, on_header)
    except (NotAPlaneError, TooLargeError):
        raise
    except ReadError as error:
        what = _what_it_is(name)
        if what is None:
            raise
        raise ReadError(what) from error
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
        status = os.stat(name)
    except FileNotFoundError:
        what = "is a link to a file that" if os.path.islink(name) else "the file"
        raise ReadError(
            f"{what} does not exist; check that it was not moved or deleted since it was listed"
        ) from None
    except OSError as error:
        raise ReadError(f"the file cannot be opened: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise ReadError("this is a folder with a name like an image's; expected a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError("this is a pipe, a socket or a device; expected a file")
    if status.st_size == 0:
        raise ReadError("the file is empty (0 bytes); copy it again from its source")
    return name


def _what_it_is(name: str) -> str | None:
    """Say what a file holds whose content is not what its name promises."""
    try:
        with open(name, "rb") as file:
            start = file.read(512)
    except OSError:
        return None
    found = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    promised = {".pn": "PNG", ".jp": "JPEG"}.get(os.path.splitext(name)[1].lower()[:3], "TIFF")
    if found not in (None, promised):
        return (
            f"the file does not decode as {promised}: its content is {found}; rename or convert it"
        )
    if found is None and start and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return (
            f"the file does not decode as {promised}: it holds text; its name has the wrong "
            f"ending, or its source wrote something else"
        )
    return None


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
